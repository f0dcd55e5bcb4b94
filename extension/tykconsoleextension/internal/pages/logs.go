package pages

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// Logs answer: a partner says he got a 502 at 14:39; show me that request.

// fields is the form of Logs and Live.
type fields struct {
	Action, Button string
	All            []field
	Hidden         []struct{ Name, Value string }
	Faults         []string
}

type field struct {
	Label, Name, Value, Placeholder string
	Choices                         []choice
	Less                            bool
	Fault                           string
}

type logsPage struct {
	State       *State
	Sum, Number string
	Mark        string
	Span        string
	Live        string
	CSV, JSON   string
	Course      *block
	Rows        []recordRow
	Columns     []column
	Older       *Link
	Newest      string
	Note        string
	Limit       *State
	// Record is the record that is open beside the list.
	Record *recordPage
	Open   bool
	// Newer is how many records came since; Back leads from those to all.
	Newer *newerBlock
	Back  string
}

var keyRef = regexp.MustCompile(`^[0-9a-f]{10}$`)

// search is what the fields look for.
func (q *request) search(store query.Store) (query.Search, error) {
	s := query.Search{
		From: q.from, To: q.to, Text: q.text, InBodies: q.values.Get("in") == "bodies", Trace: q.trace, Slower: q.slower, TCP: q.tcp, Limit: q.limit,
		Filter: query.Filter{Orgs: q.orgs, APIs: q.apis, Paths: q.paths, Methods: q.methods, Countries: q.lands, Status: q.status},
	}
	if at := q.one("at"); at != "" && q.trace != "" {
		if t, err := parseTime(at); err == nil {
			s.From, s.To = t.Add(-10*time.Minute), t.Add(10*time.Minute)
		} else {
			q.fault("at", "%q is no time", short(at))
		}
	}
	for name, to := range map[string]**query.Cursor{"before": &s.Before, "after": &s.After} {
		if text := q.one(name); text != "" {
			c, err := query.ParseCursor(text)
			if err != nil {
				q.fault(name, "%v", err)
				continue
			}
			*to = &c
		}
	}
	for _, key := range q.keys {
		found, err := q.resolveKey(store, key)
		if err != nil {
			return s, err
		}
		s.Keys = append(s.Keys, found...)
	}
	if len(q.keys) > 0 && len(s.Keys) == 0 {
		q.fault("key", "%q is the reference of no key and no alias that is known", short(q.keys[0]))
	}
	return s, nil
}

// mostAliases is how many keys one alias may stand for.
const mostAliases = 50

// resolveKey gives the keys that a reference, or a part of an alias, stands for.
func (q *request) resolveKey(store query.Store, text string) ([]string, error) {
	if strings.EqualFold(text, "none") || strings.EqualFold(text, "no key") {
		return []string{noKey, ""}, nil
	}
	if keyRef.MatchString(text) {
		key, err := ask(q, func(ctx context.Context) (string, error) { return store.FindKey(ctx, text) }).must(q)
		if err == nil {
			return []string{key}, nil
		}
		if codeOf(err) != string(query.Gone) {
			return nil, err
		}
	}
	list, err := ask(q, func(ctx context.Context) (query.List, error) {
		r, err := store.Resolve(ctx, q.from, q.to, query.Filter{Orgs: q.orgs})
		if err != nil {
			return query.List{}, err
		}
		return store.List(ctx, query.Scope{Range: r, Filter: query.Filter{Orgs: q.orgs}}, query.ListOptions{By: query.ByKey, Search: text, Limit: mostAliases})
	}).must(q)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, item := range list.Items {
		keys = append(keys, item.Value)
	}
	return keys, nil
}

