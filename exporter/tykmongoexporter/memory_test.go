package tykmongoexporter

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func TestWhatIsAppliedIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		groups := make([]rollup.Group, rapid.IntRange(1, 5).Draw(rt, "groups"))
		written := newBucketDocument(bucketKey{}).memory
		index := int64(0)
		for i := range groups {
			groups[i].Segment = rapid.SampledFrom([]string{"s", "t"}).Draw(rt, "segment")
			for range rapid.IntRange(1, 60).Draw(rt, "records") {
				index += rapid.Int64Range(1, 4).Draw(rt, "step")
				groups[i].Records.Add(index)
			}
			written.add(&groups[i])
		}
		taken, everything := written.take()
		if len(taken) != len(groups) || everything {
			rt.Fatalf("%d of %d groups", len(taken), len(groups))
		}
		start, array := bsoncore.AppendDocumentStart(nil)
		array = end(appendGroups(array, taken), start)
		raw, err := bson.Marshal(bson.D{{Key: ownField, Value: bson.D{{Key: "applied", Value: bson.RawValue{Type: bson.TypeArray, Value: array}}}}})
		if err != nil {
			rt.Fatal(err)
		}
		read := readMemory(raw)
		if fmt.Sprint(read) != fmt.Sprint(written) {
			rt.Fatalf("%v, want %v", read, written)
		}
		for i := range groups {
			if coverage, _ := read.overlap(&groups[i]); coverage != rollup.Known {
				rt.Fatalf("coverage %d", coverage)
			}
		}
		var other rollup.Group
		other.Segment = "s"
		other.Records.Add(index + 1)
		if coverage, _ := read.overlap(&other); coverage != rollup.New {
			rt.Fatalf("coverage %d of a new one", coverage)
		}
	})
}

func TestSetsTakeTheShorterForm(t *testing.T) {
	t.Parallel()
	every := func(step, n int64) rollup.Indices {
		var s rollup.Indices
		for i := range n {
			s.Add(1_000_000 + i*step)
		}
		return s
	}
	for name, c := range map[string]struct {
		set  rollup.Indices
		most int
	}{
		"all":          {every(1, 2500), 8},
		"every other":  {every(2, 1250), 330},
		"one":          {every(1, 1), 5},
		"far apart":    {every(1_000_000, 20), 90},
		"far, and not": {every(50, 100), 210},
	} {
		set := encodeSet(c.set.Ranges())
		assert.LessOrEqual(t, len(set), c.most, name)
		assert.Equal(t, c.set.Ranges(), appendRanges(nil, set), name)
	}
}

// groupOf is a group that counts every other of a chunk's records, and nothing but a total.
func groupOf(segment string) rollup.Group {
	g := rollup.Group{Family: rollup.Requests, Org: "acme", Bucket: sinktest.Time.Truncate(time.Hour), Minutes: 60, Segment: segment}
	for i := range int64(1250) {
		g.Records.Add(2 * i)
	}
	g.Rollups = []rollup.Rollup{{Dimension: rollup.Total, Value: "total", Counter: rollup.Counter{Hits: 1250, Success: 1250, LastTime: sinktest.Time}}}
	return g
}

// The memory is bounded by what it takes, in the database and here: chunks of which
// every other record is an organisation's take more than others.
func testMemoryIsBounded(t *testing.T, server *peers.Mongo) {
	d := withAggregates(freshTarget(t, server))
	d.config.Collections.Aggregates.UseMixedCollection = false
	e := d.start(t)
	push := func(first, last int) {
		t.Helper()
		var groups []rollup.Group
		for i := first; i <= last; i++ {
			groups = append(groups, groupOf(fmt.Sprintf("segment%d", i)))
		}
		logs := plog.NewLogs()
		rollup.AppendLogs(logs, "test", groups)
		require.NoError(t, e.ConsumeLogs(t.Context(), logs))
	}
	hits := func() int64 {
		t.Helper()
		documents := d.documents(t, "z_tyk_analyticz_aggregate_acme")
		require.Len(t, documents, 1)
		assert.Less(t, len(documents[0]), rememberedBytes+4000)
		return number(documents[0].Lookup("total", "hits"))
	}
	const enough = 9000 // to reach the bound more than once
	for i := range 9 {
		push(i*1000, (i+1)*1000-1)
	}
	rewritten := 0
	for _, update := range d.seen.of(t, "update") {
		if field(field(update, "updates").Value.(bson.A)[0].(bson.D), "u", "$set", appliedField) != nil {
			rewritten++
		}
	}
	assert.Equal(t, 2, rewritten, "seldom")
	assert.EqualValues(t, enough*1250, hits())
	push(enough-1000, enough-1)
	assert.EqualValues(t, enough*1250, hits(), "the last ones are remembered")
	e = d.start(t) // which has to read
	push(enough-1000, enough)
	assert.EqualValues(t, (enough+1)*1250, hits())
}

