package sqlrows

import (
	"bytes"
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// The forms in which databases write instants, the most common first.
var instantForms = []string{
	"2006-01-02 15:04:05.999999999-07", "2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999", time.RFC3339Nano,
}

// reader turns values of one scan into their canonical form, in memory that is used again for the next row.
type reader struct {
	columns []rows.Column
	buffer  []byte
	row     []rows.Value
	ends    []int
}

func newReader(columns []rows.Column) *reader {
	return &reader{columns: columns, row: make([]rows.Value, len(columns)), ends: make([]int, len(columns))}
}

// read gives a row; a text stays where it is.
func (r *reader) read(values [][]byte) []rows.Value {
	r.buffer = r.buffer[:0]
	for i, v := range values {
		r.row[i], r.ends[i] = v, -1
		if v == nil {
			r.row[i] = nil
			continue
		}
		switch class := r.columns[i].Class; class {
		case rows.Text, rows.Integer, rows.Typed:
		default:
			r.buffer = appendCanonical(r.buffer, class, v)
			r.ends[i] = len(r.buffer)
		}
	}
	start := 0
	for i, end := range r.ends { // only now is it known where the buffer is
		if end >= 0 {
			r.row[i] = r.buffer[start:end:end]
			start = end
		}
	}
	return r.row
}

// appendCanonical writes a value in the one form of its class; what is of no such form stays as it is,
// so that it differs from what is.
func appendCanonical(to []byte, class rows.Class, v []byte) []byte {
	switch class {
	case rows.Float:
		if len(v) < 16 && bytes.IndexByte(v, '.') < 0 && bytes.IndexByte(v, 'e') < 0 && bytes.IndexByte(v, 'E') < 0 {
			return append(to, v...) // most are whole
		}
		if n, err := strconv.ParseFloat(string(v), 64); err == nil {
			return strconv.AppendFloat(to, n, 'f', -1, 64)
		}
	case rows.Boolean:
		switch string(v) {
		case "t", "1", "true", "\x01":
			return append(to, "true"...)
		case "f", "0", "false", "\x00":
			return append(to, "false"...)
		}
	case rows.Instant:
		if len(v) >= len("2006-01-02 15:04:05") && v[4] == '-' && v[10] == ' ' && bytes.HasSuffix(v, []byte("+00")) {
			return appendPostgres(to, v)
		}
		for _, form := range instantForms {
			if at, err := time.Parse(form, string(v)); err == nil {
				return rows.AppendTime(to, at)
			}
		}
	default:
	}
	return append(to, v...)
}

// appendPostgres rewrites PostgreSQL's form of an instant in UTC, 2026-01-02 03:04:05.678+00, without reading it.
func appendPostgres(to, v []byte) []byte {
	v = bytes.TrimSuffix(v, []byte("+00"))
	start := len(to)
	to = append(to, v...)
	to[start+10] = 'T'
	const seconds, whole = len("2006-01-02 15:04:05"), len("2006-01-02 15:04:05.000000")
	if len(v) == seconds {
		to = append(to, '.')
	}
	for len(to)-start < whole {
		to = append(to, '0')
	}
	return append(to, 'Z')
}

// textOf is what database/sql gives for a value, as text.
func textOf(to []byte, value any) []byte {
	switch v := value.(type) {
	case []byte:
		return append(to, v...)
	case string:
		return append(to, v...)
	case int64:
		return strconv.AppendInt(to, v, 10)
	case uint64:
		return strconv.AppendUint(to, v, 10)
	case float32:
		return strconv.AppendFloat(to, float64(v), 'f', -1, 32)
	case float64:
		return strconv.AppendFloat(to, v, 'f', -1, 64)
	case bool:
		return strconv.AppendBool(to, v)
	case time.Time:
		return rows.AppendTime(to, v)
	}
	return to
}