func (q *request) makeFields(info query.Info, path string, live bool) *fields {
	f := &fields{Action: q.site.Base + path, Button: "Search"}
	add := func(label, name, value, placeholder string, less bool, choices []choice) {
		f.All = append(f.All, field{label, name, view.Visible(value), placeholder, choices, less, q.faults[name]})
	}
	if !live {
		ranges := []choice{}
		known := false
		for _, span := range []string{"15m", "1h", "6h", "24h", "7d", "30d"} {
			ranges = append(ranges, choice{span, spanText(span), span == q.span})
			known = known || span == q.span
		}
		switch {
		case q.span == "":
			ranges = append(ranges, choice{"fixed", q.site.spanOf(q.from, q.to), true})
			f.hide("from", q.from.Format(time.RFC3339))
			f.hide("to", q.to.Format(time.RFC3339))
		case !known:
			ranges = append(ranges, choice{q.span, spanText(q.span), true})
		}
		add("Time", "range", "", "", false, ranges)
	}
	all := func(c []choice, none string) []choice {
		if c == nil {
			c = []choice{{"", none, true}}
		}
		c[0].Text = none
		return c
	}
	add("Organisation", "org", "", "", true, all(choices("All", info.Organisations, func(o string) (string, string) { return o, view.Visible(o) }, q.orgs), "All"))
	add("API", "api", "", "", false, all(choices("All", info.APIs, func(a query.API) (string, string) { return a.ID, view.Visible(named(a.Name, a.ID)) }, q.apis), "All"))
	add("Status", "status", strings.Join(q.list("status"), ", "), "429, 5xx, 200-299", false, nil)
	add("Path", "path", firstOf(q.paths), "/orders/*", false, nil)
	add("Key or alias", "key", firstOf(q.keys), "alias, or reference", true, nil)
	add("Text", "q", q.text, "path, agent, address…", true, nil)
	add("Trace", "trace", q.one("trace"), "trace id", true, nil)
	add("Slower than", "slower", q.one("slower"), "500 ms", true, nil)
	for _, name := range []string{"method", "country", "in", "limit"} {
		for _, v := range q.list(name) {
			f.hide(name, v)
		}
	}
	shown := map[string]bool{}
	for _, fl := range f.All {
		shown[fl.Name] = true
	}
	for name, text := range q.faults {
		if !shown[name] || name == "range" {
			f.Faults = append(f.Faults, text)
		}
	}
	return f
}

func (f *fields) hide(name, value string) {
	f.Hidden = append(f.Hidden, struct{ Name, Value string }{name, value})
}

func (s *Site) logs(q *request) (*page, error) {
	store, err := s.backend.Store()
	if err != nil {
		return nil, err
	}
	info, err := ask(q, store.Info).must(q)
	if err != nil {
		return nil, err
	}
	s.watches.remember(info)
	search, err := q.search(store)
	if err != nil {
		return nil, err
	}
	p := &page{template: "logs", title: "Logs", nav: "Logs", fields: q.makeFields(info, "logs", false), fragments: map[string]*block{}}
	l := &logsPage{CSV: q.as(formCSV), JSON: q.as(formJSON), Span: s.spanOf(search.From, search.To), Live: q.linkWith("live", nil, "org", "api", "status", "path", "key", "q", "trace", "slower", "method", "country")}
	p.data = l
	if info.Empty() {
		l.State, p.refresh = s.empty(q, info), 2
		p.json = map[string]any{"records": []any{}, "empty": true}
		return p, nil
	}
	if q.form == formCSV {
		p.csv = func(w http.ResponseWriter) error { return q.recordsCSV(w, store, search) }
		return p, nil
	}
	if q.block == "newer" {
		return q.newer(p, store, search)
	}
	var result *future[query.Page]
	if q.block == "" {
		result = ask(q, func(ctx context.Context) (query.Page, error) { return store.Logs(ctx, search) })
	}
	width := courseWidth(search.To.Sub(search.From))
	var course *future[query.Traffic]
	if q.form == formHTML {
		counted := search
		counted.Before, counted.After = nil, nil
		course = ask(q, func(ctx context.Context) (query.Traffic, error) { return store.Course(ctx, counted, width) })
	}
	l.Course = q.makeBlock("course", "Requests by time", func() (any, error) { return q.courseChart(search, width, course.value()), course.err() }, course.ready(q))
	p.fragments["course"] = l.Course
	if q.block != "" {
		return p, nil
	}
	found, err := result.must(q)
	if err != nil {
		return nil, err
	}
	q.fillLogs(l, search, found)
	if course.ready(q) && course.err() == nil && course.value().Answer.Exactness == query.Exact {
		l.Number = view.Count(course.value().Totals.Requests)
	}
	if at := q.one("record"); at != "" {
		if err := q.openRecord(l, store, at); err != nil {
			return nil, err
		}
	}
	p.json = q.logsJSON(search, found)
	return p, nil
}

// courseWidth is the width of a column over the records.
func courseWidth(span time.Duration) time.Duration {
	for _, w := range []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, day} {
		if span/w <= 100 {
			return w
		}
	}
	return week
}

