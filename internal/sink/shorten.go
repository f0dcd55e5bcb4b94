package sink

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Shorten halves what was recorded of a request and of its response until what is made of the record fits;
// false is for one that never does. Base64 stays such.
func Shorten(r *analytics.Record, fits func() bool) bool {
	const group = 4 // characters of base64 that stand for whole bytes
	for most := max(len(r.RawRequest), len(r.RawResponse)); most > 0; {
		most = most / 2 / group * group
		r.RawRequest, r.RawResponse = shortened(r.RawRequest, most), shortened(r.RawResponse, most)
		if fits() {
			return true
		}
	}
	return false
}

func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
