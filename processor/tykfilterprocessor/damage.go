package tykfilterprocessor

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// wrappers are blanks and the quotes of strings, around base64 or text.
const wrappers = " \t\r\n\"'"

// wrapping is how much of text comes before base64 in the forms that senders wrap it
// in: the quote of a JSON string, and the beginning of a data URL.
func wrapping(text string) int {
	bare := strings.TrimLeft(text, wrappers)
	const scheme, encoding, longest = "data:", "base64,", 256
	at := len(text) - len(bare)
	if len(bare) < len(scheme) || !strings.EqualFold(bare[:len(scheme)], scheme) {
		return at
	}
	if n := strings.Index(strings.ToLower(bare[:min(len(bare), longest)]), encoding); n >= 0 {
		return at + n + len(encoding)
	}
	return at
}

// wellFormed is how much of a header section there is before the first line that can be
// none of it. One letter too many in base64 makes noise of all that follows, and whoever
// takes the letter out reads it.
func wellFormed(head []byte) int {
	first := true
	for at := 0; at < len(head); {
		next := lineEnd(head, at)
		line := bytes.TrimRight(head[at:next], "\r\n")
		switch {
		case bytes.ContainsFunc(line, isControl):
			return at
		case len(line) == 0, line[0] == ' ', line[0] == '\t', bytes.Contains(line, []byte("HTTP/")):
		case next < len(head) || !first: // the last line may be cut before its colon
			name, _, found := bytes.Cut(line, []byte(":"))
			if found && !isToken(strings.Trim(string(name), " \t")) || !found && next < len(head) {
				return at
			}
		}
		first = first && len(line) == 0
		at = next
	}
	return len(head)
}

// doubtful tells whether a header section may be noise from some byte on although each of its lines could be one:
// behind a stray letter there is hardly ever UTF-8 and an end of the section.
func doubtful(head []byte, whole bool) bool { return !whole || !utf8.Valid(head) }

func isControl(c rune) bool {
	const space, del = 0x20, 0x7f
	return c < space && c != '\t' || c == del
}

// hides tells whether text, which does not read as a message, is one with a letter or more
// too many or too few: whether at some other beginning, or without the letters that
// are none, it has something whose value is to be replaced.
func (r *redactor) hides(text string, broken bool) bool {
	return atOtherBeginning(text, broken, r.shows)
}

// goesOn tells whether the header section that text begins with goes on at some other beginning. The damage may be in the
// very name of a header or a parameter, so that only the end of the section shows.
func (r *redactor) goesOn(text string) bool {
	return atOtherBeginning(text, false, func(plain []byte) bool {
		return r.shows(plain) || bytes.Contains(plain, []byte("\r\n\r\n"))
	})
}

// atOtherBeginning tells whether text is as asked, decoded from one of its next letters on; from all of them where it is
// broken by what is no letter.
func atOtherBeginning(text string, broken bool, is func(plain []byte) bool) bool {
	from := 1
	if broken {
		from = 0 // read on behind what is none of base64
	}
	for ; from < base64Group; from++ {
		if is(decodeFrom(text, from)) {
			return true
		}
	}
	return false
}

// decodeFrom decodes the base64 letters of text but for the first few, and passes over others.
func decodeFrom(text string, skip int) []byte {
	const bits, bitsOfByte = 6, 8
	plain := make([]byte, 0, len(text)/base64Group*3+base64Group)
	var group uint32
	have := 0
	for i := range len(text) {
		v := letterValue[text[i]]
		if v >= notValue {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		group, have = group<<bits|uint32(v), have+bits
		if have >= bitsOfByte {
			have -= bitsOfByte
			plain = append(plain, byte(group>>have)) //nolint:gosec // the low bits are meant
		}
	}
	return plain
}

// shows tells whether plain has a line that begins with a header of r, a parameter of
// r, or the end of a request line, of which the parameter may have been damaged.
func (r *redactor) shows(plain []byte) bool {
	if r.query != nil && (bytes.Contains(plain, []byte(" HTTP/1.")) || r.query.in(plain)) {
		return true
	}
	for at := lineEnd(plain, 0); at < len(plain); at = lineEnd(plain, at) {
		line := plain[at:lineEnd(plain, at)]
		if colon := bytes.IndexByte(line, ':'); colon >= 0 && r.headers.has(line[:colon]) {
			return true
		}
	}
	return false
}
