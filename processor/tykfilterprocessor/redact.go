package tykfilterprocessor

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
)

// mark stands where a header's value was.
const mark = "REDACTED"

// redactor replaces the values of named headers in HTTP messages. It may be
// used by several goroutines, each with a scratch of its own.
type redactor struct {
	names   map[string]struct{} // in lower case
	longest int
}

func newRedactor(headers []string) *redactor {
	r := &redactor{names: make(map[string]struct{}, len(headers))}
	for _, name := range headers {
		r.names[strings.ToLower(name)] = struct{}{}
		r.longest = max(r.longest, len(name))
	}
	return r
}

// rewrite looks for the headers in text, which is the base64 of an HTTP message
// or the message itself. Where it changes something it returns true, the new
// text is s.text, and t has counted it.
//
// Of base64 only the header section is decoded and encoded again; the body,
// however large, is copied as it is. A message whose base64 is broken within the
// header section is cut there, because nobody can tell which header follows; so is
// one whose header section is none from some line on, as after a stray letter.
func (r *redactor) rewrite(text string, s *scratch, t *tally) bool {
	in := base64Reader{text: text, pos: wrapping(text)}
	wrapped := text[:in.pos]
	s.plain = s.plain[:0]
	var scan headerScan
	end := -1
	for end < 0 && !in.done {
		s.plain = in.read(s.plain)
		end = scan.end(s.plain)
	}
	tail := text[in.pos:]
	incomplete := end < 0
	if incomplete {
		end = len(s.plain)
	}
	lines, lastMark := r.replaceValues(s.lines[:0], s.plain[:end])
	s.lines = lines
	message := lastMark >= 0 || startsLikeHTTP(s.plain)
	if !message {
		if r.hides(text[len(wrapped):], in.broken) {
			t.payloads[damaged]++
			s.text = s.text[:0]
			return true
		}
		return r.rewritePlain(text, s, t)
	}
	if lastMark <= 0 {
		s.lines = append(s.lines[:0], s.plain[:end]...)
	}
	intact := wellFormed(s.lines)
	switch {
	case incomplete && in.broken || intact < len(s.lines):
		t.payloads[damaged]++
		s.text = base64.StdEncoding.AppendEncode(s.text[:0], s.lines[:intact])
		return true
	case lastMark <= 0:
		return false
	}
	t.payloads[redacted]++
	s.join(end, lastMark, wrapped, tail)
	return true
}

// join makes the text of wrapped, which is no base64, s.lines, what s.plain has after end,
// and tail, which is base64 already.
func (s *scratch) join(end, lastMark int, wrapped, tail string) {
	s.lines = append(s.lines, s.plain[end:]...)
	if tail != "" {
		// What comes before the tail must fill whole groups of three bytes.
		// Blanks after a header's value mean nothing in HTTP.
		const blanks = "  "
		missing := (3 - len(s.lines)%3) % 3
		s.lines = slices.Insert(s.lines, lastMark, []byte(blanks[:missing])...)
	}
	s.text = slices.Grow(s.text[:0], len(wrapped)+base64.StdEncoding.EncodedLen(len(s.lines))+len(tail))
	s.text = append(s.text, wrapped...)
	s.text = base64.StdEncoding.AppendEncode(s.text, s.lines)
	s.text = append(s.text, tail...)
}

// rewritePlain is rewrite for a message that is not in base64.
func (r *redactor) rewritePlain(text string, s *scratch, t *tally) bool {
	if strings.IndexByte(text, ':') < 0 {
		return false
	}
	s.plain = append(s.plain[:0], text...)
	end := new(headerScan).end(s.plain)
	if end < 0 {
		end = len(s.plain)
	}
	lines, lastMark := r.replaceValues(s.text[:0], s.plain[:end])
	s.text = lines
	if lastMark <= 0 {
		return false
	}
	t.payloads[redacted]++
	s.text = append(s.text, text[end:]...)
	return true
}

