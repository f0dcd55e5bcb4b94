package tyksqlexporter

import (
	"strings"
	"unicode/utf8"
)

// cleanText gives s as both databases can hold it: a NUL byte, which PostgreSQL
// refuses, and each run of bytes that is not UTF-8 become U+FFFD. A clean string
// is returned as it is.
func cleanText(s string) string {
	if isCleanText(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func isCleanText(s string) bool {
	return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}
