package table

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite docs/pump-conf.md")

func TestThePageIsMadeOfTheTable(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "..", "docs", "pump-conf.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(Page()), 0o600))
	}
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, Page(), string(page), "go test ./internal/pumpconf/table -update writes it")
}

func TestEveryRowSaysWhatItMeans(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		assert.NotEmpty(t, p.key.Pump, p.path)
		assert.NotEmpty(t, p.key.Here, p.path)
		assert.NotEmpty(t, p.key.Reason(), p.path)
		assert.Equal(t, strings.ToLower(p.key.Name), p.key.Name, p.path)
		for _, text := range []string{p.key.Pump, p.key.Here, p.key.Why} {
			assert.NotContains(t, text, "\n", p.path)
		}
	}
}

func TestThereAre33Types(t *testing.T) {
	t.Parallel()
	assert.Len(t, Types(), 33)
	prefixes := map[string]string{}
	for _, kind := range Types() {
		assert.Empty(t, prefixes[kind.Prefix()], kind.Name)
		prefixes[kind.Prefix()] = kind.Name
		seen := map[string]bool{}
		for i := range kind.Keys {
			key := &kind.Keys[i]
			assert.False(t, seen[key.Name] || key.Variable() != "" && seen[key.Variable()], "%s %s", kind.Name, key.Name)
			seen[key.Name], seen[key.Variable()] = true, true
		}
	}
	assert.Equal(t, "sql-mcp", prefixes["TYK_PMP_PUMPS_MCP_SQL_META"])
	assert.Equal(t, "mongo-pump-aggregate", prefixes["TYK_PMP_PUMPS_MONGOAGGREGATE_META"])
}

func TestVariablesFollowFromKeys(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"filters.skip_org_ids": "FILTERS_SKIPPEDORGSIDS", "max_record_size": "MAXRECORDSIZE", "meta": ""} {
		assert.Equal(t, want, Pump().Key(name).Variable())
	}
	assert.Equal(t, "BULKCONFIG_WORKERS", FindType("Elasticsearch").Section().Key("bulk_config.workers").Variable())
	assert.Equal(t, "TYK_PMP_PUMPS_KAFKA_META_TIMEOUT", FindType("kafka").Section().Key("timeout").Full("TYK_PMP_PUMPS_LOGS_META"))
}

func TestExplainAnswersInThreeLines(t *testing.T) {
	t.Parallel()
	env := func(name string) string { return map[string]string{"TYK_PMP_PUMPS_MAIN_TYPE": "sql"}[name] }
	for name, want := range map[string]string{
		"purge_delay": "Tyk Pump: seconds between two rounds (purge_delay; TYK_PMP_PURGEDELAY; whole number, default 0, which never purges)\n" +
			"here: INFO not needed\nwhy: records are delivered as they come; x_otelcol_tyk.poll_interval makes batches larger\n",
		"TYK_PMP_PUMPS_MAIN_META_BATCHSIZE": "Tyk Pump: rows of a statement; above 1260 each full one fails (pumps.<name>.meta.batch_size; TYK_PMP_PUMPS_<NAME>_META_BATCHSIZE; " +
			"whole number, default 1000; type sql, sql_aggregate, sql-graph, sql-graph-aggregate, sql-mcp, sql-mcp-aggregate)\n" +
			"here: INFO not needed\nwhy: a delivery is one transaction\n",
		"TYK_PMP_PUMPS_GRAPH_SQL_META_TABLENAME": "Tyk Pump: the table, of all pumps of the type: the last one to start wins (pumps.<name>.meta.table_name; " +
			"TYK_PMP_PUMPS_<NAME>_META_TABLENAME; text, default tyk_analytics_graph; type sql-graph)\nhere: tyksql's name of the table\nwhy: it is the same thing under its name here\n",
		"TYK_PMP_TEMPORAL_STORAGE_HOST": "Tyk Pump: the server, if port is set too; without port it is ignored (analytics_storage_config.host; " +
			"TYK_PMP_ANALYTICSSTORAGECONFIG_HOST; text)\nhere: receiver's addresses\nwhy: it is the same thing under its name here\n",
		"pumps.elasticsearch.meta.use_sniffing": "Tyk Pump: asks the servers for others (pumps.<name>.meta.use_sniffing; TYK_PMP_PUMPS_<NAME>_META_ENABLESNIFFING; " +
			"boolean, default false; type elasticsearch)\nhere: not taken over\nwhy: what servers say of themselves is often no address from here: name them all\n",
	} {
		got, err := Explain(name, env)
		require.NoError(t, err, name)
		assert.Equal(t, want, got[0], name)
		assert.Equal(t, strings.HasPrefix(name, "TYK_PMP_TEMPORAL_"), len(got) > 1, name)
	}
	several, err := Explain("batch_size", env)
	require.NoError(t, err)
	assert.Len(t, several, 4, "uptime, SQL, moesif and kinesis")
	for _, one := range append(several, explained(t, "PMP_MONGOAGG_MONGOURL", env)...) {
		assert.Equal(t, 3, strings.Count(one, "\n"))
	}
	_, err = Explain("enable_sniffing", env)
	for name, meant := range map[string]string{"purge_dealy": "purge_delay", "TYK_PMP_PURGEDELY": "TYK_PMP_PURGEDELAY"} {
		_, misspelt := Explain(name, func(string) string { return "" })
		require.ErrorContains(t, misspelt, "("+meant+" is meant?)")
	}
	assert.EqualError(t, err, `"enable_sniffing" is no key and no variable that Tyk Pump reads (use_sniffing is meant?): docs/pump-conf.md lists them`)
}

