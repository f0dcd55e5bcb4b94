package tykredisreceiver

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/connection"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/backlog"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/delivery"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metrics"
)

func load(t *testing.T, name string) *Config {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := conf.Sub(name)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg
}

func TestDefaultsAreValid(t *testing.T) {
	cfg := load(t, "tykredis")
	assert.Equal(t, createDefaultConfig(), cfg)
	require.NoError(t, cfg.Validate())
}

func TestEveryOptionIsRead(t *testing.T) {
	cfg := load(t, "tykredis/all")
	require.NoError(t, cfg.Validate())
	assert.Equal(t, &Config{
		Config: connection.Config{
			Addresses: []string{"redis.example:6380"}, Username: "collector", Password: "secret", Database: 3,
			TLS: configtls.ClientConfig{Config: configtls.Config{CAFile: "testdata/none.pem"}}, Timeout: 2 * time.Second,
		},
		KeyPrefix:       "my-",
		Group:           "postgres.1",
		GroupExpiry:     2 * time.Hour,
		Destinations:    "tyksql",
		ChunkSize:       100,
		ChunkBytes:      1000,
		MaxInFlight:     7,
		PollInterval:    250 * time.Millisecond,
		Lease:           5 * time.Second,
		ShutdownTimeout: 3 * time.Second,
		Redelivery:      delivery.RedeliveryConfig{InitialInterval: time.Second, MaxInterval: 2 * time.Second},
		Requests:        RequestsConfig{Enabled: true, Lists: []string{"tyk-system-analytics_3_protobuf"}, IgnoreFields: []string{"raw_request", "geo.city"}},
		Undecodable:     "deliver",
		Uptime:          UptimeConfig{Enabled: true, KeyPrefix: "mine-"},
		Backlog:         backlog.Config{MaxBytes: 1 << 20, MaxMemoryShare: 0.5, Shed: []string{"successes"}},
		DeadLetters:     DeadLettersConfig{MaxEntries: 9, MaxBytes: 100_000},
		Metrics: metrics.Config{
			Filter:          selection.Lists{APIIDs: []string{"orders"}, SkipResponseCodes: []int64{404}},
			IgnoreFields:    []string{"api_key"},
			Presets:         []string{"tyk_pump", "gateway"},
			Attributes:      []string{"tyk.api.orgid"},
			DisabledMetrics: []string{"tyk_latency"},
			TrackAllPaths:   true,
			Histograms:      "exponential",
			Interval:        3 * time.Second,
			SeriesLimit:     12,
			CustomMetrics: []metrics.CustomConfig{{
				Name: "tyk_latency", Help: "By key", MetricType: "histogram", Buckets: []float64{1, 10.5}, Labels: []string{"type", "api_key"},
				ObfuscateAPIKeys: true, ObfuscateAPIKeysLength: 6, MCPOnly: true,
			}},
		},
	}, cfg)
}

