package tyklintconverter

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// base is what each case of a rule is added to: Redis, tykfilter, and the stores that cases name.
const base = `
receivers:
  tykredis:
processors:
  tykfilter:
  tykaggregate:
exporters:
  nop:
`

// mistake is a case of a rule: a configuration, and what is said of it.
type mistake struct {
	Rule, Mistake, Config, Says string
}

// mistakes are the cases of all rules.
func mistakes(tb testing.TB) []mistake {
	tb.Helper()
	text, err := os.ReadFile("testdata/mistakes.yaml")
	require.NoError(tb, err)
	retrieved, err := confmap.NewRetrievedFromYAML(text)
	require.NoError(tb, err)
	list, err := retrieved.AsRaw()
	require.NoError(tb, err)
	var all []mistake
	for _, entry := range list.([]any) {
		of := func(key string) string { return entry.(map[string]any)[key].(string) }
		all = append(all, mistake{Rule: of("rule"), Mistake: of("mistake"), Config: of("config"), Says: of("says")})
	}
	return all
}

func TestEachRuleFindsWhatItIsNamedFor(t *testing.T) {
	t.Parallel()
	cases := map[string]int{}
	for _, m := range mistakes(t) {
		i := slices.IndexFunc(rules, func(r rule) bool { return r.name == m.Rule })
		require.GreaterOrEqual(t, i, 0, m.Rule)
		cases[m.Rule]++
		said := lint(t, configured(t, base, m.Config)).of(rules[i])
		assert.Contains(t, strings.Join(said, "\n"), m.Says, m.Mistake)
		for _, text := range said {
			assert.Regexp(t, `^\S+: .+: .+ \(lint: `+m.Rule+`\)$`, text)
		}
		allowed := lint(t, configured(t, base, m.Config, "x_otelcol_tyk: {allow: ["+m.Rule+"]}"))
		assert.Empty(t, allowed.of(rules[i]), m.Mistake)
	}
	for _, r := range rules {
		assert.Positive(t, cases[r.name], r.name)
	}
}

