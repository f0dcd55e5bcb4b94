package tyksyslogexporter

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func configured(change func(*Config)) *Config {
	config := createDefaultConfig().(*Config)
	change(config)
	return config
}

// asPump is a pump's configuration.
func asPump(c *Config) {
	c.Protocol, c.Message, c.Facility, c.Severity, c.MaxMessageBytes = protocolTyk, messageMap, "kern", "err", 0
}

// pumpHeader is what differs from run to run.
var pumpHeader = regexp.MustCompile(`^(<\d+>)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (\S+) (\S+)\[\d+\]: `)

func TestMessagesAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	stream := string(sinktest.Unzip(t, "testdata", "golden", "syslog-tcp.txt.gz"))
	const begin = "<3><time> "
	var tcp []string
	for _, text := range strings.Split(strings.TrimSuffix(stream, "\n"), "\n"+begin) {
		tcp = append(tcp, begin+strings.TrimPrefix(text, begin))
	}
	var udp []string
	for _, datagram := range sinktest.JSONLines[string](t, "testdata", "golden", "syslog-udp.jsonl.gz") {
		udp = append(udp, strings.TrimSuffix(datagram, "\n"))
	}
	records := sinktest.GoldenRecords(t)
	for _, test := range []struct {
		severity, tag string
		want          []string
	}{{"err", "syslog-pump", tcp}, {"info", "tyk-test", udp}} {
		require.Len(t, test.want, len(records))
		missing := map[string]int{} // the pump's purges run beside each other
		for _, text := range test.want {
			missing[strings.ReplaceAll(text, "\n", `\n`)]++
		}
		config := configured(func(c *Config) { asPump(c); c.Severity, c.Tag = test.severity, test.tag })
		require.NoError(t, config.Validate())
		e := newEncoder(config, "<host>")
		e.zone = time.UTC
		for i := range records {
			text := pumpHeader.ReplaceAllString(string(e.append(nil, &records[i], "seg:1")), "$1<time> $2 $3[<pid>]: ")
			if assert.Positive(t, missing[text], text) {
				missing[text]--
			}
		}
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	r := analytics.Record{
		Method: "GET", Path: "/a/{id}", RawPath: "/a/<7>", ResponseCode: 404, APIID: `a"]\` + "\n", OrgID: "o", APIName: "An\nAPI", RequestTime: 7,
		Latency: analytics.Latency{Total: 7, Upstream: 5, Gateway: 2}, Tags: []string{"x", "y"}, RawRequest: "R0VU", ContentLength: -1,
		TimeStamp: time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC),
	}
	whole := `{"alias":"","api_id":"a\"]\\\n","api_key":"","api_name":"An\nAPI","api_version":"","content_length":-1,"host":"","ip_address":"",` +
		`"latency_gateway":2,"latency_total":7,"latency_upstream":5,"method":"GET","oauth_id":"","org_id":"o","path":"/a/{id}","raw_path":"/a/\u003c7\u003e",` +
		`"request_time_ms":7,"response_code":404,"tags":["x","y"],"timestamp":"2026-01-02T03:04:05.123456789Z","user_agent":"","log.record.uid":"seg:1"}`
	printed := `map[alias: api_id:a"]\\n api_key: api_name:An\nAPI api_version: content_length:%!s(int64=-1) host: ip_address: method:GET oauth_id: org_id:o ` +
		`path:/a/{id} raw_path:/a/<7> raw_request:R0VU raw_response: request_time_ms:%!s(int64=7) response_code:%!s(int=404) ` +
		`timestamp:2026-01-02 05:04:05.123456789 +0200 EET user_agent:]`
	for want, change := range map[string]func(*Config){
		`<132>1 2026-01-02T03:04:05.123456Z h tyk-gateway - tyk.request [tyk@32473 api_id="a\"\]\\ " org_id="o" uid="seg:1"] ` + whole: func(*Config) {},
		`<131>1 2026-01-02T03:04:05.123456Z h t - tyk.request - {"method":"GET","raw_request":"R0VU","log.record.uid":"seg:1"}`: func(c *Config) {
			c.Severity, c.Tag, c.StructuredDataID, c.Fields = "err", "t", "", []string{"raw_request", "method"}
		},
		`<28>Jan  2 05:04:05 h tyk-gateway: ` + whole:                                 func(c *Config) { c.Protocol, c.Facility = protocolRFC3164, "daemon" },
		`<3>2026-01-02T05:04:05+02:00 h tyk-gateway[77]: ` + printed:                  asPump,
		`<132>1 2026-01-02T03:04:05.123456Z h tyk-gateway - tyk.request - ` + printed: func(c *Config) { c.Message, c.StructuredDataID = messageMap, "" },
	} {
		e := newEncoder(configured(change), "h")
		e.zone, e.pid = time.FixedZone("EET", 2*60*60), 77
		assert.Equal(t, want, string(e.append(nil, &r, "seg:1")))
	}
	e := newEncoder(configured(func(c *Config) { c.Fields = []string{"method"} }), "h")
	for code, severity := range map[int64]string{-1: "134", 200: "134", 499: "132", 500: "131"} {
		assert.Equal(t, "<"+severity+`>1 - h tyk-gateway - tyk.request [tyk@32473] {"method":""}`, string(e.append(nil, &analytics.Record{ResponseCode: code}, "")))
	}
}

// header5424 is what RFC 5424 has before a message, with at most 6 digits of a second.
var header5424 = regexp.MustCompile(`^<\d{1,3}>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) h tyk-gateway - tyk\.request (-|\[tyk@32473( [a-z_]+="([^"\\\]]|\\["\\\]])*")*\]) `)

func FuzzMessages(f *testing.F) {
	f.Add("GET", "/a\nb]\"", "An API", "id\"]\\", int64(200), uint8(0))
	f.Add("", "\r\x00", "\xff", "\xfe\n", int64(1<<60), uint8(5))
	f.Fuzz(func(t *testing.T, method, path, name, api string, n int64, which uint8) {
		config := configured(func(c *Config) {
			c.Protocol = []string{protocolRFC5424, protocolRFC3164, protocolTyk}[which%3]
			c.Message = []string{messageJSON, messageMap}[which/3%2]
		})
		r := analytics.Record{Method: method, Path: path, APIName: name, APIID: api, OrgID: name, ResponseCode: n, TimeStamp: time.Unix(n, n), Tags: []string{path}}
		message := string(newEncoder(config, "h").append(nil, &r, name))
		require.NotContains(t, message, "\n", "a line feed would end it")
		rest := message
		if config.Protocol == protocolRFC5424 {
			header := header5424.FindString(message)
			require.NotEmpty(t, header, message)
			require.True(t, utf8.ValidString(header))
			rest = message[len(header):]
		} else {
			rest = rest[strings.Index(rest, ": ")+2:]
		}
		if config.Message == messageJSON {
			require.True(t, json.Valid([]byte(rest)), rest)
			require.True(t, utf8.ValidString(rest))
		} else {
			require.True(t, strings.HasPrefix(rest, "map[alias:"), rest)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	records := sinktest.GoldenRecords(b)
	for name, change := range map[string]func(*Config){messageJSON: func(*Config) {}, messageMap: asPump} {
		b.Run(name, func(b *testing.B) {
			e := newEncoder(configured(change), "h")
			var dst []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				dst = e.append(dst[:0], &records[i%len(records)], "0123456789abcdef:1")
			}
		})
	}
}
