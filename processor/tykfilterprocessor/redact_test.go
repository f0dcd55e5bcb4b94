package tykfilterprocessor

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func defaultRedactor() *redactor {
	cfg := createDefaultConfig().(*Config).Fields
	return newRedactor(cfg.RedactHeadersOnly, cfg.RedactQueryOnly)
}

// redactText gives the text that goes on and what was counted.
func redactText(text string, headers ...string) (string, []outcome) {
	r := defaultRedactor()
	if len(headers) > 0 {
		r = newRedactor(headers, nil)
	}
	var s scratch
	var counted tally
	changed := r.rewrite(text, &s, &counted)
	var what []outcome
	for o, n := range counted.payloads {
		for range n {
			what = append(what, outcome(o))
		}
	}
	if !changed {
		return text, what
	}
	return string(s.text), what
}

func TestRedactReplacesValuesInMessages(t *testing.T) {
	const body = "\r\n\r\nAuthorization: in the body\r\nCookie: too"
	for _, test := range []struct{ name, message, want string }{
		{
			"one header", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nAccept: */*" + body,
			"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: REDACTED\r\nAccept: */*" + body,
		},
		{
			"every occurrence", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nDate: now\r\nSet-Cookie: b=2\r\nSet-Cookie: c=3" + body,
			"HTTP/1.1 200 OK\r\nSet-Cookie: REDACTED\r\nDate: now\r\nSet-Cookie: REDACTED\r\nSet-Cookie: REDACTED" + body,
		},
		{
			"letters of any case", "GET / HTTP/1.1\r\nAUTHORIZATION: x\r\ncookie: y\r\nX-aPI-keY: z" + body,
			"GET / HTTP/1.1\r\nAUTHORIZATION: REDACTED\r\ncookie: REDACTED\r\nX-aPI-keY: REDACTED" + body,
		},
		{
			"bare line feeds", "GET / HTTP/1.1\nHost: a\nCookie: x\nAccept: y\n\nCookie: body",
			"GET / HTTP/1.1\nHost: a\nCookie: REDACTED\nAccept: y\n\nCookie: body",
		},
		{
			"folded lines", "GET / HTTP/1.1\r\nCookie: a=1;\r\n b=2;\r\n\tc=3\r\nHost: a" + body,
			"GET / HTTP/1.1\r\nCookie: REDACTED\r\nHost: a" + body,
		},
		{
			"folded lines of another header that look like one of ours", "GET / HTTP/1.1\r\nX-A: b\r\n Cookie: c=3\r\nHost: a" + body,
			"GET / HTTP/1.1\r\nX-A: b\r\n Cookie: REDACTED\r\nHost: a" + body,
		},
		{
			"value on the folded line only", "GET / HTTP/1.1\r\nCookie:\r\n c=3\r\nHost: a" + body,
			"GET / HTTP/1.1\r\nCookie: REDACTED\r\nHost: a" + body,
		},
		{
			"blanks around the colon", "GET / HTTP/1.1\r\nCookie \t:x\r\nProxy-Authorization:y" + body,
			"GET / HTTP/1.1\r\nCookie \t: REDACTED\r\nProxy-Authorization: REDACTED" + body,
		},
		{
			"blank lines before the message", "\r\n\nGET / HTTP/1.1\r\nCookie: x" + body,
			"\r\n\nGET / HTTP/1.1\r\nCookie: REDACTED" + body,
		},
		{"no body and no end", "GET / HTTP/1.1\r\nCookie: x", "GET / HTTP/1.1\r\nCookie: REDACTED"},
		{"no start line", "Cookie: x\r\nHost: a" + body, "Cookie: REDACTED\r\nHost: a" + body},
		{
			"value with colons and binary", "GET / HTTP/1.1\r\nCookie: a:b:\x00\xff\r\nHost: a" + body,
			"GET / HTTP/1.1\r\nCookie: REDACTED\r\nHost: a" + body,
		},
		{
			"header section longer than one read", "GET / HTTP/1.1\r\nX-Long: " + strings.Repeat("y", 5*readSize) + "\r\nCookie: x" + body,
			"GET / HTTP/1.1\r\nX-Long: " + strings.Repeat("y", 5*readSize) + "\r\nCookie: REDACTED" + body,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, counted := redactText(encode(test.message))
			assert.Equal(t, test.want, withoutFilling(decode(t, got)))
			assert.Equal(t, []outcome{redacted}, counted)

			got, counted = redactText(test.message)
			assert.Equal(t, test.want, got, "a message that is not in base64")
			assert.Equal(t, []outcome{redacted}, counted)
		})
	}
}

