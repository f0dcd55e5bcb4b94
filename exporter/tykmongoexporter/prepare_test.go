package tykmongoexporter

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// takesEveryIndex lets the server, which knows no TTL, get all commands but those
// that make indexes.
func takesEveryIndex(command bson.Raw) *verdict {
	if !named(command, "createIndexes") {
		return nil
	}
	return &verdict{answer: bson.D{{Key: "ok", Value: 1.0}}}
}

// asked gives by collection the indexes that were asked for, each as Extended JSON.
func (d target) asked(t testing.TB) map[string][]string {
	t.Helper()
	asked := map[string][]string{}
	for _, command := range d.seen.of(t, "createIndexes") {
		name := command[0].Value.(string)
		for _, index := range field(command, "indexes").Value.(bson.A) {
			text, err := bson.MarshalExtJSON(sortedBesideKeys(index.(bson.D)), true, false)
			require.NoError(t, err)
			asked[name] = append(asked[name], string(text))
		}
	}
	return asked
}

// sortedBesideKeys sorts the options of an index, but not its keys, whose order counts.
func sortedBesideKeys(index bson.D) bson.D {
	slices.SortFunc(index, func(x, y bson.E) int { return slices.Compare([]byte(x.Key), []byte(y.Key)) })
	return index
}

func TestIndexesAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	d = withAll(d)
	l.on(takesEveryIndex)
	e := d.start(t)
	for segment := range 3 {
		require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", segment, segment)))
	}
	want := map[string][]string{}
	for collection, golden := range goldenCollections(t) {
		if collection == organisationPrefix {
			collection += "acme"
		}
		for _, text := range golden.Indexes {
			var index bson.D
			require.NoError(t, bson.UnmarshalExtJSON(text, true, &index))
			line, err := bson.MarshalExtJSON(sortedBesideKeys(index), true, false)
			require.NoError(t, err)
			want[collection] = append(want[collection], string(line))
		}
	}
	assert.Equal(t, want, d.asked(t), "each once, in this order")
	assert.Len(t, d.seen.of(t, "createIndexes"), 5, "one command for each collection")
}

func TestIndexesByDatabase(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	const expiring = `{"expireAfterSeconds":{"$numberInt":"0"},"key":{"expireAt":{"$numberInt":"1"}},"name":"expireAt_1"}`
	const apiid = `{"key":{"apiid":{"$numberInt":"1"}},"name":"apiid_1"}`
	const browser = `{"key":{"timestamp":{"$numberInt":"-1"},"apiid":{"$numberInt":"1"},"apikey":{"$numberInt":"1"},"responsecode":{"$numberInt":"1"}},"name":"logBrowserIndex"}`
	for name, c := range map[string]struct {
		kind DatabaseType
		want []string
	}{
		"DocumentDB": {AWSDocumentDB, []string{apiid, expiring, browser}},
		"Cosmos DB":  {CosmosDB, []string{apiid, browser}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, l := startLink(t, server)
			d.config.DatabaseType = c.kind
			d.config.Collections.Requests.Enabled, d.config.Collections.Organisations.Enabled = false, true
			l.on(takesEveryIndex)
			require.NoError(t, d.start(t).ConsumeLogs(t.Context(), samples("seg", 0, 9)))
			assert.Equal(t, map[string][]string{"z_tyk_analyticz_acme": c.want}, d.asked(t))
			require.NoError(t, d.start(t).ConsumeLogs(t.Context(), samples("seg", 0, 9)))
			assert.Len(t, d.asked(t)["z_tyk_analyticz_acme"], 2*len(c.want), "asked for at each start, although the collection exists")
		})
	}
}

func testExistingCollectionIsLeftAlone(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	_, err := d.db.Collection("tyk_analytics").InsertOne(t.Context(), bson.D{{Key: "path", Value: "/old"}})
	require.NoError(t, err)
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), samples("seg", 0, 9)))
	assert.Empty(t, d.asked(t))
	assert.Equal(t, 11, d.count(t, "tyk_analytics"))
}

func testEmptyCollectionIsIndexed(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	require.NoError(t, d.db.CreateCollection(t.Context(), "tyk_analytics"))
	d.start(t)
	assert.Len(t, d.asked(t)["tyk_analytics"], 3)
	assert.Equal(t, []string{"_id_", "apiid_1", "logBrowserIndex", "orgid_1"}, d.indexNames(t, "tyk_analytics"))
}

func (d target) indexNames(t testing.TB, collection string) []string {
	t.Helper()
	specifications, err := d.db.Collection(collection).Indexes().ListSpecifications(t.Context())
	require.NoError(t, err)
	var names []string
	for _, s := range specifications {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

func testOmittedIndexes(t *testing.T, server *peers.Mongo) {
	d := withAll(freshTarget(t, server))
	d.config.OmitIndexCreation = true
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), samples("seg", 0, 9)))
	assert.Empty(t, d.asked(t))
	assert.Empty(t, d.seen.of(t, "listCollections"))
	assert.Equal(t, 10, d.count(t, "tyk_analytics"))
}

