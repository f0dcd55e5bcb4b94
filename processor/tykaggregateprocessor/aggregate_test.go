package tykaggregateprocessor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/multierr"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykaggregateprocessor/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykaggregateprocessor/internal/metadatatest"
)

func start(tb testing.TB, cfg *Config, set processor.Settings, next consumer.Logs) processor.Logs {
	tb.Helper()
	require.NoError(tb, cfg.Validate())
	p, err := NewFactory().CreateLogs(tb.Context(), set, cfg, next)
	require.NoError(tb, err)
	require.NoError(tb, p.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { require.NoError(tb, p.Shutdown(context.WithoutCancel(tb.Context()))) })
	return p
}

// records makes a chunk of the records of a segment from index first to last.
func records(first, last int) plog.Logs {
	logs := plog.NewLogs()
	slice := analytics.AppendScope(logs)
	for i := first; i <= last; i++ {
		at := time.Date(2026, 3, 28, 21, 5, 7, i*1000, time.UTC)
		r := analytics.Record{
			OrgID: "org", APIID: fmt.Sprintf("api-%d", i%3), APIKey: fmt.Sprintf("key-%d", i%7), ResponseCode: 200, TimeStamp: at,
			RequestTime: int64(i), Latency: analytics.Latency{Total: int64(i)}, Tags: []string{fmt.Sprintf("tag-%d", i)},
		}
		r.ToLog(slice.AppendEmpty(), analytics.UID{Segment: "segment", Index: int64(i)}.String())
	}
	logs.MarkReadOnly()
	return logs
}

// store is a consumer that stores rollups, each group once, as a store of ours does.
type store struct {
	consumertest.Consumer

	applied map[int64]bool
	hits    int64
	groups  int
	fail    error // what the next push is answered, without storing it
}

func newStore() *store {
	return &store{Consumer: consumertest.NewNop(), applied: map[int64]bool{}}
}

func (s *store) ConsumeLogs(_ context.Context, ld plog.Logs) error {
	if s.fail != nil {
		return s.fail
	}
	groups, err := rollup.FromLogs(ld)
	if err != nil {
		return err
	}
	var overlaps []rollup.Overlap
	var fresh []rollup.Group
	for _, g := range groups {
		switch how, known := g.Overlap(func(index int64) bool { return s.applied[index] }); how {
		case rollup.New:
			fresh = append(fresh, g)
		case rollup.Mixed:
			overlaps = append(overlaps, rollup.Overlap{Family: g.Family, Segment: g.Segment, Applied: known})
		case rollup.Known:
		}
	}
	if len(overlaps) > 0 {
		return consumererror.NewPermanent(fmt.Errorf("store: %w", &rollup.OverlapError{Overlaps: overlaps}))
	}
	for _, g := range fresh {
		s.groups++
		s.hits += g.Rollups[0].Counter.Hits
		for index := range g.Records.All() {
			s.applied[index] = true
		}
	}
	return nil
}

// fanOut gives pushes to several stores and joins their answers, as the collector does.
type fanOut []consumer.Logs

func (fanOut) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (f fanOut) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	var err error
	for _, next := range f {
		err = multierr.Append(err, next.ConsumeLogs(ctx, ld))
	}
	return err
}

func TestRecordsBecomeRollupsInTheSameCall(t *testing.T) {
	t.Parallel()
	sink := new(consumertest.LogsSink)
	p := start(t, createDefaultConfig().(*Config), processortest.NewNopSettings(metadata.Type), sink)
	assert.False(t, p.Capabilities().MutatesData)
	require.NoError(t, p.ConsumeLogs(t.Context(), records(0, 9)))
	require.Len(t, sink.AllLogs(), 1)
	groups, err := rollup.FromLogs(sink.AllLogs()[0])
	require.NoError(t, err)
	require.Len(t, groups, 1)
	assert.Equal(t, int64(10), groups[0].Rollups[0].Counter.Hits)
	assert.Equal(t, int64(10), groups[0].Records.Len())
	assert.Equal(t, analytics.EventRollup, sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).EventName())
}

