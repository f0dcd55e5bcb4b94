package tykresurfaceexporter

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func newEncoder(tb testing.TB, text string) *encoder {
	tb.Helper()
	r, err := parseRules(text)
	require.NoError(tb, err)
	return &encoder{rules: r, scheme: schemeHTTP, host: "vm", maxBody: loggerBodyBytes}
}

// pairs reads a line.
func pairs(tb testing.TB, line string) [][2]string {
	tb.Helper()
	var message [][2]string
	require.NoError(tb, json.Unmarshal([]byte(line), &message), line)
	return message
}

// sorted is a message in an order of its own, since groups of Tyk Pump's have none, with what is known to differ as there.
func sorted(message [][2]string, ours bool) string {
	all := make([]string, 0, len(message))
	for _, p := range message {
		switch name := p[0]; {
		case ours && name == "now": // seconds there
			ms, _ := strconv.ParseInt(p[1], 10, 64)
			p[1] = strconv.FormatInt(ms/1000*1000, 10)
		case ours && strings.HasPrefix(name, "custom_field:"): // lower-cased there
			p[1] = strings.ToLower(p[1])
		case ours && name == "interval" && p[1] == "0":
			p[1] = "1"
		case ours && name == "request_url": // of which Tyk Pump takes the beginning of a path for a host, and a # for a fragment's
			p[1], _, _ = strings.Cut(hostless.ReplaceAllString(p[1], "$1"), "#")
		}
		all = append(all, p[0]+"="+p[1])
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// hostless is a URL whose path begins with two slashes, up to the next one.
var hostless = regexp.MustCompile(`^(http://[^/]*)//[^/]*`)

// Messages are those of Tyk Pump but for the order within groups, milliseconds, and the letters of custom fields. It
// sends a part of the query twice where the path has it, too.
func TestMessagesAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, "include debug")
	ours := map[string]int{}
	for _, r := range sinktest.GoldenRecords(t) {
		line, taken := e.append(nil, &r, "")
		require.True(t, taken)
		ours[sorted(pairs(t, string(line)), true)]++
	}
	twice := 0
	for text := range strings.Lines(string(sinktest.Unzip(t, "testdata", "golden", "resurface.jsonl.gz"))) {
		message := pairs(t, text)
		if at := slices.IndexFunc(message, func(p [2]string) bool {
			return strings.HasSuffix(p[1], "?x=1") && strings.HasPrefix(p[0], "request_param:y")
		}); at >= 0 {
			message = slices.Delete(message, at, at+1)
			twice++
		}
		want := sorted(message, false)
		if assert.Positive(t, ours[want], want) {
			ours[want]--
		}
	}
	assert.Equal(t, 3, twice)
}

func TestAMessage(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(`{"a":"<b>"}`))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	record := func() analytics.Record {
		return analytics.Record{
			Method: "POST", Host: "up:8080", Path: "/{id}", RawPath: "/a%20b/7?x=1", ResponseCode: 201, RequestTime: 0, IPAddress: "1.2.3.4",
			APIID: "A", APIKey: "Key", APIName: "An API", APIVersion: "v1", OauthID: "C", OrgID: "O", TimeStamp: time.UnixMilli(1_767_224_449_123),
			RawRequest: base64.StdEncoding.EncodeToString([]byte("POST /in?x=2&Y=a%20b&&bad=%zz HTTP/1.1\r\nHost: edge\r\nCookie: Sid=s1; theme=dark\r\nCookie: b=c\r\n" +
				"Content-Type: application/x-www-form-urlencoded\r\nX-Forwarded-Proto: HTTPS, http\r\n\r\nf=g")),
			RawResponse: base64.StdEncoding.EncodeToString([]byte("HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nB: x: y\r\nB: z\r\n\r\n" + packed.String())),
		}
	}
	r := record()
	line, taken := newEncoder(t, "copy_session_field /sid|b/").append(nil, &r, "seg:1")
	require.True(t, taken)
	assert.Equal(t, [][2]string{
		{"request_method", "POST"},
		{"request_url", "https://up:8080/a b/7"},
		{"response_code", "201"},
		{"request_body", "f=g"},
		{"request_header:host", "edge"},
		{"request_header:cookie", "Sid=s1; theme=dark"},
		{"request_header:cookie", "b=c"},
		{"request_header:content-type", "application/x-www-form-urlencoded"},
		{"request_header:x-forwarded-proto", "HTTPS, http"},
		{"request_header:x-forwarded-for", "1.2.3.4"},
		{"request_param:f", "g"},
		{"request_param:x", "2"},
		{"request_param:y", "a b"},
		{"request_param:bad", "%zz"},
		{"response_header:content-encoding", "gzip"},
		{"response_header:b", "x: y"},
		{"response_header:b", "z"},
		{"response_body", `{"a":"<b>"}`},
		{"session_field:sid", "s1"},
		{"session_field:b", "c"},
		{"now", "1767224449123"},
		{"interval", "0"},
		{"custom_field:tyk-api-id", "A"},
		{"custom_field:tyk-api-key", "Key"},
		{"custom_field:tyk-api-name", "An API"},
		{"custom_field:tyk-api-version", "v1"},
		{"custom_field:tyk-oauth-id", "C"},
		{"custom_field:tyk-org-id", "O"},
		{"custom_field:tyk-uid", "seg:1"},
		{"host", "vm"},
	}, pairs(t, string(line)))
	assert.True(t, strings.HasSuffix(string(line), "]]\n"))
	assert.Equal(t, 1, strings.Count(string(line), "\n"))
}

