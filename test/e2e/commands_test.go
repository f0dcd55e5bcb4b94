//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// shippedConfig is the configuration that users start from.
const shippedConfig = "otelcol-config.yaml"

func TestComponentsListsOursBesideStockOnes(t *testing.T) {
	t.Parallel()
	out, err := run(t, nil, "components")
	require.NoError(t, err, out)
	got := map[string][]string{}
	section := ""
	for line := range strings.Lines(out) {
		if name, ok := strings.CutSuffix(strings.TrimRight(line, "\n"), ":"); ok && !strings.HasPrefix(name, " ") {
			section = name
		}
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "- name: "); ok {
			got[section] = append(got[section], name)
		}
	}
	want := map[string][]string{
		"receivers": {"jaeger", "kafka", "krakend", "otlp", "tykopentracing", "tykredis", "zipkin"},
		"processors": {
			"attributes", "batch", "filter", "geoip", "memory_limiter", "redaction", "resource", "tail_sampling",
			"transform", "tykfilter",
		},
		"exporters": {
			"awskinesis", "awss3", "datadog", "debug", "elasticsearch", "file", "influxdb", "kafka", "logzio", "nop",
			"otlp_grpc", "otlp_http", "prometheus", "prometheusremotewrite", "splunk_hec", "tykcsv", "tykgelf", "tykhybrid", "tykinflux", "tykkinesis",
			"tyklogzio", "tykmoesif", "tykopensearch", "tykredis", "tykresurface", "tyksegment", "tyksql", "tyksqs", "tykstatsd", "tyksyslog",
		},
		"connectors": {"count", "routing", "span_metrics"},
		"extensions": {"basicauth", "file_storage", "health_check", "pprof", "tykconsole", "tykhealth", "tykpath"},
	}
	for kind, names := range want {
		assert.Subset(t, got[kind], names, kind)
	}
	for _, ours := range []string{
		"krakend", "tykconsole", "tykcsv", "tykfilter", "tykgelf", "tykhealth", "tykhybrid", "tykinflux", "tykkinesis", "tyklogzio", "tykmoesif", "tykopensearch",
		"tykopentracing", "tykpath", "tykredis", "tykresurface", "tyksegment", "tyksql", "tyksqs", "tykstatsd", "tyksyslog",
	} {
		assert.Regexp(t, `- name: `+ours+`\n\s+module: github.com/otelcol-tyk/otelcol-tyk `, out)
	}
}