// The server knows no TTL: it refuses all indexes for that one.
func testIndexThatIsNotTakenLeavesTheOthersAlone(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	d.config.Collections.Organisations.Enabled = true
	core, logged := observer.New(zap.WarnLevel)
	set := nopSettings()
	set.Logger = zap.New(core)
	e := d.startWith(t, set, componenttest.NewNopHost())
	for i := range 3 {
		require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", i, i)))
	}
	assert.Equal(t, []string{"_id_", "apiid_1", "logBrowserIndex"}, d.indexNames(t, "z_tyk_analyticz_acme"))
	assert.Equal(t, 3, d.count(t, "z_tyk_analyticz_acme"))
	assert.Equal(t, 1, logged.FilterMessage("cannot make an index; records are stored all the same").Len(), "once")
}

func testCappedCollections(t *testing.T, server *peers.Mongo) {
	d := withAll(freshTarget(t, server))
	d.config.CollectionCapEnable, d.config.CollectionCapMaxSizeBytes = true, 1<<20
	require.NoError(t, d.db.CreateCollection(t.Context(), "tyk_mcp_analytics"))
	core, logged := observer.New(zap.WarnLevel)
	set := nopSettings()
	set.Logger = zap.New(core)
	require.NoError(t, d.startWith(t, set, componenttest.NewNopHost()).ConsumeLogs(t.Context(), samples("seg", 0, 9)))
	specifications, err := d.db.ListCollectionSpecifications(t.Context(), bson.D{})
	require.NoError(t, err)
	capped := map[string]bool{}
	for _, s := range specifications {
		capped[s.Name], _ = s.Options.Lookup("capped").BooleanOK()
	}
	assert.Equal(t, map[string]bool{
		"tyk_analytics": true, "tyk_graph_analytics": true, "tyk_uptime_analytics": true,
		"tyk_mcp_analytics": false, "z_tyk_analyticz_acme": false,
	}, capped)
	creates := d.seen.of(t, "create")
	require.Len(t, creates, 3)
	assert.Equal(t, bson.D{{Key: "create", Value: "tyk_analytics"}, {Key: "capped", Value: true}, {Key: "size", Value: int64(1 << 20)}}, creates[0][:3])
	assert.Equal(t, 1, logged.FilterMessageSnippet("is not capped").Len())
	assert.Contains(t, d.indexNames(t, "tyk_analytics"), "logBrowserIndex", "Tyk Pump leaves the indexes out here")
}

func TestRightsToMakeCollectionsAreNotNeeded(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	l.on(func(command bson.Raw) *verdict {
		if named(command, "createIndexes") || named(command, "listCollections") {
			return &verdict{answer: failed(13, "Unauthorized", "not authorized")}
		}
		return nil
	})
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), samples("seg", 0, 9)))
	d.assertPaths(t, 0, 9)
}

func TestPreparationThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	var mu sync.Mutex
	attempts := 0
	l.on(func(command bson.Raw) *verdict {
		mu.Lock()
		defer mu.Unlock()
		if !named(command, "createIndexes") {
			return nil
		}
		attempts++
		if attempts <= 2 {
			return &verdict{answer: failed(11602, "InterruptedDueToReplStateChange", "interrupted")}
		}
		return nil
	})
	e := d.start(t)
	require.ErrorContains(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 9)), "prepare the collection tyk_analytics: (InterruptedDueToReplStateChange)")
	assert.Zero(t, d.count(t, "tyk_analytics"), "indexes come before the documents")
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 9)))
	d.assertPaths(t, 0, 9)
	require.Eventually(t, func() bool { return slices.Contains(d.indexNames(t, "tyk_analytics"), "logBrowserIndex") }, sinktest.Long, 10*time.Millisecond)
}

// The exact form of an insert, whatever the driver adds.
func testInsertCommand(t *testing.T, server *peers.Mongo) {
	for options, want := range map[string]bson.D{
		"":                        {{Key: "w", Value: "majority"}},
		"?w=2&journal=true":       {{Key: "w", Value: int32(2)}, {Key: "j", Value: true}},
		"?journal=true":           {{Key: "w", Value: "majority"}, {Key: "j", Value: true}},
		"?w=tag&retryWrites=true": {{Key: "w", Value: "tag"}},
	} {
		d := targetOf(t, server.FreshDatabase()+options)
		err := d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, sinktest.Sample(0)))
		require.NoError(t, err)
		inserts := d.seen.of(t, "insert")
		require.Len(t, inserts, 1)
		assert.Equal(t, bson.D{{Key: "insert", Value: "tyk_analytics"}, {Key: "ordered", Value: false}, {Key: "writeConcern", Value: want}}, inserts[0][:3], options)
		assert.Len(t, field(inserts[0], "documents").Value, 1)
	}
}