func TestWhatIsNoRequestEndsHereAndIsCounted(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.WithoutCancel(t.Context()))) })
	sink := new(consumertest.LogsSink)
	p := start(t, createDefaultConfig().(*Config), metadatatest.NewSettings(tel), sink)
	logs := plog.NewLogs()
	slice := analytics.AppendScope(logs)
	(&analytics.Uptime{OrgID: "org", URL: "http://a"}).ToLog(slice.AppendEmpty(), "segment-0")
	(&analytics.Record{ResponseCode: 200}).ToLog(slice.AppendEmpty(), "segment-1")
	slice.AppendEmpty().Body().SetStr("something else")
	require.NoError(t, p.ConsumeLogs(t.Context(), logs))
	assert.Empty(t, sink.AllLogs())
	var want []metricdata.DataPoint[int64]
	for _, reason := range []string{"uptime", "ownerless", "foreign"} {
		want = append(want, metricdata.DataPoint[int64]{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", reason))})
	}
	metadatatest.AssertEqualTykaggregateDroppedRecords(t, tel, want, metricdatatest.IgnoreTimestamp())
}

func TestFoldedValuesAreCountedAndManyTagsTold(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.WithoutCancel(t.Context()))) })
	core, told := observer.New(zap.WarnLevel)
	set := metadatatest.NewSettings(tel)
	set.Logger = zap.New(core)
	cfg := createDefaultConfig().(*Config)
	cfg.MaxValues, cfg.ThresholdLenTagList = 5, 4
	p := start(t, cfg, set, newStore())
	require.NoError(t, p.ConsumeLogs(t.Context(), records(0, 9)))
	require.NoError(t, p.ConsumeLogs(t.Context(), records(10, 19)))
	metadatatest.AssertEqualTykaggregateFoldedValues(t, tel, []metricdata.DataPoint[int64]{
		{Value: 15, Attributes: attribute.NewSet(attribute.String("dimension", "tags"))},
		{Value: 5, Attributes: attribute.NewSet(attribute.String("dimension", "apikeys"))},
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualTykaggregateRecords(t, tel, []metricdata.DataPoint[int64]{{Value: 20}}, metricdatatest.IgnoreTimestamp())
	require.Equal(t, 1, told.Len(), "once for a bucket")
	assert.Equal(t, []any{"tag-"}, told.All()[0].ContextMap()["common_prefixes"])
}

// A receiver takes a delivery apart, or delivers its parts in one: whatever a store
// has had before, each record is counted once.
func TestRedeliveriesInAnotherCutAreStoredOnce(t *testing.T) {
	t.Parallel()
	for name, release := range map[string]bool{"records are kept": false, "records are given up": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tel := componenttest.NewTelemetry()
			t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.WithoutCancel(t.Context()))) })
			first, second := newStore(), newStore()
			cfg := createDefaultConfig().(*Config)
			cfg.ReleaseRecords = release
			p := start(t, cfg, metadatatest.NewSettings(tel), fanOut{first, second})
			push := func(from, to int) error {
				chunk := plog.NewLogs()
				records(from, to).CopyTo(chunk) // whoever releases gets its own
				return p.ConsumeLogs(t.Context(), chunk)
			}
			outage := errors.New("down")

			second.fail = outage
			require.ErrorIs(t, push(10, 19), outage)
			second.fail, first.fail = nil, outage
			require.ErrorIs(t, push(25, 40), outage)
			first.fail = nil
			require.NoError(t, push(0, 29))
			require.NoError(t, push(5, 49))
			for _, s := range []*store{first, second} {
				assert.Equal(t, int64(50), s.hits)
				assert.Len(t, s.applied, 50)
			}
			metadatatest.AssertEqualTykaggregateRecuts(t, tel, []metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
			groups := first.groups
			require.NoError(t, push(0, 49))
			assert.Equal(t, groups, first.groups, "all was known")
		})
	}
}

// push is what a receiver has of a push.
type push struct{ released int }

func (*push) Entry(analytics.UID) (analytics.Entry, bool) { return analytics.Entry{}, false }

func (p *push) Release() { p.released++ }

// Records that nobody else has are given up before the store is asked, which may take long.
func TestRecordsAreGivenUpOnceTheyAreCounted(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.ReleaseRecords = true
	cfg.IgnoreAggregations = []string{"tags"} // each record has one of its own
	chunk, entries, asked := plog.NewLogs(), &push{}, 0
	records(0, 29).CopyTo(chunk)
	next, err := consumer.NewLogs(func(context.Context, plog.Logs) error {
		asked++
		assert.Zero(t, chunk.LogRecordCount())
		assert.Equal(t, 1, entries.released)
		return nil
	})
	require.NoError(t, err)
	p := start(t, cfg, processortest.NewNopSettings(metadata.Type), next)
	assert.True(t, p.Capabilities().MutatesData)
	require.NoError(t, p.ConsumeLogs(analytics.WithEntries(t.Context(), entries), chunk))
	assert.Equal(t, 1, asked)
}

// Where records have more rollups than that they would take less memory, they stay, and so few chunks wait.
func TestRecordsOfVeryManyRollupsAreNotGivenUp(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.ReleaseRecords = true
	chunk, entries := plog.NewLogs(), &push{}
	records(0, 2).CopyTo(chunk) // of three APIs and keys, with three tags
	p := start(t, cfg, processortest.NewNopSettings(metadata.Type), consumertest.NewNop())
	require.NoError(t, p.ConsumeLogs(analytics.WithEntries(t.Context(), entries), chunk))
	assert.Equal(t, 3, chunk.LogRecordCount())
	assert.Zero(t, entries.released)
}

// Errors reach the receiver as they are: it must tell what is for good.
func TestAnswersArePassedOn(t *testing.T) {
	t.Parallel()
	s := newStore()
	p := start(t, createDefaultConfig().(*Config), processortest.NewNopSettings(metadata.Type), s)
	for _, answer := range []error{
		errors.New("down"),
		consumererror.NewPermanent(&analytics.RefusedError{Records: []analytics.RefusedRecord{{Reason: "too large"}}}),
	} {
		s.fail = answer
		assert.Equal(t, answer, p.ConsumeLogs(t.Context(), records(0, 1)))
	}
}

func BenchmarkConsumeLogs(b *testing.B) {
	const n = 2500
	p := start(b, createDefaultConfig().(*Config), processortest.NewNopSettings(metadata.Type), consumertest.NewNop())
	logs := records(0, n-1)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.ConsumeLogs(b.Context(), logs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}