func (q *request) courseChart(search query.Search, width time.Duration, t query.Traffic) *chart {
	from := search.From.Truncate(width)
	if len(t.Buckets) > 0 {
		from = t.Buckets[0].At
	}
	r := query.Range{From: from, To: search.To, Width: width}
	if len(t.Buckets) > 1 {
		r.Width = t.Buckets[1].At.Sub(t.Buckets[0].At)
	}
	count := len(r.Buckets())
	ok, c4, c5 := series(t.Buckets, count, good), series(t.Buckets, count, clientErrors), series(t.Buckets, count, serverErrors)
	top, _ := most(false, ok, c4, c5)
	c := &chart{ID: "matches", Data: chartData{From: r.From.Unix(), Step: r.Width.Seconds(), Format: "n", Values: map[string][]float64{"ok": known(ok, 1), "c4": known(c4, 1), "c5": known(c5, 1)}}}
	c.Mark, c.MarkTitle = q.site.mark(t.Answer)
	const plotShare = 96
	c.Chart = q.site.newChart("Matching requests by time", r, 44, plotShare)
	scale := view.Linear(top * 1.1)
	c.Chart.YTick(0, "")
	for i, tick := range view.NiceTicks(top) {
		if i < 2 {
			c.Chart.YTick(scale(tick), view.Short(tick))
		}
	}
	c.Chart.Bars(scale, []string{"f-ok", "f-c4", "f-c5"}, [][]float64{ok, c4, c5}, 0.34, r.To.After(q.now.Add(-r.Width)))
	return c
}

func (q *request) fillLogs(l *logsPage, search query.Search, found query.Page) {
	longest := longestLatency(found.Records)
	chosen := q.one("record")
	for i := range found.Records {
		row := q.recordRow(&found.Records[i], longest, map[string]string{"record": ""})
		row.Chosen = chosen != "" && strings.HasSuffix(chosen, found.Records[i].Ref.String())
		l.Rows = append(l.Rows, row)
	}
	l.Sum = "requests" + q.what()
	l.Note = fmt.Sprintf("%s shown, of %s that were looked at in %s.", view.Full(int64(len(found.Records))), view.Plural(found.Searched, "record", "records"), view.Age(found.Answer.Took))
	q.fillNewer(l, search, found)
	if found.Next != nil {
		l.Older = &Link{"Older records", q.here(map[string]string{"before": found.Next.String(), "after": "", "record": ""})}
	}
	if search.Before != nil {
		l.Newest = q.here(map[string]string{"before": "", "after": "", "record": ""})
	}
	if search.After != nil {
		l.Back = q.here(map[string]string{"after": "", "record": ""})
	}
	if found.Answer.Exactness == query.Limited && found.Next != nil && len(found.Records) < search.Limit {
		l.Limit = &State{
			Kind: "notice", Title: "Searched back to " + q.site.clock(found.SearchedTo), Mark: view.Plural(found.Searched, "record", "records"),
			Text: []string{fmt.Sprintf("%s of them match. Older records are not searched yet.", view.Count(int64(len(found.Records))))}, Links: []Link{{"Search on", l.Older.Href}},
		}
		l.Older = nil
	}
	switch {
	case len(found.Records) > 0 || l.Limit != nil:
	case search.After != nil:
		l.Limit = &State{Title: "Nothing newer yet", Text: []string{"No request" + q.what() + " came since " + search.After.At.In(q.site.Zone).Format("15:04:05.000") + "."}, Again: q.here(nil), Links: []Link{{"All requests", l.Back}}}
	default:
		l.Limit = q.nothingFound(search, found)
	}
}

// what says the filters in words.
func (q *request) what() string {
	text := ""
	if len(q.status) > 0 {
		text += " with " + strings.Join(q.list("status"), ", ")
	}
	if q.slower > 0 {
		text += " slower than " + view.LatencyText(float64(q.slower.Milliseconds()))
	}
	if q.text != "" {
		text += " with “" + view.Visible(short(q.text)) + "”"
	}
	if q.span != "" {
		return text + " in the " + strings.ToLower(spanText(q.span))
	}
	return text
}

func (q *request) nothingFound(search query.Search, found query.Page) *State {
	st := &State{Title: "No request" + q.what(), Text: []string{fmt.Sprintf("%s were searched, back to %s.", view.Plural(found.Searched, "record", "records"), q.site.clock(search.From))}}
	if !found.SearchedTo.IsZero() {
		st.Text = []string{fmt.Sprintf("%s were searched, back to %s.", view.Plural(found.Searched, "record", "records"), q.site.clock(found.SearchedTo))}
	}
	st.Links = append(st.Links, Link{"Last 24 hours", q.here(map[string]string{"range": "24h", "from": "", "to": "", "before": "", "after": ""})})
	for _, name := range []string{"status", "path", "q", "key", "api", "slower", "trace"} {
		if q.values.Get(name) != "" {
			st.Links = append(st.Links, Link{"Without " + map[string]string{"status": "the status", "path": "the path", "q": "the text", "key": "the key", "api": "the API", "slower": "the latency", "trace": "the trace"}[name], q.here(map[string]string{name: "", "before": ""})})
		}
	}
	if search.Text != "" && !search.InBodies {
		st.After = []string{"Recorded bodies are not part of it."}
		st.Links = append(st.Links, Link{"Search bodies, too", q.here(map[string]string{"in": "bodies"})})
	}
	return st
}
