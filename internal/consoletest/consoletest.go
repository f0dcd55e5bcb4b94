// Package consoletest is a store and a Redis with contents for tests of the console: a day of traffic and the same day a
// week before, records with markup in every text, and dead letters of two kinds.
package consoletest

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver"
)

// Markup is in texts of clients, and must show as text.
const Markup = `<script>alert("x")</script><img src=x onerror=alert(1)>`

// Secret is a token in recorded requests, and Key an API key, neither of which may show.
const (
	Secret = "s3cr3t-t0ken-of-a-client"
	Key    = "eyJvcmciOiJhY21lIiwiaWQiOiI5ZjhhN2I2YyJ9"
)

// Marked is the agent of records that the destination refuses until it is mended.
const Marked = "refuse-me/1"

// World is what a console looks at.
type World struct {
	// Datasource is an SQLite file with tables of requests, rollups and latencies.
	Datasource string
	// Redis has a group default with dead letters.
	Redis *peers.Redis
	// Second is another Redis, where Settings ask for one. Nothing was pushed to it.
	Second *peers.Redis
	// Mended says whether the destination takes what it refused.
	Mended atomic.Bool
	// Records is how many were stored.
	Records int
}

// Settings say how much there is.
type Settings struct {
	// Records is how many each of the two days has.
	Records int
	// Rollups has them counted, too.
	Rollups bool
	// Redis starts one, with a receiver and dead letters.
	Redis bool
	// MCP has requests of MCP among them.
	MCP bool
	// Second starts another Redis, of which a receiver tykredis/second is configured.
	Second bool
	// Calm leaves the records with markup out, for pictures.
	Calm bool
	// Now is the end of the day; the clock's where it is zero.
	Now time.Time
}

// New makes a world, which ends with the test.
func New(t *testing.T, s Settings) *World {
	t.Helper()
	if s.Now.IsZero() {
		s.Now = time.Now()
	}
	w := &World{Datasource: filepath.Join(t.TempDir(), "tyk.db")}
	e := w.exporter(t, s)
	var all []analytics.Record
	if s.Second {
		w.Second = peers.StartRedis(t)
	}
	if s.Records > 0 {
		all = append(day(t, s.Now.Add(-7*24*time.Hour), s.Records*4/5, 1, s.MCP), day(t, s.Now, s.Records, 2, s.MCP)...)
		if !s.Calm {
			all = append(all, Hostile(s.Now)...)
			if s.MCP {
				all = append(all, hostileMCP(s.Now))
			}
		}
	}
	w.Records = len(all)
	w.store(t, e, s, all)
	if s.Redis {
		w.deliver(t, s, e)
	}
	return w
}

func (w *World) exporter(t *testing.T, s Settings) exporter.Logs {
	t.Helper()
	factory := tyksqlexporter.NewFactory()
	config := factory.CreateDefaultConfig().(*tyksqlexporter.Config)
	config.Datasource, config.Indexes = configopaque.String(w.Datasource), true
	if s.Rollups {
		config.Tables.Aggregated.Enabled, config.Tables.GraphAggregated.Enabled, config.Tables.MCPAggregated.Enabled, config.Tables.Latency.Enabled = true, true, true, true
	}
	e, err := factory.CreateLogs(t.Context(), exportertest.NewNopSettings(factory.Type()), config)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e
}

// Configuration is that of a collector with this store and this Redis, as the service shows it to extensions.
func (w *World) Configuration(rollups bool) *confmap.Conf {
	enabled := map[string]any{"enabled": rollups}
	conf := map[string]any{
		"exporters": map[string]any{"tyksql": map[string]any{"driver": "sqlite", "datasource": "[REDACTED]", "tables": map[string]any{
			"requests": map[string]any{"enabled": true}, "aggregated": enabled, "graph_aggregated": enabled, "mcp_aggregated": enabled, "latency": enabled,
		}}},
		"service": map[string]any{"pipelines": map[string]any{"logs": map[string]any{"receivers": []any{}, "exporters": []any{"tyksql"}}}},
	}
	if w.Redis != nil {
		conf["receivers"] = map[string]any{"tykredis": map[string]any{"addresses": []any{w.Redis.Addr()}, "group": "default", "key_prefix": "analytics-", "uptime": map[string]any{"key_prefix": "uptime-"}, "timeout": "5s", "tls": map[string]any{"insecure": true}}}
		conf["service"] = map[string]any{"pipelines": map[string]any{"logs": map[string]any{"receivers": []any{"tykredis"}, "processors": []any{}, "exporters": []any{"tyksql"}}}}
	}
	if w.Second != nil {
		conf["receivers"].(map[string]any)["tykredis/second"] = map[string]any{"addresses": []any{w.Second.Addr()}, "group": "second", "key_prefix": "analytics-", "timeout": "5s", "tls": map[string]any{"insecure": true}}
		conf["service"].(map[string]any)["pipelines"].(map[string]any)["logs"].(map[string]any)["receivers"] = []any{"tykredis", "tykredis/second"}
	}
	return confmap.NewFromStringMap(conf)
}

