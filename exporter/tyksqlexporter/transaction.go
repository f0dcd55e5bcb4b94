package tyksqlexporter

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

// transaction stores one batch over one session.
type transaction struct {
	store   *serverStore
	session session
	batch   *batch
}

// missingShards says that a write met tables of days that are not known yet.
type missingShards struct{ shards []shard }

func (e *missingShards) Error() string {
	return "no table yet for " + e.shards[0].relation()
}

// portion is what a batch has for one table.
type portion struct {
	shard

	part *part
	list []int32 // the entries to be stored
}

// portions gives what is to be stored. That of a table is made when the one before
// is stored, since that finds out what kinds of records there are.
func (t *transaction) portions() iter.Seq2[portion, error] {
	return func(yield func(portion, error) bool) {
		for i := range t.store.sinks {
			of, err := t.divide(i)
			if err != nil {
				yield(portion{}, err)
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
func (t *transaction) divide(sink int) ([]portion, error) {
	p := &t.batch.parts[sink]
	list := p.pending()
	if len(list) == 0 {
		return nil, nil
	}
	var portions []portion
	var missing []shard
	for _, day := range t.batch.split(t.store.calendar, list) {
		of := shard{table: t.store.sinks[sink], day: day.day}
		if !t.store.server.knows(of) {
			missing = append(missing, of)
		}
		portions = append(portions, portion{shard: of, part: p, list: day.list})
	}
	if len(missing) > 0 {
		return nil, &missingShards{shards: missing}
	}
	return portions, nil
}

// begin opens the transaction and marks what the ledger says was stored before.
func (t *transaction) begin(ctx context.Context) error {
	sinks := make([]string, len(t.store.sinks))
	for i, sink := range t.store.sinks {
		sinks[i] = sink.name
	}
	rows, err := t.session.begin(ctx, sinks, t.batch.segments)
	if err != nil {
		return fmt.Errorf("begin and read %s: %w", ledgerTable, err)
	}
	for i := range rows {
		t.batch.parts[i].skipApplied(rows[i])
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
			return p.list[place], err
		default:
			return nobody, err
		}
	}
	return nobody, nil
}

// put writes a portion: the records themselves, or what they count.
func (t *transaction) put(ctx context.Context, p portion) (int, error) {
	if p.layout.rollups == nil {
		return t.session.send(ctx, p)
	}
	rows := countUptime(p.part, p.list, t.store.calendar.zone)
	return -1, t.session.add(ctx, rollupPortion{shard: p.shard, rows: rows})
}

// isolate stores the batch around the records that the server refuses. It starts
// the transaction anew and works with savepoints. A refused record so costs two or
// three statements, or two for each halving where the server does not name it. The
// entry named first is cut out before anything is tried, unless it is nobody.
func (t *transaction) isolate(ctx context.Context, named int32) error {
	if err := t.session.exec(ctx, "rollback"); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	for p, err := range t.portions() {
		if err != nil {
			return err
		}
		if err := t.storeAround(ctx, p, slices.Index(p.list, named)); err != nil {
			return err
		}
	}
	return nil
}

// storeAround stores a portion around the records that the server refuses.
func (t *transaction) storeAround(ctx context.Context, p portion, place int) error {
	return storeAround(p.list, place, func(list []int32) (int, error) {
		piece := p
		piece.list = list
		return t.try(ctx, piece)
	}, func(i int32, err error) bool {
		action, reason := t.store.server.classify(err)
		if action == actionRefuse && i != nobody {
			p.part.refuse(i, reason, t.store.server.serverText(err))
		}
		return action == actionRefuse
	})
}

// try writes a piece, and takes it back where that fails.
func (t *transaction) try(ctx context.Context, piece portion) (int, error) {
	if err := t.session.exec(ctx, "savepoint piece"); err != nil {
		return -1, fmt.Errorf("set a savepoint: %w", err)
	}
	place, err := t.put(ctx, piece)
	if err == nil {
		if err := t.session.exec(ctx, "release savepoint piece"); err != nil {
			return -1, fmt.Errorf("release a savepoint: %w", err)
		}
		return -1, nil
	}
	if t.session.closed() {
		return -1, err
	}
	if undo := t.session.exec(ctx, "rollback to savepoint piece", "release savepoint piece"); undo != nil {
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
	var entries []ledgerEntry
	var sinks []string
	for i, sink := range t.store.sinks {
		if spans := t.batch.parts[i].applied(); len(spans) > 0 {
			entries = append(entries, ledgerEntry{sink: sink.name, spans: spans})
			sinks = append(sinks, sink.name)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	rows, err := t.session.record(ctx, t.batch.lockKeys(sinks), entries, t.batch.segments)
	for i := range rows {
		if overlap(entries[i].spans, rows[i]) {
			return errRaced // the insert failed too, if both begin with the same record
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", ledgerTable, err)
	}
	return nil
}
