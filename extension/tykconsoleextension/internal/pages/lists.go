package pages

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// Lists answer: which of my 400 keys fail most?

// listKind is one of the lists.
type listKind struct {
	path, title, nav, one string
	by                    query.Dimension
	head                  string
}

var listKinds = []listKind{
	{"apis", "APIs", "APIs", "API", query.ByAPI, "API"},
	{"keys", "Keys", "Keys", "key", query.ByKey, "Caller"},
	{"endpoints", "Endpoints", "Endpoints", "endpoint", query.ByEndpoint, "Path"},
	{"codes", "Status codes", "Overview", "status", query.ByCode, "Status"},
	{"countries", "Countries", "Overview", "country", query.ByCountry, "Country"},
	{"organisations", "Organisations", "Overview", "organisation", query.ByOrganisation, "Organisation"},
}

type listPage struct {
	Title, Count, Head string
	State              *State
	Answer             answerText
	Search, Action     string
	Hidden             []struct{ Name, Value string }
	Kinds              []Link
	APIs               *apiTable
	Columns            []column
	Rows               []listRow
	Newer, Older       string
	Range              string
	CSV                string
	Find               string
}

type listRow struct {
	Href, Name, Title, Sub, Own      string
	Code                             bool
	Spark                            view.Spark
	Requests, Change, Client, Server string
	ServerHigh                       bool
	P50, P95, P99, Seen              string
}

func (s *Site) list(q *request) (*page, error) {
	var kind listKind
	for _, k := range listKinds {
		if k.path == strings.Trim(q.URL.Path, "/") {
			kind = k
		}
	}
	if kind.by == query.ByKey && q.values.Get("by") == "oauth" {
		kind.by, kind.title, kind.one, kind.head = query.ByOAuth, "OAuth clients", "OAuth client", "Client"
	}
	filter := q.filter()
	filter.Paths, filter.Countries, filter.Status, filter.Methods = q.paths, q.lands, q.status, q.methods
	b, err := q.begin(filter)
	if err != nil {
		return nil, err
	}
	p := &page{template: "list", title: kind.title, nav: kind.nav, bar: q.makeBar(b.info, b.scope.Range)}
	l := &listPage{Title: kind.title, Head: kind.head, Search: q.text, Action: s.Base + kind.path, CSV: q.as(formCSV)}
	for _, name := range []string{"range", "from", "to", "compare", "org", "api", "sort", "by"} {
		if v := q.values.Get(name); v != "" {
			l.Hidden = append(l.Hidden, struct{ Name, Value string }{name, v})
		}
	}
	if kind.path == "keys" {
		l.Kinds = []Link{{"Keys", q.linkWith("keys", map[string]string{"by": ""}, "range", "from", "to", "compare", "org", "api")}, {"OAuth clients", q.linkWith("keys", map[string]string{"by": "oauth"}, "range", "from", "to", "compare", "org", "api")}}
		l.Find = s.Base + "keys/find"
	}
	p.data = l
	if b.info.Empty() {
		l.State, p.refresh = s.empty(q, b.info), 2
		p.json = map[string]any{"meta": q.meta(b, nil), "empty": true}
		return p, nil
	}
	offset, _ := strconv.Atoi(q.values.Get("after"))
	offset = max(0, min(offset, 100_000))
	options := query.ListOptions{By: kind.by, Sort: q.sort, Rising: q.rising, Search: q.text, Limit: q.limit, Offset: offset, Courses: true, Percentiles: true}
	if options.Sort == "" {
		options.Sort, options.Rising = "requests", false
	}
	if q.form == formCSV {
		options.Limit, options.Offset, options.Courses = 0, 0, false
	}
	together := kind.by == query.ByCode || kind.by == query.ByCountry
	if together {
		options.Limit, options.Offset, options.Percentiles = 0, 0, false
	}
	now := q.askList(b, b.scope, options)
	var old *future[query.List]
	if b.compared {
		all := options
		all.Limit, all.Offset, all.Percentiles = 0, 0, kind.by == query.ByAPI
		old = q.askList(b, b.before, all)
	}
	list, err := now.must(q)
	if err != nil {
		return nil, err
	}
	if old != nil {
		_, _ = old.must(q)
	}
	before := optional(old)
	if together {
		list = merged(list, 0)
		if before != nil {
			sum := merged(*before, 0)
			before = &sum
		}
	}
	l.Count, l.Answer = view.Count(int64(list.Values)), s.answer(list.Answer, b.info.Bucket)
	if list.Matching < list.Values {
		l.Count = view.Count(int64(list.Matching)) + " of " + l.Count
	}
	q.fillList(b, l, kind, options, list, before)
	p.json = map[string]any{"meta": q.meta(b, map[string]*query.Answer{kind.path: &list.Answer}), kind.path: q.itemsJSON(b, kind.by, &list, before), "values": list.Values, "matching": list.Matching}
	p.csv = q.listTable(b, kind, list, before).csv
	return p, nil
}

