package tykfilterprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadata"
)

func TestRedactReplacesParametersInMessages(t *testing.T) {
	for _, test := range []struct{ name, message, want string }{
		{
			"a request line", "GET /a?token=s3cr3t HTTP/1.1\r\nHost: a\r\n\r\nbody?token=x",
			"GET /a?token=REDACTED HTTP/1.1\r\nHost: a\r\n\r\nbody?token=x",
		},
		{
			"several, and others between", "GET /a?x=1&Access_Token=a=b;c&y=?&api_key=z HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET /a?x=1&Access_Token=REDACTED&y=?&api_key=REDACTED HTTP/1.1\r\nHost: a\r\n\r\n",
		},
		{
			"names in other spellings", "GET /a?%61pi%5Fkey=x&token[]=y&token%5B0%5D=z HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET /a?%61pi%5Fkey=REDACTED&token[]=REDACTED&token%5B0%5D=REDACTED HTTP/1.1\r\nHost: a\r\n\r\n",
		},
		{
			"quotes within a request line's value", "GET /a?password=\"p<w>\" HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET /a?password=REDACTED HTTP/1.1\r\nHost: a\r\n\r\n",
		},
		{
			"URLs in headers", "HTTP/1.1 302 Found\r\nLocation: https://a/cb#access_token=x&state=1\r\nLink: <https://a/?key=x>; rel=next\r\n\r\n",
			"HTTP/1.1 302 Found\r\nLocation: https://a/cb#access_token=REDACTED&state=1\r\nLink: <https://a/?key=REDACTED>; rel=next\r\n\r\n",
		},
		{
			"names and passwords of users", "GET http://u:s3cr3t@a/x HTTP/1.1\r\nReferer: https://s3cr3t@b/@c?d=e@f\r\nLink: <ftp://u:p@q@c>\r\n\r\n",
			"GET http://REDACTED@a/x HTTP/1.1\r\nReferer: https://REDACTED@b/@c?d=e@f\r\nLink: <ftp://REDACTED@c>\r\n\r\n",
		},
		{
			"any part of a name", "GET /?user[password]=x&user%5Btoken%5D[0]=y&+key=z&key+=1 HTTP/1.1\r\nLocation: https://a/#/access_token=x&b=1\r\n\r\n",
			"GET /?user[password]=REDACTED&user%5Btoken%5D[0]=REDACTED&+key=REDACTED&key+=REDACTED HTTP/1.1\r\nLocation: https://a/#/access_token=REDACTED&b=1\r\n\r\n",
		},
		{
			"blanks in a request line's value", "GET /?authorization=Bearer x&a=b HTTP/1.1\r\n\r\n",
			"GET /?authorization=REDACTED&a=b HTTP/1.1\r\n\r\n",
		},
		{
			"URLs in values", "GET /login?return=https%3A%2F%2Fu%3Ap%40app%2Fcb%3Fa%3D1%26token%3Dx&b=%3Fc HTTP/1.1\r\n" +
				"Location: /a?u=%2Fb%3Fv%3D%252Fc%253Fkey%253Dx\r\n\r\n",
			"GET /login?return=https%3A%2F%2FREDACTED%40app%2Fcb%3Fa%3D1%26token%3DREDACTED&b=%3Fc HTTP/1.1\r\n" +
				"Location: /a?u=%2Fb%3Fv%3D%252Fc%253Fkey%253DREDACTED\r\n\r\n",
		},
		{
			"parameters of a path", "GET /cat;key=1;b=2/items/7;token=x?c=1;key=a/b;d=2 HTTP/1.1\r\nContent-Type: text/plain;key=a/b;charset=utf-8\r\n\r\n",
			"GET /cat;key=REDACTED;b=2/items/7;token=REDACTED?c=1;key=REDACTED;d=2 HTTP/1.1\r\nContent-Type: text/plain;key=REDACTED;charset=utf-8\r\n\r\n",
		},
		{
			"lines that quote a request line", "HTTP/1.1 502 Bad\r\nX-Error: GET /a HTTP/1.1 failed: https://u:p@h/?token=x\r\nReferer: https://x/a HTTP/ ?token=x\r\n\r\n",
			"HTTP/1.1 502 Bad\r\nX-Error: GET /a HTTP/1.1 failed: https://REDACTED@h/?token=REDACTED\r\nReferer: https://x/a HTTP/ ?token=REDACTED\r\n\r\n",
		},
		{
			"a value that is cut within an escape", "GET /?next=%2Fcb%3Ftoken%3Dx%26a%3 HTTP/1.1\r\n\r\n",
			"GET /?next=%2Fcb%3Ftoken%3DREDACTED%26a%253 HTTP/1.1\r\n\r\n",
		},
		{"no headers at all", "GET /?key=x HTTP/1.0\r\n\r\n", "GET /?key=REDACTED HTTP/1.0\r\n\r\n"},
		{"both kinds", "GET /?key=x HTTP/1.1\r\nCookie: a\r\nReferer: http://b/?sig=1\r\n\r\n", "GET /?key=REDACTED HTTP/1.1\r\nCookie: REDACTED\r\nReferer: http://b/?sig=REDACTED\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for body := range 4 { // each needs another number of bytes to fill groups of base64
				rest := strings.Repeat("x", 3*readSize+body)
				got, counted := redactText(encode(test.message + rest))
				assert.Equal(t, test.want+rest, strings.TrimLeft(withoutFilling(decode(t, got)), "\r\n"))
				assert.Equal(t, []outcome{redacted}, counted)
				again, _ := redactText(got)
				assert.Equal(t, got, again)
			}
			got, counted := redactText(test.message)
			assert.Equal(t, test.want, got, "a message that is not in base64")
			assert.Equal(t, []outcome{redacted}, counted)
		})
	}
}

