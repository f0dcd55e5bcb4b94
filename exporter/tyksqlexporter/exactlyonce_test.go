package tyksqlexporter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// exactlyOnceTests hold for each database.
var exactlyOnceTests = map[string]func(*testing.T, newTarget){
	"a chunk delivered again is skipped":                       testChunkAgain,
	"an overlapping delivery adds only what is new":            testOverlap,
	"disjoint subsets of a chunk are both stored":              testSubsets,
	"several segments travel in one push":                      testSegments,
	"a record twice in a push is stored once":                  testRepeatedInPush,
	"a push in any order is stored":                            testAnyOrder,
	"records without identity are stored each time":            testWithoutIdentity,
	"identities of others are identities":                      testForeignIdentities,
	"the same chunk delivered at once is stored once":          testConcurrentSame,
	"overlapping pushes at once store each record once":        testConcurrentOverlap,
	"any sequence of subsets stores their union":               testAnySubsets,
	"MCP records are left out":                                 testMCP,
	"a push of nothing but MCP records is no fault":            testOnlyMCP,
	"a push without records is no fault":                       testEmpty,
	"foreign log records are refused and neighbours stored":    testForeignRecords,
	"old ledger rows are deleted in bounded steps":             testPrune,
	"ledger rows name exactly what was applied":                testLedgerRows,
	"dirty text and numbers are cleaned and neighbours stored": testCleaning,
}

func testChunkAgain(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	for range 3 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 499)))
	}
	assert.EqualValues(t, 500, d.rows(t))
	assert.EqualValues(t, 1, d.number(t, "select count(*) from otelcol_tyk_ledger"))
}

func testOverlap(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 100, 199)))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 50, 249)))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 299)))
	assertPaths(t, d, 0, 299)
}

// assertPaths checks that the samples from first to last are stored, each once.
func assertPaths(t *testing.T, d target, first, last int) {
	t.Helper()
	seen := map[string]int{}
	for _, path := range d.texts(t, "select path from tyk_analytics") {
		seen[path]++
	}
	assert.Len(t, seen, last-first+1)
	for i := first; i <= last; i++ {
		if path := fmt.Sprintf("/items/%d", i); seen[path] != 1 {
			assert.Failf(t, "not stored once", "%s: %d times", path, seen[path])
		}
	}
}

func testSubsets(t *testing.T, fresh newTarget) {
	d := fresh(t)
	one, other := d.start(t), d.start(t)
	even := func(i int) bool { return i%2 == 0 }
	odd := func(i int) bool { return i%2 == 1 }
	for range 2 {
		require.NoError(t, one.ConsumeLogs(t.Context(), picked(sinktest.Samples("seg", 0, 199), even)))
		require.NoError(t, other.ConsumeLogs(t.Context(), picked(sinktest.Samples("seg", 0, 199), odd)))
	}
	assertPaths(t, d, 0, 199)
	assert.EqualValues(t, 2, d.number(t, "select count(*) from otelcol_tyk_ledger where members is not null"))
}

func testSegments(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	push := func() plog.Logs {
		logs := sinktest.Samples("b", 10, 19)
		sinktest.Samples("a", 0, 9).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
		sinktest.Samples("c", 20, 29).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
		return logs
	}
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("a", 5, 7)))
	require.NoError(t, e.ConsumeLogs(t.Context(), push()))
	require.NoError(t, e.ConsumeLogs(t.Context(), push()))
	assertPaths(t, d, 0, 29)
}

func testRepeatedInPush(t *testing.T, fresh newTarget) {
	d := fresh(t)
	logs := sinktest.Samples("seg", 0, 9)
	sinktest.Samples("seg", 5, 14).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), logs))
	assertPaths(t, d, 0, 14)
}

func testAnyOrder(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	logs := sinktest.Samples("seg", 10, 19)
	sinktest.Samples("seg", 0, 9).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	require.NoError(t, e.ConsumeLogs(t.Context(), logs))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 19)))
	assertPaths(t, d, 0, 19)
	assert.Equal(t, []string{"0-19"}, d.texts(t, "select first_index || '-' || last_index from otelcol_tyk_ledger"))
}

func testWithoutIdentity(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("", 0, 9)))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("", 0, 9)))
	assert.EqualValues(t, 20, d.rows(t))
	assert.Zero(t, d.number(t, "select count(*) from otelcol_tyk_ledger"))
}