// replaceValues appends head to dst with other values for the headers of r, and
// gives the place in dst after the last new value. That is 0 where all values may
// stay, being empty or replaced already, and -1 where head has none of the
// headers; then nothing is appended.
func (r *redactor) replaceValues(dst, head []byte) (lines []byte, lastMark int) {
	lastMark = -1
	copied := 0
	for at := 0; at < len(head); {
		next := lineEnd(head, at)
		colon := bytes.IndexByte(head[at:next], ':')
		if colon < 0 || !r.named(head[at:at+colon]) {
			at = next
			continue
		}
		// Lines that begin with a blank go on with the value (obsolete folding, RFC 9112, section 5.2).
		for next < len(head) && (head[next] == ' ' || head[next] == '\t') {
			next = lineEnd(head, next)
		}
		value := head[at+colon+1 : next]
		at = next
		lastMark = max(lastMark, 0)
		if bare := bytes.TrimSpace(value); len(bare) == 0 || string(bare) == mark {
			continue
		}
		dst = append(dst, head[copied:next-len(value)]...)
		dst = append(dst, ' ')
		dst = append(dst, mark...)
		lastMark = len(dst)
		dst = append(dst, lineBreak(value)...)
		copied = next
	}
	if lastMark > 0 {
		dst = append(dst, head[copied:]...)
	}
	return dst, lastMark
}

// named tells whether a header's name, with blanks around it as careless senders
// write them, is one whose value is replaced.
func (r *redactor) named(name []byte) bool {
	name = bytes.Trim(name, " \t\r")
	if len(name) > r.longest {
		return false
	}
	var buf [64]byte
	lower := buf[:0]
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower = append(lower, c)
	}
	_, ok := r.names[string(lower)]
	return ok
}

// lineEnd is the place after the line that begins at at.
func lineEnd(b []byte, at int) int {
	if n := bytes.IndexByte(b[at:], '\n'); n >= 0 {
		return at + n + 1
	}
	return len(b)
}

// lineBreak is what ends line: CRLF, LF or, at the end of a message, nothing.
func lineBreak(line []byte) string {
	switch {
	case bytes.HasSuffix(line, []byte("\r\n")):
		return "\r\n"
	case bytes.HasSuffix(line, []byte("\n")):
		return "\n"
	}
	return ""
}

// headerScan looks for the blank line that ends the header section of a message
// that becomes longer between two looks.
type headerScan struct {
	start int // of the first line
	seen  int // bytes looked at
}

// end is the place of the blank line, -1 while there is none. Blank lines before
// the first line do not count (RFC 9112, section 2.2).
func (h *headerScan) end(b []byte) int {
	if h.start == h.seen {
		for h.start < len(b) && (b[h.start] == '\r' || b[h.start] == '\n') {
			h.start++
		}
	}
	// The line break before the blank line may be among what was seen.
	const before = 3
	at := max(h.start, h.seen-before)
	h.seen = len(b)
	for {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			return -1
		}
		at += n + 1
		if blank := blankLineAt(b[at:]); blank == 0 || h.interim(b, at+blank) {
			continue
		}
		return at
	}
}

// blankLineAt is how long the blank line is that b begins with, 0 where there is none.
func blankLineAt(b []byte) int {
	switch {
	case bytes.HasPrefix(b, []byte("\n")):
		return 1
	case bytes.HasPrefix(b, []byte("\r\n")):
		return 2
	}
	return 0
}

// interim tells whether the header section that ends before next is that of an interim
// response, such as 100 Continue, behind which the next one is looked for.
func (h *headerScan) interim(b []byte, next int) bool {
	first := b[h.start:lineEnd(b, h.start)]
	version, status, _ := bytes.Cut(first, []byte(" "))
	if !bytes.HasPrefix(version, []byte("HTTP/")) || !bytes.HasPrefix(status, []byte("1")) {
		return false
	}
	h.start = next
	return true
}

// startsLikeHTTP tells whether the first line names the protocol, as the first
// lines of requests and responses do.
func startsLikeHTTP(b []byte) bool {
	b = bytes.TrimLeft(b, "\r\n")
	return bytes.Contains(b[:lineEnd(b, 0)], []byte("HTTP/"))
}
