package tykinfluxexporter

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

var errNoField = errors.New("the point has no field")

// What has a meaning in line protocol, and how it is written. Line protocol has no way to write
// the end of a line in a tag; the two characters stand for it.
var (
	tagEscapes  = strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `, "\n", `\n`)
	textEscapes = strings.NewReplacer(`"`, `\"`, `\`, `\\`)
	// escapedEnds is how Tyk Pump's client of InfluxDB 2 writes texts.
	escapedEnds = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
)

// encoder makes lines. Tags, then fields, are to come in order.
type encoder struct {
	text   []byte
	fields int
	texts  *strings.Replacer
}

func newEncoder() *encoder { return &encoder{texts: textEscapes} }

// begin begins a line.
func (e *encoder) begin(measurement string) {
	e.text, e.fields = append(e.text[:0], measurement...), 0
}

// tag adds one that is not empty: an empty one is none.
func (e *encoder) tag(key, value string) {
	if value == "" {
		return
	}
	// A backslash at the end would hide the comma behind it.
	if before, ok := strings.CutSuffix(value, `\`); ok {
		value = strings.TrimSuffix(before, `\`) + `\u005c`
	}
	e.text = append(e.text, ',')
	e.text = append(e.text, key...)
	e.text = append(e.text, '=')
	e.text = append(e.text, tagEscapes.Replace(strings.ToValidUTF8(value, "\uFFFD"))...)
}

// field adds a text, an integer, a number or a boolean.
func (e *encoder) field(key string, value any) {
	if f, ok := value.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return // InfluxDB knows none
	}
	separator := byte(',')
	if e.fields == 0 {
		separator = ' '
	}
	e.fields++
	e.text = append(e.text, separator)
	e.text = append(e.text, key...)
	e.text = append(e.text, '=')
	switch v := value.(type) {
	case string:
		e.text = append(e.text, '"')
		e.text = append(e.text, e.texts.Replace(strings.ToValidUTF8(v, "\uFFFD"))...)
		e.text = append(e.text, '"')
	case int64:
		e.text = append(strconv.AppendInt(e.text, v, 10), 'i')
	case float64:
		e.text = strconv.AppendFloat(e.text, v, 'f', -1, 64)
	case bool:
		e.text = strconv.AppendBool(e.text, v)
	}
}

// end ends a line and gives it back.
func (e *encoder) end(at time.Time) ([]byte, error) {
	if e.fields == 0 {
		return nil, errNoField
	}
	nanos, ok := analytics.UnixNanos(at)
	if !ok || nanos == math.MinInt64 || nanos == math.MinInt64+1 || nanos == math.MaxInt64 {
		return nil, fmt.Errorf("its time %s is none that InfluxDB has", at.Format(time.RFC3339))
	}
	e.text = append(e.text, ' ')
	e.text = strconv.AppendInt(e.text, nanos, 10)
	return append([]byte(nil), append(e.text, '\n')...), nil
}
