package pages

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// column is the head of one.
type column struct {
	Text, Class string
	Href        string
	// Sorted is aria-sort's value, Arrow the sign for it.
	Sorted, Arrow string
}

// answerText says how a block was answered.
type answerText struct{ Text, Mark, Title string }

// apiRow is a row of the table of APIs.
type apiRow struct {
	Href, Name, Title, Tag, Own string
	Spark                       view.Spark
	Requests, FullRequests      string
	Change, Client, Server      string
	ServerHigh                  bool
	P50, P95, P99, P95Change    string
	P95Worse                    bool
}

type apiTable struct {
	Count   string
	Answer  answerText
	Columns []column
	Rows    []apiRow
	All     *Link
}

// shareTable is a list of values with a pale bar behind each.
type shareTable struct {
	Count  string
	Answer answerText
	Two    bool
	Heads  []column
	Rows   []shareRow
	All    *Link
	None   string
}

type shareRow struct {
	Share                       share
	Href, Name, Title, Own, Sub string
	Code                        bool
	Cells                       []cell
	value                       string
}

type share struct{ Class, Width string }

type cell struct{ Class, Text string }

func (s *Site) answer(a query.Answer, bucket time.Duration) answerText {
	t := answerText{}
	t.Mark, t.Title = s.mark(a)
	switch {
	case a.Source == query.FromRollups && a.Exactness == query.Exact:
		t.Text = "exact, from rollups"
		if bucket > 0 {
			t.Text += " of " + plainAge(bucket)
		}
	case a.Exactness == query.Exact:
		t.Text = "exact, from records"
	}
	return t
}

// plainAge is a round length of time, such as 15 min.
func plainAge(d time.Duration) string {
	return strings.TrimSuffix(view.Age(d), " 0\u202fs")
}

// short is what a page of many shows of a name.
const longName = 48

// blockRows and countryRows are the lengths of blocks; more is asked, since some of it is added up.
const (
	blockRows   = 8
	countryRows = 11
	askedRows   = 500
)

func itemKey(i query.Item) string {
	return i.Family + "\x00" + i.Org + "\x00" + i.API + "\x00" + i.Version + "\x00" + i.Value
}

func byKey(list *query.List) map[string]query.Item {
	all := map[string]query.Item{}
	if list != nil {
		for _, item := range list.Items {
			all[itemKey(item)] = item
		}
	}
	return all
}

func courseOf(item query.Item, of func(query.Counts) float64, open bool) []float64 {
	values := make([]float64, len(item.Course))
	for i, c := range item.Course {
		values[i] = of(c)
	}
	if len(values) > 2 {
		values = cutOpen(values, open)
	}
	return values
}

// orgText is an organisation beside a name: the ids that Tyk makes are cut.
func orgText(org string) string {
	const longest = 16
	if len(org) > longest {
		return view.Visible(view.Middle(org, 6, 4))
	}
	return view.Visible(org)
}

// merged adds up what organisations count of the same value, the most frequent first; limit bounds it, 0 for all.
func merged(list query.List, limit int) query.List {
	at := map[string]int{}
	var items []query.Item
	for _, item := range list.Items {
		key := item.Value
		if hasNoKey(key) && key != "" {
			key = noKey
		}
		i, ok := at[key]
		if !ok {
			at[key] = len(items)
			items = append(items, item)
			continue
		}
		to := &items[i]
		to.Add(item.Counts)
		to.Org, to.Latency = "", nil
		if item.LastSeen.After(to.LastSeen) {
			to.LastSeen = item.LastSeen
		}
		if len(to.Course) == len(item.Course) {
			course := slices.Clone(to.Course)
			for k := range course {
				course[k].Add(item.Course[k])
			}
			to.Course = course
		}
	}
	slices.SortStableFunc(items, func(a, b query.Item) int { return cmp.Compare(b.Requests, a.Requests) })
	list.Values -= len(list.Items) - len(items)
	list.Matching -= len(list.Items) - len(items)
	if limit > 0 && len(items) > limit {
		items = items[:limit]
	}
	list.Items = items
	return list
}

