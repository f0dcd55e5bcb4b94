package tykmongoexporter

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// withAggregates enables nothing but rollups.
func withAggregates(d target) target {
	d.config.Collections.Requests.Enabled = false
	d.config.Timeout.Timeout = 5 * time.Minute // the server takes long for large documents
	d.config.Collections.Aggregates = AggregatesConfig{Enabled: true, UseMixedCollection: true}
	d.config.Collections.MCPAggregates = AggregatesConfig{Enabled: true, UseMixedCollection: true}
	return d
}

func hourly() rollup.Settings { return rollup.Settings{Minutes: 60, Zone: "UTC", MaxValues: 1000} }

// aggregated pushes the rollups of a chunk, and makes them anew where the store wants
// another cut, as the processor does.
func aggregated(t testing.TB, to consumer.Logs, settings rollup.Settings, logs plog.Logs) error {
	t.Helper()
	a, err := rollup.NewAggregator(settings)
	require.NoError(t, err)
	var cut rollup.Cut
	for {
		groups, _ := a.Aggregate(logs, cut)
		rollups := plog.NewLogs()
		rollup.AppendLogs(rollups, "test", groups)
		err := to.ConsumeLogs(t.Context(), rollups)
		overlap, ok := errors.AsType[*rollup.OverlapError](err)
		if !ok {
			return err
		}
		assert.True(t, consumererror.IsPermanent(err))
		if cut, err = cut.With(overlap.Overlaps); err != nil {
			return err
		}
	}
}

// varied is a record of some hour, API, key, status and so on.
func varied(i int) analytics.Record {
	r := sinktest.Sample(i)
	r.TimeStamp = sinktest.Time.Add(time.Duration(i%3-1) * 53 * time.Minute).Add(time.Duration(i) * 1_700_000)
	r.APIID = "api" + strconv.Itoa(i%2)
	r.APIKey = []string{"key.with.dots", "$dollar", "k1", ""}[i%4]
	r.OauthID = []string{"", "client", "a$b"}[i%3]
	r.ResponseCode = int64([]int{200, 200, 404, 500, 302, -1}[i/3%6])
	r.RequestTime, r.Latency.Total, r.Latency.Upstream = int64(10+i%17), int64(10+i%17), int64(3+i%11)
	r.Network.BytesIn = int64(i)
	r.TrackPath = i%2 == 0
	r.Path = "/v1.2/$" + strconv.Itoa(i%3)
	r.Alias = "alias" + strconv.Itoa(i%5)
	if i%5 == 4 {
		r.MCP = analytics.MCPStats{IsMCP: true, JSONRPCMethod: "tools/call", PrimitiveType: "tool", PrimitiveName: "get.weather"}
	}
	return r
}

// chunkOf is a chunk of varied records, by their places in a segment.
func chunkOf(segment string, places ...int) plog.Logs {
	logs := plog.NewLogs()
	slice := analytics.AppendScope(logs)
	for _, i := range places {
		r := varied(i)
		r.ToLog(slice.AppendEmpty(), uidOf(segment, int64(i)))
	}
	return logs
}

func span(first, last int) []int {
	var list []int
	for i := first; i <= last; i++ {
		list = append(list, i)
	}
	return list
}

// aggregates reads all documents of rollups, as canonical text without what tells
// their history, by collection.
func (d target) aggregates(t testing.TB) map[string][]string {
	t.Helper()
	names, err := d.db.ListCollectionNames(t.Context(), bson.D{})
	require.NoError(t, err)
	all := map[string][]string{}
	for _, name := range names {
		for _, raw := range d.documents(t, name) {
			var document bson.D
			require.NoError(t, bson.Unmarshal(raw, &document))
			document = slices.DeleteFunc(document, func(e bson.E) bool { return e.Key == ownField })
			all[name] = append(all[name], canonical(t, document))
		}
		slices.Sort(all[name])
	}
	return all
}