func explained(t *testing.T, name string, env func(string) string) []string {
	t.Helper()
	got, err := Explain(name, env)
	require.NoError(t, err)
	require.NotEmpty(t, got)
	return got
}

// TestVariablesOfNoKeyAreExplained asks for those that Tyk Pump, or a library of it, reads beside its keys.
func TestVariablesOfNoKeyAreExplained(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	for name, want := range map[string]string{
		"TYK_LOGLEVEL":                  "Tyk Pump: debug, warn or error, over log_level; another text is info (TYK_LOGLEVEL; text, default log_level)\nhere: service::telemetry::logs::level\nwhy: it is the same thing under its name here\n",
		"tyk_logformat":                 "service::telemetry::logs::encoding",
		"TYK_INSTRUMENTATION":           "here: WARN not taken over",
		"TYK_PMP_KV_STORES":             "merged with kv.stores by name",
		"TYK_PMP_KV_CACHE_TTL":          "here: INFO not needed",
		"TYK_PMP_OPENTELEMETRY_ENABLED": "its own traces and metrics",
		"TYK_PMP_PUMPS":                 "here: ERROR refused",
		"TYK_PMP_BUILDDEMODATA":         "here: ERROR refused",
		"PMP_MONGO_*":                   "of type mongo, over everything else",
		"MONGO_DB_TYPE":                 "mongo_db_type",
		"TZ":                            "timezone of tyksql, tykaggregate and tykcsv",
		"DD_AGENT_HOST":                 "the agent of a dogstatsd pump",
		"DD_DOGSTATSD_PORT":             "the port of that agent",
		"DD_ENTITY_ID":                  "dogstatsd",
		"DD_ENV":                        "dogstatsd",
		"DD_SERVICE":                    "dogstatsd",
		"DD_VERSION":                    "dogstatsd",
		"USAGE_LOGGERS_URL":             "settings of resurfaceio pumps",
		"AWS_PROFILE":                   "sqs, kinesis and timestream",
		"REDIGOCLUSTER_SHARDCOUNT":      "nothing, for years",
	} {
		for _, one := range explained(t, name, none)[:1] {
			assert.Contains(t, one, want, name)
			assert.Equal(t, 3, strings.Count(one, "\n"), name)
		}
	}
	for i := range Others() {
		row := &Others()[i]
		for _, text := range []string{row.Pump, row.Here, row.Reason()} {
			assert.NotEmpty(t, text, row.Var)
			assert.NotContains(t, text, "\n", row.Var)
		}
		assert.Contains(t, Page(), "| `"+row.Var+"` |")
	}
	for name, want := range map[string]string{"kv.stores": "(kv;", "kv.cache": "(kv;", "iam_auth": "iam_auth.enabled", "postgres": "postgres.prefer_simple_protocol", "filters": "filters.org_ids"} {
		assert.Contains(t, strings.Join(explained(t, name, none), ""), want, name)
	}
	for name, want := range map[string]string{
		"PMP_MONGO_MONGOURL":      "meta of all pumps of type mongo, over everything else",
		"PMP_MONGOSEL_MONGOURL":   "meta of all pumps of type mongo-pump-selective, over everything else",
		"TYK_PMP_REDIS_KEYPREFIX": "its KEYPREFIX moves the list of uptime checks too",

		"TYK_PMP_TEMPORAL_STORAGE_KEYPREFIX": "the same as TYK_PMP_REDIS_*, over it",
	} {
		assert.Contains(t, strings.Join(explained(t, name, none)[1:], ""), want, name)
	}
	assert.Len(t, explained(t, "AWS_REGION", none), 1, "the variable of AWS' own")
	assert.Len(t, explained(t, "aws_region", none), 2, "the keys of types")
	assert.Contains(t, explained(t, "pumps.my.pump.meta.csv_dir", none)[0], "type csv")
	assert.Contains(t, explained(t, "pumps.my.pump.timeout", none)[0], "a round waits for this pump")
	for name, want := range map[string]string{
		"csv":         `"csv" is a type of pumps: ask for a key of it, such as pumps.csv.timeout or pumps.csv.meta.csv_dir`,
		"pumps.dummy": `"pumps.dummy" is a type of pumps: ask for a key of it, such as pumps.dummy.timeout`,
		"":            `"" is no key and no variable that Tyk Pump reads: docs/pump-conf.md lists them`,
	} {
		_, err := Explain(name, none)
		require.EqualError(t, err, want)
	}
	_, err := Explain("TYK_LOGLEVL", none)
	require.ErrorContains(t, err, "(TYK_LOGLEVEL is meant?)")
	for _, name := range []string{"", "AWS_", "TYK_OTHER_THING"} {
		_, err = Explain(name, none)
		require.Error(t, err, name)
	}
}

// TestEveryKeyAndVariableIsExplained asks for each.
func TestEveryKeyAndVariableIsExplained(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	for _, p := range merge(places()) {
		explained(t, p.path, none)
		if p.variable != "" {
			explained(t, strings.ReplaceAll(p.variable, "<NAME>", "MINE"), none)
		}
	}
}
