package postgres

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

var merge = rollups.Merge{
	Quote:    quote,
	There:    func(column string) string { return "t." + quote(column) },
	Comes:    func(column string) string { return "excluded." + quote(column) },
	Greatest: "greatest", Least: "least", Mean: mean,
}

func quote(name string) string { return datasource.QuotePostgres(name) }

// addStatement writes the statement that adds rows to a table, whose arguments it adds
// to a. Each column is one array, or one value where all rows have always had the same.
// Counts that no row has ever had, as most codes, are neither sent nor changed. The
// table soon has but one text, which those who count statements will like. Arrays are
// unnested in the list of a select, which unlike a function in from keeps no row in
// between.
func (t *table) addStatement(rows []*layout.Row, a *arguments) string {
	columns := t.Layout.Rollups
	names, values := make([]string, len(columns)), make(map[string]string, len(columns))
	var arrays []string
	var sent []layout.RollupColumn
	for i := range columns {
		c := &columns[i]
		names[i] = quote(c.Name)
		switch {
		case c.Constant != "":
			values[names[i]] = "'" + c.Constant + "'"
			continue
		case c.Merging == layout.MeanOfSums:
		case !has(&t.sent, i, !c.Missing(rows)):
			values[names[i]] = "0"
			continue
		case !has(&t.varies, i, i == 0 || !c.Same(rows)):
			values[names[i]] = a.value(c, rows[0])
		default:
			arrays = append(arrays, "unnest("+a.array(c, rows)+") as "+names[i])
			values[names[i]] = "u." + names[i]
		}
		sent = append(sent, *c)
	}
	list := make([]string, len(columns))
	for i := range columns {
		if c := &columns[i]; c.Merging == layout.MeanOfSums {
			values[names[i]] = mean(values[quote(c.Sum)], values[quote("counter_hits")])
		}
		list[i] = values[names[i]]
	}
	return "insert into " + t.quoted + " as t (" + strings.Join(names, ", ") + ")\nselect " + strings.Join(list, ", ") +
		"\nfrom (select " + strings.Join(arrays, ", ") + ") as u\non conflict (id) do update set " + merge.Changes(sent)
}

// has tells whether a column is in a set that only grows, and puts it there.
func has(set *atomic.Uint64, column int, now bool) bool {
	if now && set.Load()>>column&1 == 0 {
		set.Or(1 << column)
	}
	return set.Load()>>column&1 != 0
}

// mean divides as Tyk Pump does for a new row, which has all digits of a float64. The cast
// to numeric alone would keep 15 of them.
func mean(sum, hits string) string {
	return "case when " + hits + " = 0 then 0 else ((" + sum + ")::float8 / (" + hits + ")::float8)::text::numeric end"
}

// rowsAtOnce is how many rows a statement has: enough that the statement itself costs little,
// and few enough that its arguments take little memory, which is used for the next one.
const rowsAtOnce = 3000

// Add sends the rows.
func (s *session) Add(ctx context.Context, p rollups.Portion) error {
	t, err := s.server.Need(p.Shard)
	if err != nil {
		return err
	}
	for rows := range slices.Chunk(p.Rows, rowsAtOnce) {
		if err := s.addRows(ctx, t, rows); err != nil {
			return err
		}
	}
	return nil
}

// addRows sends rows with one statement.
func (s *session) addRows(ctx context.Context, t *table, rows []*layout.Row) error {
	a := takeArguments()
	defer a.release()
	a.expect(int64(len(rows)) * t.rowSize.Load())
	statement := t.addStatement(rows, a)
	t.rowSize.Store(int64(len(a.buf)/len(rows) + 1))
	return a.exec(ctx, s.conn(), statement)
}
