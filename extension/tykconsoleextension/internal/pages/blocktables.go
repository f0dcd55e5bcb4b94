package pages

import (
	"fmt"
	"math"
	"net/http"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

func errorsOf(c query.Counts) string { return view.Share(c.Errors(), c.Requests) }

func p95Of(item query.Item) string {
	_, p95, _ := percentiles(item.Latency)
	return p95
}

func mostRequests(items []query.Item) float64 {
	m := int64(0)
	for _, i := range items {
		m = max(m, i.Requests)
	}
	return float64(m)
}

// keysTable is the block of who calls.
func (q *request) keysTable(b *base, list query.List) *shareTable {
	list = mergedKeys(list, blockRows)
	t := &shareTable{
		Count: view.Count(int64(list.Values)), Answer: q.site.answer(list.Answer, 0), Two: true, None: "No caller in this time.",
		Heads: []column{{Text: "Caller"}, {Text: "Requests", Class: "num"}, {Text: "Errors, %", Class: "num pc"}, {Text: "p95, ms", Class: "num pc"}},
	}
	top := mostRequests(list.Items)
	for _, item := range list.Items {
		name, sub, code := q.site.callerName(item.Value, item.Name)
		row := shareRow{
			Share: share{Width: view.Width(float64(item.Requests), top)}, Name: name, Sub: sub, Code: code,
			Cells: []cell{{"num", view.Count(item.Requests)}, {"num", errorsOf(item.Counts)}, {"num", p95Of(item)}},
		}
		switch {
		case item.Value == query.OtherValue:
			row.Name, row.Sub, row.Code = "others", "beyond 100,000 values", false
		case !hasNoKey(item.Value):
			row.Href = q.link("keys/"+b.store.KeyRef(item.Value), "range", "from", "to", "compare", "org")
		default:
			row.Title = sub
		}
		t.Rows = append(t.Rows, row)
	}
	if list.Values > len(list.Items) {
		t.All = &Link{fmt.Sprintf("All %s", view.Plural(int64(list.Values), "key", "keys")), q.link("keys", "range", "from", "to", "compare", "org", "api")}
	}
	return t
}

func (q *request) endpointHref(item query.Item) string {
	return q.linkWith("endpoint", map[string]string{"org": item.Org, "api": item.API, "path": item.Value}, "range", "from", "to", "compare")
}

// endpointsTable is the block of what is called.
func (q *request) endpointsTable(list query.List) *shareTable {
	t := &shareTable{
		Count: view.Count(int64(list.Values)), Answer: q.site.answer(list.Answer, 0), Two: true, None: "No endpoint in this time. Endpoints are counted when the gateway tracks them, or with track_all_paths.",
		Heads: []column{{Text: "Path"}, {Text: "Requests", Class: "num"}, {Text: "Errors, %", Class: "num pc"}, {Text: "p95, ms", Class: "num pc"}},
	}
	top := mostRequests(list.Items)
	for _, item := range list.Items {
		sub := view.Visible(named(item.APIName, item.API))
		if item.Version != "" {
			sub += ", " + view.Visible(item.Version)
		}
		t.Rows = append(t.Rows, shareRow{
			Share: share{Width: view.Width(float64(item.Requests), top)}, Name: pathText(item.Value), Title: pathText(item.Value), Sub: sub, Code: true, Href: q.endpointHref(item),
			Cells: []cell{{"num", view.Count(item.Requests)}, {"num", errorsOf(item.Counts)}, {"num", p95Of(item)}},
		})
	}
	if list.Values > len(list.Items) {
		t.All = &Link{fmt.Sprintf("All %s", view.Plural(int64(list.Values), "endpoint", "endpoints")), q.link("endpoints", "range", "from", "to", "compare", "org", "api")}
	}
	return t
}

// countriesTable is the block of where calls come from.
func (q *request) countriesTable(list query.List) *shareTable {
	list = merged(list, countryRows)
	t := &shareTable{
		Count: view.Count(int64(list.Values)), Answer: q.site.answer(list.Answer, 0), None: "No country in this time. Gateways find it with a GeoIP database (enable_geo_ip).",
		Heads: []column{{Text: "Country"}, {Text: "Requests", Class: "num"}, {Text: "%", Class: "num pc"}},
	}
	top := mostRequests(list.Items)
	for _, item := range list.Items {
		name, own := countryName(item.Value), view.Visible(item.Value)
		if item.Value == "" {
			name, own = "Unknown", "no GeoIP match"
		}
		t.Rows = append(t.Rows, shareRow{
			Share: share{Width: view.Width(float64(item.Requests), top)}, Name: name, Own: own, value: item.Value,
			Href:  q.linkWith("logs", map[string]string{"country": item.Value}, "range", "from", "to", "org", "api"),
			Cells: []cell{{"num", view.Count(item.Requests)}, {"num", view.Share(item.Requests, list.Totals.Requests)}},
		})
	}
	if rest := list.Values - len(list.Items); rest > 0 {
		t.All = &Link{view.Count(int64(rest)) + " more", q.link("countries", "range", "from", "to", "compare", "org", "api")}
	}
	return t
}

// codeName is a status in words.
func codeName(code string) string {
	n := 0
	if _, err := fmt.Sscanf(code, "%d", &n); err != nil {
		return ""
	}
	return http.StatusText(n)
}

// codesTable is the block of statuses: rollups know successes as one number, and each error by its code.
func (q *request) codesTable(now query.Traffic, before *query.Traffic, list query.List, old *query.List) *shareTable {
	t := &shareTable{
		Answer: q.site.answer(list.Answer, 0), None: "No request in this time.",
		Heads: []column{{Text: "Status"}, {Text: "Requests", Class: "num"}, {Text: "%", Class: "num pc"}, {Text: q.than(), Class: "num pc"}},
	}
	list = merged(list, 0)
	if old != nil {
		before := merged(*old, 0)
		old = &before
	}
	was := map[string]query.Item{}
	if old != nil {
		for _, item := range old.Items {
			was[item.Value] = item
		}
	}
	top := 0.0
	for _, item := range list.Items {
		if item.Value >= "4" {
			top = math.Max(top, float64(item.Requests))
		}
	}
	line := func(name, own, class, status string, requests, then int64, width string) {
		change := view.Unknown
		if before != nil && (old != nil || class != "b4" && class != "b5") {
			change = view.Change(float64(requests), float64(then))
		}
		t.Rows = append(t.Rows, shareRow{
			Share: share{class, width}, Name: name, Own: own, Href: q.linkWith("logs", map[string]string{"status": status}, "range", "from", "to", "org", "api"),
			Cells: []cell{{"num", view.Count(requests)}, {"num", view.Share(requests, now.Totals.Requests)}, {"num delta", change}},
		})
	}
	var past query.Counts
	if before != nil {
		past = before.Totals
	}
	if now.Totals.Requests > 0 {
		line("2xx", "Success", "", "2xx", now.Totals.Success, past.Success, "0")
		if now.Totals.Other > 0 {
			line("3xx", "Redirection and others", "b3", "100-199,300-399", now.Totals.Other, past.Other, "0")
		}
		if now.Totals.GraphErrors > 0 {
			line("2xx", "GraphQL, with errors", "b4", "2xx", now.Totals.GraphErrors, past.GraphErrors, "0")
		}
	}
	rest := 0
	for _, item := range list.Items {
		if item.Value < "4" {
			continue
		}
		if len(t.Rows) >= 7 {
			rest++
			continue
		}
		class := "b4"
		if item.Value >= "5" {
			class = "b5"
		}
		line(view.Visible(item.Value), codeName(item.Value), class, item.Value, item.Requests, was[item.Value].Requests, view.Width(float64(item.Requests), top))
	}
	if rest > 0 {
		t.All = &Link{view.Count(int64(rest)) + " more", q.link("codes", "range", "from", "to", "compare", "org", "api")}
	}
	return t
}
