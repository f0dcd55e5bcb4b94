package tyksqlexporter

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// rollupTypes are the types in which the columns' values travel. Numbers with
// decimals and times travel as text, which keeps all their digits.
var rollupTypes = map[class]string{classText: "text", classJSON: "text", classInteger: "bigint", classFloat: "numeric", classTime: "timestamptz"}

// postgresRank is rollup.Counter.MinRank of a row.
func postgresRank(row string) string {
	return "case when " + row + ".counter_hits = 0 then 0 when case " + row + ".dimension when '' then " + row + ".counter_success > 0 else " +
		row + ".counter_hits > " + row + ".counter_error end then 2 else 1 end"
}

// postgresAdd is the statement that adds rows to a table, and its arguments: each
// column is one array in its text form, which costs least to write. A code that no
// row has, as most, is neither sent nor changed. The statement is
// planned anew each time anyway, since it has no name.
func postgresAdd(quoted string, columns []rollupColumn, rows []*rollupRow) (string, []any) {
	names, values, changes := make([]string, len(columns)), make([]string, len(columns)), []string{}
	var arrays, sent []string
	var arguments []any
	used := usedCodes(rows)
	var buf []byte
	for i := range columns {
		c := &columns[i]
		names[i] = pgx.Identifier{c.name}.Sanitize()
		switch {
		case c.constant != "":
			values[i] = "'" + c.constant + "'"
			continue
		case c.merging == meanOfSums:
			values[i] = postgresMean("u."+pgx.Identifier{c.sum}.Sanitize(), "u.counter_hits")
		case c.code > 0 && !used[c.code-1]:
			values[i] = "0"
			continue
		default:
			buf = appendArray(buf[:0], c, rows)
			arguments = append(arguments, string(buf))
			arrays = append(arrays, "$"+strconv.Itoa(len(arguments))+"::text::"+rollupTypes[c.class]+"[]")
			sent, values[i] = append(sent, names[i]), "u."+names[i]
		}
		if c.changes() {
			changes = append(changes, names[i]+" = "+postgresChange(c, names[i]))
		}
	}
	return "insert into " + quoted + " as t (" + strings.Join(names, ", ") + ")\nselect " + strings.Join(values, ", ") +
		"\nfrom unnest(" + strings.Join(arrays, ", ") + ") as u (" + strings.Join(sent, ", ") +
		")\non conflict (id) do update set " + strings.Join(changes, ", "), arguments
}

// postgresMean divides decimals, whose quotient is the same however a sum came about.
func postgresMean(sum, hits string) string {
	return "case when " + hits + " = 0 then 0 else (" + sum + ")::numeric / (" + hits + ") end"
}

func postgresChange(c *rollupColumn, name string) string {
	mine, others := "t."+name, "excluded."+name
	switch c.merging {
	case addUp:
		return "coalesce(" + mine + ", 0) + " + others
	case greatest:
		return "greatest(" + mine + ", " + others + ")"
	case leastByRank:
		there, comes := postgresRank("t"), postgresRank("excluded")
		return "case when (" + there + ") > (" + comes + ") then " + mine + " when (" + there + ") < (" + comes + ") then " + others +
			" else least(" + mine + ", " + others + ") end"
	case meanOfSums:
		sum := pgx.Identifier{c.sum}.Sanitize()
		return postgresMean("t."+sum+" + excluded."+sum, "t.counter_hits + excluded.counter_hits")
	case latest:
		return "case when excluded.counter_last_time >= t.counter_last_time then " + others + " else " + mine + " end"
	case keepFirst:
	}
	return mine
}

// add sends the rows with one statement.
func (s *postgresSession) add(ctx context.Context, p rollupPortion) error {
	t, known := s.server.get(p.shard)
	if !known { // forgotten meanwhile
		return &missingShards{shards: []shard{p.shard}}
	}
	if len(p.rows) == 0 {
		return nil
	}
	statement, arguments := postgresAdd(t.quoted, p.layout.rollups, p.rows)
	_, err := s.conn().Exec(ctx, statement, arguments...)
	return err
}

// appendArray writes the values of a column in the text form of an array.
func appendArray(buf []byte, c *rollupColumn, rows []*rollupRow) []byte {
	buf = append(buf, '{')
	for i, row := range rows {
		if i > 0 {
			buf = append(buf, ',')
		}
		switch c.class {
		case classInteger:
			buf = strconv.AppendInt(buf, c.integer(row), 10)
		case classFloat:
			buf = strconv.AppendFloat(buf, c.float(row), 'f', -1, 64)
		case classTime:
			buf = appendQuoted(buf, storedTime(c.instant(row)))
		default:
			buf = appendQuoted(buf, c.text(row))
		}
	}
	return append(buf, '}')
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
