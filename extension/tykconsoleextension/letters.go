package tykconsoleextension

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension/internal/pages"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

func (r *redisBackend) filter(f pages.LetterFilter) *inspect.Filter {
	out := &inspect.Filter{Source: f.Source, Group: f.Group, Destination: f.Destination, Reason: f.Reason, Since: f.Since, Until: f.Until}
	if f.Same != "" {
		out.Reason = f.Same
	}
	if len(f.UIDs) > 0 {
		out.UIDs = map[string]bool{}
		for _, uid := range f.UIDs {
			out.UIDs[uid] = true
		}
	}
	return out
}

// wanted are the lists that a filter means.
func (r *redisBackend) wanted(ctx context.Context, o *inspect.Observer, f pages.LetterFilter) ([]inspect.List, error) {
	all, err := o.AllLists(ctx)
	if err != nil && len(all) == 0 {
		return nil, err
	}
	if f.Source == "" {
		return all, nil
	}
	return slices.DeleteFunc(all, func(l inspect.List) bool { return l.Key != f.Source }), nil
}

// Letters gives dead letters, the newest first.
func (r *redisBackend) Letters(ctx context.Context, filter pages.LetterFilter, limit int) (pages.Letters, error) {
	var out pages.Letters
	o, err := r.observe(ctx)
	if err != nil {
		return out, err
	}
	lists, err := r.wanted(ctx, o, filter)
	if err != nil {
		return out, err
	}
	f := r.filter(filter)
	f.Limit = sortedLetters
	type found struct {
		list   inspect.List
		letter claim.Letter
	}
	var all []found
	out.More, err = o.Walk(ctx, f, lists, func(l inspect.List, page []claim.Letter) error {
		for _, letter := range page {
			out.Matching++
			all = append(all, found{l, letter})
		}
		slices.SortStableFunc(all, func(a, b found) int { return b.letter.At.Compare(a.letter.At) })
		all = all[:min(len(all), limit)]
		return nil
	})
	if err != nil && len(all) == 0 {
		return out, err
	}
	for _, one := range all {
		w := inspect.Open(one.list, one.letter)
		out.Letters = append(out.Letters, pages.Letter{
			UID: w.UID, Source: w.Source, Group: w.Group, Destination: w.Destination, Reason: w.Reason, Form: string(w.Form), At: w.At, Bytes: w.Bytes, Entry: w.Entry, Record: w.Record, DecodeError: w.DecodeError,
		})
	}
	return out, nil
}

// Take replays letters, or drops them.
func (r *redisBackend) Take(ctx context.Context, filter pages.LetterFilter, replay, dry bool) (pages.Taken, error) {
	var out pages.Taken
	o, err := r.observe(ctx)
	if err != nil {
		return out, err
	}
	lists, err := r.wanted(ctx, o, filter)
	if err != nil {
		return out, err
	}
	taking := &inspect.Taking{Replay: replay, DryRun: dry, Retention: r.retention}
	_, err = o.Walk(ctx, r.filter(filter), lists, func(l inspect.List, page []claim.Letter) error {
		return taking.Take(ctx, o.Redis, l, page)
	})
	_, out.Matched, out.Taken = taking.Tally()
	out.Silent, out.Faulty, out.Aged = taking.Silent, taking.Faulty, taking.Aged
	if errors.Is(err, context.DeadlineExceeded) && out.Taken > 0 {
		out.More, err = true, nil
	}
	return out, err
}

// RemoveGroup removes a group that is gone for good.
func (r *redisBackend) RemoveGroup(ctx context.Context, name string) error {
	o, err := r.observe(ctx)
	if err != nil {
		return err
	}
	lists, err := o.AllLists(ctx)
	if err != nil && len(lists) == 0 {
		return err
	}
	in, err := o.GroupsIn(ctx, lists)
	if err != nil {
		return err
	}
	for _, g := range in.Groups {
		if g.Name == name && !g.Away() {
			return fmt.Errorf("group %s was heard of %s ago: stop its collector first", name, inspect.Span(g.Ago))
		}
	}
	_, err = o.Forget(ctx, in, name, lists, true)
	return err
}
