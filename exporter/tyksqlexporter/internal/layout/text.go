package layout

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// CleanText gives s as both databases can hold it: a NUL byte, which PostgreSQL
// refuses, and each run of bytes that is not UTF-8 become U+FFFD. A clean string
// is returned as it is.
func CleanText(s string) string {
	if isPlainText(s) || isCleanText(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func isCleanText(s string) bool {
	return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
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
	bytes := unsafe.Slice(unsafe.StringData(s), len(s))
	last := binary.LittleEndian.Uint64(bytes[len(s)-8:])
	found := (last - ones) | last
	for ; len(bytes) > 8; bytes = bytes[8:] {
		word := binary.LittleEndian.Uint64(bytes)
		found |= (word - ones) | word
	}
	return found&highs == 0
}
