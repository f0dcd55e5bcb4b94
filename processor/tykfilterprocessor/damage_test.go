package tykfilterprocessor

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadata"
)

const secret = "Bearer eyJhbGciOiJIUzI1NiJ9.secret"

// messageWithSecret has a credential in the middle of its header section.
const messageWithSecret = "GET /v2/orders/7 HTTP/1.1\r\nHost: orders.internal:8080\r\nAccept: */*\r\n" +
	"Authorization: " + secret + "\r\nUser-Agent: curl/8.5.0\r\nAccept-Encoding: gzip\r\n\r\n{\"id\": 42}"

func tells(text string) bool { return tellsOf(text, secret) }

// tellsOf tells whether text has the secret for a reader who leaves out a letter or more.
func tellsOf(text, secret string) bool {
	if strings.Contains(text, secret) {
		return true
	}
	letters := strings.Map(func(c rune) rune {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			return c
		}
		return -1
	}, text)
	for skip := range min(base64Group, len(letters)) {
		part := letters[skip:]
		plain, _ := base64.RawStdEncoding.DecodeString(part[:len(part)/base64Group*base64Group])
		if strings.Contains(string(plain), secret) {
			return true
		}
	}
	return false
}

// A stray byte anywhere, of base64's letters or not, must not carry the credential through.
func TestRedactFindsCredentialsBehindAStrayByte(t *testing.T) {
	text := encode(messageWithSecret)
	for at := range len(text) + 1 {
		for _, stray := range []string{"A", "z", "=", "!", "\x00", "-", "\n", "\""} {
			got, _ := redactText(text[:at] + stray + text[at:])
			require.False(t, tells(got), "%q at %d became %q", stray, at, got)
		}
		if at < len(text) {
			got, _ := redactText(text[:at] + text[at+1:])
			require.False(t, tells(got), "without the letter at %d it became %q", at, got)
		}
	}
}

// Noise may have no control character, and damage may be in a name: short messages with many secrets have such cases.
func TestRedactFindsCredentialsBehindAStrayLetterOfAnySecret(t *testing.T) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same in each run
	for range 60 {
		token := make([]byte, 32)
		for i := range token {
			token[i] = letters[random.IntN(62)]
		}
		for _, message := range []string{
			messageWithSecret, "HTTP/1.1 302 Found\r\nLocation: https://shop.example/cb#access_token=TOKEN\r\n\r\n",
			"HTTP/1.1 200 OK\r\nSet-Cookie: TOKEN\r\n\r\nbody", "GET / HTTP/1.1\r\nReferer: https://x/?token=TOKEN\r\nAccept: */*\r\n\r\n",
			"GET /a?api_key=TOKEN HTTP/1.1\r\nHost: a\r\n\r\n",
		} {
			text := encode(strings.NewReplacer("TOKEN", string(token), secret, string(token)).Replace(message))
			for at := range len(text) {
				stray := letters[random.IntN(len(letters))]
				for _, damaged := range []string{text[:at] + string(stray) + text[at:], text[:at] + text[at+1:]} {
					got, _ := redactText(damaged)
					require.False(t, tellsOf(got, string(token)), "%q became %q", damaged, got)
				}
			}
		}
	}
}

// Content that is no HTTP message, or that has one in base64, is whole.
func TestRedactKeepsWhatOnlyQuotesURLsAndMessages(t *testing.T) {
	page := "<html>\n<a href=\"/?key=TOKEN\">x</a>\n</html>"
	for _, message := range []string{"{\n \"url\": \"https://a/?token=TOKEN\",\n \"x\": 1\n}", page, page + "\n\n" + page} {
		got, counted := redactText(encode(message))
		assert.Equal(t, strings.Fields(strings.Replace(message, "TOKEN", mark, 1)), strings.Fields(decode(t, got)))
		assert.Equal(t, []outcome{redacted}, counted)
	}
	for padding := range 4 {
		message := "POST / HTTP/1.1\r\nHost: a\r\n\r\n{\"entry\":\"" + encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n") + strings.Repeat("x", padding) + "\"}"
		got, counted := redactText(message)
		assert.Equal(t, message, got)
		assert.Empty(t, counted)
	}
}

// What a body looks like at another beginning says nothing of the headers.
func TestRedactKeepsMessagesWithOtherLettersInHeaders(t *testing.T) {
	message := "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=caf\xe9.jpg\r\n\r\n" + strings.Repeat("x", 3*readSize) + " @4(4(  A@4(4( AB@4(4("
	got, counted := redactText(encode(message))
	assert.Equal(t, message, decode(t, got))
	assert.Empty(t, counted)
}

