package engine

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
)

// transaction stores one batch over one session.
type transaction struct {
	store   *Store
	session Session
	batch   *push.Batch
}

// portions gives what is to be stored. That of a table is made when the one before
// is stored, since that finds out what kinds of records there are.
func (t *transaction) portions() iter.Seq2[Portion, error] {
	return func(yield func(Portion, error) bool) {
		for i := range t.store.sinks {
			of, err := t.divide(i)
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

// divide gives the portions of a sink.
func (t *transaction) divide(sink int) ([]Portion, error) {
	p := &t.batch.Parts[sink]
	list := p.Pending()
	if len(list) == 0 {
		return nil, nil
	}
	var portions []Portion
	var missing []layout.Shard
	for _, day := range t.batch.Split(t.store.calendar, list) {
		of := layout.Shard{Table: t.store.sinks[sink], Day: day.Day}
		if !t.store.server.Knows(of) {
			missing = append(missing, of)
		}
		portions = append(portions, Portion{Shard: of, Part: p, List: day.List})
	}
	if len(missing) > 0 {
		return nil, &MissingShards{Shards: missing}
	}
	return portions, nil
}

// begin opens the transaction and marks what the ledger says was stored before.
func (t *transaction) begin(ctx context.Context) error {
	sinks := make([]string, len(t.store.sinks))
	for i, sink := range t.store.sinks {
		sinks[i] = sink.Name
	}
	rows, err := t.session.Begin(ctx, sinks, t.batch.Segments)
	if err != nil {
		return fmt.Errorf("begin and read %s: %w", push.LedgerTable, err)
	}
	for i := range rows {
		t.batch.Parts[i].SkipApplied(rows[i])
	}
	return nil
}

// send writes everything. Where the server refuses a record, it gives the entry
// that the server names, or nobody.
func (t *transaction) send(ctx context.Context) (int32, error) {
	for p, err := range t.portions() {
		place := -1
		if err == nil {
			place, err = t.put(ctx, p)
		}
		switch {
		case err == nil:
		case place >= 0:
			return p.List[place], err
		default:
			return push.Nobody, err
		}
	}
	return push.Nobody, nil
}

// put writes a portion: the records themselves, or what they count.
func (t *transaction) put(ctx context.Context, p Portion) (int, error) {
	if p.Layout.Rollups == nil {
		return t.session.Send(ctx, p)
	}
	rows := rollups.CountUptime(p.Part, p.List, t.store.calendar.Zone)
	return -1, t.session.Add(ctx, rollups.Portion{Shard: p.Shard, Rows: rows})
}

// isolate stores the batch around the records that the server refuses. It starts
// the transaction anew and works with savepoints. A refused record so costs two or
// three statements, or two for each halving where the server does not name it. The
// entry named first is cut out before anything is tried, unless it is nobody.
func (t *transaction) isolate(ctx context.Context, named int32) error {
	if err := t.session.Exec(ctx, "rollback"); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	for p, err := range t.portions() {
		if err != nil {
			return err
		}
		if err := t.storeAround(ctx, p, slices.Index(p.List, named)); err != nil {
			return err
		}
	}
	return nil
}

// storeAround stores a portion around the records that the server refuses.
func (t *transaction) storeAround(ctx context.Context, p Portion, place int) error {
	return push.StoreAround(p.List, place, func(list []int32) (int, error) {
		piece := p
		piece.List = list
		return t.try(ctx, piece)
	}, func(i int32, err error) bool {
		action, reason := t.store.server.Classify(err)
		if action == ActionRefuse && i != push.Nobody {
			p.Part.Refuse(i, reason, t.store.server.ServerText(err))
		}
		return action == ActionRefuse
	})
}

// try writes a piece, and takes it back where that fails.
func (t *transaction) try(ctx context.Context, piece Portion) (int, error) {
	if err := t.session.Exec(ctx, "savepoint piece"); err != nil {
		return -1, fmt.Errorf("set a savepoint: %w", err)
	}
	place, err := t.put(ctx, piece)
	if err == nil {
		if err := t.session.Exec(ctx, "release savepoint piece"); err != nil {
			return -1, fmt.Errorf("release a savepoint: %w", err)
		}
		return -1, nil
	}
	if t.session.Closed() {
		return -1, err
	}
	if undo := t.session.Exec(ctx, "rollback to savepoint piece", "release savepoint piece"); undo != nil {
		return -1, fmt.Errorf("roll back to a savepoint: %w", undo)
	}
	return place, err
}

// record writes the ledger rows. It takes the locks of the segments first, which
// it keeps until the commit, and looks again: of two transactions that store the
// same record at once the later one sees the earlier one's rows here, whatever
// else they store. Locks held only from here on let chunks of one segment be
// written in parallel.
func (t *transaction) record(ctx context.Context) error {
	var entries []push.LedgerEntry
	var sinks []string
	for i, sink := range t.store.sinks {
		if spans := t.batch.Parts[i].Applied(); len(spans) > 0 {
			entries = append(entries, push.LedgerEntry{Sink: sink.Name, Spans: spans})
			sinks = append(sinks, sink.Name)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	rows, err := t.session.Record(ctx, t.batch.LockKeys(sinks), entries, t.batch.Segments)
	for i := range rows {
		if push.Overlap(entries[i].Spans, rows[i]) {
			return ErrRaced // the insert failed too, if both begin with the same record
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", push.LedgerTable, err)
	}
	return nil
}