func TestEveryFaultIsNamedWithItsKeyValueAndRemedy(t *testing.T) {
	err := load(t, "tykredis/wrong").Validate()
	require.EqualError(t, err, `addresses: got 2 ("redis", "b:1"): name one server, or set cluster: true where they are a Redis Cluster, or sentinel::master_name where they are sentinels
addresses: "redis" is no address: use one like host:port
sentinel::master_name: is empty: write what the sentinels call the master, or leave sentinel out
database: -1: use a number from 0
wait_for_replicas: -1: use a number from 0
key_prefix: is empty: the gateway uses "analytics-"
group: "a|b": use 1 to 64 letters, digits, '_', '.' or '-', beginning with a letter or digit
destinations: "a b": write it without blanks
chunk_size: 0: use a number from 1
chunk_bytes: -1: use a number from 1
max_in_flight: 0: use a number from 1
dead_letters::max_entries: 0: use a number from 1
timeout: 0s: use at least 1ms
poll_interval: 0s: use at least 1ms
lease: 500ms: use at least 1s
shutdown_timeout: -1s: use at least 0s
redelivery::max_interval: 1s: use at least 2s
undecodable: "drop": use dead_letter, or deliver where only tykredis exporters are behind the receiver
requests::ignore_fields: "user-agent" is not a field of a record; did you mean user_agent?
backlog::max_bytes: -1: use a number of bytes from 65536, or 0 for no bound
backlog::max_memory_share: 1.5: use a number from 0 to 1
backlog::shed: "errors": use "bodies", "successes" and "oldest", each at most once
backlog::shed: "bodies": use "bodies", "successes" and "oldest", each at most once
metrics::attributes: "url.path": use some of tyk.api.apikey, tyk.api.apikey.alias, tyk.api.name, tyk.api.oauthid, tyk.api.orgid, tyk.api.path, tyk.api.version
metrics::presets: "prometheus": use "gateway", "tyk_pump", or both
metrics::presets: "gateway" is there twice
metrics::disabled_metrics: "tyk_latency" is none of the metrics tyk.http.requests, tyk.api.requests.total, http.server.request.duration, tyk.gateway.request.duration, tyk.upstream.request.duration
metrics::custom_metrics::0::name: "tyk_http_requests" is another metric's, or is so in Prometheus: use another name, or add that of a preset to disabled_metrics
metrics::custom_metrics::1::metric_type: "gauge": use "counter" or "histogram"
metrics::custom_metrics::1::labels: "tags" has no value: use some of alias, api, api_id, api_key, api_name, api_version, client_id, code, host, ip_address, key, latency_gateway, latency_total, latency_upstream, mcp_method, mcp_primitive_name, mcp_primitive_type, method, oauth_id, org_id, path, request_time, response_code, time_stamp
metrics::filter::api_ids: nothing passes: "" is no id, and may be of a variable that is not set
metrics::histograms: "native": use "explicit" or "exponential"
metrics::interval: 0s: use at least 1ms
metrics::series_limit: 1: use a number from 2
metrics::expiry: -1s: use at least metrics::interval, 0s, or 0 for never
group_expiry: 1s: use at least 1m0s, or 0 for never
requests::enabled and uptime::enabled: both are false: nothing is left to receive: enable one, or remove the receiver`)
}

func TestAReceiverWithoutMetricsIsNamed(t *testing.T) {
	require.EqualError(t, load(t, "tykredis/no_gateway_metrics").Validate(),
		`metrics::attributes: tyk.api.orgid: only the preset "gateway" has them: name it, or leave them out`)
	require.EqualError(t, load(t, "tykredis/no_metrics").Validate(), `metrics::presets and custom_metrics: no metric is left: name a preset
metrics::expiry: 1s: use at least metrics::interval, 10s, or 0 for never`)
}

func TestClusterAndSentinelAreRead(t *testing.T) {
	cluster := load(t, "tykredis/cluster")
	require.NoError(t, cluster.Validate())
	assert.True(t, cluster.Cluster)
	assert.Equal(t, []string{"a:1", "b:2"}, cluster.Addresses)
	assert.Equal(t, 2, cluster.WaitForReplicas)

	sentinel := load(t, "tykredis/sentinel")
	require.NoError(t, sentinel.Validate())
	assert.Equal(t, connection.SentinelConfig{MasterName: "tyk", Username: "watcher", Password: "secret"}, sentinel.Sentinel)
	assert.Equal(t, 4, sentinel.Database)
}

func TestTopologiesThatMakeNoSenseAreNamed(t *testing.T) {
	require.EqualError(t, load(t, "tykredis/wrong_cluster").Validate(), `cluster: true and sentinel::master_name: "tyk" exclude each other: leave one out
database: 1: a Redis Cluster has no databases: leave it out
key_prefix: "{tyk}-": braces choose a cluster's slots, and the receiver needs that for its own keys: use a prefix without braces`)
	require.EqualError(t, load(t, "tykredis/wrong_addresses").Validate(), `addresses: is empty: name the Redis server as host:port`)
}

