package engine

import (
	"context"
	"errors"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// records is the work of a push of records and uptime checks.
type records struct {
	*push.Batch

	store *Store
}

func (r *records) Look(rows [][]push.Span) {
	r.Batch.Look(rows)
	refused, _ := r.store.unfinished.Get(r.Key())
	r.RefuseAgain(refused)
}

// each gives do what is to be stored. That of a table is made when the one before
// is stored, since that finds out what kinds of records there are.
func (r *records) each(do func(Portion) error) error {
	for i := range r.Parts {
		p := &r.Parts[i]
		var portions []Portion
		var shards []layout.Shard
		for _, day := range r.Split(r.store.calendar, p.Pending()) {
			of := layout.Shard{Table: p.Table, Day: day.Day}
			portions, shards = append(portions, Portion{Shard: of, Part: p, List: day.List}), append(shards, of)
		}
		if err := r.store.needs(shards); err != nil {
			return err
		}
		for _, p := range portions {
			if err := do(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *records) send(ctx context.Context, t *transaction) error {
	return r.each(func(p Portion) error {
		_, err := r.put(ctx, t, p)
		return err
	})
}

// put writes a portion: the records themselves, or what they count.
func (r *records) put(ctx context.Context, t *transaction, p Portion) (int, error) {
	if p.Layout.Rollups == nil {
		return t.session.Send(ctx, p)
	}
	rows := rollups.CountUptime(p.Part, p.List, r.store.calendar.Zone)
	if len(p.List) == 1 && t.isolating {
		return sink.Unplaced, t.addAround(ctx, p.Shard, rows, t.outcome(p.Name))
	}
	return sink.Unplaced, t.add(ctx, p.Shard, rows)
}

// isolate costs two or three statements a refused record, or two for each halving
// where the database does not name it.
func (r *records) isolate(ctx context.Context, t *transaction) error {
	err := r.each(func(p Portion) error { return r.storeAround(ctx, t, p) })
	if err == nil && t.unfinished && r.Key() != "" {
		r.store.unfinished.Put(r.Key(), r.Refused())
	}
	return err
}

// storeAround stores a portion around the records that the database does not take. What
// the attempt has no time for is withheld, as is what was not tried yet.
func (r *records) storeAround(ctx context.Context, t *transaction, p Portion) error {
	p.Part.Turn(p.List, push.StatePending, push.StateWithheld)
	err := sink.Isolator[int32]{
		Try: func(list []int32) (int, error) {
			if !t.until.IsZero() && time.Now().After(t.until) {
				return sink.Unplaced, errUnfinished
			}
			piece, place := p, sink.Unplaced
			piece.List = list
			p.Part.Turn(list, push.StateWithheld, push.StatePending)
			err := t.within(ctx, "piece", func() (err error) {
				place, err = r.put(ctx, t, piece)
				return err
			})
			if err != nil {
				p.Part.Turn(list, push.StatePending, push.StateWithheld)
			}
			return place, err
		},
		Judge: t.outcome(p.Name),
		Refuse: func(i int32, err error) {
			reason, text := t.why(err)
			p.Part.Refuse(i, reason, text)
		},
	}.Store(p.List)
	if errors.Is(err, errUnfinished) {
		t.unfinished = true
		return nil
	}
	return err
}
