package pages

import (
	"cmp"
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
