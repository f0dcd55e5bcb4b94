package tykfilterprocessor

import (
	"bytes"
	"encoding/base64"
	"slices"
	"unicode/utf8"
)

// payloadRules say what goes on of recorded requests, or of recorded responses.
// The zero value lets them go on whole.
type payloadRules struct {
	omit    bool
	redact  *redactor // nil keeps all values
	maxSize int       // bytes of base64 text, 0 for no limit
	decode  bool
}

func newPayloadRules(cfg *FieldsConfig, decode bool) payloadRules {
	if cfg.OmitDetailedRecording {
		return payloadRules{omit: true}
	}
	r := payloadRules{maxSize: cfg.MaxRecordSize, decode: decode}
	r.redact = newRedactor(slices.Concat(cfg.RedactHeadersOnly, cfg.RedactHeaders), cfg.parameters())
	return r
}

func (r *payloadRules) idle() bool {
	return *r == payloadRules{}
}

// scratch is working memory that one goroutine uses for one text after another.
type scratch struct {
	plain []byte // decoded
	lines []byte // decoded, with other header values
	text  []byte // base64, the result
}

// maxKeptScratch is how much of each buffer waits for the next batch, in bytes.
const maxKeptScratch = 1 << 20

func (s *scratch) shrink() {
	for _, buf := range [...]*[]byte{&s.plain, &s.lines, &s.text} {
		if cap(*buf) > maxKeptScratch {
			*buf = nil
		}
	}
}

// apply gives what goes on of text, and whether that is something else. The
// order is Tyk Pump's (contract: records and raw stores, section 3.5) with
// redaction first, because a header that trimming cut could not be recognised.
func (r *payloadRules) apply(text string, s *scratch, t *tally) (string, bool) {
	if r.omit {
		t.payloads[omitted]++
		return "", true
	}
	changed := r.redact != nil && r.redact.rewrite(text, s, t)
	if !changed && !r.decode {
		size := fit(text, r.maxSize)
		if size == len(text) {
			return text, false
		}
		t.payloads[trimmed]++
		return text[:size], true
	}
	if !changed {
		s.text = append(s.text[:0], text...)
	}
	if size := r.fitDecodable(s.text); size < len(s.text) {
		t.payloads[trimmed]++
		s.text, changed = s.text[:size], true
	}
	if r.decode {
		if plain, err := base64.StdEncoding.AppendDecode(s.plain[:0], s.text); err == nil {
			s.plain = plain
			t.payloads[decoded]++
			return validText(plain), true
		}
		t.payloads[undecodable]++
	}
	if !changed {
		return text, false
	}
	return string(s.text), true
}

// fitDecodable is fit, to whole groups of base64 letters where they are decoded
// next: the rest of a group would make the text undecodable.
func (r *payloadRules) fitDecodable(text []byte) int {
	size := fit(text, r.maxSize)
	if r.decode && size < len(text) {
		size -= size % base64Group
	}
	return size
}

// base64Group is how many letters stand for three bytes.
const base64Group = 4

// fit is how many bytes of text stay within size, 0 being no limit. Text that is
// not base64 is not cut within a character, which would not be UTF-8 any more.
func fit[T string | []byte](text T, size int) int {
	if size == 0 || len(text) <= size {
		return len(text)
	}
	for back := range utf8.UTFMax {
		if back <= size && utf8.RuneStart(text[size-back]) {
			return size - back
		}
	}
	return size
}

// validText is decoded content as a string; each run of bytes that is not UTF-8
// becomes U+FFFD, because OTLP receivers refuse a whole batch for such a string.
func validText(plain []byte) string {
	if utf8.Valid(plain) {
		return string(plain)
	}
	return string(bytes.ToValidUTF8(plain, []byte(string(utf8.RuneError))))
}
