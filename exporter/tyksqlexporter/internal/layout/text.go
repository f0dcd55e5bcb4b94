package layout

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// CleanText gives s as all databases can hold it: a NUL byte, which PostgreSQL
// refuses, and each run of bytes that is not UTF-8 become U+FFFD. A clean string
// is returned as it is.
func CleanText(s string) string {
	if isPlainText(s) {
		return s
	}
	return strings.ReplaceAll(analytics.CleanUTF8(s), "\x00", "\uFFFD")
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
	last := word(s[len(s)-8:])
	found := (last - ones) | last
	for ; len(s) > 8; s = s[8:] {
		next := word(s)
		found |= (next - ones) | next
	}
	return found&highs == 0
}

// word is the first 8 bytes of s; the compiler makes one load of it.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
