package engine

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
)

// records is the work of a push of records and uptime checks.
type records struct {
	store *Store
	batch *push.Batch
	doubt *doubt
}

func (r *records) ledger() ([]string, []push.Segment) {
	sinks := make([]string, len(r.store.sinks))
	for i, sink := range r.store.sinks {
		sinks[i] = sink.Name
	}
	return sinks, r.batch.Segments
}

func (r *records) look(rows [][]push.Span) {
	for i := range rows {
		r.batch.Parts[i].SkipApplied(rows[i])
	}
	r.batch.RefuseAgain(r.doubt.refused)
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
	for i, sink := range r.store.sinks {
		if found := spans(&r.batch.Parts[i]); len(found) > 0 {
			entries = append(entries, push.LedgerEntry{Sink: sink.Name, Spans: found})
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

// divide gives the portions of a sink.
func (r *records) divide(sink int) ([]Portion, error) {
	p := &r.batch.Parts[sink]
	list := p.Pending()
	if len(list) == 0 {
		return nil, nil
	}
	var portions []Portion
	var missing []layout.Shard
	for _, day := range r.batch.Split(r.store.calendar, list) {
		of := layout.Shard{Table: r.store.sinks[sink], Day: day.Day}
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

func (r *records) send(ctx context.Context, t *transaction) (int32, error) {
	for p, err := range r.portions() {
		place := push.Nobody
		if err == nil {
			place, err = r.put(ctx, t, p)
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
func (r *records) put(ctx context.Context, t *transaction, p Portion) (int, error) {
	if p.Layout.Rollups == nil {
		return t.session.Send(ctx, p)
	}
	rows := rollups.CountUptime(p.Part, p.List, r.store.calendar.Zone)
	if len(p.List) == 1 && t.isolating {
		return push.Nobody, t.addAround(ctx, p.Shard, rows)
	}
	return push.Nobody, t.add(ctx, p.Shard, rows)
}

// isolate costs two or three statements a refused record, or two for each halving
// where the database does not name it.
func (r *records) isolate(ctx context.Context, t *transaction, named int32) error {
	defer func() {
		if t.unfinished {
			r.doubt.refused = r.batch.Refused()
		}
	}()
	for p, err := range r.portions() {
		if err != nil {
			return err
		}
		if err := r.storeAround(ctx, t, p, slices.Index(p.List, named)); err != nil {
			return err
		}
	}
	return nil
}

// storeAround stores a portion around the records that the database refuses. Where it
// takes none of those that are only suspected, the fault is elsewhere and they wait.
func (r *records) storeAround(ctx context.Context, t *transaction, p Portion, place int) error {
	var suspected error
	accepted := false
	rest, err := push.StoreAround(p.List, place, func(list []int32) (int, error) {
		if !t.until.IsZero() && time.Now().After(t.until) {
			return push.Nobody, errUnfinished
		}
		piece, place := p, push.Nobody
		piece.List = list
		err := t.within(ctx, "piece", func() (err error) {
			place, err = r.put(ctx, t, piece)
			return err
		})
		accepted = accepted || err == nil
		return place, err
	}, func(i int32, err error) bool {
		action, reason := t.judge(err)
		if certain, _ := r.store.server.Classify(err); certain != action {
			suspected = err
		}
		if action == ActionRefuse && i != push.Nobody {
			p.Part.Refuse(i, reason, r.store.server.ServerText(err))
		}
		return action == ActionRefuse
	})
	if err == errUnfinished { //nolint:errorlint // it comes as it is
		t.unfinished = true
		p.Part.Withhold(rest)
		err = nil
	}
	if err == nil && suspected != nil && !accepted && !t.evidence(p.Name) {
		return suspected
	}
	return err
}