// A strict reader takes one alphabet only.
func TestRedactKeepsTheAlphabet(t *testing.T) {
	message := "GET / HTTP/1.1\r\nCookie: x=y\r\n\r\n" + strings.Repeat("\xff\xfe\xfb", readSize)
	for _, alphabet := range []*base64.Encoding{base64.URLEncoding, base64.RawURLEncoding, base64.StdEncoding} {
		got, _ := redactText(alphabet.EncodeToString([]byte(message)))
		plain, err := alphabet.DecodeString(got)
		require.NoError(t, err)
		assert.Equal(t, strings.Replace(message, "x=y", mark, 1), withoutFilling(string(plain)))
	}
}

// FuzzRedactStrayByte inserts a byte into the base64 of messages, and looks for the credential
// that each has somewhere else.
func FuzzRedactStrayByte(f *testing.F) {
	f.Add(0, byte('!'), 3, uint(0))
	f.Add(17, byte('Q'), 0, uint(1))
	f.Add(60, byte('='), 7, uint(2))
	f.Add(90, byte('x'), 1, uint(3))
	token := strings.ReplaceAll(secret, " ", "+")
	messages := []string{messageWithSecret}
	for _, m := range messagesWithToken {
		messages = append(messages, strings.ReplaceAll(m, "TOKEN", token))
	}
	f.Fuzz(func(t *testing.T, at int, stray byte, longer int, which uint) {
		message := strings.Replace(messages[which%uint(len(messages))], "/", "/"+strings.Repeat("7", max(longer, 0)%100), 1)
		text := encode(message)
		at = max(at, 0) % (len(text) + 1)
		got, _ := redactText(text[:at] + string(rune(stray)) + text[at:])
		if tells(got) || tellsOf(got, token) {
			t.Fatalf("%q at %d of %q became %q", stray, at, message, got)
		}
	})
}

func TestRedactReadsWrappedBase64(t *testing.T) {
	text := encode(messageWithSecret)
	for _, wrapped := range []string{
		`"` + text + `"`, `'` + text, ` "` + text + `" `, "data:;base64," + text,
		"DATA:message/http;charset=utf-8;Base64," + text, `"data:message/http;base64,` + text + `"`,
	} {
		got, counted := redactText(wrapped)
		assert.False(t, tells(got), wrapped)
		assert.Equal(t, []outcome{redacted}, counted)
		assert.Equal(t, wrapped[:wrapping(wrapped)], got[:wrapping(got)], "what wraps it stays")
		again, _ := redactText(got)
		assert.Equal(t, got, again)
	}
}

func TestRedactReadsBehindInterimResponses(t *testing.T) {
	const message = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nDate: now\r\n\r\nbody"
	for _, text := range []string{message, encode(message)} {
		got, counted := redactText(text)
		if text != message {
			got = withoutFilling(decode(t, got))
		}
		assert.Equal(t, strings.Replace(message, "a=1", "REDACTED", 1), got)
		assert.Equal(t, []outcome{redacted}, counted)
	}
}

// A recorded message that a log record has twice, against OTLP's rules, goes on once and redacted.
func TestRedactLeavesNoSecondCopy(t *testing.T) {
	p, sink := startLogs(t, createDefaultConfig().(*Config), processortest.NewNopSettings(metadata.Type))
	for _, texts := range [][]string{{messageWithSecret, "clean"}, {"clean", messageWithSecret}, {messageWithSecret, messageWithSecret}, {messageWithSecret, ""}, {"", messageWithSecret}} {
		sink.Reset()
		require.NoError(t, p.ConsumeLogs(t.Context(), withTwoMessages(t, texts)))
		attrs := sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes()
		n := 0
		for key, value := range attrs.All() {
			if key == analytics.AttrRawRequest {
				n++
				assert.False(t, tells(value.Str()))
			}
		}
		assert.Equal(t, 1, n)
	}
}

// withTwoMessages is a log record as only the wire can bring it, with an attribute twice.
func withTwoMessages(t *testing.T, texts []string) plog.Logs {
	t.Helper()
	ld := plog.NewLogs()
	attrs := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes()
	const other = "xyk.raw_request" // as long
	attrs.PutStr(analytics.AttrRawRequest, encode(texts[0]))
	attrs.PutStr(other, encode(texts[1]))
	wire, err := new(plog.ProtoMarshaler).MarshalLogs(ld)
	require.NoError(t, err)
	ld, err = new(plog.ProtoUnmarshaler).UnmarshalLogs([]byte(strings.Replace(string(wire), other, analytics.AttrRawRequest, 1)))
	require.NoError(t, err)
	return ld
}