// day is traffic of the 24 hours before a moment, more by day than by night, with an hour of errors at its end.
func day(t *testing.T, end time.Time, records int, seed uint64, mcp bool) []analytics.Record {
	t.Helper()
	settings := traffic.DefaultSettings()
	settings.Seed, settings.DetailedShare, settings.BodyBytes, settings.OmitMCP = seed, 0.2, 200, !mcp
	g, err := traffic.New(settings)
	require.NoError(t, err)
	const steps = 24 * 12
	weights, sum := make([]float64, steps), 0.0
	for i := range weights {
		weights[i] = 1.1 + math.Sin(2*math.Pi*float64(i)/steps-0.5) + 0.2*math.Sin(float64(i))
		sum += weights[i]
	}
	var all []analytics.Record
	due := 0.0
	for i, weight := range weights {
		due += float64(records) * weight / sum
		n := int(due) - len(all)
		for k := range n {
			at := end.Add(-24*time.Hour + time.Duration(i)*5*time.Minute + time.Duration(k)*5*time.Minute/time.Duration(n))
			r := *g.Next(at)
			r.Tags = slices.Clone(r.Tags)
			if seed == 2 && i > steps-24 && i < steps-12 && k%9 == 0 {
				r.ResponseCode = 502
			}
			all = append(all, r)
		}
	}
	return all
}

// Hostile are records whose texts would run if they were taken for markup, with secrets in what was recorded.
func Hostile(now time.Time) []analytics.Record {
	r := sinktest.Sample(1)
	r.TimeStamp, r.OrgID, r.APIID, r.APIName = now.Add(-2*time.Minute).Truncate(time.Millisecond), "acme", "hostile", Markup
	r.Path, r.OriginalPath, r.RawPath = "/"+Markup, "/"+Markup+"?access_token="+Secret, "/"+Markup
	r.UserAgent, r.Alias, r.APIKey, r.Host = "\u202e"+Markup+"\x00", Markup, Key, Markup
	r.Tags = []string{Markup, "key-" + Key, "trace-id-4bf92f3577b34da6a3ce929d0e0e4736"}
	r.ResponseCode, r.Method = 500, "POST"
	request := "POST /" + "x?api_key=" + Secret + " HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer " + Secret + "\r\nX-Note: " + Markup + "\r\nContent-Type: application/json\r\n\r\n" +
		`{"note":` + fmt.Sprintf("%q", Markup) + `,"password":"` + Secret + `","amount":12990}`
	response := "HTTP/1.1 500 Internal Server Error\r\nSet-Cookie: sid=" + Secret + "\r\nContent-Type: text/html\r\n\r\n" + Markup
	r.RawRequest, r.RawResponse = base64.StdEncoding.EncodeToString([]byte(request)), base64.StdEncoding.EncodeToString([]byte(response))
	graph := sinktest.Sample(2)
	graph.TimeStamp, graph.OrgID, graph.APIID, graph.APIName, graph.ResponseCode = r.TimeStamp, "acme", "hostile-graph", Markup, 200
	graph.GraphQL = analytics.GraphQLStats{IsGraphQL: true, RootFields: []string{Markup}, Types: map[string][]string{Markup: {Markup, "\u202e\x00"}}, HasErrors: true, Errors: []analytics.GraphQLError{{Message: Markup}}, Variables: Markup}
	graph.MCP, graph.RawRequest, graph.RawResponse = analytics.MCPStats{}, "", ""
	return []analytics.Record{r, graph}
}

// hostileMCP is the same for MCP.
func hostileMCP(now time.Time) analytics.Record {
	r := sinktest.Sample(3)
	r.TimeStamp, r.OrgID, r.APIID, r.APIName, r.ResponseCode = now.Add(-2*time.Minute).Truncate(time.Millisecond), "acme", "hostile-mcp", Markup, 200
	r.GraphQL, r.MCP = analytics.GraphQLStats{}, analytics.MCPStats{IsMCP: true, JSONRPCMethod: Markup, PrimitiveType: Markup, PrimitiveName: Markup}
	return r
}

