package pages

import (
	"context"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// partsOf are what requests of GraphQL and of MCP ask for.
var partsOf = map[string][]query.Dimension{
	"graph": {query.ByOperation, query.ByRootField, query.ByType, query.ByField},
	"mcp":   {query.ByRPCMethod, query.ByPrimitive, query.ByName},
}

// addFamilies adds what requests of GraphQL and MCP ask for, where there are some. A store that cannot tell has none.
func (d *drilled) addFamilies(q *request, b *base) {
	families, err := ask(q, func(ctx context.Context) ([]string, error) { return b.store.Families(ctx, b.scope) }).must(q)
	if err != nil {
		return // the blocks that need the store say what is wrong
	}
	for _, family := range families {
		d.parts = append(d.parts, partsOf[family]...)
		d.page.Facts = append(d.page.Facts, fact{Name: "Kind", Value: tagOf(family)})
		d.mcp = d.mcp || family == "mcp"
	}
	if len(families) == len(partsOf) {
		d.page.Foot = "A request of both GraphQL and MCP counts twice in figures of rollups. "
	}
}

// askedTable is a block of what requests of GraphQL or MCP ask for. One request may count for several values.
func (q *request) askedTable(by query.Dimension, list query.List) *shareTable {
	t := &shareTable{
		Count: view.Count(int64(list.Values)), Answer: q.site.answer(list.Answer, 0), None: "None in this time.",
		Heads: []column{{Text: headings[by]}, {Text: "Requests", Class: "num"}, {Text: "Errors, %", Class: "num pc"}},
	}
	list = merged(list, blockRows)
	top := mostRequests(list.Items)
	for _, item := range list.Items {
		name := view.Visible(view.Middle(item.Value, longName-12, 10))
		row := shareRow{Share: share{Width: view.Width(float64(item.Requests), top)}, Name: name, Title: view.Visible(item.Value), Code: true, Cells: []cell{{"num", view.Count(item.Requests)}, {"num", errorsOf(item.Counts)}}}
		switch item.Value {
		case query.OtherValue:
			row.Name, row.Code = "others", false
		case "":
			row.Name, row.Code = "not known", false
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// addClasses adds the errors of which only the class is known.
func (q *request) addClasses(t *shareTable, totals query.Counts, codes query.List) {
	for _, item := range codes.Items {
		if item.Value >= "5" {
			totals.ServerErrors -= item.Requests
		} else if item.Value >= "4" {
			totals.ClientErrors -= item.Requests
		}
	}
	for _, class := range []struct {
		name, own, class string
		requests         int64
	}{{"4xx", "Client errors", "b4", totals.ClientErrors}, {"5xx", "Server errors", "b5", totals.ServerErrors}} {
		if class.requests > 0 {
			t.Rows = append(t.Rows, shareRow{
				Share: share{class.class, view.Width(float64(class.requests), float64(totals.Requests))}, Name: class.name, Own: class.own,
				Cells: []cell{{"num", view.Count(class.requests)}, {"num", view.Share(class.requests, totals.Requests)}, {"num delta", view.Unknown}},
			})
		}
	}
}
