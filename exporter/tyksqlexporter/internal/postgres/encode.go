package postgres

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// encoding is how a column's values travel in a binary COPY, which depends on the
// column's type in the table that is there.
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

// appendRow adds one tuple of a binary COPY. After an error b is as it was.
func appendRow(b []byte, columns []layout.Column, encodings []encoding, r *analytics.Record) ([]byte, error) {
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, uint16(len(columns))) //nolint:gosec // at most 58
	var err error
	for i := range columns {
		c := &columns[i]
		switch c.Class {
		case layout.ClassText:
			b = appendText(b, c.Text(r))
		case layout.ClassJSON:
			b = appendJSON(b, encodings[i], c, r)
		case layout.ClassInteger:
			b, err = appendInteger(b, encodings[i], c, c.Integer(r))
		case layout.ClassUnsigned:
			b, err = appendUnsigned(b, encodings[i], c, c.Unsigned(r))
		case layout.ClassFloat:
			b = appendFloat(b, encodings[i], c.Float(r))
		case layout.ClassBool:
			b = append(b, 0, 0, 0, 1, 0)
			if c.Boolean(r) {
				b[len(b)-1] = 1
			}
		case layout.ClassTime:
			b = appendInt8(b, timestamp(c.Instant(r)))
		}
		if err != nil {
			return b[:start], err
		}
	}
	return b, nil
}

func appendText(b []byte, s string) []byte {
	if s == "" { // many columns of many records
		return append(b, 0, 0, 0, 0)
	}
	s = layout.CleanText(s)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s))) //nolint:gosec // Redis holds at most 512 MiB
	return append(b, s...)
}

// appendJSON writes the value behind a length that is filled in afterwards. A
// jsonb begins with the version of its form, and does not hold NUL characters,
// not even escaped.
func appendJSON(b []byte, e encoding, c *layout.Column, r *analytics.Record) []byte {
	length := len(b)
	b = append(b, 0, 0, 0, 0)
	if e == encodeJSONB {
		b = append(b, 1)
	}
	start := len(b)
	b = c.JSON(b, r)
	if e == encodeJSONB {
		b = append(b[:start], withoutNUL(string(b[start:]))...)
	}
	binary.BigEndian.PutUint32(b[length:], uint32(len(b)-length-4)) //nolint:gosec // as above
	return b
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

func appendInt8(b []byte, v int64) []byte {
	b = append(b, 0, 0, 0, 8)
	return binary.BigEndian.AppendUint64(b, uint64(v)) //nolint:gosec // two's complement
}

func appendInteger(b []byte, e encoding, c *layout.Column, v int64) ([]byte, error) {
	switch e {
	case encodeInt4:
		if v != int64(int32(v)) { //nolint:gosec // that is the check
			return b, layout.OutOfRange(c.Name, v, "integer")
		}
		b = append(b, 0, 0, 0, 4)
		return binary.BigEndian.AppendUint32(b, uint32(v)), nil //nolint:gosec // checked
	case encodeInt2:
		if v != int64(int16(v)) { //nolint:gosec // that is the check
			return b, layout.OutOfRange(c.Name, v, "smallint")
		}
		b = append(b, 0, 0, 0, 2)
		return binary.BigEndian.AppendUint16(b, uint16(v)), nil //nolint:gosec // checked
	case encodeNumeric:
		if v < 0 {
			return appendDecimal(b, numericNegative, -uint64(v), 0), nil //nolint:gosec // two's complement
		}
		return appendDecimal(b, numericPositive, uint64(v), 0), nil //nolint:gosec // not negative
	case encodeFloat8:
		return appendFloat(b, e, float64(v)), nil
	}
	return appendInt8(b, v), nil
}

func appendUnsigned(b []byte, e encoding, c *layout.Column, v uint64) ([]byte, error) {
	if v <= math.MaxInt64 {
		return appendInteger(b, e, c, int64(v))
	}
	switch e {
	case encodeNumeric:
		return appendDecimal(b, numericPositive, v, 0), nil
	case encodeFloat8:
		return appendFloat(b, e, float64(v)), nil
	}
	return b, layout.OutOfRange(c.Name, v, "bigint")
}

// appendFloat stores what is not a number, and infinities, as NaN: infinities are
// no coordinates, and numeric has none before PostgreSQL 14.
func appendFloat(b []byte, e encoding, v float64) []byte {
	if math.IsInf(v, 0) {
		v = math.NaN()
	}
	switch e {
	case encodeFloat4:
		b = append(b, 0, 0, 0, 4)
		return binary.BigEndian.AppendUint32(b, math.Float32bits(float32(v)))
	case encodeFloat8:
		b = append(b, 0, 0, 0, 8)
		return binary.BigEndian.AppendUint64(b, math.Float64bits(v))
	}
	return appendNumeric(b, v)
}

// The instants between which a PostgreSQL timestamp lies, and where it counts from.
var (
	epoch    = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	earliest = time.Date(-4713, 11, 24, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(294276, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// timestamp is microseconds since 2000, cut, not rounded, as Tyk Pump stores
// them. An instant outside of PostgreSQL's range becomes the nearest inside.
func timestamp(t time.Time) int64 {
	t = layout.Within(t, earliest, latest)
	return (t.Unix()-epoch)*1_000_000 + int64(t.Nanosecond())/1000
}
