//go:build e2e

package e2e

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// organisationsAndAPIs counts the records of the capture that pushSome pushes, as
// the gateway wrote them.
func organisationsAndAPIs(tb testing.TB) (organisations, apis map[string]int) {
	tb.Helper()
	organisations, apis = map[string]int{}, map[string]int{}
	for _, entry := range entries(tb, "gateway/records-otel-msgpack.bin.gz") {
		var r analytics.Record
		require.NoError(tb, analytics.DecodeMsgpack(entry, &r))
		organisations[r.OrgID]++
		apis[r.APIID]++
	}
	return organisations, apis
}

// TestShardingSendsEachOrganisationWhereItBelongs is the scenario of Tyk's own documentation.
func TestShardingSendsEachOrganisationWhereItBelongs(t *testing.T) {
	t.Parallel()
	const skipped = "petstore-open"
	redis, datadog, elastic := peers.StartRedis(t), startDouble(t, nil), startDouble(t, bulk)
	ports, err := peers.FreePorts(1)
	require.NoError(t, err)
	overGRPC, _, env := otlpPorts(t)
	file := filepath.Join(t.TempDir(), "a.db")
	c := newExample(t, []string{"sharding.yaml"}, object{}, append(env,
		"TYK_REDIS_ADDRESS="+redis.Addr(), "ORG_A="+shopOrg, "ORG_B="+bankOrg, "SKIP_API_ID="+skipped,
		"ORG_A_SQL_DATASOURCE="+file, "DD_OTLP_LOGS_URL="+datadog.URL+"/v1/logs", "DD_API_KEY=key",
		"ELASTICSEARCH_URL="+elastic.URL, "PROMETHEUS_ENDPOINT="+peers.Address(ports[0]), "FLUSH_INTERVAL=200ms",
	)...)
	organisations, apis := organisationsAndAPIs(t)
	require.Len(t, organisations, 2)
	pushSome(t, redis.Client())
	c.start()
	exportTraces(t, overGRPC, gatewayTraces(t))
	waitDrained(t, redis.Client(), drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	calls := map[string]int{}
	for _, spans := range requests(spansOf(gatewayTraces(t))) {
		for _, span := range spans {
			if attribute(span.Attributes(), analytics.AttrOrgID) == bankOrg {
				calls[attribute(span.Attributes(), analytics.AttrAPIID)]++
			}
		}
	}
	require.NotEmpty(t, calls)
	waitCalls(t, peers.Address(ports[0]), calls) // Prometheus has B's requests
	c.stop()

	stored := map[string]int{}
	for _, row := range sqliteRows(t, file, table) {
		stored[row.text(t, "orgid")]++
	}
	assert.Len(t, stored, 1, "A's store has A's records only")
	assert.Positive(t, stored[shopOrg])

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

	documents := map[string]string{}
	for _, r := range elastic.requests() {
		lines := parseLines(t, r.body)
		for i := 0; i < len(lines); i += 2 {
			documents[lines[i]["create"].(document)["_id"].(string)] = lines[i+1]["api_id"].(string)
		}
	}
	indexed := map[string]int{}
	for _, api := range documents {
		indexed[api]++
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
