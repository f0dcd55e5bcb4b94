//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// mongoOrganisations counts the documents of a collection by their organisation.
func mongoOrganisations(tb testing.TB, uri, collection string) map[string]int {
	tb.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	require.NoError(tb, err)
	defer func() { require.NoError(tb, client.Disconnect(context.WithoutCancel(tb.Context()))) }()
	cursor, err := client.Database(uri[strings.LastIndexByte(uri, '/')+1:]).Collection(collection).Find(tb.Context(), bson.D{})
	require.NoError(tb, err)
	var documents []struct {
		OrgID string `bson:"orgid"`
	}
	require.NoError(tb, cursor.All(tb.Context(), &documents))
	count := map[string]int{}
	for _, d := range documents {
		count[d.OrgID]++
	}
	return count
}

// organisationsAndAPIs counts the records of the capture that pushSome pushes, as
// the gateway wrote them.
func organisationsAndAPIs(tb testing.TB) (organisations, apis map[string]int) {
	tb.Helper()
	organisations, apis = map[string]int{}, map[string]int{}
	for _, r := range gatewayRecords(tb) {
		organisations[r.OrgID]++
		apis[r.APIID]++
	}
	return organisations, apis
}

// gatewayRecords are those that pushSome pushes.
func gatewayRecords(tb testing.TB) []analytics.Record {
	tb.Helper()
	all := entries(tb, "gateway/records-otel-msgpack.bin.gz")
	records := make([]analytics.Record, len(all))
	for i, entry := range all {
		require.NoError(tb, analytics.DecodeMsgpack(entry, &records[i]))
	}
	return records
}

// TestShardingSendsEachOrganisationWhereItBelongs is the scenario of Tyk's own documentation.
func TestShardingSendsEachOrganisationWhereItBelongs(t *testing.T) {
	t.Parallel()
	const skipped = "petstore-open"
	redis, datadog, elastic := peers.StartRedis(t), startDouble(t, nil), startElastic(t)
	ports, err := peers.FreePorts(1)
	require.NoError(t, err)
	uri := peers.StartMongo(t).FreshDatabase()
	c := newExample(t, []string{"sharding.yaml"}, object{},
		"TYK_REDIS_ADDRESS="+redis.Addr(), "ORG_A="+shopOrg, "ORG_B="+bankOrg, "SKIP_API_ID="+skipped,
		"TYK_MONGO_URI="+uri, "DD_OTLP_LOGS_URL="+datadog.URL+"/v1/logs", "DD_API_KEY=key",
		"ELASTICSEARCH_URL="+elastic.URL, "PROMETHEUS_ENDPOINT="+peers.Address(ports[0]), "METRICS_INTERVAL=200ms",
	)
	organisations, apis := organisationsAndAPIs(t)
	require.Len(t, organisations, 2)
	pushSome(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	requests, inMongo := map[string]int{}, 0
	for _, r := range gatewayRecords(t) {
		switch {
		case r.OrgID == bankOrg:
			requests[r.APIID]++
		case !r.MCP.IsMCP:
			inMongo++ // those of MCP would have a collection of their own
		}
	}
	require.NotEmpty(t, requests)
	eventually(t, drainTimeout, func() string {
		_, page := get(t, "http://"+peers.Address(ports[0])+"/metrics")
		got := countByLabel(t, page, "tyk_requests_total", "api_id")
		if maps.Equal(requests, got) {
			return "" // Prometheus has B's requests, and only those
		}
		return fmt.Sprintf("want %v, got %v", requests, got)
	})
	c.stop()

	assert.Equal(t, map[string]int{shopOrg: inMongo}, mongoOrganisations(t, uri, table), "A's store has A's records only")

	seen, logs := map[string]bool{}, map[string]int{}
	for _, r := range datadog.requests() {
		assert.Equal(t, "key", r.header.Get("Dd-Api-Key"))
		request := plogotlp.NewExportRequest()
		require.NoError(t, request.UnmarshalProto(r.body))
		for _, rl := range request.Logs().ResourceLogs().All() {
			for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
				if uid := attribute(lr.Attributes(), analytics.AttrUID); !seen[uid] {
					seen[uid] = true
					logs[attribute(lr.Attributes(), analytics.AttrOrgID)]++
				}
			}
		}
	}
	assert.Equal(t, organisations, logs, "Datadog has both")

	indexed := map[string]int{}
	for _, d := range elastic.stored() {
		indexed[d["api_id"].(string)]++
	}
	require.Positive(t, apis[skipped])
	delete(apis, skipped)
	assert.Equal(t, apis, indexed, "Elasticsearch has all but one API")
}

// TestRecordsGoThroughKafkaAndAreStoredOnce takes both halves of the tier, and then
// reads all of Kafka again, as after a loss of the offsets.
func TestRecordsGoThroughKafkaAndAreStoredOnce(t *testing.T) {
	t.Parallel()
	const topic = "tyk-records"
	redis, broker := peers.StartRedis(t), startKafka(t, topic)
	file := filepath.Join(t.TempDir(), "analytics.db")
	near := newExample(t, []string{"tier-gateways.yaml"}, object{}, "TYK_REDIS_ADDRESS="+redis.Addr(), "KAFKA_BROKER="+broker)
	want := pushSome(t, redis.Client())
	near.start()
	waitDrained(t, redis.Client(), drainTimeout)
	near.stop()

	for _, group := range []string{"stores", "again"} {
		far := newExample(t, []string{"tier-stores.yaml"}, object{}, "KAFKA_BROKER="+broker, "KAFKA_GROUP="+group, "TYK_SQL_DATASOURCE="+file)
		far.start()
		waitCommitted(t, broker, topic, group)
		far.stop()
		assert.Len(t, sqliteRows(t, file, table), want, group)
	}
}

