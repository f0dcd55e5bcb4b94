package tykinfluxexporter

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// pumpLines are the lines of a pump without their times.
func pumpLines(tb testing.TB, name string) []string {
	tb.Helper()
	var all []string
	for text := range strings.Lines(string(sinktest.Unzip(tb, "testdata", "golden", name+".jsonl.gz"))) {
		var request struct{ Method, Body string }
		require.NoError(tb, json.Unmarshal([]byte(text), &request))
		if request.Method == http.MethodPost {
			all = append(all, endOfLine.Split(request.Body, -1)...)
			all = all[:len(all)-1] // behind the last end is nothing
		}
	}
	return all
}

// endOfLine is a line's time; texts in a line may hold ends of lines.
var endOfLine = regexp.MustCompile(` (?:\d{19}|<volatile>)\n`)

func withoutTime(text string) string { return text[:strings.LastIndexByte(text, ' ')] }

func TestLinesAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	records := sinktest.GoldenRecords(t)
	for name, change := range map[string]func(*Config){
		"influx": func(c *Config) {
			c.DatabaseName = "tyk"
			c.Tags = []string{"path", "method", "response_code", "api_name", "org_id"}
			c.Fields = c.Fields[:len(c.Fields)-2]
		},
		"influx2": func(c *Config) { c.Bucket, c.Tags = "tyk", []string{"path", "response_code", "api_name"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := createDefaultConfig().(*Config)
			change(config)
			e, err := newRecordEncoder(config)
			require.NoError(t, err)
			want := pumpLines(t, name)
			lines, requests := e.recordLines(sinktest.LogsOf(records...))
			require.Empty(t, requests.Refused())
			require.Len(t, lines, len(want))
			missing := map[string]int{} // the pump's purges run beside each other
			for _, text := range want {
				missing[text]++
			}
			repaired := 0
			for i := range lines {
				got := strings.TrimSuffix(string(lines[i].Body), "\n")
				assert.True(t, strings.HasSuffix(got, " "+formatInt(records[i].TimeStamp.UnixNano())), "the time is the record's")
				got = withoutTime(got)
				if missing[got] == 0 {
					// A quote at a value's end leaves the pump a backslash before the comma, which
					// makes the line another one, or none.
					repaired++
					got = strings.ReplaceAll(got, `\",`, `\,`)
				}
				missing[got]--
				if missing[got] == 0 {
					delete(missing, got)
				}
			}
			assert.Empty(t, missing)
			assert.Less(t, repaired, len(lines)/4)
		})
	}
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

// TestEveryRecordOfTheGoldenSetIsStoredOnce stores the records twice in a real InfluxDB.
func TestEveryRecordOfTheGoldenSetIsStoredOnce(t *testing.T) {
	t.Parallel()
	server := peers.StartInflux(t, peers.InfluxSettings{})
	database(t, server)
	config := testConfig(server.URL())
	config.Tags = []string{"path", "method", "response_code", "api_name", "org_id"}
	e := startLogs(t, config, newHost())
	records := sinktest.GoldenRecords(t)
	places := map[string]bool{} // records of the same tags and time are one point
	encoder, err := newRecordEncoder(config)
	require.NoError(t, err)
	lines, _ := encoder.recordLines(sinktest.LogsOf(records...))
	for _, l := range lines {
		decoder := lineprotocol.NewDecoderWithBytes(l.Body)
		require.True(t, decoder.Next(), string(l.Body))
		text := string(l.Body)
		series, _, found := strings.Cut(text, " api_id=")
		require.True(t, found)
		places[series+text[strings.LastIndexByte(text, ' '):]] = true
	}
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	}
	assert.Equal(t, formatInt(int64(len(places))), count(t, server, "analytics", "response_code"))
	series, err := server.Query(t.Context(), "tyk", `SELECT * FROM analytics WHERE api_id = '' OR api_id != '' LIMIT 1`)
	require.NoError(t, err)
	require.Len(t, series, 1)
}

func TestATagMayEndInAnything(t *testing.T) {
	t.Parallel()
	server := peers.StartInflux(t, peers.InfluxSettings{})
	database(t, server)
	config := testConfig(server.URL())
	config.Tags = []string{"path", "api_name"}
	e := startLogs(t, config, newHost())
	var records []analytics.Record
	for i, name := range []string{`quote"`, `back\`, `back\\`, `comma,`, `equals=`, "blank ", "tab\t", "line\n", "\x7f", "\xff", "ü☃", "", `"`, `\`} {
		r := sample(i)
		r.APIName, r.Path = name, name
		records = append(records, r)
	}
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	assert.Equal(t, formatInt(int64(len(records))), count(t, server, "analytics", "response_code"))
	series, err := server.Query(t.Context(), "tyk", `SHOW TAG KEYS FROM analytics`)
	require.NoError(t, err)
	require.Len(t, series, 1)
	assert.Equal(t, [][]any{{"api_name"}, {"path"}}, series[0].Values, "no value became a tag of its own")
}

func TestWhatIsNoRecordIsRefused(t *testing.T) {
	t.Parallel()
	d := startDouble(t, stores)
	e := startLogs(t, testConfig(d.URL), newHost())
	logs := samples(2)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetEventName("other")
	far := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
	far.SetEventName(analytics.EventRequest)
	far.Attributes().PutStr(analytics.AttrUID, "seg-2")
	far.Attributes().PutStr(analytics.AttrTimestamp, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339))
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, `foreign: not an analytics record: its event name is "other", want "tyk.request"`, reasons[0])
	assert.Len(t, d.received(), 1)
	assert.NotContains(t, reasons, int64(1))
}

func FuzzLines(f *testing.F) {
	f.Add("name", "path", int64(200), int64(0))
	f.Add(`\"`, "a,b= \n\\", int64(-1), int64(1<<62))
	f.Fuzz(func(t *testing.T, name, path string, code, nanos int64) {
		config := createDefaultConfig().(*Config)
		config.DatabaseName, config.Tags = "tyk", []string{"api_name", "path"}
		e, err := newRecordEncoder(config)
		require.NoError(t, err)
		r := sample(0)
		// The one control character that JSON leaves as it is: InfluxDB takes it, this decoder does not.
		name, path = strings.ReplaceAll(name, "\x7f", ""), strings.ReplaceAll(path, "\x7f", "")
		r.APIName, r.Path, r.ResponseCode, r.TimeStamp = name, path, code, time.Unix(0, nanos)
		logs := plog.NewLogs()
		r.ToLog(analytics.AppendScope(logs).AppendEmpty(), "seg-0")
		lines, _ := e.recordLines(logs)
		for _, l := range lines {
			decoder := lineprotocol.NewDecoderWithBytes(l.Body)
			require.True(t, decoder.Next())
			_, err := decoder.Measurement()
			require.NoError(t, err)
			tags := 0
			for {
				key, value, err := decoder.NextTag()
				require.NoError(t, err, string(l.Body))
				if key == nil {
					break
				}
				require.NotEmpty(t, value)
				tags++
			}
			require.LessOrEqual(t, tags, 2)
			for {
				key, value, err := decoder.NextField()
				require.NoError(t, err, string(l.Body))
				if key == nil {
					break
				}
				if string(key) == "response_code" {
					require.Equal(t, code, value.IntV())
				}
			}
			require.False(t, decoder.Next())
		}
	})
}
