package tykconsoleextension

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/connection"
)

const exposed = `# TYPE otelcol_process_uptime_seconds_total counter
otelcol_process_uptime_seconds_total 10
# TYPE otelcol_exporter_sent_log_records_total counter
otelcol_exporter_sent_log_records_total{exporter="tyksql"} %[1]d
otelcol_exporter_sent_log_records_total{exporter="other"} 5
# TYPE otelcol_exporter_tyksql_records_total counter
otelcol_exporter_tyksql_records_total{outcome="stored",table="requests"} %[1]d
# TYPE otelcol_exporter_tyksql_write_duration_seconds histogram
otelcol_exporter_tyksql_write_duration_seconds_bucket{le="0.05"} %[2]d
otelcol_exporter_tyksql_write_duration_seconds_bucket{le="+Inf"} %[2]d
otelcol_exporter_tyksql_write_duration_seconds_sum 1
otelcol_exporter_tyksql_write_duration_seconds_count %[2]d
`

// Rates are of the last minute; metrics are not asked more often than needed, and what was read stays when they are away.
func TestRatesOfDestinations(t *testing.T) {
	t.Parallel()
	var step, asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		n := step.Load()
		if n < 0 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprintf(w, exposed, 1000*n, 10*n)
	}))
	defer server.Close()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	m := newMeter(server.URL + "/metrics?token=secret")
	m.now = func() time.Time { return now }
	m.measure(t.Context())
	m.measure(t.Context())
	assert.Equal(t, int64(1), asked.Load(), "it was read a moment ago")
	first := m.read()
	assert.InDelta(t, -1, first.Destinations["tyksql"].Rate, 0, "one reading tells no rate")
	for range 30 {
		now = now.Add(5 * time.Second)
		step.Add(1)
		m.measure(t.Context())
	}
	assert.LessOrEqual(t, len(m.seen), 14)
	got := m.read()
	d := got.Destinations["tyksql"]
	assert.InDelta(t, 200, d.Rate, 0.01)
	assert.InDelta(t, 2, d.WriteRate, 0.01)
	assert.Equal(t, int64(30_000), d.Stored)
	assert.Equal(t, 50*time.Millisecond, d.P99)
	assert.Equal(t, now, got.Grew["tyksql"])
	assert.NotContains(t, got.Grew, "other")
	assert.InDelta(t, -1, got.Destinations["other"].WriteRate, 0, "it measures no writes")
	assert.NotContains(t, got.Place, "secret")

	step.Store(-1)
	now = now.Add(5 * time.Second)
	m.measure(t.Context())
	got = m.read()
	assert.Contains(t, got.Error, "500")
	assert.Equal(t, int64(30_000), got.Destinations["tyksql"].Stored)
	assert.NotContains(t, got.Error, "secret")
}

// Receivers that read the same lists share a Redis; others have one each, with a connection of their own.
func TestReceiversOfSeveralRedisServers(t *testing.T) {
	t.Parallel()
	receiver := func(address, prefix, group string) map[string]any {
		return map[string]any{"addresses": []any{address}, "key_prefix": prefix, "group": group, "password": "[REDACTED]"}
	}
	conf := func() *confmap.Conf {
		return confmap.NewFromStringMap(map[string]any{
			"receivers": map[string]any{"tykredis": receiver("a:6379", "x-", "one"), "tykredis/same": receiver("a:6379", "x-", "two"), "tykredis/eu": receiver("b:6379", "x-", "one"), "tykredis/prefix": receiver("a:6379", "y-", "one"), "tykredis/unused": receiver("c:6379", "", "")},
			"exporters": map[string]any{"tyksql": map[string]any{"driver": "sqlite", "datasource": "x.db"}, "debug": nil},
			"service": map[string]any{"pipelines": map[string]any{
				"logs":   map[string]any{"receivers": []any{"tykredis", "tykredis/eu", "tykredis/prefix"}, "exporters": []any{"tyksql"}},
				"logs/b": map[string]any{"receivers": []any{"tykredis/same"}, "exporters": []any{"debug"}},
			}},
		})
	}
	config := createDefaultConfig().(*Config)
	config.Redis.Connections = map[string]connection.Config{"tykredis/eu": {Addresses: []string{"b:6379"}, Password: "pass", Timeout: time.Second}}
	b := newBackend(config, extensiontest.NewNopSettings(metadata.Type))
	require.NoError(t, b.read(conf()))
	defer func() { require.NoError(t, b.close()) }()
	require.Len(t, b.redises, 3)
	assert.Equal(t, []string{"tykredis", "tykredis/same"}, b.redises[0].Receivers())
	assert.Equal(t, map[string][]string{"one": {"tyksql"}, "two": {"debug"}}, b.redises[0].Groups())
	assert.Equal(t, []string{"one"}, b.redises[0].StoreGroups())
	assert.Equal(t, "b:6379", b.redises[1].Address())
	assert.Equal(t, "pass", string(b.redises[1].config.Password))
	assert.Equal(t, []string{"tykredis/prefix"}, b.redises[2].Receivers())

	// Of one that is named, only its lists are shown.
	named := createDefaultConfig().(*Config)
	named.Redis.Receiver = "tykredis/eu"
	only := newBackend(named, extensiontest.NewNopSettings(metadata.Type))
	require.NoError(t, only.read(conf()))
	defer func() { require.NoError(t, only.close()) }()
	require.Len(t, only.redises, 1)
	assert.Equal(t, []string{"tykredis/eu"}, only.redises[0].Receivers())

	wrong := createDefaultConfig().(*Config)
	wrong.Redis.Connections = map[string]connection.Config{"tykredis/unused": {}}
	refused := newBackend(wrong, extensiontest.NewNopSettings(metadata.Type))
	defer func() { require.NoError(t, refused.close()) }()
	assert.ErrorContains(t, refused.read(conf()), `redis::connections: there is no receiver "tykredis/unused" in a pipeline`)
}