// The same records in whatever cuts, orders and repetitions end in the same documents.
func testAnyCutsEndInTheSameDocuments(t *testing.T, server *peers.Mongo) {
	const records = 60
	reference := withAggregates(freshTarget(t, server))
	require.NoError(t, aggregated(t, reference.start(t), hourly(), chunkOf("seg", span(0, records-1)...)))
	want := reference.aggregates(t)
	require.Len(t, want, 4)
	require.Len(t, want["z_tyk_analyticz_aggregate_acme"], 3, "three hours")
	require.Equal(t, want["z_tyk_analyticz_aggregate_acme"], want["tyk_analytics_aggregates"])

	d := withAggregates(freshTarget(t, server))
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 0))
		replicas := []consumer.Logs{d.start(t), d.start(t)} // which know nothing of former rounds, nor of each other
		order := random.Perm(records)
		for len(order) > 0 {
			n := 1 + random.IntN(len(order))
			for _, e := range replicas[:1+random.IntN(2)] {
				chunk := append(slices.Clone(order[:n]), random.Perm(records)[:random.IntN(10)]...) // some are delivered again
				slices.Sort(chunk)
				require.NoError(t, aggregated(t, e, hourly(), chunkOf("seg", slices.Compact(chunk)...)))
			}
			order = order[n:]
		}
		got := d.aggregates(t)
		for name := range want {
			require.Equal(t, want[name], got[name], "%s, seed %d", name, seed)
			require.NoError(t, d.db.Collection(name).Drop(t.Context()))
		}
	}
}

// Writers of several processes and in several goroutines, the same chunks and others.
func testConcurrentWriters(t *testing.T, server *peers.Mongo) {
	reference := withAggregates(freshTarget(t, server))
	d := withRetries(withAggregates(freshTarget(t, server)))
	exporters := []consumer.Logs{d.start(t), d.start(t)}
	const chunks, size = 5, 20
	var wg sync.WaitGroup
	for chunk := range chunks {
		for worker := range 3 { // each chunk three times at once
			wg.Go(func() {
				logs := chunkOf("seg", span(chunk*size, chunk*size+size-1)...)
				assert.NoError(t, aggregated(t, exporters[(chunk+worker)%2], hourly(), logs))
			})
		}
	}
	wg.Wait()
	require.NoError(t, aggregated(t, reference.start(t), hourly(), chunkOf("seg", span(0, chunks*size-1)...)))
	assert.Equal(t, reference.aggregates(t), d.aggregates(t), "one document for each bucket, and all of it right")
}

// Answers get lost after and before the write, and the exporter is one that retries.
func TestRollupsWhoseAnswersAreLostCountOnce(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	d, l := startLink(t, server)
	d = withRetries(withAggregates(d))
	var mu sync.Mutex
	random, cuts := rand.New(rand.NewPCG(3, 4)), 0
	e := d.start(t)
	l.on(func(command bson.Raw) *verdict {
		mu.Lock()
		defer mu.Unlock()
		if !named(command, "update") && !named(command, "insert") || random.IntN(3) != 0 {
			return nil
		}
		cuts++
		return &verdict{cut: true, pass: random.IntN(2) == 0}
	})
	var wg sync.WaitGroup
	for worker := range 2 {
		wg.Go(func() {
			for chunk := range 4 {
				first := (worker*4 + chunk) * 10
				assert.NoError(t, aggregated(t, e, hourly(), chunkOf("seg", span(first, first+9)...)))
			}
		})
	}
	wg.Wait()
	reference := withAggregates(freshTarget(t, server))
	require.NoError(t, aggregated(t, reference.start(t), hourly(), chunkOf("seg", span(0, 79)...)))
	assert.Equal(t, reference.aggregates(t), d.aggregates(t))
	mu.Lock()
	defer mu.Unlock()
	assert.Positive(t, cuts)
}