func TestTimesThatDoNotGoTogetherAreNamed(t *testing.T) {
	require.EqualError(t, load(t, "tykredis/wrong_times").Validate(),
		`poll_interval: 21s: use at most 20s: Redis drops a gateway's list 1m0s after its first record, and a look may fail
poll_interval: 21s: use at most 3s, a third of lease, or a longer lease: leases are renewed with each look
timeout: 10s: use at most 9s, lease, or a longer lease: a command that takes longer answers about a lease that has expired
shutdown_timeout: 7s: use at most 6s, two thirds of lease, or a longer lease: leases are not renewed while the receiver shuts down`)
	require.EqualError(t, load(t, "tykredis/long_lease").Validate(),
		`poll_interval: 21s: use at most 20s: Redis drops a gateway's list 1m0s after its first record, and a look may fail
group_expiry: 1m0s: use at least 4m0s, twice lease, or 0 for never: a process is heard of a few times in a lease`)
	require.NoError(t, load(t, "tykredis/greatest_times").Validate())
}

func TestTLSSettingsWithoutTLSAreNamed(t *testing.T) {
	require.NoError(t, load(t, "tykredis/tls").Validate())
	const remedy = " is set: set tls::insecure: false for TLS, or leave the others out"
	for setting, tls := range map[string]configtls.ClientConfig{
		"ca_file":                      {Config: configtls.Config{CAFile: "ca.crt"}},
		"ca_pem":                       {Config: configtls.Config{CAPem: "x"}},
		"cert_file, key_file":          {Config: configtls.Config{CertFile: "a", KeyFile: "b"}},
		"include_system_ca_certs_pool": {Config: configtls.Config{IncludeSystemCACertsPool: true}},
		"min_version":                  {Config: configtls.Config{MinVersion: "1.3"}},
		"cipher_suites":                {Config: configtls.Config{CipherSuites: []string{"TLS_AES_128_GCM_SHA256"}}},
		"reload_interval":              {Config: configtls.Config{ReloadInterval: time.Hour}},
		"insecure_skip_verify":         {InsecureSkipVerify: true},
		"tpm::auth, tpm::enabled, tpm::owner_auth, tpm::path": {Config: configtls.Config{TPMConfig: configtls.TPMConfig{Enabled: true}}},
		"ca_file, server_name_override":                       {Config: configtls.Config{CAFile: "ca.crt"}, ServerName: "redis"},
	} {
		cfg := createDefaultConfig().(*Config)
		cfg.TLS = tls
		cfg.TLS.Insecure = true
		require.ErrorContains(t, cfg.Validate(), "tls::insecure: true, the default, is for a connection without TLS, and "+setting+remedy)
	}
}

func TestAUserWithoutAPasswordIsAccepted(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Username = "collector"
	require.NoError(t, cfg.Validate())
	cfg.Addresses, cfg.Sentinel = []string{"a:1"}, connection.SentinelConfig{MasterName: "tyk", Username: "watcher"}
	require.NoError(t, cfg.Validate())
}

func TestBoundsThatAreMeantInAnotherUnitAreNamed(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Lease, cfg.ShutdownTimeout, cfg.DeadLetters.MaxBytes, cfg.GroupExpiry = 100_000*time.Hour, 60_000*time.Hour, 1, 0
	cfg.Redelivery.InitialInterval, cfg.Redelivery.MaxInterval = 1000*time.Hour, 2000*time.Hour
	require.EqualError(t, cfg.Validate(), `lease: 100000h0m0s: use at most 24h0m0s
shutdown_timeout: 60000h0m0s: use at most 1h0m0s
redelivery::initial_interval: 1000h0m0s: use at most 24h0m0s
redelivery::max_interval: 2000h0m0s: use at most 24h0m0s
dead_letters::max_bytes: 1: use a number of bytes from 65536`)
}
