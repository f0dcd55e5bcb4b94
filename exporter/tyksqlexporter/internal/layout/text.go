package layout

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
)

// CleanText gives s as all databases can hold it: a NUL byte, which PostgreSQL
// refuses, and each run of bytes that is not UTF-8 become U+FFFD. A clean string
// is returned as it is.
func CleanText(s string) string {
	if isPlainText(s) {
		return s
	}
	return strings.ReplaceAll(plaintext.CleanUTF8(s), "\x00", "\uFFFD")
}

// isPlainText tells whether all bytes lie from 1 to 127, as in nearly all texts, eight
// at a time: a byte of 0 borrows and so gets its high bit, others have it already.
func isPlainText(s string) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	if len(s) < 8 {
		for i := range len(s) {
			if s[i]-1 > 126 {
				return false
			}
		}
		return true
	}
	last := plaintext.Word(s[len(s)-8:])
	found := (last - ones) | last
	for ; len(s) > 8; s = s[8:] {
		next := plaintext.Word(s)
		found |= (next - ones) | next
	}
	return found&highs == 0
}
