package tykhybridexporter

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykhybridexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

type object = map[string]any

// pumpCalls are the arguments of the calls of a function in a golden run.
func pumpCalls[T any](tb testing.TB, run, function string) []T {
	tb.Helper()
	var all []T
	for _, call := range sinktest.JSONLines[struct {
		Function string
		Argument json.RawMessage
	}](tb, "testdata", "golden", run+".jsonl.gz") {
		if call.Function == function {
			var argument T
			require.NoError(tb, json.Unmarshal(call.Argument, &argument))
			all = append(all, argument)
		}
	}
	return all
}

// unsent is an exporter that calls nobody.
func unsent(tb testing.TB, change func(*Config)) *hybridExporter {
	tb.Helper()
	config := createDefaultConfig().(*Config)
	config.APIKey = "secret"
	change(config)
	e, err := newHybridExporter(config, exportertest.NewNopSettings(metadata.Type))
	require.NoError(tb, err)
	return e
}

// argumentsOf are those of all calls of a push.
func argumentsOf(tb testing.TB, e *hybridExporter, logs plog.Logs) (calls []parcel, arguments []string) {
	tb.Helper()
	p, err := e.newPush(tb.Context(), logs)
	require.NoError(tb, err)
	for _, parcel := range p.parcels {
		arguments = append(arguments, p.argument(parcel.function, parcel.items))
	}
	return p.parcels, arguments
}

// nullForEmpty replaces lists and objects without elements, which a record does not tell from none.
func nullForEmpty(v any) any {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return nil
		}
		for i := range v {
			v[i] = nullForEmpty(v[i])
		}
	case object:
		if len(v) == 0 {
			return nil
		}
		for key := range v {
			v[key] = nullForEmpty(v[key])
		}
	}
	return v
}

func TestRecordsAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	var want, got []any
	for _, call := range pumpCalls[[]any](t, "hybrid", "PurgeAnalyticsData") {
		want = append(want, call...)
	}
	e := unsent(t, func(c *Config) { c.MaxRecords, c.MaxBytes = 100, 100_000 })
	records := sinktest.GoldenRecords(t)
	var sent []analytics.Record
	for _, at := range slices.Concat(purges(t)["mixed"]...) {
		sent = append(sent, records[at])
	}
	parcels, arguments := argumentsOf(t, e, sinktest.LogsOf(sent...))
	for i, argument := range arguments {
		var list []any
		require.NoError(t, json.Unmarshal([]byte(argument), &list))
		assert.LessOrEqual(t, len(list), 100)
		assert.True(t, len(argument) <= 100_000 || len(list) == 1, "%d bytes", len(argument))
		assert.Equal(t, purgeRecords, parcels[i].function)
		got = append(got, list...)
	}
	assert.Greater(t, len(arguments), 6)
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, nullForEmpty(want[i]), nullForEmpty(got[i]), i)
	}
}

// purges are which records were one, by the way in which they were pushed.
func purges(tb testing.TB) map[string][][]int {
	tb.Helper()
	content, err := os.ReadFile("../../internal/rollup/testdata/golden/batches.json")
	require.NoError(tb, err)
	var all map[string][][]int
	require.NoError(tb, json.Unmarshal(content, &all))
	return all
}

// rollupsOfRun is a push of the rollups of purges, of which each is a segment.
func rollupsOfRun(tb testing.TB, batching string, settings rollup.Settings) plog.Logs {
	tb.Helper()
	records := sinktest.GoldenRecords(tb)
	a, err := rollup.NewAggregator(settings)
	require.NoError(tb, err)
	all := plog.NewLogs()
	for i, batch := range purges(tb)[batching] {
		logs := plog.NewLogs()
		list := analytics.AppendScope(logs)
		for n, at := range batch {
			records[at].ToLog(list.AppendEmpty(), analytics.UID{Segment: "seg" + strconv.Itoa(i), Index: int64(n)}.String())
		}
		groups, _ := a.Aggregate(logs, nil)
		rollup.AppendLogs(all, "", groups)
	}
	return all
}

