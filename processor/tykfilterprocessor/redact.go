package tykfilterprocessor

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// mark stands where a header's value was.
const mark = "REDACTED"

// redactor replaces the values of named headers and query parameters in HTTP
// messages. It may be used by several goroutines, each with a scratch of its own.
type redactor struct {
	headers nameSet
	query   *queryRules // nil keeps all parameters
}

// newRedactor gives nil where nothing is to be replaced.
func newRedactor(headers, parameters []string) *redactor {
	if len(headers)+len(parameters) == 0 {
		return nil
	}
	return &redactor{headers: newNameSet(headers), query: newQueryRules(parameters)}
}

// rewrite looks for the headers and parameters in text, which is the base64 of an
// HTTP message or the message itself. Where it changes something it returns true,
// the new text is s.text, and t has counted it.
//
// Of base64 only the header section is decoded and encoded again; the body,
// however large, is copied as it is, unless it is chunked and may end in trailers.
// A message whose base64 is broken within the header section is cut there, because
// nobody can tell which header follows; so is one whose header section is none from
// some line on, as after a stray letter.
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
	whole := end >= 0
	if !whole {
		end = len(s.plain)
	}
	head := r.replace(s.lines[:0], s.plain[:end])
	s.lines = head.lines
	isMessage := head.header || startsLikeHTTP(s.plain)
	bare, intact := text[len(wrapped):], len(s.lines)
	if isMessage {
		intact = wellFormed(s.lines)
	}
	switch {
	case !isMessage && isPlainHTTP(text):
		return r.rewritePlain(text, s, t)
	case !isMessage && r.hides(bare, in.broken),
		isMessage && intact == len(s.lines) && doubtful(s.plain[:end], whole) && r.goesOn(text[len(wrapped):in.pos]): // without the body
		t.payloads[damaged]++
		s.text = s.text[:0]
		return true
	case !isMessage && !head.found:
		return r.rewritePlain(text, s, t)
	}
	readable := intact == len(s.lines) && (whole || !in.damaged())
	s.lines = s.lines[:intact]
	if readable && whole && head.chunked {
		for !in.done {
			s.plain = in.read(s.plain)
		}
		body, ok := r.replaceTrailers(s.lines, s.plain[end:])
		readable = ok && !in.damaged() && (body.ended || !r.hides(bare, false))
		s.lines, head.changed = body.lines, head.changed || body.changed
		end = len(s.plain)
		if !body.ended && !readable {
			s.lines = s.lines[:intact]
		}
	}
	switch {
	case !readable:
		t.payloads[damaged]++
		s.text = base64.StdEncoding.AppendEncode(s.text[:0], s.lines)
		return true
	case !head.changed:
		return false
	}
	t.payloads[redacted]++
	s.join(wrapped, s.plain[end:], text[in.pos:], alphabetOf(bare))
	return true
}

// alphabetOf is the base64 that text is written in: a strict reader takes no other letters behind the first ones.
func alphabetOf(text string) *base64.Encoding {
	if strings.ContainsAny(text, "-_") && !strings.ContainsAny(text, "+/") {
		return base64.URLEncoding
	}
	return base64.StdEncoding
}

// join makes the text of wrapped, which is no base64, s.lines, what was decoded after it,
// and tail, which is base64 already.
func (s *scratch) join(wrapped string, decoded []byte, tail string, alphabet *base64.Encoding) {
	if strings.Trim(tail, wrappers) != "" {
		// What comes before the tail must fill whole groups of three bytes.
		s.lines = fill(s.lines, (3-(len(s.lines)+len(decoded))%3)%3)
	}
	s.lines = append(s.lines, decoded...)
	s.text = slices.Grow(s.text[:0], len(wrapped)+alphabet.EncodedLen(len(s.lines))+len(tail))
	s.text = append(s.text, wrapped...)
	s.text = alphabet.AppendEncode(s.text, s.lines)
	s.text = append(s.text, tail...)
}

// fill makes a header section longer by bytes that mean nothing in HTTP: blanks
// behind the last header, or line breaks before a start line that is all there is.
func fill(lines []byte, missing int) []byte {
	const blanks, breaks = "  ", "\r\n"
	last := len(bytes.TrimRight(lines, "\r\n"))
	if bytes.Contains(lines[bytes.LastIndexByte(lines[:last], '\n')+1:last], []byte("HTTP/")) {
		return slices.Insert(lines, 0, []byte(breaks[len(breaks)-missing:])...)
	}
	return slices.Insert(lines, last, []byte(blanks[:missing])...)
}

// rewritePlain is rewrite for a message that is not in base64.
func (r *redactor) rewritePlain(text string, s *scratch, t *tally) bool {
	if !strings.ContainsAny(text, ":?&") { // none of which is in base64
		return false
	}
	s.plain = append(s.plain[:0], text...)
	end := new(headerScan).end(s.plain)
	if end < 0 {
		end = len(s.plain)
	}
	head := r.replace(s.text[:0], s.plain[:end])
	if head.chunked {
		body, _ := r.replaceTrailers(head.lines, s.plain[end:])
		head.lines, head.changed = body.lines, head.changed || body.changed
		end = len(s.plain)
	}
	s.text = append(head.lines, s.plain[end:]...)
	if head.changed {
		t.payloads[redacted]++
	}
	return head.changed
}

