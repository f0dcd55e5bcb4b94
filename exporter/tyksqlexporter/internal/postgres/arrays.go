package postgres

import (
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// rollupType is the type in which a column's values travel: all texts as text, and all
// decimals as numeric, which keeps their digits.
type rollupType struct {
	name         string
	value, array uint32
}

var rollupTypes = map[layout.Class]rollupType{
	layout.ClassText:    {"text", pgtype.TextOID, pgtype.TextArrayOID},
	layout.ClassJSON:    {"text", pgtype.TextOID, pgtype.TextArrayOID},
	layout.ClassInteger: {"bigint", pgtype.Int8OID, pgtype.Int8ArrayOID},
	layout.ClassFloat:   {"numeric", pgtype.NumericOID, pgtype.NumericArrayOID},
	layout.ClassTime:    {"timestamptz", pgtype.TimestamptzOID, pgtype.TimestamptzArrayOID},
}

// arguments are the arguments of one statement, side by side in their binary
// form, which costs both sides least.
type arguments struct {
	buf   []byte
	ends  []int    // of the arguments in buf
	types []uint32 // of the arguments
}

var argumentsPool = sync.Pool{New: func() any { return &arguments{} }}

func takeArguments() *arguments {
	return argumentsPool.Get().(*arguments) //nolint:forcetypeassert // the pool holds nothing else
}

// mostKept is how much memory arguments have before their size is known, or for the next ones.
const mostKept = 4 << 20

// expect makes room for about so many bytes, unless that is more than rows have as a rule.
func (a *arguments) expect(size int64) {
	a.buf = slices.Grow(a.buf, int(min(size, mostKept)))
}

// release makes the memory reusable, unless it is more than one needs.
func (a *arguments) release() {
	if cap(a.buf) > mostKept {
		return
	}
	a.buf, a.ends, a.types = a.buf[:0], a.ends[:0], a.types[:0]
	argumentsPool.Put(a)
}

// exec runs a statement with the arguments.
func (a *arguments) exec(ctx context.Context, conn *pgx.Conn, statement string) error {
	from := 0
	values := make([][]byte, len(a.ends))
	for i, end := range a.ends {
		values[i], from = a.buf[from:end:end], end
	}
	if !conn.PgConn().IsBusy() && !conn.PgConn().IsClosed() {
		const heads, head = 64, 8 // of the messages, and of each argument: its type and its length
		conn.PgConn().Frontend().Send(room(heads + len(statement) + len(a.buf) + len(a.ends)*head))
	}
	// The connection's own method takes bytes as they are, where pgx would copy them.
	return conn.PgConn().ExecParams(ctx, statement, values, a.types, []int16{pgx.BinaryFormatCode}, nil).Read().Err
}

// room is a message without a byte that makes room for what is sent next, which would
// outgrow one buffer after the other: in all five times the size of a big statement.
type room int

var _ pgproto3.FrontendMessage = room(0)

// Frontend marks what clients send.
func (room) Frontend() {}

// Encode makes the room behind what is to be sent already.
func (r room) Encode(sent []byte) ([]byte, error) { return slices.Grow(sent, int(r)), nil }

// Decode is for servers, which get nothing of it.
func (room) Decode([]byte) error { return nil }

// add ends an argument that buf now holds, and gives its name in the statement.
func (a *arguments) add(oid uint32, name string) string {
	a.ends, a.types = append(a.ends, len(a.buf)), append(a.types, oid)
	return "$" + strconv.Itoa(len(a.ends)) + "::" + name
}

// value adds the value of a column of one row.
func (a *arguments) value(c *layout.RollupColumn, row *layout.Row) string {
	const length = 4
	start := len(a.buf)
	a.buf = appendRollupBinary(a.buf, c, row)
	a.buf = append(a.buf[:start], a.buf[start+length:]...)
	t := rollupTypes[c.Class]
	return a.add(t.value, t.name)
}

// array adds the values of a column.
func (a *arguments) array(c *layout.RollupColumn, rows []*layout.Row) string {
	const dimensions, nulls, firstIndex = 1, 0, 1
	t := rollupTypes[c.Class]
	for _, head := range []uint32{dimensions, nulls, t.value, uint32(len(rows)), firstIndex} { //nolint:gosec // bounded
		a.buf = binary.BigEndian.AppendUint32(a.buf, head)
	}
	for _, row := range rows {
		a.buf = appendRollupBinary(a.buf, c, row)
	}
	return a.add(t.array, t.name+"[]")
}

// appendRollupBinary writes a value behind its length.
func appendRollupBinary(buf []byte, c *layout.RollupColumn, row *layout.Row) []byte {
	switch c.Class {
	case layout.ClassInteger:
		return appendInt8(buf, c.Integer(row))
	case layout.ClassFloat:
		return appendNumeric(buf, c.Float(row))
	case layout.ClassTime:
		return appendInt8(buf, timestamp(layout.Within(c.Instant(row), layout.EarliestCheck, layout.LatestCheck)))
	default:
		return appendText(buf, c.Text(row))
	}
}

func appendText(b []byte, s string) []byte {
	if s == "" { // many columns of many rollups
		return append(b, 0, 0, 0, 0)
	}
	s = layout.CleanText(s)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s))) //nolint:gosec // Redis holds at most 512 MiB
	return append(b, s...)
}

func appendInt8(b []byte, v int64) []byte {
	b = append(b, 0, 0, 0, 8)
	return binary.BigEndian.AppendUint64(b, uint64(v)) //nolint:gosec // two's complement
}

// epoch is where timestamps count from.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// timestamp is microseconds since 2000, cut, not rounded, as Tyk Pump stores them.
func timestamp(t time.Time) int64 {
	return (t.Unix()-epoch)*1_000_000 + int64(t.Nanosecond())/1000
}
