package tykstatsdexporter

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// pumpLines are the lines of a golden run.
func pumpLines(tb testing.TB, name string) []string {
	tb.Helper()
	var all []string
	for _, datagram := range sinktest.JSONLines[string](tb, "testdata", "golden", name+".jsonl.gz") {
		all = append(all, strings.Split(datagram, "\n")...)
	}
	return all
}

// formatted is what Tyk Pump's StatsD makes of a name with a percent sign, which it takes for a format.
var formatted = regexp.MustCompile(`%!.*MISSING|\(int64=`)

func TestLinesAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	records := sinktest.GoldenRecords(t)
	for name, change := range map[string]func(*Config){
		"statsd": func(c *Config) {
			c.Fields = []string{"request_time", "latency_total", "latency_upstream", "latency_gateway"}
			c.Tags = []string{"path", "response_code", "api_name", "api_id", "time_stamp"}
		},
		"statsd-separated-method": func(c *Config) {
			c.SeparatedMethod, c.Tags = true, []string{"path", "method", "org_id", "null"}
		},
		"dogstatsd": func(c *Config) { c.Dialect, c.Prefix, c.TrimTrailingSlash = dialectDogStatsD, "pump", false },
		"dogstatsd-tags-buffered": func(c *Config) {
			c.Dialect, c.Prefix = dialectDogStatsD, "default"
			c.Tags = []string{"method", "response_code", "api_version", "api_name", "api_id", "org_id", "tracked", "path", "oauth_id"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := createDefaultConfig().(*Config)
			config.Sanitize = sanitizeTyk
			change(config)
			require.NoError(t, config.Validate())
			e := newEncoder(config)
			e.zone = time.UTC
			missing := map[string]int{} // the pump's purges run beside each other
			broken, want := 0, pumpLines(t, name)
			for _, line := range want {
				if formatted.MatchString(line) {
					broken++
					continue
				}
				missing[line]++
			}
			lines, repaired := 0, 0
			for i := range records {
				for line := range strings.Lines(string(e.append(nil, &records[i]))) {
					lines++
					line = strings.TrimSuffix(line, "\n")
					if missing[line] == 0 {
						repaired++
						assert.True(t, strings.Contains(line, "%") || len(line) > 1432, line)
						continue
					}
					missing[line]--
					if missing[line] == 0 {
						delete(missing, line)
					}
				}
			}
			assert.Empty(t, missing)
			assert.Equal(t, len(records)*len(config.Fields), lines)
			assert.Equal(t, lines-len(want)+broken, repaired, "a percent sign is one here, and no line is too long")
		})
	}
}

func TestSanitize(t *testing.T) {
	t.Parallel()
	record := analytics.Record{
		Method: "GET", Path: "/a:1|c/<b>", APIName: "An API, \"x\"#1\n", ResponseCode: 200, RequestTime: 42,
	}
	for _, test := range []struct{ dialect, sanitize, want string }{
		{dialectStatsD, sanitizeGraphite, "p.request_time.GET_a_1_c__b_.An_API___x__1_._.200:42|ms\n"},
		{dialectStatsD, sanitizeTyk, "p.request_time.get/a:1|c/\\u003cb\\u003e.anapi,\\x\\#1\\n..200:42|ms\n"},
		{dialectStatsD, sanitizeNone, "p.request_time.GET/a:1|c/<b>.An API, \"x\"#1..200:42|ms\n"},
		{dialectDogStatsD, sanitizeGraphite, "p.request_time:42|h|#tyk-pump,path:/a:1_c/<b>,api_name:An API_ \"x\"_1_,response_code:200\n"},
		{dialectDogStatsD, sanitizeTyk, "p.request_time:42|h|#tyk-pump,path:/a:1|c/<b>,api_name:An API, \"x\"#1,response_code:200\n"},
	} {
		config := createDefaultConfig().(*Config)
		config.Dialect, config.Sanitize, config.Prefix = test.dialect, test.sanitize, "p"
		config.Tags = []string{"path", "api_name", "oauth_id", "response_code"}
		assert.Equal(t, test.want, string(newEncoder(config).append(nil, &record)), test.dialect+" "+test.sanitize)
	}
}