// withoutFilling takes away the blanks by which the header section fills whole groups of base64.
func withoutFilling(message string) string {
	head := regexp.MustCompile(`(?s)^(.*?)\r?\n\r?\n`).FindString(message)
	return regexp.MustCompile(` {1,2}(\r?\n)`).ReplaceAllString(head, "$1") + message[len(head):]
}

func TestRedactLeavesAlone(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"empty", ""},
		{"no header of the list", encode("GET / HTTP/1.1\r\nHost: a\r\nX-Cookie: b\r\nCookies: c\r\n\r\n")},
		{"names in the body only", encode("GET / HTTP/1.1\r\nHost: a\r\n\r\nCookie: b")},
		{"names in the path only", encode("GET /?Cookie:=a HTTP/1.1\r\nHost: a\r\n\r\n")},
		{"empty values", encode("GET / HTTP/1.1\r\nCookie: \r\nAuthorization:\r\n\r\n")},
		{"values replaced already", encode("GET / HTTP/1.1\r\nCookie: REDACTED  \r\n\r\n")},
		{"a name cut off before its value", encode("GET / HTTP/1.1\r\nCookie")},
		{"text", "not base64 at all!"},
		{"text of base64 letters", "Authorization"},
		{"padding only", "====="},
		{"binary", encode("\x00\x01\x02\xff\xfe\n\n\x00")},
		{"damage after the header section", encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n") + "%%%"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, counted := redactText(test.text)
			assert.Equal(t, test.text, got)
			assert.Empty(t, counted)
		})
	}
}

func TestRedactReadsCarelessBase64(t *testing.T) {
	const message = "GET / HTTP/1.1\r\nHost: a?>~~\r\nCookie: x=y\r\nAccept: *\r\n\r\n{\"id\": 42}"
	const want = "GET / HTTP/1.1\r\nHost: a?>~~\r\nCookie: REDACTED\r\nAccept: *\r\n\r\n{\"id\": 42}"
	text := encode(message)
	for name, given := range map[string]string{
		"without padding":   strings.TrimRight(text, "="),
		"broken into lines": strings.Join(slices.Collect(chunks(text, 7)), "\r\n") + "\n",
		"blanks in front":   " \t" + text,
		"letters for URLs":  base64.URLEncoding.EncodeToString([]byte(message)),
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := redactText(given)
			assert.Equal(t, want, withoutFilling(decodeCareless(got)))
		})
	}
}

func chunks(s string, size int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for ; s != ""; s = s[min(size, len(s)):] {
			if !yield(s[:min(size, len(s))]) {
				return
			}
		}
	}
}

func TestRedactCutsMessagesThatCannotBeRead(t *testing.T) {
	text := encode("GET / HTTP/1.1\r\nHost: a\r\nCookie: x=y\r\nAuthorization: Bearer abc\r\n\r\n")
	broken := text[:48] + "!" + text[48:]
	got, counted := redactText(broken)
	assert.Equal(t, "GET / HTTP/1.1\r\nHost: a\r\nCookie: REDACTED", decode(t, got))
	assert.Equal(t, []outcome{damaged}, counted)

	broken = text[:20] + "!" + text[20:]
	got, counted = redactText(broken)
	assert.Equal(t, "GET / HTTP/1.1\r", decode(t, got))
	assert.Equal(t, []outcome{damaged}, counted)

	joined := encode("GET / HTTP/1.1\r\nHost: ab\r\n") + encode("Cookie: x=y\r\n\r\n")
	require.Contains(t, joined, "=")
	got, _ = redactText(joined)
	assert.Equal(t, "GET / HTTP/1.1\r\nHost: ab\r\n", decode(t, got))
}

func TestRedactKeepsBodiesByteForByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := string(rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "body"))
		value := rapid.StringMatching(`[!-~]{1,40}`).Draw(t, "value")
		head := "POST / HTTP/1.1\r\nHost: a\r\nCookie: " + value + "\r\nAccept: *\r\n\r\n"
		got, _ := redactText(encode(head + body))
		plain, err := base64.StdEncoding.DecodeString(got)
		require.NoError(t, err)
		require.Equal(t, "POST / HTTP/1.1\r\nHost: a\r\nCookie: REDACTED\r\nAccept: *\r\n\r\n"+body, withoutFilling(string(plain)))
	})
}

func TestRedactOnlyNamedHeaders(t *testing.T) {
	long := "X-" + strings.Repeat("Very-", 30) + "Long"
	got, _ := redactText(encode("GET / HTTP/1.1\r\nCookie: a\r\nX-Tyk-Token: b\r\n"+long+": c\r\n\r\n"), "x-tyk-token", long)
	assert.Equal(t, "GET / HTTP/1.1\r\nCookie: a\r\nX-Tyk-Token: REDACTED\r\n"+long+": REDACTED\r\n\r\n", withoutFilling(decode(t, got)))
}

// FuzzRedact compares with a plain reading of the rules: whatever comes in, no
// value of a named header goes on, redacting again changes nothing, and what is
// a message stays one.
func FuzzRedact(f *testing.F) {
	request, response := recordedMessages(50)
	for _, seed := range []string{
		request, response, decode(f, request), request[:200], request[:201] + "*" + request[201:], "QUJD\nREVG", "%%%",
		encode("Cookie: a\n b\n\nx") + "\nCookie: c", encode("GET / HTTP/1.0\nX-API-Key:a\r\n\tb"), "=====", "ÄÖÜ",
	} {
		f.Add(seed)
	}
	r := defaultRedactor()
	f.Fuzz(func(t *testing.T, text string) {
		var s scratch
		var counted tally
		once := text
		if r.rewrite(text, &s, &counted) {
			once = string(s.text)
		}
		if left := survivors(once, r.headers.names); len(left) > 0 {
			t.Fatalf("%q became %q, which still has %q", text, once, left)
		}
		if r.rewrite(once, &s, &counted) {
			t.Fatalf("%q became %q and then %q", text, once, s.text)
		}
		if plain, err := base64.StdEncoding.DecodeString(text); err == nil && strings.HasPrefix(string(plain), "HTTP/1.1 200 OK\r\n") {
			again, err := base64.StdEncoding.DecodeString(once)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(again), "HTTP/1.1 200 OK\r\n"))
		}
	})
}

// survivors are the values that should not be in text any more. It shares no
// code with the redactor.
func survivors(text string, names map[string]struct{}) []string {
	plain := decodeCareless(text)
	first, _, _ := strings.Cut(strings.TrimLeft(plain, "\r\n"), "\n")
	left, named := headerValues(plain, names)
	if !named && !strings.Contains(first, "HTTP/") {
		left, _ = headerValues(text, names)
	}
	return left
}

var (
	blankLine = regexp.MustCompile(`\n\r?\n`)
	folding   = regexp.MustCompile(`\n[ \t]+`)
)

func headerValues(message string, names map[string]struct{}) (values []string, named bool) {
	head := blankLine.Split(strings.TrimLeft(message, "\r\n"), 2)[0]
	for _, unfolded := range []string{folding.ReplaceAllString(head, " "), head} {
		for line := range strings.SplitSeq(unfolded, "\n") {
			name, value, _ := strings.Cut(line, ":")
			if _, ok := names[strings.ToLower(strings.Trim(name, " \t\r"))]; !ok || name == line {
				continue
			}
			named = true
			if value = strings.TrimSpace(value); value != "" && value != mark {
				values = append(values, value)
			}
		}
	}
	return values, named
}

// decodeCareless decodes as many letters as there are, whatever stands between.
func decodeCareless(text string) string {
	text = strings.NewReplacer("-", "+", "_", "/", " ", "", "\t", "", "\r", "", "\n", "").Replace(text)
	letters := regexp.MustCompile(`^[A-Za-z0-9+/]*`).FindString(text)
	if len(letters)%4 == 1 {
		letters = letters[:len(letters)-1]
	}
	plain, err := base64.RawStdEncoding.DecodeString(letters)
	if err != nil {
		panic(err) // there are only letters
	}
	return string(plain)
}