// section is a part of a message with other values.
type section struct {
	lines   []byte
	found   bool // there is something to replace, or that was replaced before
	header  bool // a header is
	changed bool
	chunked bool // a header says that the body is
	ended   bool // a chunked body has its end
}

// replace appends head to dst with other values for the headers and parameters of r.
func (r *redactor) replace(dst, head []byte) section {
	out := section{lines: dst}
	copied := 0
	for at := 0; at < len(head); {
		next := lineEnd(head, at)
		line := head[at:next]
		name, _, isHeader := bytes.Cut(line, []byte(":"))
		if !isHeader || !r.headers.has(name) {
			out.chunked = out.chunked || isHeader && saysChunked(name, head, at, next)
			if r.query != nil && (bytes.IndexByte(line, '=') >= 0 || bytes.IndexByte(line, '@') >= 0) {
				start := len(out.lines) + at - copied
				if lines, found := r.query.line(append(out.lines, head[copied:at]...), line); found {
					out.lines, out.found, copied = lines, true, next
					out.changed = out.changed || !bytes.Equal(lines[start:], line)
				}
			}
			at = next
			continue
		}
		next = foldedEnd(head, next)
		value := head[at+len(name)+1 : next]
		at = next
		out.found, out.header = true, true
		if bare := bytes.TrimSpace(value); len(bare) == 0 || string(bare) == mark {
			continue
		}
		out.changed = true
		out.lines = append(out.lines, head[copied:next-len(value)]...)
		out.lines = append(out.lines, ' ')
		out.lines = append(out.lines, mark...)
		out.lines = append(out.lines, lineBreak(value)...)
		copied = next
	}
	out.lines = append(out.lines, head[copied:]...)
	return out
}

// saysChunked tells whether the header in head[at:next] announces chunks, behind which there may be trailers.
func saysChunked(name, head []byte, at, next int) bool {
	if !bytes.EqualFold(bytes.Trim(name, blanksOfNames), []byte("transfer-encoding")) {
		return false
	}
	if head[at] != ' ' && head[at] != '\t' { // else it is itself a line that goes on with another
		next = foldedEnd(head, next)
	}
	return bytes.Contains(bytes.ToLower(head[at+len(name):next]), []byte("chunked"))
}

// replaceTrailers appends a chunked body to dst with other values in its trailers, up
// to a line that can be no trailer; then, and where the chunks do not add up, ok is false.
func (r *redactor) replaceTrailers(dst, body []byte) (out section, ok bool) {
	end := lastChunkEnd(body)
	if end < 0 {
		return section{lines: append(dst, body...)}, cutWithinChunk(body)
	}
	start := len(dst) + end
	out = r.replace(append(dst, body[:end]...), body[end:])
	out.ended = true
	intact := start + wellFormed(out.lines[start:])
	ok = intact == len(out.lines)
	out.lines = out.lines[:intact]
	return out, ok
}

// lastChunkEnd is the place behind the last line that is a chunk's size of zero, -1
// where there is none. It looks from the end, so that no chunk's size is relied on.
func lastChunkEnd(body []byte) int {
	for end := len(body); end > 0; {
		start := bytes.LastIndexByte(body[:end-1], '\n') + 1
		if body[start] == '0' {
			if size, ok := chunkSize(body[start:end]); ok && size == 0 {
				return end
			}
		}
		end = start
	}
	return -1
}

// cutWithinChunk tells whether body, with the line break before it, is a row of chunks of which the last was cut.
func cutWithinChunk(body []byte) bool {
	for {
		body = bytes.TrimPrefix(bytes.TrimPrefix(body, []byte("\r")), []byte("\n"))
		if len(body) == 0 {
			return true
		}
		end := lineEnd(body, 0)
		size, ok := chunkSize(body[:end])
		if !ok || size == 0 {
			return false
		}
		if size >= len(body)-end {
			return true
		}
		body = body[end+size:]
	}
}

// chunkSize reads the line before a chunk, which is plain text in all of its parts.
func chunkSize(line []byte) (int, bool) {
	const hexadecimal, bits, space, del = 16, 31, 0x20, 0x7f
	line = bytes.TrimRight(line, "\r\n")
	if bytes.ContainsFunc(line, func(c rune) bool { return c < space || c >= del }) {
		return 0, false
	}
	size, _, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), hexadecimal, bits)
	return int(n), err == nil //nolint:gosec // of 31 bits
}

// foldedEnd is the place after the lines that begin with a blank at next: they go on with the header before them (obsolete
// folding, RFC 9112, section 5.2).
func foldedEnd(b []byte, next int) int {
	for next < len(b) && (b[next] == ' ' || b[next] == '\t') {
		next = lineEnd(b, next)
	}
	return next
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

// isPlainHTTP tells whether text, not in base64, begins with the first line of a message: base64 has no blanks.
func isPlainHTTP(text string) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), "\n")
	return strings.IndexByte(first, ' ') >= 0 && (strings.HasPrefix(first, "HTTP/") || strings.Contains(first, " HTTP/"))
}

// startsLikeHTTP tells whether the first line names the protocol, as the first
// lines of requests and responses do.
func startsLikeHTTP(b []byte) bool {
	b = bytes.TrimLeft(b, "\r\n")
	return bytes.Contains(b[:lineEnd(b, 0)], []byte("HTTP/"))
}