// Commands are of a bounded size.
func testBatches(t *testing.T, server *peers.Mongo) {
	d := freshTarget(t, server)
	d.config.MaxInsertBatchSizeBytes = 100_000
	var records []analytics.Record
	for i := range 500 {
		records = append(records, sinktest.Sample(i))
	}
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	d.assertPaths(t, 0, 499)
	inserts := d.seen.of(t, "insert")
	assert.Greater(t, len(inserts), 3)
	for _, insert := range inserts {
		raw, err := bson.Marshal(insert)
		require.NoError(t, err)
		assert.Less(t, len(raw), 110_000)
	}
}

// clock makes an exporter's time pass as a test wants.
type clock struct {
	mu sync.Mutex // guards at
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// A collection that is dropped or renamed while the exporter runs gets its indexes
// again, whoever made it anew, and its cap where it can.
func testReplacedCollectionIsPreparedAgain(t *testing.T, server *peers.Mongo) {
	for _, capped := range []bool{false, true} {
		d := freshTarget(t, server)
		d.config.CollectionCapEnable = capped
		passing := &clock{}
		e := d.startAt(t, passing.now)
		require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 9)))
		require.NoError(t, d.db.Client().Database("admin").RunCommand(t.Context(), bson.D{
			{Key: "renameCollection", Value: d.db.Name() + ".tyk_analytics"}, {Key: "to", Value: d.db.Name() + ".tyk_old"},
		}).Err())
		if !capped { // the database makes it anew, without indexes, before the exporter looks
			require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 10, 19)))
			assert.Equal(t, []string{"_id_"}, d.indexNames(t, "tyk_analytics"))
		}
		passing.pass(lookAgain)
		require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 20, 29)))
		assert.Equal(t, []string{"_id_", "apiid_1", "logBrowserIndex", "orgid_1"}, d.indexNames(t, "tyk_analytics"))
		specifications, err := d.db.ListCollectionSpecifications(t.Context(), bson.D{{Key: "name", Value: "tyk_analytics"}})
		require.NoError(t, err)
		is, _ := specifications[0].Options.Lookup("capped").BooleanOK()
		assert.Equal(t, capped, is)
		assert.Len(t, d.seen.of(t, "createIndexes"), 2)
		passing.pass(lookAgain)
		require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 30, 39)))
		assert.Len(t, d.seen.of(t, "createIndexes"), 2, "no more than is needed")
	}
}

// The server knows no convertToCapped; it is asked for it.
func TestReplacedCollectionIsCappedAgain(t *testing.T) {
	t.Parallel()
	d := freshTarget(t, peers.StartMongo(t))
	d.config.CollectionCapEnable, d.config.CollectionCapMaxSizeBytes = true, 1<<20
	passing := &clock{}
	e := d.startAt(t, passing.now)
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 9)))
	require.NoError(t, d.db.Collection("tyk_analytics").Drop(t.Context()))
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 10, 19)))
	passing.pass(lookAgain)
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 20, 29)))
	asked := d.seen.of(t, "convertToCapped")
	require.Len(t, asked, 1)
	assert.Equal(t, bson.D{{Key: "convertToCapped", Value: "tyk_analytics"}, {Key: "size", Value: int64(1 << 20)}}, asked[0][:2])
	d.assertPaths(t, 10, 29)
	require.Eventually(t, func() bool { return slices.Contains(d.indexNames(t, "tyk_analytics"), "logBrowserIndex") }, sinktest.Long, 10*time.Millisecond)
}

// Indexes over much take hours on DocumentDB and Cosmos DB.
func TestIndexesThatTakeLongHoldUpNoWrite(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	d.config.DatabaseType = AWSDocumentDB
	d.config.Timeout.Timeout = time.Second
	d = withRetries(d)
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	l.hold(func(command bson.Raw) {
		if named(command, "createIndexes") {
			once.Do(func() { close(held) })
			<-release
		}
	})
	e := d.start(t)
	<-held
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 9)))
	d.assertPaths(t, 0, 9)
	assert.Equal(t, []string{"_id_"}, d.indexNames(t, "tyk_analytics"))
	close(release)
	require.Eventually(t, func() bool { return slices.Contains(d.indexNames(t, "tyk_analytics"), "logBrowserIndex") }, sinktest.Long, 10*time.Millisecond)
	assert.Len(t, d.seen.of(t, "createIndexes"), 1, "asked for once")
}
