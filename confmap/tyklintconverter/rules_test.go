package tyklintconverter

import (
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

// mistakes are the cases of each rule: a configuration, and what is said of it.
var mistakes = map[string][]struct{ name, config, want string }{
	"batch": {{
		"batch in a pipeline of tykredis", `
exporters: {tyksql: {tables: {mcp: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter, batch], exporters: [tyksql]}}}`,
		"service::pipelines::logs::processors: batch answers before the records of tykredis are stored",
	}, {
		"batch behind a connector", `
connectors: {forward: }
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [forward]}, logs/b: {receivers: [forward], processors: [batch/x], exporters: [nop]}}}`,
		"service::pipelines::logs/b::processors: batch answers",
	}},
	"memory-queue": {{
		"a stock exporter with a queue in memory", `
exporters: {kafka: }
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [kafka]}}}`,
		"exporters::kafka::sending_queue: is in memory",
	}, {
		"a queue in memory behind a connector", `
connectors: {forward: }
exporters: {splunk_hec/a: {sending_queue: {enabled: true, queue_size: 10}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [forward]}, logs/b: {receivers: [forward], exporters: [splunk_hec/a]}}}`,
		"exporters::splunk_hec/a::sending_queue: is in memory",
	}},
	"retries-end": {{
		"retries that end, behind a queue on disk", `
exporters: {kafka: {sending_queue: {storage: file_storage}, retry_on_failure: {max_elapsed_time: 5m}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [kafka]}}}`,
		"exporters::kafka::retry_on_failure: ends (after 5m by default)",
	}, {
		"the default retries, behind a queue on disk", `
exporters: {kafka: {sending_queue: {storage: file_storage}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [kafka]}}}`,
		"set retry_on_failure: {max_elapsed_time: 0}",
	}, {
		"Elasticsearch's own retries", `
exporters: {elasticsearch: {sending_queue: {enabled: false}, retry: {max_retries: 5}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [elasticsearch]}}}`,
		"exporters::elasticsearch::retry: a document that fails a few times is given up",
	}},
	"requests-unstored": {{
		"only rollup tables, and no tykaggregate", `
exporters: {tyksql: {tables: {requests: {enabled: false}, aggregated: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}}}`,
		"receivers::tykredis: no table of tyksql stores what arrives there",
	}, {
		"only the table of uptime checks", `
exporters: {tykmongo: {collections: {requests: {enabled: false}, uptime: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tykmongo]}}}`,
		"receivers::tykredis: no table of tykmongo stores what arrives there",
	}},
	"rollups-missing": {{
		"a rollup table beside that of records, and no tykaggregate", `
exporters: {tyksql: {tables: {mcp: {enabled: true}, aggregated: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}}}`,
		"exporters::tyksql::tables::aggregated: no pipeline to it has tykaggregate",
	}, {
		"rollup collections, and no tykaggregate", `
exporters: {tykmongo: {collections: {aggregates: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tykmongo]}}}`,
		"exporters::tykmongo::collections::aggregates: no pipeline to it has tykaggregate",
	}},
	"rollups-unstored": {{
		"tykaggregate in front of a store without rollup tables", `
exporters: {tyksql: }
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter, tykaggregate], exporters: [tyksql]}}}`,
		"exporters::tyksql: rollups of tykaggregate arrive, of which it stores none",
	}, {
		"tykaggregate in front of InfluxDB", `
exporters: {tykinflux: }
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter, tykaggregate], exporters: [tykinflux]}}}`,
		"leave tykaggregate out of logs",
	}},
	"document-unstored": {{
		"a document in front of a store of records", `
processors: {tykfilter: {document: {format: kafka}}}
exporters: {tyksql: }
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}}}`,
		"processors::tykfilter::document::format: makes documents, and tyksql behind it wants records",
	}, {
		"a document in front of tykaggregate", `
processors: {tykfilter: {document: {format: kafka}}}
exporters: {tyksql: {tables: {aggregated: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter, tykaggregate], exporters: [tyksql]}}}`,
		"makes documents, and tykaggregate behind it wants records",
	}},
	"filter-behind-rollups": {{
		"tykfilter with api_ids behind tykaggregate", `
processors: {tykfilter: {api_ids: [a]}}
exporters: {tyksql: {tables: {aggregated: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykaggregate, tykfilter], exporters: [tyksql]}}}`,
		"processors::tykfilter::api_ids: stands behind tykaggregate",
	}},
	"uptime-unstored": {{
		"uptime on at the receiver and off at the store", `
receivers: {tykredis: {uptime: {enabled: true}}}
exporters: {tyksql: {tables: {mcp: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}}}`,
		"receivers::tykredis::uptime::enabled: uptime checks arrive at tyksql, which has no table for them on",
	}, {
		"uptime checks into InfluxDB", `
receivers: {tykredis: {uptime: {enabled: true}}}
exporters: {tykinflux: }
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tykinflux]}}}`,
		"uptime checks arrive at tykinflux",
	}, {
		"uptime checks and documents in one pipeline", `
receivers: {tykredis: {uptime: {enabled: true}}}
processors: {tykfilter: {document: {format: kafka}}}
exporters: {kafka: {sending_queue: {enabled: false}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [kafka]}}}`,
		"uptime checks pass tykfilter, which makes documents of requests only: kafka gets both kinds",
	}, {
		"uptime checks into tykaggregate only", `
receivers: {tykredis: {uptime: {enabled: true}}}
exporters: {tyksql: {tables: {aggregated: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter, tykaggregate], exporters: [tyksql]}}}`,
		"all its pipelines have tykaggregate",
	}},
	"uptime-unread": {{
		"uptime on at the store and off at the receiver", `
exporters: {tyksql: {tables: {mcp: {enabled: true}, uptime: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}}}`,
		"exporters::tyksql::tables::uptime: no receiver in front of it reads uptime checks",
	}},
	"mcp-unstored": {{
		"requests of MCP with the default tables", `
exporters: {tyksql: }
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}}}`,
		"exporters::tyksql::tables::mcp: requests of MCP are not in the table of requests",
	}},
	"latencies": {{
		"latencies made and not stored", `
processors: {tykaggregate: {latencies: true}}
exporters: {tyksql: {tables: {aggregated: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter, tykaggregate], exporters: [tyksql]}}}`,
		"processors::tykaggregate::latencies: makes sketches of latencies, and tyksql stores none",
	}, {
		"latencies stored and not made", `
exporters: {tyksql: {tables: {requests: {enabled: false}, latency: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter, tykaggregate], exporters: [tyksql]}}}`,
		"exporters::tyksql::tables::latency: no tykaggregate in front of it makes latencies",
	}},
	"early-answer": {{
		"files without rotation", `
exporters: {file: {path: records.jsonl}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [file]}}}`,
		"exporters::file: keeps up to flush_interval of records in memory",
	}, {
		"logs through Datadog's own exporter", `
exporters: {datadog: {sending_queue: {enabled: false}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [datadog]}}}`,
		"exporters::datadog: answers before Datadog has the logs",
	}},
	"credentials": {{
		"a stock exporter without tykfilter", `
exporters: {otlp_grpc: {sending_queue: {enabled: false}}}
service: {pipelines: {logs: {receivers: [tykredis], exporters: [otlp_grpc]}}}`,
		"service::pipelines::logs::processors: recorded requests get to otlp_grpc with the credentials in their headers",
	}},
	"debug-only": {{
		"debug as the only destination", `
exporters: {debug: }
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [debug]}}}`,
		"receivers::tykredis: its records go to debug only",
	}},
	"routing-drops": {{
		"routes without a default", `
connectors: {routing: {table: [{condition: "true", pipelines: [logs/b]}]}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [routing]}, logs/b: {receivers: [routing], exporters: [nop]}}}`,
		"connectors::routing::default_pipelines: is not set",
	}},
}

func TestEachRuleFindsWhatItIsNamedFor(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, mistakes[r.name])
			for _, m := range mistakes[r.name] {
				said := lint(t, configured(t, base, m.config))
				assert.Contains(t, strings.Join(said.of(r), "\n"), m.want, m.name)
				for _, text := range said.of(r) {
					assert.Regexp(t, `^\S+: .+: .+ \(lint: `+r.name+`\)$`, text)
				}
				allowed := lint(t, configured(t, base, m.config, "x_otelcol_tyk: {allow: ["+r.name+"]}"))
				assert.NotContains(t, strings.Join(allowed.of(r), "\n"), m.want, m.name)
			}
		})
	}
	for name := range mistakes {
		assert.True(t, hasRule(name), name)
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
		"what cannot be read is the collector's to refuse": `
receivers: [1]
processors: {tykfilter: 7}
exporters: {tyksql: x}
service: {pipelines: {logs: {receivers: tykredis}}}`,
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
