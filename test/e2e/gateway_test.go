//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// capture is what a real gateway pushed while a client sent it known requests.
type capture struct {
	RequestsSent int            `json:"requests_sent"`
	NotRecorded  map[string]int `json:"not_recorded"`
	Records      int            `json:"records"`
	Keys         map[string]int `json:"keys"` // entries by list
	ClientView   []struct {
		Method string `json:"method"`
		Listen string `json:"listen"`
		Status int    `json:"status"`
		N      int    `json:"n"`
	} `json:"client_view"`
}

// call is what both the client and the gateway know of a request.
type call struct {
	method, listenPath string
	status             int64
}

// The requests that a gateway does not record by design, by the capture's reasons.
var notRecorded = map[string]call{
	"no API matched (gateway 404)": {"GET", "/nosuchapi/", 404},
	"api with do_not_track":        {"GET", "/untracked/", 200},
	"do_not_track_endpoints path":  {"GET", "/inventory/", 200},
	"client IP in ignored_ips":     {"GET", "/petstore/", 200},
}

// mcpListenPath is the MCP API's, whose records are another table's in Tyk.
const mcpListenPath = "/mcp/"

// expectCalls adds up what must be in the store after the capture.
func (c capture) expectCalls(tb testing.TB, calls map[call]int) {
	tb.Helper()
	for _, v := range c.ClientView {
		if v.Listen != mcpListenPath {
			calls[call{v.Method, v.Listen, int64(v.Status)}] += v.N
		}
	}
	for reason, n := range c.NotRecorded {
		require.Contains(tb, notRecorded, reason)
		calls[notRecorded[reason]] -= n
		if calls[notRecorded[reason]] == 0 {
			delete(calls, notRecorded[reason])
		}
	}
}

func countCalls(tb testing.TB, rows []row) map[call]int {
	tb.Helper()
	calls := map[call]int{}
	for _, r := range rows {
		calls[call{r.text(tb, "method"), r.text(tb, "listenpath"), r.integer(tb, "responsecode")}]++
	}
	return calls
}

// pushCapture puts a capture's entries on the lists that they were on.
func pushCapture(tb testing.TB, rdb *redis.Client, name string, c capture) {
	tb.Helper()
	pushed := 0
	for list, n := range c.Keys {
		file := "gateway/" + name + ".bin.gz"
		if strings.HasPrefix(name, "multikey-") {
			file = "gateway/" + name + "/" + list + ".bin.gz"
		}
		all := entries(tb, file)
		require.Len(tb, all, n, file)
		push(tb, rdb, list, all)
		pushed += n
	}
	require.Equal(tb, c.Records, pushed, name)
}

// referenceRows are the rows that a reference decode asks for.
func referenceRows(tb testing.TB, name string, from encoding) []row {
	tb.Helper()
	var rows []row
	for line := range strings.Lines(string(testdata(tb, "gateway/"+name+".jsonl.gz"))) {
		var record map[string]any
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		require.NoError(tb, decoder.Decode(&record))
		r := row{}
		for name, value := range record {
			r.put(tb, columnName(name), value)
		}
		delete(r, "api_schema") // is stored nowhere in SQL
		if r["mcp_stats_is_mcp"] == "true" {
			continue
		}
		if from == protobuf {
			// Tyk Pump's decoder leaves these out; see differences.
			delete(r, "geo_city_names")
			r["latency_gateway"] = strconv.FormatInt(r.integer(tb, "latency_total")-r.integer(tb, "latency_upstream"), 10)
		}
		rows = append(rows, r)
	}
	require.NotEmpty(tb, rows)
	return rows
}

// columnName is the column of a top-level field: without underscores, but for
// those that have parts.
func columnName(field string) string {
	switch field {
	case "api_name", "api_schema", "graphql_stats", "mcp_stats":
		return field
	}
	return strings.ReplaceAll(field, "_", "")
}

// graphQLColumns are the columns of the fields that have no JSON names in Tyk.
var graphQLColumns = map[string]string{
	"Variables": "variables", "RootFields": "root_fields", "Types": "types", "Errors": "errors",
	"OperationType": "operation_type", "HasErrors": "has_errors", "IsGraphQL": "is_graph_ql",
}

