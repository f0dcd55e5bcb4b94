package tyksqlexporter

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// upsertParameters are the columns of an upsert that have values of their own, by
// the types in which these travel. Numbers with decimals travel as text, which
// keeps all their digits.
var upsertParameters = func() (list []struct{ name, typ string }) {
	add := func(typ string, names ...string) {
		for _, name := range names {
			list = append(list, struct{ name, typ string }{name, typ})
		}
	}
	add("text", "id", "counter_identifier", "org_id", "dimension", "dimension_value")
	add("text", "counter_last_time", "counter_request_time", "counter_total_request_time")
	add("bigint", "timestamp", "counter_hits", "counter_success", "counter_error")
	for _, code := range uptimeCodes {
		add("bigint", "code_"+code)
	}
	return list
}()

// upsertArguments are the rows' values for upsertParameters.
func upsertArguments(rows []*uptimeCounter) []any {
	texts := func(get func(*uptimeCounter) string) any {
		values := make([]string, len(rows))
		for i, c := range rows {
			values[i] = get(c)
		}
		return values
	}
	integers := func(get func(*uptimeCounter) int64) any {
		values := make([]int64, len(rows))
		for i, c := range rows {
			values[i] = get(c)
		}
		return values
	}
	decimal := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	arguments := []any{
		texts(func(c *uptimeCounter) string { return c.id }),
		texts(func(c *uptimeCounter) string { return c.identifier }),
		texts(func(c *uptimeCounter) string { return c.org }),
		texts(func(c *uptimeCounter) string { return c.dimension }),
		texts(func(c *uptimeCounter) string { return c.value }),
		texts((*uptimeCounter).lastCheck),
		texts(func(c *uptimeCounter) string { return decimal(c.average()) }),
		texts(func(c *uptimeCounter) string { return decimal(c.totalTime) }),
		integers(func(c *uptimeCounter) int64 { return c.hour }),
		integers(func(c *uptimeCounter) int64 { return c.hits }),
		integers(func(c *uptimeCounter) int64 { return c.successes }),
		integers(func(c *uptimeCounter) int64 { return c.failures }),
	}
	for at := range uptimeCodes {
		arguments = append(arguments, integers(func(c *uptimeCounter) int64 { return c.codes[at] }))
	}
	return arguments
}

// postgresUpsert is the statement that adds counters to a table. The mean is
// computed from what the row then has; its shortest decimal form is the same
// however many pushes made it.
func postgresUpsert(quoted string) string {
	given := map[string]string{}
	arrays := make([]string, len(upsertParameters))
	names := make([]string, len(upsertParameters))
	for i, p := range upsertParameters {
		arrays[i] = "$" + strconv.Itoa(i+1) + "::" + p.typ + "[]"
		names[i] = pgx.Identifier{p.name}.Sanitize()
		given[p.name] = "u." + names[i]
	}
	given["counter_last_time"] += "::timestamptz"
	given["counter_request_time"] += "::numeric"
	given["counter_total_request_time"] += "::numeric"
	constant := map[class]string{classText: "''", classInteger: "0", classFloat: "0"}

	columns, values := make([]string, len(uptimeLayout.columns)), make([]string, len(uptimeLayout.columns))
	for i, c := range uptimeLayout.columns {
		columns[i] = pgx.Identifier{c.name}.Sanitize()
		value, ok := given[c.name]
		switch {
		case ok:
		case c.name == "counter_error_map":
			value = "'{}'"
		case c.name == "counter_error_list":
			value = "'[]'"
		default:
			value = constant[c.class]
		}
		values[i] = value
	}
	// A row that is older than a column has null in it.
	sum := func(name string) string { return "coalesce(t." + name + ", 0) + excluded." + name }
	changes := []string{
		"counter_last_time = greatest(t.counter_last_time, excluded.counter_last_time)",
		"counter_request_time = case when " + sum("counter_hits") + " = 0 then 0 else ((" +
			sum("counter_total_request_time") + ")::float8 / (" + sum("counter_hits") + ")::float8)::text::numeric end",
	}
	for _, name := range uptimeSums() {
		changes = append(changes, name+" = "+sum(name))
	}
	return "insert into " + quoted + " as t (" + strings.Join(columns, ", ") + ")\nselect " + strings.Join(values, ", ") +
		"\nfrom unnest(" + strings.Join(arrays, ", ") + ") as u (" + strings.Join(names, ", ") + ")" +
		"\non conflict (id) do update set " + strings.Join(changes, ", ")
}

// upsert adds the checks of a portion to their rows, in one statement.
func (s *postgresSession) upsert(ctx context.Context, t *postgresTable, p portion) error {
	rows := countUptime(p.part, p.list, s.server.zone)
	if len(rows) == 0 {
		return nil
	}
	if _, err := s.conn().Exec(ctx, t.upsert, upsertArguments(rows)...); err != nil {
		return fmt.Errorf("count into %s: %w", t.quoted, err)
	}
	return nil
}