// TestWhatIsRightIsLeftAlone holds rules to what they must not find.
func TestWhatIsRightIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"records and rollups in one store": `
exporters: {tyksql: {tables: {mcp: {enabled: true}, aggregated: {enabled: true}, latency: {enabled: true}}}}
processors: {tykaggregate: {latencies: true}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}, logs/r: {receivers: [tykredis], processors: [tykfilter, tykaggregate], exporters: [tyksql]}}}`,
		"uptime checks of their own": `
receivers: {tykredis: {requests: {enabled: false}, uptime: {enabled: true}}}
exporters: {tykmongo: {collections: {requests: {enabled: false}, uptime: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], exporters: [tykmongo]}}}`,
		"requests other than those of GraphQL are not wanted": `
exporters: {tyksql: {tables: {requests: {enabled: false}, aggregated: {enabled: false}, graph: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}}}`,
		"requests of GraphQL beside the others in another store": `
exporters: {tyksql: {tables: {requests: {enabled: false}, graph: {enabled: true}}}, tykmongo: {collections: {mcp: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql, tykmongo]}}}`,
		"MCP is not wanted": `
exporters: {tyksql: {tables: {mcp: {enabled: false}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}}}`,
		"MCP in another store": `
exporters: {tyksql: , otlp_http: {sending_queue: {wait_for_result: true}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql, otlp_http]}}}`,
		"a queue on disk": `
exporters: {kafka: {sending_queue: {storage: file_storage}, retry_on_failure: {max_elapsed_time: 0s}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [kafka]}}}`,
		"batches and queues of traces and metrics": `
receivers: {otlp: , tykredis: }
exporters: {otlp_grpc: }
service: {pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [otlp_grpc]}, metrics: {receivers: [tykredis], processors: [batch], exporters: [otlp_grpc]}, logs: {receivers: [otlp], processors: [batch], exporters: [otlp_grpc]}}}`,
		"metrics made of records": `
connectors: {count: }
exporters: {prometheusremotewrite: , otlp_grpc: }
service: {pipelines: {logs: {receivers: [tykredis], exporters: [count, nop]}, metrics: {receivers: [count], exporters: [prometheusremotewrite, otlp_grpc]}}}`,
		"documents behind rollups of another pipeline": `
processors: {tykfilter/document: {document: {format: kafka}}}
exporters: {kafka: {sending_queue: {enabled: false}}, tyksql: {tables: {requests: {enabled: false}, aggregated: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter/document], exporters: [kafka]}, logs/r: {receivers: [tykredis], processors: [tykfilter, tykaggregate], exporters: [tyksql]}}}`,
		"a queue that is off unless it is written": `
exporters: {awss3: {s3uploader: {region: eu, s3_bucket: b}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [awss3]}}}`,
		"rollups made elsewhere": `
receivers: {kafka: }
exporters: {tyksql: {tables: {requests: {enabled: false}, aggregated: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [kafka], exporters: [tyksql]}}}`,
		"uptime checks read elsewhere": `
receivers: {otlp: }
exporters: {tyksql: {tables: {requests: {enabled: false}, uptime: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [otlp], exporters: [tyksql]}}}`,
		"requests counted, uptime checks stored": `
receivers: {tykredis: {uptime: {enabled: true}}}
exporters: {tyksql: {tables: {requests: {enabled: false}, uptime: {enabled: true}}}, prometheus: }
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}, metrics: {receivers: [tykredis], exporters: [prometheus]}}}`,
		"requests counted by a connector": `
receivers: {tykredis: {uptime: {enabled: true}}}
connectors: {count: }
exporters: {tyksql: {tables: {requests: {enabled: false}, uptime: {enabled: true}}}, prometheus: }
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql, count]}, metrics: {receivers: [count], exporters: [prometheus]}}}`,
		"uptime checks apart behind routes": `
receivers: {tykredis: {uptime: {enabled: true}}}
connectors: {routing: {default_pipelines: [logs/r], table: [{condition: "true", pipelines: [logs/u]}]}}
exporters: {tyksql: {tables: {mcp: {enabled: true}}}, tyksql/u: {tables: {requests: {enabled: false}, uptime: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [routing]}, logs/r: {receivers: [routing], exporters: [tyksql]}, logs/u: {receivers: [routing], exporters: [tyksql/u]}}}`,
		"uptime checks apart behind filters": `
receivers: {tykredis: {uptime: {enabled: true}}}
processors: {filter/r: , filter/u: }
exporters: {tyksql: {tables: {mcp: {enabled: true}}}, tyksql/u: {tables: {requests: {enabled: false}, uptime: {enabled: true}}}}
service: {pipelines: {logs/r: {receivers: [tykredis], processors: [tykfilter, filter/r], exporters: [tyksql]}, logs/u: {receivers: [tykredis], processors: [tykfilter, filter/u], exporters: [tyksql/u]}}}`,
		"many retries of Elasticsearch": `
exporters: {elasticsearch: {sending_queue: {enabled: false}, retry: {max_retries: 1e6}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [elasticsearch]}}}`,
		"what cannot be read is the collector's to refuse": `
receivers: [1]
processors: {tykfilter: 7}
exporters: {tyksql: x}
service: {pipelines: {logs: {receivers: tykredis}}}`,
		"a shadow, with uptime checks": `
receivers: {tykredis: {uptime: {enabled: true}}, tykredis/raw: {group: raw}}
exporters: {tykredis: {key_prefix: pump-, uptime: {key_prefix: "pump-host-checker:"}}}
service: {pipelines: {logs: {receivers: [tykredis], exporters: [tykredis]}, logs/raw: {receivers: [tykredis/raw], processors: [tykfilter], exporters: [tykredis]}}}`,
		"a relay to the same lists elsewhere": `
exporters: {tykredis: {addresses: ["elsewhere:6379"]}, tykredis/database: {database: 1}, tykredis/port: {addresses: "localhost:6380"}}
service: {pipelines: {logs: {receivers: [tykredis], exporters: [tykredis, tykredis/database, tykredis/port]}}}`,
		"a chain of two hops": `
receivers: {tykredis: , tykredis/b: {addresses: "b:6379"}}
exporters: {tykredis: {addresses: "b:6379"}, tykredis/c: {addresses: "c:6379"}}
service: {pipelines: {logs: {receivers: [tykredis], exporters: [tykredis]}, logs/b: {receivers: [tykredis/b], exporters: [tykredis/c]}}}`,
		"fields taken away by the filter that chooses by them, or that rollups count nothing of": `
receivers: {tykredis: {requests: {ignore_fields: [raw_request, api_id]}}}
processors: {tykfilter: {org_ids: [acme], fields: {ignore: [org_id]}}, tykfilter/b: {skip_response_codes: [404], fields: {ignore: [tags]}}}
exporters: {tyksql: {tables: {requests: {enabled: false}, aggregated: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [nop]}, logs/b: {receivers: [tykredis], processors: [tykfilter/b, tykaggregate], exporters: [tyksql]}}}`,
		"fields taken away in front of a store that does not go by them": `
receivers: {tykredis: {requests: {ignore_fields: [raw_request, timestamp]}}}
processors: {tykfilter: {fields: {ignore: [org_id]}}}
exporters: {tyksql: {tables: {mcp: {enabled: false}}}, tykmongo: {collections: {mcp: {enabled: false}, organisations: {enabled: false}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql, tykmongo]}}}`,
		"nothing": ``,
	} {
		said := lint(t, configured(t, base, config))
		require.NoError(t, said.err, name)
		assert.Empty(t, said.warnings, name)
	}
}

func TestTimesWithoutAnEnd(t *testing.T) {
	t.Parallel()
	for _, limit := range []any{0, "0", "0s", "0m0s"} {
		assert.True(t, endless(limit), limit)
	}
	for _, limit := range []any{nil, "5m", "10s", 300, ""} {
		assert.False(t, endless(limit), limit)
	}
}

// configured puts configurations on top of each other, as the collector does with several files.
func configured(tb testing.TB, parts ...string) *confmap.Conf {
	tb.Helper()
	conf := confmap.New()
	for _, part := range parts {
		retrieved, err := confmap.NewRetrievedFromYAML([]byte(part))
		require.NoError(tb, err)
		next, err := retrieved.AsConf()
		require.NoError(tb, err)
		require.NoError(tb, conf.Merge(next))
	}
	return conf
}