func TestRollupsSurviveOutages(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	d := withRetries(withAggregates(freshTarget(t, server)))
	e := d.start(t)
	var wg sync.WaitGroup
	stored := make(chan struct{}, 100)
	for worker := range 3 {
		wg.Go(func() {
			for chunk := range 6 {
				first := (worker*6 + chunk) * 10
				assert.NoError(t, aggregated(t, e, hourly(), chunkOf("seg", span(first, first+9)...)))
				stored <- struct{}{}
			}
		})
	}
	for range 2 {
		for range 5 {
			<-stored
		}
		server.Kill()
		require.NoError(t, server.Start(t.Context()))
	}
	wg.Wait()
	reference := withAggregates(freshTarget(t, server))
	require.NoError(t, aggregated(t, reference.start(t), hourly(), chunkOf("seg", span(0, 179)...)))
	assert.Equal(t, reference.aggregates(t), d.aggregates(t))
}

func testKeysAreEscaped(t *testing.T, server *peers.Mongo) {
	d := withAggregates(freshTarget(t, server))
	records := make([]analytics.Record, 6)
	for i, key := range []string{"user@example.com", "$where", "a.$b.", ".", "nul\x00", "$"} {
		records[i] = sinktest.Sample(i)
		records[i].APIKey, records[i].APIID, records[i].OauthID, records[i].TrackPath = key, key, key, true
		records[i].Tags = []string{"$tag", "x\x00y"}
		records[i].Geo.CountryISOCode = "$."
	}
	require.NoError(t, aggregated(t, d.start(t), hourly(), sinktest.Push("seg", 0, records...)))
	documents := d.documents(t, "z_tyk_analyticz_aggregate_acme")
	require.Len(t, documents, 1)
	for _, dimension := range []string{"apikeys", "apiid", "oauthids", "keyendpoints", "oauthendpoints"} {
		var names []string
		elements, err := documents[0].Lookup(dimension).Document().Elements()
		require.NoError(t, err)
		for _, e := range elements {
			names = append(names, e.Key())
		}
		assert.ElementsMatch(t, []string{`user@example\u2ecom`, `\u24where`, `a\u2e$b\u2e`, `\u2e`, `nul\u00`, `\u24`}, names, dimension)
	}
	assert.Equal(t, "user@example.com", documents[0].Lookup("apikeys", `user@example\u2ecom`, "identifier").StringValue())
	list, err := documents[0].Lookup("lists", "apikeys").Array().Values()
	require.NoError(t, err)
	assert.Len(t, list, 6)
	assert.EqualValues(t, 6, documents[0].Lookup("geo", `\u24\u2e`, "hits").Int32())
}

// Beyond a size, further values are counted together; no sum gets lost, and an
// exporter that begins anew goes on so.
func testLargeDocumentsFold(t *testing.T, server *peers.Mongo) {
	d := withAggregates(freshTarget(t, server))
	d.config.Collections.MCPAggregates = AggregatesConfig{}
	d.config.Collections.Aggregates.UseMixedCollection = false
	settings := hourly()
	settings.MaxValues = 0
	const chunks, size = 6, 800
	var e consumer.Logs
	for chunk := range chunks {
		if chunk%2 == 0 {
			e = d.start(t)
		}
		records := make([]analytics.Record, size)
		for i := range records {
			records[i] = sinktest.Sample(i)
			records[i].APIKey = strconv.Itoa(chunk) + "-" + strconv.Itoa(i) + strings.Repeat("k", 1000)
			records[i].Tags = nil
		}
		// A busy server may not answer in time, which the pipeline would try again.
		require.Eventually(t, func() bool {
			return aggregated(t, e, settings, sinktest.Push("seg", int64(chunk*size), records...)) == nil
		}, sinktest.Long, 100*time.Millisecond)
	}
	documents := d.documents(t, "z_tyk_analyticz_aggregate_acme")
	require.Len(t, documents, 1)
	assert.Less(t, len(documents[0]), maxBSONBytes-1<<20)
	assert.Greater(t, len(documents[0]), 9<<20)
	keys, err := documents[0].Lookup("apikeys").Document().Elements()
	require.NoError(t, err)
	var hits int64
	for _, key := range keys {
		hits += number(key.Value().Document().Lookup("hits"))
	}
	assert.EqualValues(t, chunks*size, hits)
	assert.EqualValues(t, chunks*size, number(documents[0].Lookup("total", "hits")))
	others := number(documents[0].Lookup("apikeys", rollup.OtherValue, "hits"))
	assert.EqualValues(t, chunks*size-len(keys)+1, others)
	assert.Positive(t, others)
}