// keysOf are an object's, in the order of the text.
func keysOf(tb testing.TB, text []byte) []string {
	tb.Helper()
	var keys []string
	var members map[string]json.RawMessage
	require.NoError(tb, json.Unmarshal(text, &members))
	at := map[string]int{}
	for key := range members {
		keys = append(keys, key)
		at[key] = indexOf(text, `"`+key+`":`)
	}
	slices.SortFunc(keys, func(x, y string) int { return at[x] - at[y] })
	return keys
}

func indexOf(text []byte, part string) int {
	depth := 0
	for i := range text {
		switch text[i] {
		case '{':
			depth++
		case '}':
			depth--
		case '"':
			if depth == 1 && i+len(part) <= len(text) && string(text[i:i+len(part)]) == part {
				return i
			}
		}
	}
	return -1
}

// addCounters adds a tree of counters to sums by their paths. What follows from the order or the grouping of records is left out.
func addCounters(sums map[string]map[string]float64, path string, v any) {
	o, ok := v.(object)
	if !ok {
		return
	}
	if _, counter := o["hits"]; !counter {
		for key, inner := range o {
			addCounters(sums, path+"/"+key, inner)
		}
		return
	}
	sum := sums[path]
	if sum == nil {
		sum = map[string]float64{}
		sums[path] = sum
	}
	for _, key := range []string{
		"hits", "success", "error", "total_request_time", "open_connections", "closed_connections", "bytes_in", "bytes_out",
		"total_upstream_latency", "total_latency", "upstream_latency", "latency",
	} {
		sum[key] += o[key].(float64)
	}
	for _, key := range []string{"max_upstream_latency", "max_latency"} {
		sum[key] = max(sum[key], o[key].(float64))
	}
	codes, _ := o["error_map"].(object)
	for code, n := range codes {
		sum["code "+code] += n.(float64)
	}
	if o["error_list"] != nil {
		sum["error_list"]++
	}
}

// Tyk Pump counts a purge of an organisation for the hour of its first record, and here each record counts for its own;
// summed up over time all is the same.
func TestRollupsAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	hourly := rollup.Settings{Minutes: 60, Zone: "UTC", TraceTags: true}
	minutes := rollup.Settings{Minutes: 1, Zone: "UTC", TraceTags: true, TrackAllPaths: true, IgnoreTagPrefixes: []string{"org-"}}
	for _, test := range []struct {
		run, batching, function, call string
		settings                      rollup.Settings
	}{
		{"hybrid-aggregated", "mixed", "PurgeAnalyticsDataAggregated", purgeRollups, hourly},
		{"hybrid-aggregated", "mixed", "PurgeAnalyticsDataMCPAggregated", purgeMCP, hourly},
		{"hybrid-aggregated-no-mcp-track-all", "one", "PurgeAnalyticsDataAggregated", purgeRollups, minutes},
	} {
		t.Run(test.run+" "+test.function, func(t *testing.T) {
			t.Parallel()
			want, got := map[string]map[string]float64{}, map[string]map[string]float64{}
			var keys []string
			for _, call := range pumpCalls[map[string]json.RawMessage](t, test.run, test.function) {
				for owner, text := range call {
					var members object
					require.NoError(t, json.Unmarshal(text, &members))
					addCounters(want, owner, members)
					keys = keysOf(t, text)
				}
			}
			e := unsent(t, func(c *Config) { c.EnableMCPAggregation = true })
			parcels, arguments := argumentsOf(t, e, rollupsOfRun(t, test.batching, test.settings))
			for i, argument := range arguments {
				if parcels[i].function != test.call {
					continue
				}
				var call map[string]json.RawMessage
				require.NoError(t, json.Unmarshal([]byte(argument), &call))
				require.Len(t, call, 1)
				for owner, text := range call {
					var members object
					require.NoError(t, json.Unmarshal(text, &members))
					addCounters(got, owner, members)
					require.Equal(t, keys, keysOf(t, text))
					lists := members["Lists"].(object)
					assert.Len(t, lists, 10)
				}
			}
			require.NotEmpty(t, want)
			assert.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
			assert.Equal(t, want, got)
		})
	}
}

