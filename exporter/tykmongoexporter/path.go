package tykmongoexporter

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
)

// escaper replaces what parts a path in two, as Tyk Pump does in endpoints only, and
// what no name of a field may hold.
var escaper = strings.NewReplacer(".", `\u2e`, "\x00", `\u00`)

// escape makes a value a step of a path: the name of a field which every database
// takes, and which is not taken for several, for an operator or for nothing.
func escape(value string) string {
	value = plaintext.CleanUTF8(value)
	if strings.ContainsAny(value, ".\x00") {
		value = escaper.Replace(value)
	}
	if rest, is := strings.CutPrefix(value, "$"); is {
		return `\u24` + rest
	}
	if value == "" {
		return `\u`
	}
	return value
}