// A document that Tyk Pump began goes on, whatever its _id, and what the pump adds
// while we write is neither lost nor overwritten.
func testDocumentOfTykPumpGoesOn(t *testing.T, server *peers.Mongo) {
	d := withAggregates(freshTarget(t, server))
	const collection = "z_tyk_analyticz_aggregate_acme"
	bucket := sinktest.Time.Truncate(time.Hour)
	pump := func(update bson.D) {
		_, err := d.db.Collection(collection).UpdateOne(t.Context(), bson.D{{Key: "orgid", Value: "acme"}, {Key: "timestamp", Value: bucket}}, update)
		require.NoError(t, err)
	}
	counter := bson.D{
		{Key: "hits", Value: int32(3)},
		{Key: "success", Value: int32(3)},
		{Key: "errortotal", Value: int32(0)},
		{Key: "totalrequesttime", Value: 30.0},
		{Key: "totallatency", Value: int64(30)},
		{Key: "minlatency", Value: int64(1)},
		{Key: "totalupstreamlatency", Value: int64(9)},
		{Key: "maxlatency", Value: int64(90)},
		{Key: "identifier", Value: "x"},
	}
	_, err := d.db.Collection(collection).InsertOne(t.Context(), bson.D{
		{Key: "orgid", Value: "acme"},
		{Key: "timestamp", Value: bucket},
		{Key: "total", Value: counter},
		{Key: "apikeys", Value: bson.D{{Key: "user@example", Value: bson.D{{Key: "com", Value: counter}}}, {Key: "k1", Value: counter}}},
		{Key: "foreign", Value: "stays"},
	})
	require.NoError(t, err)
	e := d.start(t)
	r := sinktest.Sample(0)
	r.APIKey = "k1"
	require.NoError(t, aggregated(t, e, hourly(), sinktest.Push("seg", 0, r)))
	pump(bson.D{{Key: "$inc", Value: bson.D{{Key: "total.hits", Value: int32(5)}, {Key: "apikeys.k1.hits", Value: int32(5)}}}})
	require.NoError(t, aggregated(t, e, hourly(), sinktest.Push("seg", 1, r)))
	documents := d.documents(t, collection)
	require.Len(t, documents, 1)
	assert.EqualValues(t, 3+1+5+1, documents[0].Lookup("total", "hits").Int32())
	assert.EqualValues(t, 3+1+5+1, documents[0].Lookup("apikeys", "k1", "hits").Int32())
	assert.EqualValues(t, 1, documents[0].Lookup("total", "minlatency").Int64())
	assert.EqualValues(t, 90, documents[0].Lookup("total", "maxlatency").Int64())
	assert.InDelta(t, (30.0+2*23)/10, documents[0].Lookup("total", "latency").Double(), 1e-9)
	assert.Equal(t, "stays", documents[0].Lookup("foreign").StringValue())
	list, err := documents[0].Lookup("lists", "apikeys").Array().Values()
	require.NoError(t, err)
	assert.Len(t, list, 1, "what Tyk Pump made of a key with dots is no counter")
}