func TestVersionIsThatOfTheBuild(t *testing.T) {
	t.Parallel()
	manifest, err := os.ReadFile(repository(t, "builder-config.yaml"))
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^ +version: (\S+)$`).FindSubmatch(manifest)
	require.NotNil(t, version)
	out, err := run(t, nil, "--version")
	require.NoError(t, err, out)
	assert.Equal(t, "otelcol-tyk version "+string(version[1])+"\n", out)
}

func TestTheShippedConfigurationIsValid(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{
		"as it is":        nil,
		"with PostgreSQL": {"TYK_SQL_DRIVER=postgres", "TYK_SQL_DATASOURCE=postgres://tyk:secret@db.example/tyk_analytics"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, env, "validate", "--config", repository(t, shippedConfig))
			require.NoError(t, err, out)
		})
	}
}

func TestValidateRefusesAWrongConfigurationAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	const secret = "dont-show-me"
	tests := map[string]struct {
		component []string // where in the configuration the key is set
		value     any
		want      []string
	}{
		"an address without a port": {
			[]string{"receivers", "tykredis", "addresses"},
			[]string{"redis.example"},
			[]string{"receivers::tykredis", `addresses: "redis.example"`, "use one like host:port"},
		},
		"two addresses": {
			[]string{"receivers", "tykredis", "addresses"},
			[]string{"a:6379", "b:6379"},
			[]string{"addresses: got 2", "name one server"},
		},
		"a lease too short to renew": {
			[]string{"receivers", "tykredis", "lease"},
			"10ms",
			[]string{"lease: 10ms: use at least 1s"},
		},
		"a lease that deliveries outlive at shutdown": {
			[]string{"receivers", "tykredis", "shutdown_timeout"},
			"25s",
			[]string{"shutdown_timeout: 25s: use at most 20s, two thirds of lease"},
		},
		"TLS settings without TLS": {
			[]string{"receivers", "tykredis", "tls"},
			object{"server_name_override": "redis.example"},
			[]string{"server_name_override is set: set tls::insecure: false"},
		},
		"a misspelt key": {
			[]string{"receivers", "tykredis", "poll_intervall"},
			"1s",
			[]string{"poll_intervall"},
		},
		"a field that records do not have": {
			[]string{"processors", "tykfilter", "fields"},
			object{"ignore": []string{"raw_request", "no_such_field"}},
			[]string{"processors::tykfilter", "no_such_field"},
		},
		"a header with its value": {
			[]string{"processors", "tykfilter", "fields"},
			object{"redact_headers": []string{"X-Key: abc"}},
			[]string{"redact_headers", "not the name of an HTTP header"},
		},
		"a driver that does not exist": {
			[]string{"exporters", "tyksql", "driver"},
			"oracle",
			[]string{"exporters::tyksql", `driver: "oracle" is not one of "postgres", "mysql", "sqlite"`},
		},
		"a datasource that is none": {
			[]string{"exporters", "tyksql", "datasource"},
			"postgres://tyk:" + secret + "@db.example:port/x",
			[]string{"exporters::tyksql", "datasource: the value (not shown", "is not a PostgreSQL DSN"},
		},
		"a queue that forgets": {
			[]string{"exporters", "tyksql", "sending_queue"},
			object{"wait_for_result": false},
			[]string{"sending_queue", "wait_for_result: false loses the records"},
		},
		"a queue that mixes deliveries": {
			[]string{"exporters", "tyksql", "sending_queue"},
			object{"batch": object{"min_size": 10_000}},
			[]string{"sending_queue::batch: must not be set"},
		},
		"a table name that is SQL": {
			[]string{"exporters", "tyksql", "tables"},
			object{"requests": object{"name": "x; drop table y"}},
			[]string{`requests::name: "x; drop table y" is not a plain table name`},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := object{
				"receivers":  object{"tykredis": object{"password": secret}},
				"processors": object{"tykfilter": object{}},
				"exporters":  object{"tyksql": object{"driver": "postgres", "datasource": "host=db.example password=" + secret}},
				"service": object{"pipelines": object{"logs": object{
					"receivers": []string{"tykredis"}, "processors": []string{"tykfilter"}, "exporters": []string{"tyksql"},
				}}},
			}
			out, err := run(t, nil, "validate", "--config", writeConfig(t, config))
			require.NoError(t, err, "the configuration without the fault is valid:\n%s", out)

			at := config
			for _, key := range test.component[:len(test.component)-1] {
				at = at[key].(object)
			}
			at[test.component[len(test.component)-1]] = test.value
			out, err = run(t, nil, "validate", "--config", writeConfig(t, config))
			require.Error(t, err, out)
			for _, want := range test.want {
				assert.Contains(t, out, want)
			}
			assert.NotContains(t, out, secret)
		})
	}
}

func TestADatasourceOfAnotherDriverIsRefusedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	out, err := run(t, []string{"TYK_SQL_DATASOURCE=postgres://tyk:dont-show-me@db.example/tyk_analytics"},
		"--config", repository(t, shippedConfig))
	require.Error(t, err, out)
	assert.Contains(t, out, "set driver: postgres")
	assert.NotContains(t, out, "dont-show-me")
	assert.NotContains(t, out, readyMessage, peers.LastLines(out, shownLines))
}

// TestTwoReceiversOfOneGroupInOneProcessAreRefused is what `validate` says of a configuration
// that would share the records out among two stores.
func TestTwoReceiversOfOneGroupInOneProcessAreRefused(t *testing.T) {
	t.Parallel()
	config := func(group string) string {
		return writeConfig(t, object{
			"receivers": object{"tykredis/a": object{}, "tykredis/b": object{"chunk_size": 1000, "group": group}},
			"exporters": object{"tyksql/a": object{"datasource": "a.db"}, "tyksql/b": object{"datasource": "b.db"}},
			"service": object{"pipelines": object{
				"logs/a": object{"receivers": []string{"tykredis/a"}, "exporters": []string{"tyksql/a"}},
				"logs/b": object{"receivers": []string{"tykredis/b"}, "exporters": []string{"tyksql/b"}},
			}},
		})
	}
	out, err := run(t, nil, "validate", "--config", config("default"))
	require.Error(t, err)
	assert.Contains(t, out, `tykredis/a and tykredis/b have the same Redis, lists and group, "default"`)
	assert.Contains(t, out, "give each a group of its own, or put the exporters of both behind one receiver")
	out, err = run(t, nil, "validate", "--config", config("b"))
	require.NoError(t, err, out)
}

// TestProcessesOfOneGroupWithDifferentDestinationsAreNamed starts replicas, which say nothing,
// and then one that stores elsewhere.
func TestProcessesOfOneGroupWithDifferentDestinationsAreNamed(t *testing.T) {
	t.Parallel()
	redis := peers.StartRedis(t)
	to := func(file string) *collector {
		fast := object{"lease": "1s", "timeout": "1s", "shutdown_timeout": "600ms"}
		return newCollector(t, pipeline(redis, fast, object{}, map[string]object{"tyksql": {"datasource": file}}))
	}
	shared := filepath.Join(t.TempDir(), "shared.db")
	const says = "each record reaches one of them only"
	first, replica, other := to(shared), to(shared), to(filepath.Join(t.TempDir(), "other.db"))
	first.start()
	replica.start()
	time.Sleep(2 * time.Second) // some heartbeats
	assert.NotContains(t, first.output()+replica.output(), says)
	other.start()
	for _, c := range []*collector{first, replica, other} {
		c.waitLog(says)
		assert.Contains(t, c.output(), "this process delivers to tyksql#")
	}
	other.stop()
	first.waitLog("All processes of the group deliver to the same destinations again")
	first.stop()
	replica.stop()
}