// A chunk that is not acknowledged comes again after the settings were changed: where
// both count a record in the same document, it counts once.
func testSettingsChangeWhileAChunkWaits(t *testing.T, server *peers.Mongo) {
	d := withAggregates(freshTarget(t, server))
	d.config.Collections.MCPAggregates = AggregatesConfig{}
	changed := hourly()
	changed.TrackAllPaths, changed.Ignore = true, []rollup.Dimension{rollup.Geo}
	require.NotEqual(t, hourly().Fingerprint(), changed.Fingerprint())
	require.NoError(t, aggregated(t, d.start(t), hourly(), chunkOf("seg", span(0, 29)...)))
	before := d.aggregates(t)
	require.NoError(t, aggregated(t, d.start(t), changed, chunkOf("seg", span(0, 29)...)))
	assert.Equal(t, before, d.aggregates(t))
	require.NoError(t, aggregated(t, d.start(t), changed, chunkOf("seg", span(0, 59)...)), "another cut under other settings")
	assert.Equal(t, hitsOf(t, server, span(0, 59)), d.hits(t))
}

// hits adds up the totals of the organisation's documents.
func (d target) hits(t testing.TB) int64 {
	t.Helper()
	var hits int64
	for _, document := range d.documents(t, "z_tyk_analyticz_aggregate_acme") {
		hits += number(document.Lookup("total", "hits"))
	}
	return hits
}

// hitsOf are those of a chunk that is counted once.
func hitsOf(t testing.TB, server *peers.Mongo, places []int) int64 {
	t.Helper()
	d := withAggregates(freshTarget(t, server))
	d.config.Retry.Enabled = true // where the server is busy
	require.NoError(t, aggregated(t, d.start(t), hourly(), chunkOf("seg", places...)))
	return d.hits(t)
}

// Pipelines of different settings that count different records of the same chunk add up.
func testPipelinesOfDifferentSettingsAddUp(t *testing.T, server *peers.Mongo) {
	d := withAggregates(freshTarget(t, server))
	d.config.Retry.Enabled = true // where the server is busy
	d.config.Collections.MCPAggregates = AggregatesConfig{}
	tracked := hourly()
	tracked.TrackAllPaths = true
	var even, odd []int
	for i := range 60 {
		if i%2 == 0 {
			even = append(even, i)
			continue
		}
		odd = append(odd, i)
	}
	for range 2 {
		require.NoError(t, aggregated(t, d.start(t), hourly(), chunkOf("seg", even...)))
		require.NoError(t, aggregated(t, d.start(t), tracked, chunkOf("seg", odd...)))
	}
	assert.Equal(t, hitsOf(t, server, span(0, 59)), d.hits(t))
}

