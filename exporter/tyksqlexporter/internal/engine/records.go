package engine

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// records is the work of a push of records and uptime checks.
type records struct {
	store *Store
	batch *push.Batch
}

func (r *records) key() string { return r.batch.Key() }

func (r *records) ledger() ([]string, []push.Segment) {
	sinks := make([]string, len(r.store.sinks))
	for i, table := range r.store.sinks {
		sinks[i] = table.Name
	}
	return sinks, r.batch.Segments
}

func (r *records) look(rows [][]push.Span) {
	for i := range rows {
		r.batch.Parts[i].SkipApplied(rows[i])
	}
	r.batch.RefuseAgain(r.store.postponed(r.key()))
}

func (r *records) rewind() { r.batch.Rewind() }

func (r *records) entries() []push.LedgerEntry {
	return r.ofParts((*push.Part).Applied)
}

func (r *records) known() []push.LedgerEntry {
	return r.ofParts(func(p *push.Part) []push.Span { return p.Known })
}

func (r *records) ofParts(spans func(*push.Part) []push.Span) []push.LedgerEntry {
	var entries []push.LedgerEntry
	for i, table := range r.store.sinks {
		if found := spans(&r.batch.Parts[i]); len(found) > 0 {
			entries = append(entries, push.LedgerEntry{Sink: table.Name, Spans: found})
		}
	}
	return entries
}

// portions gives what is to be stored. That of a table is made when the one before
// is stored, since that finds out what kinds of records there are.
func (r *records) portions() iter.Seq2[Portion, error] {
	return func(yield func(Portion, error) bool) {
		for i := range r.store.sinks {
			of, err := r.divide(i)
			if err != nil {
				yield(Portion{}, err)
				return
			}
			for _, p := range of {
				if !yield(p, nil) {
					return
				}
			}
		}
	}
}

// divide gives the portions of a part.
func (r *records) divide(part int) ([]Portion, error) {
	p := &r.batch.Parts[part]
	list := p.Pending()
	if len(list) == 0 {
		return nil, nil
	}
	var portions []Portion
	var missing []layout.Shard
	for _, day := range r.batch.Split(r.store.calendar, list) {
		of := layout.Shard{Table: r.store.sinks[part], Day: day.Day}
		if !r.store.server.Knows(of) {
			missing = append(missing, of)
		}
		portions = append(portions, Portion{Shard: of, Part: p, List: day.List})
	}
	if len(missing) > 0 {
		return nil, &MissingShards{Shards: missing}
	}
	return portions, nil
}

func (r *records) send(ctx context.Context, t *transaction) error {
	for p, err := range r.portions() {
		if err == nil {
			_, err = r.put(ctx, t, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
	for p, err := range r.portions() {
		if err == nil {
			err = r.storeAround(ctx, t, p)
		}
		if err != nil {
			return err
		}
	}
	if t.unfinished {
		r.store.postpone(r.key(), r.batch.Refused())
	}
	return nil
}

// storeAround stores a portion around the records that the database does not take. What
// the attempt has no time for is withheld, as is what was not tried yet.
func (r *records) storeAround(ctx context.Context, t *transaction, p Portion) error {
	p.Part.Withhold(p.List)
	err := sink.Isolator[int32]{
		Try: func(list []int32) (int, error) {
			if !t.until.IsZero() && time.Now().After(t.until) {
				return sink.Unplaced, errUnfinished
			}
			piece, place := p, sink.Unplaced
			piece.List = list
			p.Part.Resume(list)
			err := t.within(ctx, "piece", func() (err error) {
				place, err = r.put(ctx, t, piece)
				return err
			})
			if err != nil {
				p.Part.Withhold(list)
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
