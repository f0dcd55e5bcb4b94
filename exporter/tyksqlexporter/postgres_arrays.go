package tyksqlexporter

import (
	"context"
	"encoding/binary"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// rollupType is the type in which a column's values travel: all texts as text, and all
// decimals as numeric, which keeps their digits.
type rollupType struct {
	name         string
	value, array uint32
}

var rollupTypes = map[class]rollupType{
	classText:    {"text", pgtype.TextOID, pgtype.TextArrayOID},
	classJSON:    {"text", pgtype.TextOID, pgtype.TextArrayOID},
	classInteger: {"bigint", pgtype.Int8OID, pgtype.Int8ArrayOID},
	classFloat:   {"numeric", pgtype.NumericOID, pgtype.NumericArrayOID},
	classTime:    {"timestamptz", pgtype.TimestamptzOID, pgtype.TimestamptzArrayOID},
}

// postgresArguments are the arguments of one statement, side by side in their binary
// form, which costs both sides least.
type postgresArguments struct {
	buf   []byte
	ends  []int    // of the arguments in buf
	types []uint32 // of the arguments
}

var argumentsPool = sync.Pool{New: func() any { return &postgresArguments{} }}

func takeArguments() *postgresArguments {
	return argumentsPool.Get().(*postgresArguments) //nolint:forcetypeassert // the pool holds nothing else
}

// release makes the memory reusable, unless it is more than one needs.
func (a *postgresArguments) release() {
	const most = 4 << 20
	if cap(a.buf) > most {
		return
	}
	a.buf, a.ends, a.types = a.buf[:0], a.ends[:0], a.types[:0]
	argumentsPool.Put(a)
}

// exec runs a statement with the arguments.
func (a *postgresArguments) exec(ctx context.Context, conn *pgx.Conn, statement string) error {
	from := 0
	values := make([][]byte, len(a.ends))
	for i, end := range a.ends {
		values[i], from = a.buf[from:end:end], end
	}
	// The connection's own method takes bytes as they are, where pgx would copy them.
	return conn.PgConn().ExecParams(ctx, statement, values, a.types, []int16{pgx.BinaryFormatCode}, nil).Read().Err
}

// add ends an argument that buf now holds, and gives its name in the statement.
func (a *postgresArguments) add(oid uint32, name string) string {
	a.ends, a.types = append(a.ends, len(a.buf)), append(a.types, oid)
	return "$" + strconv.Itoa(len(a.ends)) + "::" + name
}

// value adds the value of a column of one row.
func (a *postgresArguments) value(c *rollupColumn, row *rollupRow) string {
	const length = 4
	start := len(a.buf)
	a.buf = appendRollupBinary(a.buf, c, row)
	a.buf = append(a.buf[:start], a.buf[start+length:]...)
	t := rollupTypes[c.class]
	return a.add(t.value, t.name)
}

// array adds the values of a column.
func (a *postgresArguments) array(c *rollupColumn, rows []*rollupRow) string {
	const dimensions, nulls, firstIndex = 1, 0, 1
	t := rollupTypes[c.class]
	for _, head := range []uint32{dimensions, nulls, t.value, uint32(len(rows)), firstIndex} { //nolint:gosec // bounded
		a.buf = binary.BigEndian.AppendUint32(a.buf, head)
	}
	for _, row := range rows {
		a.buf = appendRollupBinary(a.buf, c, row)
	}
	return a.add(t.array, t.name+"[]")
}

// appendRollupBinary writes a value behind its length.
func appendRollupBinary(buf []byte, c *rollupColumn, row *rollupRow) []byte {
	switch c.class {
	case classInteger:
		return appendInt8(buf, c.integer(row))
	case classFloat:
		return appendNumeric(buf, c.float(row))
	case classTime:
		return appendInt8(buf, postgresTime(withinChecks(c.instant(row))))
	default:
		return appendText(buf, c.text(row))
	}
}