// TestWhatTheTierCannotStoreHoldsNothingUp sends through Kafka a record that the database will never take, and
// messages that are no OTLP, with good records before, beside and behind them in each partition.
func TestWhatTheTierCannotStoreHoldsNothingUp(t *testing.T) {
	t.Parallel()
	const topic, group, good = "tyk-records", "stores", 10
	redis, broker := peers.StartRedis(t), startKafka(t, topic)
	dsn := peers.StartPostgres(t).FreshDatabase(t)
	near := newExample(t, []string{"tier-gateways.yaml"}, object{}, "TYK_REDIS_ADDRESS="+redis.Addr(), "KAFKA_BROKER="+broker)
	near.start()
	n := 0
	push := func(bad bool) {
		var all []any
		for i := range good {
			r := analytics.Record{Alias: fmt.Sprint("good ", n+i), TimeStamp: time.Now()}
			if bad && i == good/2 {
				r.Alias, r.Geo.CityGeoNameID = "bad", math.MaxUint64
			}
			all = append(all, analytics.AppendMsgpack(nil, &r))
		}
		n += good
		require.NoError(t, redis.Client().RPush(t.Context(), analytics.RequestLists("analytics-")[0].Key, all...).Err())
		waitDrained(t, redis.Client(), drainTimeout)
	}
	foreign := func() {
		client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		require.NoError(t, err)
		defer client.Close()
		for partition := range int32(2) {
			require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte("no OTLP")}).FirstErr())
		}
	}
	for range 3 {
		push(false)
	}
	push(true)
	foreign()
	for range 5 {
		push(false)
	}
	near.stop()

	far := newExample(t, []string{"tier-stores.yaml"}, object{},
		"KAFKA_BROKER="+broker, "KAFKA_GROUP="+group, "TYK_SQL_DRIVER=postgres", "TYK_SQL_DATASOURCE="+dsn)
	far.start()
	waitCommitted(t, broker, topic, group)
	far.stop()
	aliases := map[any]bool{}
	for _, r := range postgresRows(t, dsn, table) {
		aliases[r["alias"]] = true
	}
	assert.Len(t, aliases, n-1)
	assert.NotContains(t, aliases, "bad")

	skipped := 0
	for line := range strings.Lines(far.output()) {
		if strings.Contains(line, "skipping due to message_marking config") {
			skipped++
			assert.Contains(t, line, topic)
			assert.Contains(t, line, `"partition"`)
			assert.Contains(t, line, `"offset"`)
		}
	}
	assert.Equal(t, 3, skipped, "each is named")
	assert.Contains(t, far.output(), "1 records refused for good: ")
}

// TestRemoteWriteReachesAPrometheus pushes to a real one.
func TestRemoteWriteReachesAPrometheus(t *testing.T) {
	t.Parallel()
	const skipped = "petstore-open"
	redis := peers.StartRedis(t)
	prometheus := peers.StartPrometheus(t, peers.PrometheusSettings{Interval: time.Second, RemoteWrite: true})
	c := newExample(t, []string{"prometheusremotewrite.yaml"}, object{},
		"TYK_REDIS_ADDRESS="+redis.Addr(), "SKIP_API_ID="+skipped, "METRICS_INTERVAL=200ms",
		"REMOTE_WRITE_URL=http://"+prometheus.Addr()+"/api/v1/write",
	)
	_, want := organisationsAndAPIs(t)
	require.Positive(t, want[skipped])
	delete(want, skipped)
	pushSome(t, redis.Client())
	c.start()
	eventually(t, drainTimeout, func() string {
		samples, err := prometheus.Query(t.Context(), "sum by (tyk_api_id) (tyk_api_requests_total)", time.Now())
		if err != nil {
			return err.Error()
		}
		got := map[string]int{}
		for _, sample := range samples {
			got[sample.Labels["tyk_api_id"]] = int(sample.Value)
		}
		if maps.Equal(want, got) {
			return ""
		}
		return fmt.Sprintf("want %v, got %v", want, got)
	})
	c.stop()
}

func TestSidecarsAndAgentsHandOnWhatTheirGatewayHas(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sidecar.yaml", "agent.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis, store := peers.StartRedis(t), startOTLPStore(t)
			ports, err := peers.FreePorts(1)
			require.NoError(t, err)
			overGRPC, _, env := otlpPorts(t)
			c := newExample(t, []string{name}, object{}, append(env, "TYK_REDIS_ADDRESS="+redis.Addr(), "OTLP_ENDPOINT="+store.address,
				"TYK_HEALTH_ENDPOINT="+peers.Address(ports[0]), "TYK_QUEUE_DIRECTORY="+t.TempDir())...)
			records := gatewayRecords(t)
			pushSome(t, redis.Client())
			c.start()
			exportTraces(t, overGRPC, gatewayTraces(t))
			waitDrained(t, redis.Client(), drainTimeout)
			want := gatewayTraces(t).SpanCount()
			eventually(t, drainTimeout, func() string {
				if got := len(store.storedSpans()); got != want {
					return fmt.Sprintf("%d of %d spans", got, want)
				}
				return ""
			})
			c.stop()
			assert.Len(t, store.storedLogs(), len(records))
		})
	}
}
