package postgres

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
)

// encoding is what a column of the table that is there takes of a value: nearly all take the value's text as it is.
type encoding uint8

const (
	encodeText encoding = iota
	encodeJSONB
	encodeInt2
	encodeInt4
	encodeInt8
	encodeNumeric
	encodeFloat4
	encodeFloat8
	encodeBool
	encodeTime
)

// appendRow adds one line of a COPY in text, which costs the server less than the binary form: it keeps a thousand
// rows of that in memory before it stores them, and gives it back to the system after each COPY. Days has a place for
// each column. After an error b is as it was.
func appendRow(b []byte, columns []layout.Column, encodings []encoding, days []layout.DayText, r *analytics.Record) ([]byte, error) {
	start := len(b)
	var err error
	for i := range columns {
		c := &columns[i]
		switch c.Class {
		case layout.ClassText:
			b = appendField(b, c.Text(r))
		case layout.ClassJSON:
			b = appendJSON(b, encodings[i], c, r)
		case layout.ClassInteger:
			b, err = appendInteger(b, encodings[i], c, c.Integer(r))
		case layout.ClassUnsigned:
			b, err = appendUnsigned(b, encodings[i], c, c.Unsigned(r))
		case layout.ClassFloat:
			b = appendFloat(b, encodings[i], c.Float(r))
		case layout.ClassBool:
			if c.Boolean(r) {
				b = append(b, 't')
			} else {
				b = append(b, 'f')
			}
		case layout.ClassTime:
			b = appendInstant(b, &days[i], c.Instant(r))
		}
		if err != nil {
			return b[:start], err
		}
		b = append(b, '\t')
	}
	b[len(b)-1] = '\n'
	return b, nil
}

// appendField writes a text of which the server reads the same.
func appendField(b []byte, s string) []byte {
	if plaintext.IsPlain(s) {
		return append(b, s...)
	}
	start := len(b)
	b = append(b, layout.CleanText(s)...)
	return escape(b, start)
}

// escapes are the letters for bytes that would end a field or a line, or begin an escape; 0 for all others.
var escapes = [256]byte{'\\': '\\', '\t': 't', '\n': 'n', '\r': 'r'}

// escape writes what is from a place on so that the server reads it as it is.
func escape(b []byte, start int) []byte {
	more := 0
	for _, c := range b[start:] {
		if escapes[c] != 0 {
			more++
		}
	}
	from := len(b)
	b = slices.Grow(b, more)[:from+more]
	for to := len(b); to > from; { // from the end on, since the text grows
		from--
		to--
		b[to] = b[from]
		if letter := escapes[b[from]]; letter != 0 {
			b[to] = letter
			to--
			b[to] = '\\'
		}
	}
	return b
}

// appendJSON writes JSON. A jsonb does not hold NUL characters, not even escaped.
func appendJSON(b []byte, e encoding, c *layout.Column, r *analytics.Record) []byte {
	start := len(b)
	b = c.JSON(b, r)
	if e == encodeJSONB {
		b = append(b[:start], withoutNUL(string(b[start:]))...)
	}
	if bytes.IndexByte(b[start:], '\\') < 0 { // JSON escapes all else that is special
		return b
	}
	return escape(b, start)
}

// withoutNUL replaces escaped NUL characters of JSON text by U+FFFD, but leaves a
// backslash that is itself escaped and happens to stand before "u0000".
func withoutNUL(text string) string {
	const nul = `\u0000`
	if !strings.Contains(text, nul) {
		return text
	}
	var clean strings.Builder
	for i := 0; i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], nul):
			clean.WriteString(`\ufffd`)
			i += len(nul)
		case text[i] == '\\' && i+1 < len(text):
			clean.WriteString(text[i : i+2])
			i += 2
		default:
			clean.WriteByte(text[i])
			i++
		}
	}
	return clean.String()
}

func appendInteger(b []byte, e encoding, c *layout.Column, v int64) ([]byte, error) {
	switch e {
	case encodeInt4:
		if v != int64(int32(v)) { //nolint:gosec // that is the check
			return b, layout.OutOfRange(c.Name, v, "integer")
		}
	case encodeInt2:
		if v != int64(int16(v)) { //nolint:gosec // that is the check
			return b, layout.OutOfRange(c.Name, v, "smallint")
		}
	}
	if v >= 0 && v < 10 { // most are 0
		return append(b, byte('0'+v)), nil
	}
	return strconv.AppendInt(b, v, 10), nil
}

func appendUnsigned(b []byte, e encoding, c *layout.Column, v uint64) ([]byte, error) {
	switch {
	case v <= math.MaxInt64:
		return appendInteger(b, e, c, int64(v))
	case e == encodeNumeric || e == encodeFloat8:
		return strconv.AppendUint(b, v, 10), nil
	}
	return b, layout.OutOfRange(c.Name, v, "bigint")
}

// appendFloat stores what is not a number, and infinities, as NaN: infinities are
// no coordinates, and numeric has none before PostgreSQL 14. So does a real with what does not fit it.
func appendFloat(b []byte, e encoding, v float64) []byte {
	bits := 64
	if e == encodeFloat4 {
		bits, v = 32, float64(float32(v))
	}
	switch {
	case v == 0: // most records have no place
		return append(b, '0')
	case math.IsInf(v, 0):
		v = math.NaN()
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}

// The instants between which a PostgreSQL timestamp lies.
var (
	earliest = time.Date(-4713, 11, 24, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(294276, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// appendInstant writes an instant cut to microseconds, not rounded, as Tyk Pump stores them. One outside of
// PostgreSQL's range becomes the nearest inside. A column without a time zone takes what clocks of UTC show.
func appendInstant(b []byte, day *layout.DayText, t time.Time) []byte {
	t = layout.Within(t, earliest, latest).UTC()
	year := t.Year()
	switch {
	case year < 1: // there is no year 0, and fewer than four digits may be a day
		b = fmt.Appendf(b, "%04d", 1-year)
		return t.AppendFormat(b, "-01-02 15:04:05.000000+00 BC")
	case year > 9999:
		b = strconv.AppendInt(b, int64(year), 10)
		return t.AppendFormat(b, "-01-02 15:04:05.000000+00")
	}
	return append(day.Append(b, t), "+00"...)
}
