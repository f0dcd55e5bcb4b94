package layout

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
)

// CleanText gives s as all databases can hold it: a NUL byte, which PostgreSQL
// refuses, and each run of bytes that is not UTF-8 become U+FFFD. A clean string
// is returned as it is.
func CleanText(s string) string {
	if s = plaintext.CleanUTF8(s); strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}