func TestRedactLeavesOtherParameters(t *testing.T) {
	for _, message := range []string{
		"GET /a?tokens=1&keyboard=2&x=token HTTP/1.1\r\nHost: a\r\n\r\n", "GET /token=1 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /?token= HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\n\r\na=1&token=x",
		"GET /?token=REDACTED HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?token HTTP/1.1\r\nContent-Type: a/b; key=c\r\n\r\n",
	} {
		got, counted := redactText(encode(message))
		assert.Equal(t, message, decode(t, got))
		assert.Empty(t, counted)
	}
}

func TestRedactReplacesTrailers(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Set-Cookie\r\n\r\n"
	long := strings.Repeat("4\r\nabcd\r\n", readSize)
	for _, chunks := range []string{"", "4\r\n0\r\nx\r\n", long} {
		for _, last := range []string{"0\r\n", "00; ext=\"a\"\r\n"} {
			message := head + chunks + last + "Set-Cookie: a=1\r\nExpires: 0\r\n\r\n"
			want := strings.Replace(message, "a=1", "REDACTED", 1)
			for _, text := range []string{message, encode(message), `"` + encode(message) + `"`} {
				got, counted := redactText(text)
				if text != message {
					got = decode(t, strings.Trim(got, `"`))
				}
				assert.Equal(t, want, got)
				assert.Equal(t, []outcome{redacted}, counted)
			}
		}
	}
	folded := strings.Replace(head, ": chunked", ":\r\n chunked", 1)
	got, _ := redactText(folded + "0\r\nSet-Cookie: a=1\r\n\r\n")
	assert.Equal(t, folded+"0\r\nSet-Cookie: REDACTED\r\n\r\n", got)
	for _, message := range []string{head + long + "0\r\n\r\n", head + long, head + "4\r\nab"} {
		got, counted := redactText(encode(message))
		assert.Equal(t, message, decode(t, got), "there is nothing to replace")
		assert.Empty(t, counted)
	}
}

// messagesWithToken have a credential in a query, in a URL of a header, and in a trailer.
var messagesWithToken = []string{
	"GET /v2/orders?page=1&access_token=TOKEN HTTP/1.1\r\nHost: orders.internal:8080\r\nUser-Agent: curl/8.5.0\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: orders.internal\r\nReferer: https://shop.example/?token=TOKEN\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\nbody",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: /\r\n\r\n5\r\nabcde\r\n0\r\nSet-Cookie: TOKEN\r\nExpires: Sat, 28 Mar 2026 21:05:07 GMT\r\n\r\n",
}

// A stray byte anywhere must not carry through what a query or a trailer has.
func TestRedactFindsParametersAndTrailersBehindAStrayByte(t *testing.T) {
	token := strings.ReplaceAll(secret, " ", "+")
	for pad := range 3 {
		for _, message := range messagesWithToken {
			text := encode(strings.ReplaceAll(strings.Replace(message, "/", "/"+strings.Repeat("7", pad), 1), "TOKEN", token))
			for at := range len(text) + 1 {
				for _, stray := range []string{"A", "z", "=", "!", "\x00", "-", "\n", "\""} {
					got, _ := redactText(text[:at] + stray + text[at:])
					require.False(t, tellsOf(got, token), "%q at %d of %q became %q", stray, at, message, got)
				}
				if at < len(text) {
					got, _ := redactText(text[:at] + text[at+1:])
					require.False(t, tellsOf(got, token), "without the letter at %d of %q it became %q", at, message, got)
				}
			}
		}
	}
}

func TestRedactParametersOfPathsAndURLs(t *testing.T) {
	r := typicalRecord(1)
	r.Path, r.RawPath, r.OriginalPath = "/a?key=x", "/raw?key=y", "/listen/a?b=1&token=z"
	decoded, ok := newQueryRules([]string{"token"}).text(attrPath, "/a;token=aGVs/bG8+/d29y")
	assert.Equal(t, "/a;token=REDACTED", decoded, "a path is decoded, and its slashes may be a value's")
	assert.True(t, ok)
	for _, format := range []string{"", "tyk"} {
		cfg := createDefaultConfig().(*Config)
		cfg.Document.Format = format
		p, sink := startLogs(t, cfg, processortest.NewNopSettings(metadata.Type))
		require.NoError(t, p.ConsumeLogs(t.Context(), batch(typicalRecord(0), r)))
		out := sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		if format != "" {
			body := out.At(1).Body().Map().AsRaw()
			assert.Equal(t, []any{"/a?key=REDACTED", "/raw?key=REDACTED", "/listen/a?b=1&token=REDACTED"}, []any{body["path"], body["raw_path"], body["original_path"]})
			continue
		}
		got := recordsOf(sink.AllLogs()[0])[1]
		assert.Equal(t, []string{"/a?key=REDACTED", "/raw?key=REDACTED", "/listen/a?b=1&token=REDACTED"}, []string{got.Path, got.RawPath, got.OriginalPath})
	}
	cfg := createDefaultConfig().(*Config)
	cfg.Fields.RedactQueryOnly = nil
	assert.Equal(t, "/raw?key=y", filterRecords(t, cfg, r)[0].RawPath)
}