// jsonColumns hold JSON as text; their empty values are not null.
var jsonColumns = map[string]string{
	"tags": "[]", "geo_city_names": "{}",
	"graphql_stats_root_fields": "[]", "graphql_stats_types": "{}", "graphql_stats_errors": "[]",
}

// put adds a value of the reference decode, a struct's fields each.
func (r row) put(tb testing.TB, column string, value any) {
	tb.Helper()
	if empty, ok := jsonColumns[column]; ok {
		r[column] = jsonText(tb, empty)
		if value != nil {
			text, err := json.Marshal(value)
			require.NoError(tb, err)
			// Tyk Pump's tables have an empty list where an error has no path.
			r[column] = jsonText(tb, strings.ReplaceAll(string(text), `"path":null`, `"path":[]`))
		}
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for name, part := range v {
			if of, ok := graphQLColumns[name]; ok {
				name = of
			}
			r.put(tb, column+"_"+name, part)
		}
	case string:
		r[column] = jsonText(tb, v)
		if column == "timestamp" || column == "expireAt" {
			at, err := time.Parse(time.RFC3339Nano, v)
			require.NoError(tb, err)
			r[column] = postgresTime(at)
		}
	case json.Number, bool:
		r[column] = fmt.Sprint(v)
	default:
		require.Failf(tb, "unexpected value", "%s: %v", column, value)
	}
}

// requireAmong looks for wanted rows among all; columns that a wanted row does not
// have are not compared.
func requireAmong(tb testing.TB, want, all []row) {
	tb.Helper()
	require.NotEmpty(tb, want)
	var without []string
	for column := range all[0] {
		if _, ok := want[0][column]; !ok {
			without = append(without, column)
		}
	}
	narrowed := make([]row, 0, len(all))
	for _, r := range all {
		n := row{}
		for column, value := range r {
			n[column] = value
		}
		for _, column := range without {
			delete(n, column)
		}
		narrowed = append(narrowed, n)
	}
	if missing := subtract(want, narrowed); len(missing) > 0 {
		requireSameRows(tb, want, subtract(narrowed, want)) // says how they differ
	}
}

func TestEverythingThatARealGatewayPushedArrives(t *testing.T) {
	t.Parallel()
	var captures map[string]capture
	decodeJSON(t, "gateway/capture.json.gz", &captures)
	const tcp = "records-tcp-msgpack" // one record a second, without a client
	captures[tcp] = capture{Records: 11, Keys: map[string]int{msgpackList: 11}}
	tests := map[string]struct {
		captures   []string
		lists      int
		references map[string]encoding
		tcp        int
	}{
		"all 22 lists": {
			captures:   []string{"records-msgpack", "records-protobuf", "multikey-msgpack", "multikey-protobuf"},
			lists:      22,
			references: map[string]encoding{"records-msgpack": msgpack, "records-protobuf": protobuf},
		},
		"other settings of the gateway": {
			captures: []string{
				"records-otel-msgpack", "records-unhashed-normalised-msgpack",
				"records-tz-newyork-msgpack", "records-tz-newyork-protobuf", tcp,
			},
			lists: 2,
			tcp:   11,
		},
	}
	postgres := peers.StartPostgres(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			redis, dsn := peers.StartRedis(t), postgres.FreshDatabase(t)
			file := filepath.Join(t.TempDir(), "analytics.db")
			want := map[call]int{}
			for _, name := range test.captures {
				pushCapture(t, redis.Client(), name, captures[name])
				captures[name].expectCalls(t, want)
			}
			if test.tcp > 0 {
				want[call{"", "", -1}] = test.tcp
			}
			require.EqualValues(t, test.lists, redis.Client().DBSize(t.Context()).Val())

			c := newCollector(t, pipeline(redis, nil, unredacted, map[string]object{
				"tyksql/postgres": {"driver": "postgres", "datasource": dsn},
				"tyksql/sqlite":   {"driver": "sqlite", "datasource": file},
			}))
			c.start()
			waitDrained(t, redis.Client(), drainTimeout)
			c.stop()
			assert.Empty(t, deadLetters(t, redis.Client()))

			rows := postgresRows(t, dsn, table)
			assert.Equal(t, want, countCalls(t, rows))
			for reference, encoding := range test.references {
				requireAmong(t, referenceRows(t, reference, encoding), rows)
			}
			requireSameRows(t, rows, sqliteRows(t, file, table))
		})
	}
}