func TestFieldsTagsAndVariables(t *testing.T) {
	t.Setenv("DD_ENV", "prod")
	t.Setenv("DD_SERVICE", "tyk")
	record := analytics.Record{RequestTime: 5, Latency: analytics.Latency{Total: 5, Upstream: 3, Gateway: 2}, APIID: "a"}
	config := createDefaultConfig().(*Config)
	config.Fields = []string{"requests", "latency_upstream"}
	assert.Equal(t, "requests:1|c\nlatency_upstream:3|ms\n", string(newEncoder(config).append(nil, &record)))
	config.Sanitize = sanitizeTyk
	assert.Equal(t, "requests.:1|c\nlatency_upstream.:3|ms\n", string(newEncoder(config).append(nil, &record)))
	config.Dialect, config.Tags, config.SampleRate, config.GlobalTags = dialectDogStatsD, []string{"api_id"}, 0.5, nil
	assert.Equal(t, "requests:1|c|@0.5|#env:prod,service:tyk,api_id:a\nlatency_upstream:3|h|@0.5|#env:prod,service:tyk,api_id:a\n",
		string(newEncoder(config).append(nil, &record)))
}

func TestSampledRecordsAreTheSameEachTime(t *testing.T) {
	t.Parallel()
	config := createDefaultConfig().(*Config)
	config.SampleRate = 0.25
	e := newEncoder(config)
	sent := 0
	for i := range int64(20_000) {
		uid := analytics.UID{Segment: "0123456789", Index: i}.String()
		first := e.sampled(&analytics.Record{}, uid)
		assert.Equal(t, first, e.sampled(&analytics.Record{APIKey: "other"}, uid))
		if first {
			sent++
		}
	}
	assert.InDelta(t, 5000, sent, 300)
	without := 0
	for i := range int64(20_000) {
		if e.sampled(&analytics.Record{TimeStamp: time.Unix(0, i)}, "") {
			without++
		}
	}
	assert.InDelta(t, 5000, without, 300)
}

func FuzzLines(f *testing.F) {
	f.Add("GET", "/a/b:1|c\n", "An API", int64(5), uint8(0))
	f.Add("", "", "\xff\x00", int64(-1), uint8(5))
	f.Fuzz(func(t *testing.T, method, path, name string, took int64, which uint8) {
		config := createDefaultConfig().(*Config)
		config.Dialect = []string{dialectStatsD, dialectDogStatsD}[which%2]
		config.Sanitize = []string{sanitizeGraphite, sanitizeTyk, sanitizeNone}[which/2%3]
		config.Tags = []string{"path", "api_name"}
		record := analytics.Record{Method: method, Path: path, APIName: name, RequestTime: took}
		line := string(newEncoder(config).append(nil, &record))
		require.Equal(t, 1, strings.Count(line, "\n"), "a record is one line")
		require.True(t, strings.HasSuffix(line, "\n"))
		if config.Sanitize != sanitizeGraphite {
			return
		}
		if config.Dialect == dialectStatsD {
			require.Regexp(t, `^request_time\.[\w-]+\.[\w-]+:-?\d+\|ms\n$`, line)
		} else {
			require.Equal(t, 2, strings.Count(line, ","), line)
			require.Equal(t, 2, strings.Count(line, "|"), line)
		}
	})
}

func BenchmarkLines(b *testing.B) {
	records := sinktest.GoldenRecords(b)
	for _, dialect := range []string{dialectStatsD, dialectDogStatsD} {
		b.Run(dialect, func(b *testing.B) {
			config := createDefaultConfig().(*Config)
			config.Dialect, config.Tags = dialect, []string{"path", "response_code", "api_name"}
			e := newEncoder(config)
			var dst []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				dst = e.append(dst[:0], &records[i%len(records)])
			}
		})
	}
}
