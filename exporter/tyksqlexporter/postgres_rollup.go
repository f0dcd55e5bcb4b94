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

// postgresAdd is the statement that adds rows to a table. The columns of Tyk have no
// defaults, so a null may be where another tool made the row.
func postgresAdd(quoted string, columns []rollupColumn) string {
	names, arrays, changes := make([]string, len(columns)), make([]string, len(columns)), []string{}
	for i := range columns {
		c := &columns[i]
		names[i] = pgx.Identifier{c.name}.Sanitize()
		arrays[i] = "$" + strconv.Itoa(i+1) + "::text::" + rollupTypes[c.class] + "[]"
		if c.changes() {
			changes = append(changes, names[i]+" = "+postgresChange(c, names[i]))
		}
	}
	return "insert into " + quoted + " as t (" + strings.Join(names, ", ") + ")\nselect * from unnest(" + strings.Join(arrays, ", ") +
		")\non conflict (id) do update set " + strings.Join(changes, ", ")
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
		return "case when t.counter_hits + excluded.counter_hits = 0 then 0 else ((t." + sum + " + excluded." + sum +
			")::float8 / (t.counter_hits + excluded.counter_hits)::float8)::text::numeric end"
	case latest:
		return "case when excluded.counter_last_time >= t.counter_last_time then " + others + " else " + mine + " end"
	case keepFirst:
	}
	return mine
}

// add sends each column as one array in its text form, which costs least to write.
func (s *postgresSession) add(ctx context.Context, p rollupPortion) error {
	t, known := s.server.get(p.shard)
	if !known { // forgotten meanwhile
		return &missingShards{shards: []shard{p.shard}}
	}
	columns := p.layout.rollups
	arguments := make([]any, len(columns))
	var buf []byte
	for i := range columns {
		buf = appendArray(buf[:0], &columns[i], p.rows)
		arguments[i] = string(buf)
	}
	_, err := s.conn().Exec(ctx, t.upsert, arguments...)
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