// A group is sent to the last byte as Tyk Pump sends the same records.
func TestAGroupIsSentAsByTykPump(t *testing.T) {
	t.Parallel()
	records := sinktest.GoldenRecords(t)[:1] // the first purge of all runs
	want := pumpCalls[json.RawMessage](t, "hybrid-aggregated", "PurgeAnalyticsDataAggregated")[0]
	a, err := rollup.NewAggregator(rollup.Settings{Minutes: 60, Zone: "UTC", TraceTags: true})
	require.NoError(t, err)
	groups, _ := a.Aggregate(sinktest.LogsOf(records...), nil)
	require.Len(t, groups, 1)
	got, err := appendGroup(nil, &groups[0])
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

func TestRollupsOfTimesThatJSONHasNotAreRefused(t *testing.T) {
	t.Parallel()
	g := rollup.Group{Org: "o", Bucket: time.Unix(1<<40, 0), Rollups: make([]rollup.Rollup, 1)}
	got, err := appendGroup([]byte("x"), &g)
	require.EqualError(t, err, "a time is in the year 36812: JSON has times of the years 0 to 9999")
	assert.Equal(t, "x", string(got))
}

func TestCodesComeInTheOrderOfTexts(t *testing.T) {
	t.Parallel()
	counter := appendCounter(nil, &rollup.Counter{Codes: []rollup.CodeCount{{Code: 404, Count: 1}, {Code: 500, Count: 2}, {Code: 4040, Count: 3}}})
	assert.Contains(t, string(counter), `"error_map":{"404":1,"4040":3,"500":2}`)
}

func FuzzCalls(f *testing.F) {
	f.Add("/a\"b", "an API", int64(200), 1.5, int64(1_700_000_000), uint8(3))
	f.Add("\xff\u2028", "\x00", int64(-1), 1e300, int64(1<<50), uint8(1))
	f.Fuzz(func(t *testing.T, path, name string, code int64, latitude float64, seconds int64, most uint8) {
		e := unsent(t, func(c *Config) { c.MaxRecords, c.MaxBytes = int(most)+1, 2000 })
		record := analytics.Record{Path: path, APIName: name, OrgID: "o", APIID: name, ResponseCode: code, TrackPath: true, Tags: []string{path}, TimeStamp: time.Unix(seconds, 0).UTC()}
		record.Geo.Latitude = latitude
		records := []analytics.Record{record, {Path: "/b"}, record}
		_, arguments := argumentsOf(t, e, sinktest.LogsOf(records...))
		n := 0
		for _, argument := range arguments {
			var list []struct {
				Path      string    `json:"path"`
				TimeStamp time.Time `json:"timestamp"`
			}
			require.NoError(t, json.Unmarshal([]byte(argument), &list), argument)
			n += len(list)
		}
		require.Contains(t, []int{1, 3}, n)

		a, err := rollup.NewAggregator(rollup.Settings{Minutes: 60, Zone: "UTC"})
		require.NoError(t, err)
		groups, _ := a.Aggregate(sinktest.LogsOf(records...), nil)
		for i := range groups {
			if text, err := appendGroup(nil, &groups[i]); err == nil {
				require.True(t, json.Valid(text), string(text))
			}
		}
	})
}

func BenchmarkCalls(b *testing.B) {
	e := unsent(b, func(*Config) {})
	for name, logs := range map[string]plog.Logs{
		"records": sinktest.LogsOf(sinktest.GoldenRecords(b)...),
		"rollups": rollupsOfRun(b, "one", rollup.Settings{Minutes: 60, Zone: "UTC"}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.newPush(b.Context(), logs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