func testForeignIdentities(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	uids := []string{
		"01ARZ3NDEKTSV4RRFFQ69G5FAV", "550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-4466554400zz",
		"with\x00nul-1", "seg--1", "-", "seg-99999999999999999999", string(make([]byte, 5000)), "invalid\xff-7",
	}
	push := func() plog.Logs {
		logs := plog.NewLogs()
		slice := analytics.AppendScope(logs)
		for i, uid := range uids {
			record := sinktest.Sample(i)
			record.ToLog(slice.AppendEmpty(), uid)
		}
		return logs
	}
	require.NoError(t, e.ConsumeLogs(t.Context(), push()))
	require.NoError(t, e.ConsumeLogs(t.Context(), push()))
	assertPaths(t, d, 0, len(uids)-1)
}

// untilStored pushes as the receiver would: again and again until it is stored.
func untilStored(t *testing.T, push func() error) {
	for push() != nil {
		if t.Context().Err() != nil {
			assert.Fail(t, "the test ended before a push was stored")
			return
		}
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // the receiver's own backoff
	}
}

func testConcurrentSame(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e, other := d.start(t), d.start(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			consume := e.ConsumeLogs
			if i%2 == 1 {
				consume = other.ConsumeLogs
			}
			untilStored(t, func() error { return consume(t.Context(), sinktest.Samples("seg", 0, 999)) })
		})
	}
	wg.Wait()
	assertPaths(t, d, 0, 999)
}

func testConcurrentOverlap(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e, other := d.start(t), d.start(t)
	var wg sync.WaitGroup
	for worker := range 12 {
		wg.Go(func() {
			consume := e.ConsumeLogs
			if worker%2 == 1 {
				consume = other.ConsumeLogs
			}
			for round := range 5 {
				first := (worker*37 + round*61) % 300
				untilStored(t, func() error {
					return consume(t.Context(), picked(sinktest.Samples("seg", first, first+199), func(i int) bool { return i%3 != worker%3 }))
				})
			}
		})
	}
	wg.Wait()
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 499)))
	assertPaths(t, d, 0, 499)
}

func testAnySubsets(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		segment := "run" + strconv.Itoa(run)
		union := map[int]bool{}
		for range rapid.IntRange(1, 5).Draw(rt, "pushes") {
			indices := rapid.SliceOfNDistinct(rapid.IntRange(0, 40), 0, 20, rapid.ID).Draw(rt, "indices")
			logs := plog.NewLogs()
			slice := analytics.AppendScope(logs)
			for _, i := range indices {
				union[i] = true
				record := sinktest.Sample(i)
				record.APIID = segment
				record.ToLog(slice.AppendEmpty(), analytics.UID{Segment: segment, Index: int64(i)}.String())
			}
			if err := e.ConsumeLogs(t.Context(), logs); err != nil {
				rt.Fatal(err)
			}
		}
		stored := d.texts(t, "select path from tyk_analytics where apiid = '"+segment+"'")
		if len(stored) != len(union) {
			rt.Fatalf("%d rows of %d records", len(stored), len(union))
		}
		for _, path := range stored {
			var i int
			if _, err := fmt.Sscanf(path, "/items/%d", &i); err != nil || !union[i] {
				rt.Fatalf("%s was not pushed", path)
			}
		}
	})
}

func testMCP(t *testing.T, fresh newTarget) {
	d := fresh(t)
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2)}
	records[1].MCP = analytics.MCPStats{IsMCP: true, JSONRPCMethod: "tools/call"}
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.Equal(t, []string{"/items/0", "/items/2"}, d.texts(t, "select path from tyk_analytics order by path"))
}

func testOnlyMCP(t *testing.T, fresh newTarget) {
	d := fresh(t)
	record := sinktest.Sample(0)
	record.MCP.IsMCP = true
	e := d.start(t)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, record)))
	}
	assert.Zero(t, d.rows(t))
}

func testEmpty(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), plog.NewLogs()))
	logs := plog.NewLogs()
	analytics.AppendScope(logs)
	require.NoError(t, e.ConsumeLogs(t.Context(), logs))
	assert.Zero(t, d.rows(t))
}