func (q *request) fillList(b *base, l *listPage, kind listKind, options query.ListOptions, list query.List, before *query.List) {
	open := b.scope.To.After(q.now.Add(-b.scope.Width))
	was := byKey(before)
	if kind.by == query.ByCode || kind.by == query.ByCountry {
		for _, item := range list.Items { // an organisation may have had the value in one of the periods only
			for _, old := range was {
				if old.Value == item.Value {
					was[itemKey(item)] = old
				}
			}
		}
	}
	if kind.by == query.ByAPI {
		l.APIs = &apiTable{Columns: q.apiColumns(options.Sort, options.Rising)}
	} else {
		l.Columns = q.sortable([]column{
			{Text: kind.head, Href: "name"},
			{Text: "Course"},
			{Text: "Requests", Class: "num", Href: "requests"},
			{Text: q.than(), Class: "num"},
			{Text: "4xx, %", Class: "num", Href: "client_error_share"},
			{Text: "5xx, %", Class: "num", Href: "server_error_share"},
			{Text: "p50, ms", Class: "num", Href: "p50"},
			{Text: "p95, ms", Class: "num", Href: "p95"},
			{Text: "p99, ms", Class: "num", Href: "p99"},
			{Text: "Last seen", Class: "num", Href: "last_seen"},
		}, kind.path, options.Sort, options.Rising)
	}
	for _, item := range list.Items {
		old := was[itemKey(item)]
		if l.APIs != nil {
			l.APIs.Rows = append(l.APIs.Rows, q.apiRow(b, item, old, open))
			continue
		}
		l.Rows = append(l.Rows, q.listRow(b, kind, item, old, before != nil, open))
	}
	if len(list.Items) == 0 {
		l.State = &State{Title: "No " + kind.one + " in this time", Text: textOf(list.Answer.Reason)}
		if q.text != "" {
			l.State.Title = fmt.Sprintf("No %s with “%s” in this time", kind.one, view.Visible(short(q.text)))
			l.State.Links = []Link{{"Without the search", q.here(map[string]string{"q": "", "after": ""})}}
		}
		return
	}
	last := options.Offset + len(list.Items)
	l.Range = fmt.Sprintf("%s – %s of %s", view.Full(int64(options.Offset+1)), view.Full(int64(last)), view.Full(int64(list.Matching)))
	if options.Offset > 0 {
		l.Newer = q.here(map[string]string{"after": positive(options.Offset - q.limit)})
	}
	if last < list.Matching {
		l.Older = q.here(map[string]string{"after": strconv.Itoa(last)})
	}
}

