package inspect

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// Taking takes dead letters away, to be replayed or for good.
type Taking struct {
	// Replay has them delivered once more to their group; they are dropped otherwise.
	Replay bool
	// DryRun only counts.
	DryRun bool
	// Retention is how long stores remember what they stored; 0 for ever. Old replays letters that are older.
	Retention time.Duration
	Old       bool

	// Silent were left, as nobody would take them; Faulty, as they cannot be read; Aged, as stores may have
	// forgotten the records.
	Silent, Faulty, Aged int64
	// Failed says that an error ended it, so that what is missing was not taken by others.
	Failed bool

	looked map[string]claim.Report // at lists
	tally  []Taken
}

// RememberedFor is the default of ledger::retention.
const RememberedFor = 72 * time.Hour

// Taken counts what was taken of one list and group.
type Taken struct {
	Source string `json:"source"`
	Group  string `json:"group"`
	// Matched letters were chosen; Taken of them were still there.
	Matched int64 `json:"matched"`
	Taken   int64 `json:"taken"`
}

// Take takes some letters of a list, as Walk gives them, group by group for the counts.
func (t *Taking) Take(ctx context.Context, r *Redis, l List, page []claim.Letter) error {
	if t.Replay {
		var err error
		if page, err = t.deliverable(ctx, r, l, page); err != nil {
			return err
		}
	}
	byGroup := map[string][]claim.Letter{}
	for _, letter := range page {
		if t.Old {
			letter.At = time.Time{} // which has stores take it
		}
		byGroup[letter.Group] = append(byGroup[letter.Group], letter)
	}
	for group, letters := range byGroup {
		view := t.of(l, group)
		view.Matched += int64(len(letters))
		if t.DryRun {
			continue
		}
		verb := r.Store.Drop
		if t.Replay {
			verb = r.Store.Replay
		}
		n, err := verb(ctx, l.Source(""), letters)
		view.Taken += n
		if err != nil {
			t.Failed = true
			return err
		}
	}
	return nil
}

// deliverable leaves out letters that nobody would ever take, those that would be lost, and those
// whose records would be stored twice where another store, or another table, took them at the time.
func (t *Taking) deliverable(ctx context.Context, r *Redis, l List, page []claim.Letter) ([]claim.Letter, error) {
	report, ok := t.looked[l.Key]
	if !ok {
		var err error
		if report, err = r.Store.Inspect(ctx, l.Source("")); err != nil {
			return nil, err
		}
		if t.looked == nil {
			t.looked = map[string]claim.Report{}
		}
		t.looked[l.Key] = report
	}
	known := func(group string) bool {
		return slices.ContainsFunc(report.Groups, func(g claim.GroupReport) bool { return g.Name == group })
	}
	var out []claim.Letter
	for _, letter := range page {
		switch {
		case letter.Fault != nil:
			t.Faulty++
		case !known(letter.Group):
			t.Silent++
		case t.Retention > 0 && !t.Old && report.At.Sub(letter.At) > t.Retention:
			t.Aged++
		default:
			out = append(out, letter)
		}
	}
	return out, nil
}

// of finds the counts of a list and group.
func (t *Taking) of(l List, group string) *Taken {
	for i := range t.tally {
		if t.tally[i].Source == l.Key && t.tally[i].Group == group {
			return &t.tally[i]
		}
	}
	t.tally = append(t.tally, Taken{Source: l.Key, Group: group})
	return &t.tally[len(t.tally)-1]
}

// Tally is how many were taken of each list and group, by name, and of all.
func (t *Taking) Tally() (all []Taken, matched, taken int64) {
	slices.SortFunc(t.tally, func(a, b Taken) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Group, b.Group))
	})
	for _, v := range t.tally {
		matched += v.Matched
		taken += v.Taken
	}
	return t.tally, matched, taken
}