func testForeignRecords(t *testing.T, fresh newTarget) {
	d := fresh(t)
	logs := sinktest.Samples("seg", 0, 4)
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	records.At(1).SetEventName("other")
	records.At(3).SetEventName("")
	e := d.start(t)
	for range 2 {
		err := e.ConsumeLogs(t.Context(), logs)
		require.True(t, consumererror.IsPermanent(err))
		assert.Equal(t, map[int64]string{
			1: `foreign: not an analytics record: its event name is "other", want "tyk.request"`,
			3: `foreign: not an analytics record: its event name is "", want "tyk.request"`,
		}, refusedOf(t, err))
	}
	assert.EqualValues(t, 3, d.rows(t))
}

// refusedOf reads which records of the segment seg an error names, and why.
func refusedOf(t *testing.T, err error) map[int64]string {
	t.Helper()
	require.Error(t, err)
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.True(t, consumererror.IsPermanent(err))
	reasons := map[int64]string{}
	for _, r := range refused.Records {
		assert.Equal(t, "seg", r.UID.Segment)
		reasons[r.UID.Index] = r.Reason
	}
	return reasons
}

func testPrune(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.config.Ledger.Retention = 0 // the test does it
	d.start(t)
	s := openStore(t, d.config)
	for i := range 7 {
		b := push.NewBatch(sinktest.Samples("seg"+strconv.Itoa(i), 0, 0), requests...)
		require.NoError(t, s.Write(t.Context(), b))
		b.Release()
	}
	assert.EqualValues(t, 7, d.number(t, "select count(*) from otelcol_tyk_ledger"))
	_, err := d.db.ExecContext(t.Context(), "insert into otelcol_tyk_ledger (sink, segment, first_index, last_index) values ('tyk_analytics/0123456789abcdef', 'a', 0, 0), ('tyk_analytics_graph', 'a', 0, 0), ('other', 'a', 0, 0)")
	require.NoError(t, err)
	n, _, err := s.Prune(t.Context(), time.Hour, 3)
	require.NoError(t, err)
	assert.Zero(t, n, "nothing is an hour old")
	for _, want := range []int64{3, 3, 2, 0} {
		n, more, err := s.Prune(t.Context(), -time.Hour, 3)
		require.NoError(t, err)
		assert.Equal(t, want, n)
		assert.Equal(t, want == 3, more)
	}
	assert.Equal(t, []string{"other", "tyk_analytics_graph"}, d.texts(t, "select sink from otelcol_tyk_ledger order by 1"), "what other exporters remember stays")
	assert.EqualValues(t, 7, d.rows(t))
}

// openStore opens the database beside the exporter.
func openStore(t testing.TB, config *Config) *engine.Store {
	t.Helper()
	e := newTestExporter(t, config)
	require.NoError(t, e.store.Open(t.Context()))
	t.Cleanup(func() { require.NoError(t, e.store.Close()) })
	return e.store
}

func testLedgerRows(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 3, 9)))
	require.NoError(t, e.ConsumeLogs(t.Context(), picked(sinktest.Samples("seg", 0, 12), func(i int) bool { return i != 1 })))
	assert.Equal(t, []string{"tyk_analytics seg 0 12", "tyk_analytics seg 3 9"},
		d.texts(t, "select sink || ' ' || segment || ' ' || first_index || ' ' || last_index from otelcol_tyk_ledger order by first_index"))
	s := push.Span{First: 0, Last: 12}
	require.NoError(t, d.db.QueryRowContext(t.Context(), "select members from otelcol_tyk_ledger where first_index = 0").Scan(&s.Members))
	for i := range int64(13) {
		assert.Equal(t, i == 0 || i == 2 || i > 9, s.Contains(i), i)
	}
}

func testCleaning(t *testing.T, fresh newTarget) {
	d := fresh(t)
	records := make([]analytics.Record, 0, 50)
	for i := range 50 {
		records = append(records, sinktest.Sample(i))
	}
	dirty := &records[25]
	dirty.Path = "/nul\x00and\x00nul"
	dirty.RawPath = "/bad\xff\xfeutf8"
	dirty.Tags = []string{"nul\x00", "bad\xff", "fine"}
	dirty.Geo.CityNames = map[string]string{"k\x00": "v\xff"}
	require.NoError(t, d.start(t).ConsumeLogs(context.Background(), sinktest.Push("seg", 0, records...)))
	assert.EqualValues(t, 50, d.rows(t))
	assert.Equal(t, []string{"/nul\uFFFDand\uFFFDnul"}, d.texts(t, "select path from tyk_analytics where alias = 'mobile' and rawpath like '/bad%'"))
}
