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
// form, which costs both sides least, or in their text form where the protocol takes
// nothing else.
type postgresArguments struct {
	binary bool
	buf    []byte
	ends   []int    // of the arguments in buf
	types  []uint32 // of the arguments
}

var argumentsPool = sync.Pool{New: func() any { return &postgresArguments{} }}

func takeArguments(inBinary bool) *postgresArguments {
	a := argumentsPool.Get().(*postgresArguments) //nolint:forcetypeassert // the pool holds nothing else
	a.binary = inBinary
	return a
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
	if !a.binary {
		texts := make([]any, len(a.ends))
		for i, end := range a.ends {
			texts[i], from = string(a.buf[from:end]), end
		}
		_, err := conn.Exec(ctx, statement, texts...)
		return err
	}
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
	if !a.binary {
		name = "text::" + name
	}
	return "$" + strconv.Itoa(len(a.ends)) + "::" + name
}

// value adds the value of a column of one row.
func (a *postgresArguments) value(c *rollupColumn, row *rollupRow) string {
	if a.binary {
		start := len(a.buf)
		a.buf = appendRollupBinary(a.buf, c, row)
		const length = 4
		a.buf = append(a.buf[:start], a.buf[start+length:]...)
	} else {
		a.buf = appendRollupText(a.buf, c, row)
	}
	t := rollupTypes[c.class]
	return a.add(t.value, t.name)
}

// array adds the values of a column.
func (a *postgresArguments) array(c *rollupColumn, rows []*rollupRow) string {
	t := rollupTypes[c.class]
	if a.binary {
		const dimensions, nulls, firstIndex = 1, 0, 1
		for _, head := range []uint32{dimensions, nulls, t.value, uint32(len(rows)), firstIndex} { //nolint:gosec // bounded
			a.buf = binary.BigEndian.AppendUint32(a.buf, head)
		}
		for _, row := range rows {
			a.buf = appendRollupBinary(a.buf, c, row)
		}
	} else {
		a.buf = append(a.buf, '{')
		for i, row := range rows {
			if i > 0 {
				a.buf = append(a.buf, ',')
			}
			if c.class == classInteger || c.class == classFloat {
				a.buf = appendRollupText(a.buf, c, row)
			} else {
				a.buf = appendQuoted(a.buf, string(appendRollupText(nil, c, row)))
			}
		}
		a.buf = append(a.buf, '}')
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

// appendRollupText writes a value as text.
func appendRollupText(buf []byte, c *rollupColumn, row *rollupRow) []byte {
	switch c.class {
	case classInteger:
		return strconv.AppendInt(buf, c.integer(row), 10)
	case classFloat:
		return strconv.AppendFloat(buf, c.float(row), 'f', -1, 64)
	case classTime:
		return withinChecks(c.instant(row)).UTC().AppendFormat(buf, sqliteTimeForm)
	default:
		return append(buf, c.text(row)...)
	}
}

// appendQuoted writes an element of an array.
func appendQuoted(buf []byte, text string) []byte {
	buf = append(buf, '"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			buf = append(buf, '\\')
		}
		buf = append(buf, text[i])
	}
	return append(buf, '"')
}