func (w *World) store(t *testing.T, e exporter.Logs, s Settings, records []analytics.Record) {
	t.Helper()
	a := sinktest.Aggregator(t, func(set *rollup.Settings) { set.TrackAllPaths, set.Latencies, set.Minutes = true, true, 15 })
	const chunk = 2000
	for i := 0; len(records) > 0; i++ {
		n := min(len(records), chunk)
		logs := sinktest.Push(fmt.Sprintf("seg-%d", i), 0, records[:n]...)
		require.NoError(t, e.ConsumeLogs(t.Context(), logs))
		if s.Rollups {
			groups, _ := a.Aggregate(logs, nil)
			rolled := plog.NewLogs()
			rollup.AppendLogs(rolled, "test", groups)
			require.NoError(t, e.ConsumeLogs(t.Context(), rolled))
		}
		records = records[n:]
	}
}

// deliver starts a receiver in front of the exporter, and pushes records, some of which it refuses or cannot decode.
func (w *World) deliver(t *testing.T, s Settings, e exporter.Logs) {
	t.Helper()
	w.Redis = peers.StartRedis(t)
	next, err := consumer.NewLogs(func(ctx context.Context, logs plog.Logs) error { return w.refuse(ctx, e, logs) })
	require.NoError(t, err)
	factory := tykredisreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*tykredisreceiver.Config)
	config.Addresses = []string{w.Redis.Addr()}
	r, err := factory.CreateLogs(t.Context(), receivertest.NewNopSettings(factory.Type()), config, next)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, r.Shutdown(context.Background())) })
	client := w.Redis.Client()
	for i := range 3 {
		record := sinktest.Sample(i)
		record.UserAgent, record.TimeStamp, record.OrgID, record.APIID, record.APIName, record.APIKey = Marked, s.Now.Add(-time.Duration(i)*time.Second), "acme", "marked", "Marked", Key
		record.Path = fmt.Sprintf("/refused/%d", i)
		require.NoError(t, client.RPush(t.Context(), traffic.Key, analytics.AppendMsgpack(nil, &record)).Err())
	}
	whole := sinktest.Sample(9)
	whole.TimeStamp, whole.OrgID, whole.APIID, whole.APIName = s.Now.Add(-time.Minute), "acme", "whole", "Whole"
	entry := analytics.AppendMsgpack(nil, &whole)
	for range 20 {
		require.NoError(t, client.RPush(t.Context(), traffic.Key, entry).Err())
	}
	for range 2 {
		require.NoError(t, client.RPush(t.Context(), traffic.Key, entry[:len(entry)/2]).Err())
	}
	w.await(t, client)
}

// await waits for the five dead letters.
func (w *World) await(t *testing.T, client *redis.Client) {
	t.Helper()
	store, source := claim.NewStore(client), claim.NewSource(traffic.Key, claim.Settings{})
	require.Eventually(t, func() bool {
		report, err := store.Inspect(t.Context(), source)
		return err == nil && report.Dead == 5
	}, sinktest.Long, 20*time.Millisecond)
}

func (w *World) refuse(ctx context.Context, e exporter.Logs, logs plog.Logs) error {
	if w.Mended.Load() {
		return e.ConsumeLogs(ctx, logs)
	}
	refused, rest := &analytics.RefusedError{}, plog.NewLogs()
	logs.CopyTo(rest)
	for _, resource := range rest.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			scope.LogRecords().RemoveIf(func(log plog.LogRecord) bool {
				var r analytics.Record
				id, err := analytics.ParseUID(r.FromLog(log))
				if err != nil || r.UserAgent != Marked {
					return false
				}
				refused.Records = append(refused.Records, analytics.RefusedRecord{UID: id, Reason: "too_large: index row size 2888 exceeds btree version 4 maximum 2704", Destination: "tyksql"})
				return true
			})
		}
	}
	if err := e.ConsumeLogs(ctx, rest); err != nil || len(refused.Records) == 0 {
		return err
	}
	return consumererror.NewPermanent(refused)
}

// Push has a gateway push one request more.
func (w *World) Push(t *testing.T, path string, at time.Time) {
	t.Helper()
	r := sinktest.Sample(5)
	r.TimeStamp, r.OrgID, r.APIID, r.APIName, r.APIKey = at, "acme", "pushed", "Pushed", Key
	r.Path, r.OriginalPath, r.RawPath = path, path, path
	if err := w.Redis.Client().RPush(context.Background(), traffic.Key, analytics.AppendMsgpack(nil, &r)).Err(); err != nil && t.Context().Err() == nil {
		t.Errorf("push a request: %v", err)
	}
}
