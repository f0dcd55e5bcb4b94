package tykfilterprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPayloadRules(t *testing.T) {
	const message = "GET / HTTP/1.1\r\nHost: a\r\nCookie: x=y\r\n\r\nbody" // 44 bytes, 60 letters
	const clean = "GET / HTTP/1.1\r\nHost: a\r\nCookie: REDACTED\r\n\r\nbody"
	text, cleanText := encode(message), encode(clean)
	redact := newRedactor([]string{"cookie"}, nil)
	for _, test := range []struct {
		name    string
		rules   payloadRules
		text    string
		want    string
		counted []outcome
	}{
		{"whole by default", payloadRules{}, text, text, nil},
		{"omitted", payloadRules{omit: true}, text, "", []outcome{omitted}},
		{"size that fits", payloadRules{maxSize: 60}, text, text, nil},
		{"trimmed to bytes of base64", payloadRules{maxSize: 59}, text, text[:59], []outcome{trimmed}},
		{"trimmed text stays UTF-8", payloadRules{maxSize: 5}, "ÄÖÜ", "ÄÖ", []outcome{trimmed}},
		{"trimmed text of one wide letter", payloadRules{maxSize: 1}, "Ä", "", []outcome{trimmed}},
		{"decoded", payloadRules{decode: true}, text, message, []outcome{decoded}},
		{"text that is not base64 is not decoded", payloadRules{decode: true}, "%%%", "%%%", []outcome{undecodable}},
		{"truncated base64 is not decoded", payloadRules{decode: true}, text[:59], text[:59], []outcome{undecodable}},
		{"line breaks in base64 are decoded", payloadRules{decode: true}, "QUJD\nREVG", "ABCDEF", []outcome{decoded}},
		{"binary becomes text", payloadRules{decode: true}, encode("a\xff\xfeb\x00"), "a\uFFFDb\x00", []outcome{decoded}},
		{"base64 of nothing", payloadRules{decode: true}, "\n", "", []outcome{decoded}},
		{"trimmed to what can be decoded", payloadRules{decode: true, maxSize: 59}, text, message[:42], []outcome{trimmed, decoded}},
		{"trimmed to less than can be decoded", payloadRules{decode: true, maxSize: 3}, text, "", []outcome{trimmed, decoded}},
		{"trimmed and not to be decoded", payloadRules{decode: true, maxSize: 2}, "%%%", "", []outcome{trimmed, decoded}},
		{"redacted", payloadRules{redact: redact}, text, cleanText, []outcome{redacted}},
		{"redacted and decoded", payloadRules{redact: redact, decode: true}, text, clean, []outcome{redacted, decoded}},
		{"redacted before it is trimmed", payloadRules{redact: redact, maxSize: 40}, text, cleanText[:40], []outcome{redacted, trimmed}},
		{
			"redacted, trimmed and decoded",
			payloadRules{redact: redact, maxSize: 55, decode: true},
			text, clean[:39],
			[]outcome{redacted, trimmed, decoded},
		},
		{"nothing to redact, trimmed", payloadRules{redact: redact, maxSize: 40}, cleanText, cleanText[:40], []outcome{trimmed}},
		{"nothing to redact, not decodable", payloadRules{redact: redact, decode: true}, "%%%", "%%%", []outcome{undecodable}},
		{"plain message redacted, not decodable", payloadRules{redact: redact, decode: true}, message, clean, []outcome{redacted, undecodable}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s scratch
			var counted, want tally
			got, changed := test.rules.apply(test.text, &s, &counted)
			assert.Equal(t, test.want, withoutFilling(got))
			assert.Equal(t, test.want != test.text, changed)
			for _, o := range test.counted {
				want.payloads[o]++
			}
			assert.Equal(t, want, counted)
		})
	}
}

func TestOmittingWinsOverTheOtherRules(t *testing.T) {
	cfg := &FieldsConfig{OmitDetailedRecording: true, MaxRecordSize: 10, RedactHeaders: []string{"cookie"}}
	assert.Equal(t, payloadRules{omit: true}, newPayloadRules(cfg, true))
}

func TestScratchDoesNotKeepHugeBuffers(t *testing.T) {
	var s scratch
	request := encode("GET / HTTP/1.1\r\nCookie: a\r\n\r\n" + strings.Repeat("x", 2*maxKeptScratch))
	rules := payloadRules{redact: newRedactor([]string{"cookie"}, nil)}
	_, changed := rules.apply(request, &s, new(tally))
	assert.True(t, changed)
	s.shrink()
	assert.Zero(t, cap(s.text))
	assert.NotZero(t, cap(s.plain), "the header section is small")
}
