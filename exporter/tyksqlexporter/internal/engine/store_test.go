package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

var requests = []layout.Table{{Layout: layout.RequestLayout, Name: "tyk_analytics"}}

var errBad = errors.New("bad value")

// shelf is a database of places in a push, which takes its time and never names what
// it refuses.
type shelf struct {
	Cache[struct{}]

	trip    time.Duration
	refuses func(place int32) bool
	ledger  []push.Span
	stored  []int32
	saved   []int // how much was stored when savepoints were set
	pending []push.Span
	before  int
	now     time.Time
	tables  map[string][]string
	dropped []string
}

func (s *shelf) Find(_ context.Context, shards []layout.Shard) error {
	for _, of := range shards {
		s.Add(map[string]struct{}{of.Relation(): {}})
	}
	return nil
}

func (s *shelf) Connect(context.Context) (Session, error) { return &visit{shelf: s}, nil }
func (*shelf) Reconnect()                                 {}
func (*shelf) Isolating() []string                        { return nil }
func (*shelf) Close() error                               { return nil }
func (*shelf) ServerText(err error) string                { return err.Error() }

func (*shelf) Classify(err error) (Action, sink.Reason) {
	if errors.Is(err, errBad) {
		return ActionRefuse, push.ReasonOther
	}
	return ActionRetry, ""
}

func (s *shelf) Relations(context.Context) ([]string, time.Time, error) {
	var names []string
	for name := range s.tables {
		names = append(names, name)
	}
	return names, s.now, nil
}

func (s *shelf) Columns(_ context.Context, relation string) ([]layout.FoundColumn, error) {
	var found []layout.FoundColumn
	for _, name := range s.tables[relation] {
		found = append(found, layout.FoundColumn{Name: name, Indexed: true})
	}
	return found, nil
}

func (s *shelf) Drop(_ context.Context, relation string) error {
	s.dropped = append(s.dropped, relation)
	return nil
}

func (*shelf) Prune(context.Context, string, time.Duration, int) (int64, error) { return 0, nil }

// visit is a session of it.
type visit struct {
	*shelf

	done bool
}

func (v *visit) Begin(context.Context, []string, []push.Segment) ([][]push.Span, error) {
	v.before, v.pending, v.saved = len(v.stored), nil, nil
	return [][]push.Span{v.ledger}, nil
}

func (v *visit) Send(ctx context.Context, p Portion) (int, error) {
	time.Sleep(v.trip)
	if slices.ContainsFunc(p.List, v.refuses) {
		return sink.Unplaced, errBad
	}
	v.stored = append(v.stored, p.List...)
	return sink.Unplaced, ctx.Err()
}

func (v *visit) Exec(_ context.Context, statements ...string) error {
	for _, statement := range statements {
		switch statement {
		case "rollback":
			v.stored = v.stored[:v.before]
		case "savepoint piece":
			v.saved = append(v.saved, len(v.stored))
		case "rollback to savepoint piece":
			v.stored = v.stored[:v.saved[len(v.saved)-1]]
		}
	}
	time.Sleep(v.trip)
	return nil
}

func (v *visit) Record(_ context.Context, _ []int64, entries []push.LedgerEntry, _ []push.Segment) ([][]push.Span, error) {
	v.pending = entries[0].Spans
	return nil, nil
}

func (v *visit) Commit(context.Context) error {
	v.ledger = append(v.ledger, v.pending...)
	v.done = true
	return nil
}

func (v *visit) Release(context.Context) {
	if !v.done {
		v.stored = v.stored[:v.before]
	}
}

func (*visit) Touch(context.Context, []push.LedgerEntry) error { return nil }
func (*visit) Add(context.Context, rollups.Portion) error      { return nil }
func (*visit) Closed() bool                                    { return false }

// A push that is stored around so many refused records that an attempt is too short for
// them goes on where it was.
func TestManyRefusedRecordsAreIsolatedInSeveralAttempts(t *testing.T) {
	t.Parallel()
	const records, every = 400, 5
	s := &shelf{trip: time.Millisecond, refuses: func(place int32) bool { return place%every == 3 }}
	store := NewStore(s, Settings{Tables: requests})
	logs := sinktest.Samples("seg", 0, records-1)
	attempts := 0
	for {
		attempts++
		require.Less(t, attempts, 100, "no progress")
		b := push.NewBatch(logs, requests...)
		attempt, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		before := len(s.stored)
		err := store.Write(attempt, b)
		cancel()
		if err == nil {
			var refused *analytics.RefusedError
			require.ErrorAs(t, b.RefusedError("tyksql"), &refused)
			assert.Len(t, refused.Records, records/every)
			b.Release()
			break
		}
		require.ErrorIs(t, err, errUnfinished)
		assert.GreaterOrEqual(t, len(s.stored), before)
		b.Release()
	}
	assert.Greater(t, attempts, 1)
	slices.Sort(s.stored)
	assert.Len(t, slices.Compact(s.stored), records-records/every, "each once")
}

// Whose clock is behind is believed, and tables of other columns are not ours.
func TestTablesAreDroppedByTheEarlierClock(t *testing.T) {
	t.Parallel()
	tables := map[string][]string{}
	for _, day := range []int{1, 10, 20} {
		tables[fmt.Sprintf("tyk_analytics_202608%02d", day)] = []string{"path", "apiid"}
	}
	tables["tyk_analytics_20250101"] = []string{"path", "note"}
	for _, c := range []struct {
		here, there time.Time
		want        []string
	}{
		{sinktest.Time, sinktest.Time.AddDate(1, 0, 0), []string{"tyk_analytics_20260801"}},
		{sinktest.Time.AddDate(1, 0, 0), sinktest.Time, []string{"tyk_analytics_20260801"}},
		{sinktest.Time.AddDate(1, 0, 0), sinktest.Time.AddDate(1, 0, 0), []string{"tyk_analytics_20260801", "tyk_analytics_20260810", "tyk_analytics_20260820"}},
	} {
		s := &shelf{now: c.there, tables: tables}
		store := NewStore(s, Settings{Tables: requests, Calendar: layout.Calendar{Zone: time.UTC, Sharded: true}})
		dropped, err := store.Drop(t.Context(), c.here, 15)
		require.NoError(t, err)
		assert.Equal(t, c.want, dropped)
		assert.Equal(t, c.want, s.dropped)
	}
}
