package sqlrows

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// definition is a column of a relation, as a catalogue lists it.
type definition struct{ relation, column, kind string }

// dayEnding is that of the tables of days.
var dayEnding = regexp.MustCompile(`_\d{8}$`)

// assemble makes tables of the columns of all relations of a database. Only what Tyk Pump's tables look
// like is compared; the tables of days are parts of one.
func assemble(definitions []definition) []rows.Table {
	byRelation := map[string][]rows.Column{}
	for _, d := range definitions {
		kind := strings.ToLower(d.kind)
		byRelation[d.relation] = append(byRelation[d.relation], rows.Column{Name: d.column, Type: kind, Class: classOf(d.column, kind)})
	}
	byName := map[string]*rows.Table{}
	for relation, columns := range byRelation {
		kind, ok := kindOf(relation, columns)
		if !ok {
			continue
		}
		name := dayEnding.ReplaceAllString(relation, "")
		t := byName[name]
		if t == nil {
			t = &rows.Table{Name: name, Kind: kind, Columns: columns}
			byName[name] = t
		}
		t.Relations = append(t.Relations, relation)
		t.Columns = slices.DeleteFunc(t.Columns, func(c rows.Column) bool { // what a day's table does not have cannot be read from all
			return !slices.ContainsFunc(columns, func(o rows.Column) bool { return o.Name == c.Name })
		})
	}
	var tables []rows.Table
	for _, t := range byName {
		slices.Sort(t.Relations)
		tables = append(tables, *t)
	}
	slices.SortFunc(tables, func(a, b rows.Table) int { return cmp.Compare(a.Name, b.Name) })
	return tables
}

// kindOf tells Tyk's tables by their columns, since their names can be chosen; that of uptime cannot.
func kindOf(name string, columns []rows.Column) (rows.Kind, bool) {
	t := rows.Table{Columns: columns}
	has := func(name string) bool { return t.Find(name) != "" }
	switch {
	case has("dimension") && has("counter_hits") && has("timestamp"):
		if strings.Contains(strings.ToLower(name), "uptime") { // whose columns are those of rollups of requests
			return rows.Uptime, true
		}
		return rows.Rollups, true
	case has("responsecode") && has("timestamp") && has("orgid"):
		return rows.Records, true
	}
	return 0, false
}

var (
	booleanColumns = []string{"trackpath", "has_errors", "graphql_stats_has_errors", "graphql_stats_is_graph_ql", "mcp_stats_is_mcp"}
	timeColumns    = []string{"expireAt", "counter_last_time"}
	wholeCounters  = []string{"counter_total_request_time"}
)

// classOf goes by the column where databases have no type of their own for it, else by the type.
func classOf(column, kind string) rows.Class {
	bare := rows.Bare(column)
	holds := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(kind, part) })
	}
	switch {
	case slices.Contains(booleanColumns, bare):
		return rows.Boolean
	case slices.Contains(timeColumns, bare):
		return rows.Instant
	case slices.Contains(wholeCounters, bare), holds("double", "real", "float", "numeric", "decimal"):
		return rows.Float
	case bare == "timestamp" && !holds("int"):
		return rows.Instant
	case holds("int"):
		return rows.Integer
	case holds("bool"):
		return rows.Boolean
	case holds("timestamp", "datetime"):
		return rows.Instant
	}
	return rows.Text
}