// An uptime check is found by its URL.
func TestRedactKeepsURLsOfUptimeChecks(t *testing.T) {
	const url = "https://a/health?key=x"
	for event, want := range map[string]string{analytics.EventUptime: url, "": "https://a/health?key=REDACTED"} {
		p, sink := startLogs(t, createDefaultConfig().(*Config), processortest.NewNopSettings(metadata.Type))
		ld := plog.NewLogs()
		lr := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		lr.SetEventName(event)
		lr.Attributes().PutStr(analytics.AttrURL, url)
		require.NoError(t, p.ConsumeLogs(t.Context(), ld))
		got, _ := sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Get(analytics.AttrURL)
		assert.Equal(t, want, got.Str())
	}
}

func TestRedactParametersOfSpans(t *testing.T) {
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), createDefaultConfig(), sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(t.Context())) })

	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	const failure = `Get "http://upstream/a?api_key=x": connection refused`
	require.NoError(t, span.Attributes().FromRaw(map[string]any{
		"url.full": "http://u:p@a/b?c=1&api_key=x", "url.query": "token=x&d=2", "http.target": "/b?sig=x", "other": "?token=x",
	}))
	require.NoError(t, span.Events().AppendEmpty().Attributes().FromRaw(map[string]any{
		"exception.message": failure, "exception.stacktrace": failure + "\n\tat a.go:7", "error.message": failure,
	}))
	span.Links().AppendEmpty().Attributes().PutStr("url.full", "http://a/?token=x")
	span.Status().SetMessage(failure)
	td.MarkReadOnly()
	require.NoError(t, p.ConsumeTraces(t.Context(), td))

	got := sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	const redactedFailure = `Get "http://upstream/a?api_key=REDACTED": connection refused`
	assert.Equal(t, map[string]any{
		"url.full": "http://REDACTED@a/b?c=1&api_key=REDACTED", "url.query": "token=REDACTED&d=2", "http.target": "/b?sig=REDACTED", "other": "?token=x",
	}, got.Attributes().AsRaw())
	assert.Equal(t, map[string]any{
		"exception.message": redactedFailure, "exception.stacktrace": redactedFailure + "\n\tat a.go:7", "error.message": redactedFailure,
	}, got.Events().At(0).Attributes().AsRaw())
	assert.Equal(t, map[string]any{"url.full": "http://a/?token=REDACTED"}, got.Links().At(0).Attributes().AsRaw())
	assert.Equal(t, redactedFailure, got.Status().Message())

	clean := ptrace.NewTraces()
	clean.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().Attributes().PutStr("url.full", "http://a/?b=c")
	require.NoError(t, p.ConsumeTraces(t.Context(), clean))
	assert.Equal(t, clean, sink.AllTraces()[1], "what needs no change is not copied")
}

// FuzzRedactQuery compares with a plain reading of a query: no value of a named parameter is
// left, all others are, and a second time changes nothing.
func FuzzRedactQuery(f *testing.F) {
	for _, seed := range []string{"a=1&token=x", "token=", "%74oken=x;y&b", "a?token=x#key=y", "&&=&token==", "token[1]=a", " token=0", "a=1& token=0", "a=1 token=0;\ttoken=1", "a=%3Ftoken%3D1", "://a:b@c?://@", "a;token=1/2;b[token]=3"} {
		f.Add(seed)
	}
	cfg := createDefaultConfig().(*Config).Fields
	q := newQueryRules(cfg.RedactQueryOnly)
	f.Fuzz(func(t *testing.T, query string) {
		got, changed := q.text(attrQuery, query)
		if !changed {
			got = query
		}
		if _, again := q.text(attrQuery, got); again {
			t.Fatalf("%q became %q, which changes again", query, got)
		}
		for pair := range strings.FieldsFuncSeq(got, func(c rune) bool { return c == '&' || c <= ' ' }) {
			name, value, _ := strings.Cut(pair, "=")
			if strings.EqualFold(name, "token") && value != "" && value != mark {
				t.Fatalf("%q became %q, which still has %q", query, got, pair)
			}
		}
		attrs := pcommon.NewMap()
		attrs.PutStr(attrQuery, query)
		if n := q.visitAttributes(attrs, true); (n > 0) != changed {
			t.Fatalf("%q: %d attributes changed", query, n)
		}
	})
}