// What a write is, whatever the driver adds.
func testUpdateCommand(t *testing.T, server *peers.Mongo) {
	d := withAggregates(freshTarget(t, server))
	d.config.Collections.Aggregates.UseMixedCollection = false
	e := d.start(t)
	for i := range 2 {
		require.NoError(t, aggregated(t, e, hourly(), sinktest.Push("seg", int64(i), sinktest.Sample(i))))
	}
	inserts, updates, finds := d.seen.of(t, "insert"), d.seen.of(t, "update"), d.seen.of(t, "find")
	require.Len(t, inserts, 1)
	require.Len(t, updates, 1)
	require.Len(t, finds, 1, "what was written is known")
	majority := bson.D{{Key: "w", Value: "majority"}}
	assert.Equal(t, bson.D{{Key: "level", Value: "majority"}}, field(finds[0], "readConcern").Value)
	assert.Equal(t, majority, field(inserts[0], "writeConcern").Value)
	assert.Equal(t, majority, field(updates[0], "writeConcern").Value)
	update := updates[0][1].Value.(bson.A)[0].(bson.D)
	id := bucketKey{org: "acme", bucket: sinktest.Time.Truncate(time.Hour).Unix()}.id()
	assert.Equal(t, id, field(inserts[0][1].Value.(bson.A)[0].(bson.D), "_id").Value)
	assert.Equal(t, bson.D{{Key: "_id", Value: id}, {Key: revisionField, Value: int64(1)}, {Key: "total.hits", Value: int64(1)}}, field(update, "q").Value)
	assert.Nil(t, field(update, "upsert"))
	assert.Equal(t, bson.D{{Key: revisionField, Value: int64(1)}}, field(update, "u", "$inc").Value)
	var operators []string
	for _, e := range field(update, "u").Value.(bson.D) {
		operators = append(operators, e.Key)
	}
	assert.Equal(t, []string{"$set", "$inc", "$push"}, operators, "which all databases have")
}

func testRollupsWithoutACollection(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	host := newStatusHost()
	e := d.startWith(t, nopSettings(), host)
	err := aggregated(t, e, hourly(), chunkOf("seg", 1, 7, 9))
	require.ErrorContains(t, err, "neither collections::aggregates::enabled nor collections::mcp_aggregates::enabled is true")
	assert.False(t, consumererror.IsPermanent(err), "they wait")
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, host.statuses())

	d = withAggregates(freshTarget(t, server))
	d.config.Collections.MCPAggregates = AggregatesConfig{}
	require.NoError(t, aggregated(t, d.start(t), hourly(), chunkOf("seg", span(0, 9)...)), "those of MCP are nobody's")
	assert.Equal(t, 0, d.count(t, "tyk_mcp_analytics_aggregate"))
}

func testOrganisationsThatCannotBeNamed(t *testing.T, server *peers.Mongo) {
	d := withAggregates(freshTarget(t, server))
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2)}
	records[1].OrgID = "with$dollar"
	reasons := refusedOf(t, aggregated(t, d.start(t), hourly(), sinktest.Push("seg", 0, records...)))
	assert.Equal(t, map[int64]string{1: `name: the organisation's id "with$dollar" cannot be in the name of a collection`}, reasons)
	assert.EqualValues(t, 2, number(d.documents(t, "z_tyk_analyticz_aggregate_acme")[0].Lookup("total", "hits")))
}

func TestRollupsThatTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	for name, c := range map[string]struct {
		answer  func(n int) *verdict
		refused string
		retried string
	}{
		"something unknown":        {answer: first(1, failed(28, "PathNotViable", "Cannot create field")), retried: "Cannot create field"},
		"too large once":           {answer: first(1, faulty(0, fault(0, 17419, "Resulting document after update is larger than 16777216")))},
		"too large for ever":       {answer: first(9, faulty(0, fault(0, 17419, "larger than 16777216"))), refused: "too_large: "},
		"validation":               {answer: first(1, faulty(0, fault(0, 121, "Document failed validation"))), retried: "failed validation"},
		"the command is too large": {answer: first(1, failed(10334, "BSONObjectTooLarge", "BSONObj size is invalid"))},
		"a write concern that is not known": {
			answer: first(1, failed(9, "FailedToParse", "unrecognized write concern")), retried: "unrecognized write concern",
		},
		"throttling":            {answer: first(1, failed(16500, "TooManyRequests", "RetryAfterMs=3")), retried: "Throttle (3ms)"},
		"somebody else wrote":   {answer: first(3, bson.D{{Key: "n", Value: int32(0)}, {Key: "ok", Value: 1.0}})},
		"somebody else made it": {answer: first(1, faulty(0, fault(0, 11000, "E11000 duplicate key")))},
		"not replicated": {answer: first(1, bson.D{
			{Key: "n", Value: int32(1)},
			{Key: "ok", Value: 1.0},
			{Key: "writeConcernError", Value: bson.D{{Key: "code", Value: int32(64)}, {Key: "errmsg", Value: "timed out"}}},
		}), retried: "timed out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, l := startLink(t, server)
			d = withAggregates(d)
			d.config.Collections.Aggregates.UseMixedCollection = false
			e := d.start(t)
			n := 0
			l.on(func(command bson.Raw) *verdict {
				if !named(command, "update") && !named(command, "insert") {
					return nil
				}
				n++
				return c.answer(n)
			})
			err := aggregated(t, e, hourly(), sinktest.Push("seg", 0, sinktest.Sample(0), sinktest.Sample(1)))
			switch {
			case c.refused != "":
				reasons := refusedOf(t, err)
				require.Len(t, reasons, 2)
				assert.Contains(t, reasons[1], c.refused)
				return
			case c.retried != "":
				require.ErrorContains(t, err, c.retried)
				assert.False(t, consumererror.IsPermanent(err))
				require.NoError(t, aggregated(t, e, hourly(), sinktest.Push("seg", 0, sinktest.Sample(0), sinktest.Sample(1))))
			default:
				require.NoError(t, err)
			}
			documents := d.documents(t, "z_tyk_analyticz_aggregate_acme")
			require.Len(t, documents, 1)
			assert.EqualValues(t, 2, number(documents[0].Lookup("total", "hits")))
		})
	}
}

// Writes that were too large count as tries, so that the last one may be one of them.
func TestTriesEndWhateverTheLastOneWas(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	d = withAggregates(d)
	d.config.Collections.Aggregates.UseMixedCollection = false
	d.config.Timeout.Timeout = 20 * time.Second
	e := d.start(t)
	tries := 0
	l.on(func(command bson.Raw) *verdict {
		if !named(command, "insert") {
			return nil
		}
		if tries++; tries == maxWrites {
			return &verdict{answer: faulty(0, fault(0, 17419, "larger than 16777216"))}
		}
		return &verdict{answer: bson.D{{Key: "n", Value: int32(0)}, {Key: "ok", Value: 1.0}}} // somebody else wrote
	})
	err := aggregated(t, e, hourly(), sinktest.Push("seg", 0, sinktest.Sample(0)))
	require.ErrorContains(t, err, "others write the document all the time")
	assert.False(t, consumererror.IsPermanent(err))
	l.on(nil)
	assert.Equal(t, maxWrites+1, tries)
	require.NoError(t, aggregated(t, e, hourly(), sinktest.Push("seg", 0, sinktest.Sample(0))))
}

// first answers the first commands so.
func first(most int, answer bson.D) func(int) *verdict {
	return func(n int) *verdict {
		if n > most {
			return nil
		}
		return &verdict{answer: answer}
	}
}

func TestIndexesOfRollupsAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	d = withAggregates(d)
	l.on(takesEveryIndex)
	require.NoError(t, aggregated(t, d.start(t), hourly(), chunkOf("seg", span(0, 9)...)))
	want := []string{
		`{"background":true,"expireAfterSeconds":{"$numberInt":"0"},"key":{"expireAt":{"$numberInt":"1"}},"name":"expireAt_1"}`,
		`{"background":true,"key":{"timestamp":{"$numberInt":"1"}},"name":"timestamp_1"}`,
		`{"background":true,"key":{"orgid":{"$numberInt":"1"}},"name":"orgid_1"}`,
	}
	assert.Equal(t, map[string][]string{
		"z_tyk_analyticz_aggregate_acme": want, "tyk_analytics_aggregates": want,
		"z_tyk_mcp_analyticz_aggregate_acme": want, "tyk_mcp_analytics_aggregate": want,
	}, d.asked(t))
}