func positive(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func textOf(text string) []string {
	if text == "" {
		return nil
	}
	return []string{sentence(text)}
}

func (q *request) listRow(b *base, kind listKind, item, old query.Item, compared, open bool) listRow {
	row := listRow{Requests: view.Count(item.Requests), Change: view.Unknown, Client: view.Share(item.ClientErrors, item.Requests), Server: view.Share(item.ServerErrors, item.Requests), ServerHigh: shareOf(item.ServerErrors, item.Requests) >= highErrors, Seen: view.Unknown}
	row.Name, row.Sub, row.Own, row.Code, row.Href = q.describe(b, kind.by, item)
	if cut := view.Middle(row.Name, longName, 12); cut != row.Name {
		row.Title, row.Name = row.Name, cut
	}
	if compared {
		row.Change = view.Change(float64(item.Requests), float64(old.Requests))
	}
	row.P50, row.P95, row.P99 = percentiles(item.Latency)
	row.Spark = view.NewSpark(row.Name+": requests over time", courseOf(item, requests, open), courseOf(old, requests, open), false)
	if !item.LastSeen.IsZero() {
		row.Seen = q.site.clock(item.LastSeen)
	}
	return row
}

// describe is what a value is to people, and where it leads.
func (q *request) describe(b *base, by query.Dimension, item query.Item) (name, sub, own string, code bool, href string) {
	times := []string{"range", "from", "to", "compare"}
	own = view.Visible(item.Org)
	switch by {
	case query.ByKey:
		name, sub, code = q.site.callerName(item.Value, item.Name)
		if !hasNoKey(item.Value) && item.Value != query.OtherValue {
			href = q.link("keys/"+b.store.KeyRef(item.Value), append(times, "org")...)
		}
	case query.ByOAuth:
		name, code = view.Visible(item.Value), true
		if q.site.Keys != "shown" {
			name = view.Middle(name, 4, 4)
		}
	case query.ByEndpoint:
		name, sub, code, href = pathText(item.Value), view.Visible(named(item.APIName, item.API)), true, q.endpointHref(item)
	case query.ByCode:
		name, sub, href = view.Visible(item.Value), codeName(item.Value), q.linkWith("logs", map[string]string{"status": item.Value}, "range", "from", "to", "org", "api")
	case query.ByCountry:
		name, sub, href = countryName(item.Value), view.Visible(item.Value), q.linkWith("logs", map[string]string{"country": item.Value}, "range", "from", "to", "org", "api")
		if item.Value == "" {
			name, sub, href = "Unknown", "no GeoIP match", ""
		}
	case query.ByOrganisation:
		name, own, href = view.Visible(item.Value), "", q.linkWith("", map[string]string{"org": item.Value}, times...)
	default:
		name = view.Visible(named(item.Name, item.Value))
	}
	if item.Value == query.OtherValue {
		name, sub, href = "others", "beyond 100,000 values", ""
	}
	return name, sub, own, code, href
}

func (q *request) listTable(b *base, kind listKind, list query.List, before *query.List) *table {
	t := &table{Title: kind.title, Heads: []string{"organisation", "api", kind.one, "name", "requests", "before", "client_errors", "server_errors", "p50_ms", "p95_ms", "p99_ms", "last_seen"}}
	for _, j := range q.itemsJSON(b, kind.by, &list, before) {
		row := []string{j.Org, j.API, j.Value, j.Name, strconv.FormatInt(j.Requests, 10), "", strconv.FormatInt(j.ClientErrors, 10), strconv.FormatInt(j.ServerErrors, 10), "", "", "", ""}
		if j.Before != nil {
			row[5] = strconv.FormatInt(j.Before.Requests, 10)
		}
		if j.Latency != nil && j.Latency.Requests > 0 {
			for i, ms := range []float64{j.Latency.P50, j.Latency.P95, j.Latency.P99} {
				row[8+i] = strconv.FormatFloat(ms, 'f', 1, 64)
			}
		}
		if !j.LastSeen.IsZero() {
			row[11] = j.LastSeen.UTC().Format(time.RFC3339)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// findKey leads from a key, which is never part of a URL, to its page.
func (s *Site) findKey(q *request) (*page, error) {
	if err := s.checkOrigin(q); err != nil {
		return nil, err
	}
	key := strings.TrimSpace(q.PostFormValue("key"))
	store, err := s.backend.Store()
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, badRequest("No key was given", "Write the key, or its hash, as the gateway stores it.")
	}
	ref := store.KeyRef(key)
	if _, err := ask(q, func(ctx context.Context) (string, error) { return store.FindKey(ctx, ref) }).must(q); err != nil {
		return nil, err
	}
	return &page{redirect: s.Base + "keys/" + ref}, nil
}