// Nothing of the memory stays in the database once nobody wrote a document for the
// retention; documents of today keep theirs, and so does one that was written late.
func testOldDocumentsForget(t *testing.T, server *peers.Mongo) {
	d := withAggregates(freshTarget(t, server))
	d.config.Collections.Aggregates.UseMixedCollection = false
	e := d.start(t)
	push := func(bucket time.Time, segments int) {
		t.Helper()
		var groups []rollup.Group
		for i := range segments {
			g := groupOf(fmt.Sprintf("segment%d", i))
			g.Bucket = bucket
			groups = append(groups, g)
		}
		logs := plog.NewLogs()
		rollup.AppendLogs(logs, "test", groups)
		require.NoError(t, e.ConsumeLogs(t.Context(), logs))
	}
	now := time.Now().UTC().Truncate(time.Hour)
	const hour = 1000
	push(now.Add(-100*time.Hour), hour)
	push(now, hour)
	inner := newStore(d.config, d.config.enabledKinds(), zap.NewNop(), nil)
	defer func() { require.NoError(t, inner.close(t.Context())) }()
	sizes := func(at time.Time) (old, today int) {
		t.Helper()
		require.NoError(t, inner.forget(t.Context(), at))
		for _, document := range d.documents(t, rollupPrefix+"acme") {
			if document.Lookup("timestamp").Time().Equal(now) {
				today = len(document)
				continue
			}
			old = len(document)
		}
		return old, today
	}
	old, today := sizes(now.Add(time.Hour))
	assert.Greater(t, old, hour*300, "its bucket is old, but it was written today")
	assert.Greater(t, today, hour*300)
	old, today = sizes(now.Add(d.config.Retention - time.Hour))
	assert.Greater(t, min(old, today), hour*300)
	old, today = sizes(now.Add(d.config.Retention + 2*time.Hour))
	assert.Less(t, max(old, today), 1000)
	push(now.Add(-100*time.Hour), hour+1) // the writer knows another revision, and reads
	for _, document := range d.documents(t, rollupPrefix+"acme") {
		if !document.Lookup("timestamp").Time().Equal(now) {
			assert.EqualValues(t, (2*hour+1)*1250, number(document.Lookup("total", "hits")))
		}
	}
}

// A replayed dead letter may be counted in a document that has forgotten so; records have
// identities for ever.
func testForgottenReplay(t *testing.T, server *peers.Mongo) {
	d := withAggregates(freshTarget(t, server))
	d.config.Collections.Requests.Enabled = true
	e := d.start(t)
	replayed := func() plog.Logs {
		logs := chunkOf("seg", 1, 2, 3)
		analytics.StampGivenUp(logs.ResourceLogs().At(0).ScopeLogs().At(0).Scope(), time.Now().Add(-2*d.config.Retention))
		return logs
	}
	require.NoError(t, aggregated(t, e, hourly(), chunkOf("seg", 1, 2, 3)))
	before := d.aggregates(t)
	inner := newStore(d.config, d.config.enabledKinds(), zap.NewNop(), nil)
	defer func() { require.NoError(t, inner.close(t.Context())) }()
	require.NoError(t, inner.forget(t.Context(), time.Now().Add(d.config.Retention+2*time.Hour)))
	reasons := refusedOf(t, aggregated(t, e, hourly(), replayed()))
	assert.Len(t, reasons, 3)
	assert.Contains(t, reasons[1], "forgotten: ")
	assert.Equal(t, before, d.aggregates(t))
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), replayed()))
	}
	assert.Equal(t, 3, d.count(t, "tyk_analytics"))
}

func TestLateWritesAreLookedAtOnceTheyAreOld(t *testing.T) {
	t.Parallel()
	const retention = 72 * time.Hour
	start := sinktest.Time
	var a aging
	at := func(hours int) time.Time { return start.Add(time.Duration(hours) * time.Hour) }
	assert.Zero(t, a.since(at(0)), "all at the start")
	a.looked(at(0), retention)
	assert.Equal(t, at(-72), a.since(at(1)))
	a.looked(at(1), retention)
	assert.Zero(t, a.since(at(72)), "all that others wrote before the start")
	a.looked(at(72), retention)
	a.wrote(at(72), at(72))
	assert.Equal(t, at(0), a.since(at(73)))
	a.wrote(at(-500), at(80))
	a.looked(at(100), retention)
	assert.Equal(t, at(-500), a.since(at(101)), "too young when it was looked at")
	a.looked(at(153), retention)
	assert.Equal(t, at(81), a.since(at(154)))
}
