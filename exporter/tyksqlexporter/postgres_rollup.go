package tyksqlexporter

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// postgresRank is rollup.Counter.MinRank of a row.
func postgresRank(row string) string {
	return "case when " + row + ".counter_hits = 0 then 0 when case " + row + ".dimension when '' then " + row + ".counter_success > 0 else " +
		row + ".counter_hits > " + row + ".counter_error end then 2 else 1 end"
}

// postgresAdd writes the statement that adds rows to a table, whose arguments it adds
// to a. Each column is one array, or one value where all rows have the same. Counts
// that no row has, as most codes, are neither sent nor changed. The statement is
// planned anew each time anyway, since it has no name. Arrays are unnested in the list
// of a select, which unlike a function in from keeps no row in between.
func postgresAdd(quoted string, columns []rollupColumn, rows []*rollupRow, a *postgresArguments) string {
	names, values, changes, arrays := make([]string, len(columns)), make(map[string]string, len(columns)), []string{}, []string{}
	for i := range columns {
		c := &columns[i]
		names[i] = pgx.Identifier{c.name}.Sanitize()
		switch {
		case c.constant != "":
			values[names[i]] = "'" + c.constant + "'"
			continue
		case c.merging == meanOfSums:
		case c.missing(rows):
			values[names[i]] = "0"
			continue
		case i > 0 && c.same(rows):
			values[names[i]] = a.value(c, rows[0])
		default:
			arrays = append(arrays, "unnest("+a.array(c, rows)+") as "+names[i])
			values[names[i]] = "u." + names[i]
		}
		if c.changes() {
			changes = append(changes, names[i]+" = "+postgresChange(c, names[i]))
		}
	}
	list := make([]string, len(columns))
	for i := range columns {
		if c := &columns[i]; c.merging == meanOfSums {
			values[names[i]] = postgresMean(values[pgx.Identifier{c.sum}.Sanitize()], values[pgx.Identifier{"counter_hits"}.Sanitize()])
		}
		list[i] = values[names[i]]
	}
	return "insert into " + quoted + " as t (" + strings.Join(names, ", ") + ")\nselect " + strings.Join(list, ", ") +
		"\nfrom (select " + strings.Join(arrays, ", ") + ") as u\non conflict (id) do update set " + strings.Join(changes, ", ")
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
		return postgresMean("coalesce(t."+sum+", 0) + excluded."+sum, "coalesce(t.counter_hits, 0) + excluded.counter_hits")
	case latest:
		return "case when t.counter_last_time > excluded.counter_last_time then " + mine + " else " + others + " end"
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
	a := takeArguments()
	defer a.release()
	return a.exec(ctx, s.conn(), postgresAdd(t.quoted, p.layout.rollups, p.rows, a))
}