// An update that fails for ever holds up others' until they show that it is to blame.
func TestRollupsAreRefusedByEvidence(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	d = withAggregates(d)
	d.config.Collections.Aggregates.UseMixedCollection = false
	e := d.start(t)
	l.on(func(command bson.Raw) *verdict {
		if !named(command, "insert") || command.Lookup("documents", "0", "timestamp").Time().After(sinktest.Time) {
			return nil
		}
		return &verdict{answer: faulty(0, fault(0, 28, "Cannot create field"))}
	})
	push := func() error {
		return aggregated(t, e, hourly(), sinktest.Push("seg", 0, sinktest.Sample(0), sinktest.Sample(1)))
	}
	for range 2 * sink.EqualFailures {
		err := push()
		require.ErrorContains(t, err, "Cannot create field")
		require.False(t, consumererror.IsPermanent(err), "nothing else was taken")
	}
	other := sinktest.Sample(2)
	other.TimeStamp = sinktest.Time.Add(time.Hour)
	require.NoError(t, aggregated(t, e, hourly(), sinktest.Push("another", 0, other)))
	reasons := refusedOf(t, push())
	assert.Len(t, reasons, 2)
	assert.Contains(t, reasons[1], "other: ")
}

// Others make documents, too: without a total, or with an _id of theirs.
func testDocumentsOfOthersAreTakenOver(t *testing.T, server *peers.Mongo) {
	for name, stub := range map[string]bson.D{
		"no counters":          {},
		"total is no document": {{Key: "total", Value: nil}},
		"a total without hits": {{Key: "total", Value: bson.D{{Key: "errortotal", Value: 1}}}},
		"hits are no integer":  {{Key: "total", Value: bson.D{{Key: "hits", Value: 0.5}}}},
		"_id is a text":        {{Key: "_id", Value: "acme/10"}, {Key: "total", Value: bson.D{{Key: "hits", Value: 0}}}},
	} {
		d := withAggregates(freshTarget(t, server))
		d.config.Collections.Aggregates.UseMixedCollection = false
		stub = append(stub, bson.E{Key: "orgid", Value: "acme"}, bson.E{Key: "timestamp", Value: bson.NewDateTimeFromTime(sinktest.Time.Truncate(time.Hour))})
		_, err := d.db.Collection(rollupPrefix+"acme").InsertOne(t.Context(), stub)
		require.NoError(t, err)
		e := d.start(t)
		for i := range int64(2) {
			require.NoError(t, aggregated(t, e, hourly(), sinktest.Push("seg", i, sinktest.Sample(int(i)))), name)
		}
		documents := d.documents(t, rollupPrefix+"acme")
		require.Len(t, documents, 1, name)
		assert.EqualValues(t, 2, number(documents[0].Lookup("total", "hits")), name)
	}
}

func TestDamagedRollupsWait(t *testing.T) {
	t.Parallel()
	d := withAggregates(targetOf(t, peers.StartMongo(t).FreshDatabase()))
	a, err := rollup.NewAggregator(hourly())
	require.NoError(t, err)
	groups, _ := a.Aggregate(chunkOf("seg", 1, 2, 3), nil)
	logs := plog.NewLogs()
	rollup.AppendLogs(logs, "test", groups)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().RemoveIf(func(plog.LogRecord) bool { return true })
	host := newStatusHost()
	err = d.startWith(t, nopSettings(), host).ConsumeLogs(t.Context(), logs)
	require.ErrorContains(t, err, "no component may cut a resource's log records apart")
	assert.False(t, consumererror.IsPermanent(err))
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, host.statuses())
}
