package tykmongoexporter

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func testChunkAgain(t *testing.T, server *peers.Mongo) {
	d := withAll(freshTarget(t, server))
	e := d.start(t)
	for range 3 {
		require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 499)))
	}
	d.assertPaths(t, 0, 499)
	assert.Equal(t, 500, d.count(t, "z_tyk_analyticz_acme"))
}

func testOverlap(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 100, 199)))
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 50, 249)))
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 299)))
	d.assertPaths(t, 0, 299)
}

func testRepeatedInPush(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	logs := samples("seg", 0, 9)
	samples("seg", 5, 14).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	samples("other", 15, 19).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), logs))
	d.assertPaths(t, 0, 19)
}

func testWithoutIdentity(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	e := d.start(t)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), samples("", 0, 9)))
	}
	assert.Equal(t, 20, d.count(t, "tyk_analytics"))
}

func testForeignIdentities(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	e := d.start(t)
	uids := []string{
		"01ARZ3NDEKTSV4RRFFQ69G5FAV", "550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-4466554400zz",
		"with\x00nul-1", "seg", "seg-0", "seg--1", "-", "seg-99999999999999999999", string(make([]byte, 5000)), "invalid\xff-7",
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
	d.assertPaths(t, 0, len(uids)-1)
}

func testConcurrentSame(t *testing.T, server *peers.Mongo) {
	d := withAll(freshTarget(t, server))
	exporters := []func(int) error{}
	for range 2 {
		e := d.start(t)
		exporters = append(exporters, func(worker int) error {
			first := worker * 7
			return e.ConsumeLogs(t.Context(), samples("seg", first, first+59))
		})
	}
	var wg sync.WaitGroup
	for worker := range 12 {
		wg.Go(func() {
			for range 2 {
				assert.NoError(t, exporters[worker%2](worker))
			}
		})
	}
	wg.Wait()
	require.NoError(t, exporters[0](0))
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 149)))
	d.assertPaths(t, 0, 149)
	assert.Equal(t, 150, d.count(t, "z_tyk_analyticz_acme"))
}

func testAnySubsets(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	e := d.start(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		segment := "run" + strconv.Itoa(run)
		union := map[string]bool{}
		for range rapid.IntRange(1, 4).Draw(rt, "pushes") {
			logs := plog.NewLogs()
			slice := analytics.AppendScope(logs)
			for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 40), 0, 20, rapid.ID).Draw(rt, "indices") {
				record := sinktest.Sample(i)
				union[record.Path] = true
				record.ToLog(slice.AppendEmpty(), uidOf(segment, int64(i)))
			}
			if err := e.ConsumeLogs(t.Context(), logs); err != nil {
				rt.Fatal(err)
			}
		}
		cursor, err := d.db.Collection("tyk_analytics").Find(t.Context(), bson.D{})
		if err != nil {
			rt.Fatal(err)
		}
		var stored []struct{ Path string }
		if err := cursor.All(t.Context(), &stored); err != nil || len(stored) != len(union) {
			rt.Fatalf("%d documents of %d records, %v", len(stored), len(union), err)
		}
		for _, document := range stored {
			if !union[document.Path] {
				rt.Fatalf("%s was not pushed", document.Path)
			}
		}
		// The server looks at all documents for some of them, so that many make it slow.
		if err := d.db.Collection("tyk_analytics").Drop(t.Context()); err != nil {
			rt.Fatal(err)
		}
	})
}

func testEmpty(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), plog.NewLogs()))
	record := sinktest.Sample(0)
	record.MCP.IsMCP = true
	network := sinktest.Sample(1)
	network.ResponseCode = networkCode
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, record, network)))
	assert.Zero(t, d.count(t, "tyk_analytics"))
	assert.Empty(t, d.seen.of(t, "insert"))
}

// Answers are lost after the server stored what it was asked to.
func TestLostAnswersLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	d = withRetries(d)
	e := d.start(t)
	var mu sync.Mutex
	random, cuts := rand.New(rand.NewPCG(1, 2)), 0
	l.on(func(command bson.Raw) *verdict {
		mu.Lock()
		defer mu.Unlock()
		if !named(command, "insert") || random.IntN(3) != 0 {
			return nil
		}
		cuts++
		return &verdict{cut: true, pass: random.IntN(2) == 0}
	})
	var wg sync.WaitGroup
	for worker := range 3 {
		wg.Go(func() {
			for chunk := range 10 {
				first := (worker*10 + chunk) * 20
				assert.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", first, first+19)))
			}
		})
	}
	wg.Wait()
	d.assertPaths(t, 0, 599)
	mu.Lock()
	defer mu.Unlock()
	assert.Positive(t, cuts)
}

func TestIdentitiesAreSpreadAndOrdered(t *testing.T) {
	t.Parallel()
	var ids, again identities
	seen := map[bson.ObjectID]string{}
	for segment := range 50 {
		previous := bson.NilObjectID
		for index := range int64(200) {
			uid := uidOf(fmt.Sprintf("9f86d081.%d.a1b2c3", segment), index)
			id := ids.of(uid, sinktest.Time)
			require.Equal(t, id, again.of(uid, sinktest.Time.Add(time.Millisecond)), "the part of a second does not count")
			require.Empty(t, seen[id])
			require.Equal(t, sinktest.Time.Unix(), id.Timestamp().Unix())
			if index > 0 {
				require.Greater(t, id.Hex(), previous.Hex(), "neighbours stay neighbours in the index")
			}
			seen[id], previous = uid, id
		}
	}
	fresh := ids.of("", sinktest.Time)
	assert.NotEqual(t, fresh, ids.of("", sinktest.Time))
	assert.NotEqual(t, ids.of("a-0", sinktest.Time), ids.of("a", sinktest.Time))
	assert.NotEqual(t, ids.of("a-0", sinktest.Time), ids.of("b-0", sinktest.Time))
	assert.NotEqual(t, ids.of("a-0", sinktest.Time), ids.of("a-0", sinktest.Time.Add(time.Second)))
	// The same for ever: another derivation would store again what is redelivered to a new version.
	assert.Equal(t, "6a86d2c0ab4f14b97a9488df", ids.of("9f86d081.1.a1b2c3-1", sinktest.Time).Hex())
}