// Tyk Pump drops records that were not recorded in detail, or ends with them.
func TestEveryRecordHasAMessage(t *testing.T) {
	t.Parallel()
	e := newEncoder(t, "# all")
	for want, r := range map[string]analytics.Record{
		`[["request_method","GET"],["request_url","http://h/p"],["response_code","200"],["interval","7"],["host","vm"]]`: {
			Method: "GET", Host: "h", Path: "/p", ResponseCode: 200, RequestTime: 7,
		},
		`[["request_url","http:///"],["response_code","404"],["response_header:a","b"],["interval","0"],["host","vm"]]`: {
			RawResponse: "HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n",
		},
		`[["request_method","GARBAGE!"],["request_url","http:///"],["response_code","0"],["interval","0"],["host","vm"]]`: {RawRequest: "GARBAGE!"},
		`[["request_method","GET"],["request_url","http://h/%zz"],["response_code","0"],["request_param:a","b"],["interval","0"],["host","vm"]]`: {
			RawRequest: "GET %zz?a=b HTTP/1.1\r\n\r\n", Host: "h",
		},
		`[["request_method","GET"],["request_url","http://other/x?a=b"],["response_code","0"],["request_param:a","b"],["interval","0"],["host","vm"]]`: {
			RawRequest: "GET http://other/x?a=b HTTP/1.1\r\n\r\n", Host: "h",
		},
		`[["request_url","http:///"],["response_code","-1"],["interval","0"],["host","vm"]]`: {ResponseCode: -1},
	} {
		line, taken := e.append(nil, &r, "")
		require.True(t, taken)
		assert.Equal(t, want+"\n", string(line))
	}
	undecodable := analytics.Record{RawRequest: "GET / HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\nxyz"}
	line, _ := e.append(nil, &undecodable, "")
	assert.NotContains(t, string(line), "request_body")
	e.maxBody = 3
	long := analytics.Record{RawRequest: "GET / HTTP/1.1\r\n\r\nabcdef"}
	line, _ = e.append(nil, &long, "")
	assert.Contains(t, string(line), `["request_body","abc"]`)
	_, taken := newEncoder(t, "/.*/ remove").append(nil, &long, "")
	assert.False(t, taken)
}

func FuzzMessages(f *testing.F) {
	f.Add("GET /a?b=c HTTP/1.1\r\nCookie: a=b\r\n\r\nx", "HTTP/1.1 200 OK\r\n\r\n", "/p", "h")
	f.Add("\xff \xff", "", "%zz?%zz=%", "")
	r, err := parseRules("include debug\ninclude standard")
	require.NoError(f, err)
	e := &encoder{rules: r, scheme: schemeHTTP, host: "vm", maxBody: 1000}
	f.Fuzz(func(t *testing.T, request, response, path, host string) {
		record := analytics.Record{RawRequest: request, RawResponse: response, RawPath: path, Host: host}
		line, taken := e.append(nil, &record, path)
		require.True(t, taken)
		require.Equal(t, 1, bytes.Count(line, []byte("\n")))
		require.NotEmpty(t, pairs(t, string(line)))
	})
}

func BenchmarkEncode(b *testing.B) {
	records := sinktest.GoldenRecords(b)
	for name, text := range map[string]string{"strict": "include strict", "debug": "include debug"} {
		b.Run(name, func(b *testing.B) {
			e := newEncoder(b, text)
			var dst []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				dst, _ = e.append(dst[:0], &records[i%len(records)], "0123456789abcdef:1")
			}
		})
	}
}