// mergedKeys are keys with all that came without one as one.
func mergedKeys(list query.List, limit int) query.List {
	var with, without []query.Item
	for _, item := range list.Items {
		if hasNoKey(item.Value) {
			item.Value = noKey
			without = append(without, item)
		} else {
			with = append(with, item)
		}
	}
	if len(without) > 1 {
		one := merged(query.List{Items: without}, 1).Items
		list.Values -= len(without) - 1
		list.Items = append(one, with...)
		slices.SortStableFunc(list.Items, func(a, b query.Item) int { return cmp.Compare(b.Requests, a.Requests) })
	}
	list.Items = list.Items[:min(len(list.Items), limit)]
	return list
}

// tagOf is the kind of an API where it is not the usual one.
func tagOf(family string) string {
	return map[string]string{"graph": "GraphQL", "mcp": "MCP"}[family]
}

func percentiles(l *query.Percentiles) (p50, p95, p99 string) {
	if l == nil || l.Requests == 0 {
		return view.Unknown, view.Unknown, view.Unknown
	}
	return view.Millis(l.P50), view.Millis(l.P95), view.Millis(l.P99)
}

func (q *request) apiRow(b *base, item, old query.Item, open bool) apiRow {
	name := named(item.Name, item.Value)
	row := apiRow{
		Href: q.link("apis/"+escape(item.Org)+"/"+escape(item.Value), "range", "from", "to", "compare"), Name: view.Visible(view.Middle(name, longName-12, 10)), Tag: tagOf(item.Family), Own: orgText(item.Org),
		Requests: view.Count(item.Requests), Client: view.Share(item.ClientErrors, item.Requests), Server: view.Share(item.ServerErrors, item.Requests),
		ServerHigh: shareOf(item.ServerErrors, item.Requests) >= highErrors, Change: view.Unknown, P95Change: view.Unknown,
	}
	if row.Name != name {
		row.Title = view.Visible(name)
	}
	if item.Value == query.OtherValue {
		row.Name, row.Href = "others", q.link("apis", "range", "from", "to", "compare")
	}
	if item.Requests > 999_999_999 {
		row.FullRequests = view.Full(item.Requests)
	}
	row.P50, row.P95, row.P99 = percentiles(item.Latency)
	row.Spark = view.NewSpark(row.Name+": requests over time", courseOf(item, requests, open), courseOf(old, requests, open), false)
	if b.compared {
		row.Change = view.Change(float64(item.Requests), float64(old.Requests))
		if item.Latency != nil && old.Latency != nil && item.Latency.Requests > 0 && old.Latency.Requests > 0 {
			row.P95Change = view.Change(item.Latency.P95, old.Latency.P95)
			row.P95Worse = item.Latency.P95 >= worseLatency*old.Latency.P95
		}
	}
	return row
}

// than is the short word for what is compared with, as a column's head.
func (q *request) than() string {
	switch q.compare {
	case "week":
		return "± week"
	case "prev":
		return "± before"
	default:
		return "±"
	}
}

func sorted(columns []column, key string, rising bool) []column {
	for i := range columns {
		if columns[i].Href == key && key != "" {
			columns[i].Sorted, columns[i].Arrow = "descending", "↓"
			if rising {
				columns[i].Sorted, columns[i].Arrow = "ascending", "↑"
			}
		}
	}
	return columns
}

// sortable gives columns, whose Href names a key, links that sort by it.
func (q *request) sortable(columns []column, path, key string, rising bool) []column {
	columns = sorted(columns, key, rising)
	for i, c := range columns {
		if c.Href == "" {
			continue
		}
		to := "-" + c.Href
		if c.Href == "name" && (key != "name" || !rising) || c.Sorted == "descending" {
			to = c.Href
		}
		keep := []string{"range", "from", "to", "compare", "org", "api", "q", "by"}
		columns[i].Href = q.linkWith(path, map[string]string{"sort": to}, keep...)
	}
	return columns
}

// callerName is a key as people know it, and what stands below.
func (s *Site) callerName(key, alias string) (name, sub string, code bool) {
	text := s.keyText(key)
	switch {
	case hasNoKey(key):
		return "No key", "keyless APIs, or the key was not known", false
	case alias != "" && text != "":
		return view.Visible(alias), text, false
	case alias != "":
		return view.Visible(alias), "", false
	case text == "":
		return "Key without alias", "", false
	default:
		return text, "no alias", true
	}
}

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
