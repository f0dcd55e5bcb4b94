package pages

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// frame is what stands around every page.
type frame struct {
	Title, Host  string
	Theme        string
	NoKeys       bool
	NowMillis    int64
	Refresh      int
	Assets       Assets
	Home         string
	PipelineHref string
	Nav          []navItem
	Trouble      int
	Stored       *freshness
	Bar          *bar
	Fields       *fields
	Strips       []Strip
	Data         any
}

type navItem struct {
	Name, Href string
	Current    bool
	Count      int
}

// freshness says to which moment everything is stored.
type freshness struct{ Class, Long, Short string }

// Strip is a line below the bars, about all of the page.
type Strip struct {
	Kind, Text string
	Links      []Link
}

// Link is one of a page.
type Link struct{ Text, Href string }

// State is what stands where figures would: what is, why, and what next.
type State struct {
	// Kind is empty, notice or trouble.
	Kind  string
	Title string
	// Good puts a tick before the title; First makes it the page's heading.
	Good, First bool
	Mark        string
	Text        []string
	Code        []string
	After       []string
	Links       []Link
	// Again asks once more; Retry says after how many seconds scripts do.
	Again string
	Retry int
}

// block is a part of a page that may come later.
type block struct {
	Name, Heading, Loading string
	Pending                bool
	State                  *State
	Data                   any
	Fragment, Wait         string
}

type choice struct {
	Value, Text string
	Chosen      bool
}

// bar is the form with the time and the filters that pages of figures have.
type bar struct {
	Action                       string
	Earlier, Later, Step         string
	Ranges, Compares, Orgs, APIs []choice
	Hidden                       []struct{ Name, Value string }
	Span, Fixed, JSON            string
	Faults                       []string
}

// The cookies of what a browser chose.
const themeCookie, keysCookie = "theme", "keys"

func (q *request) frame(p *page) *frame {
	s := q.site
	f := &frame{
		Title: p.title, Host: s.Host, Assets: s.Assets, Home: q.link("", "range", "from", "to", "compare", "org"), PipelineHref: s.Base + "pipeline",
		Refresh: p.refresh, Bar: p.bar, Fields: p.fields, Strips: p.strips, Data: p.data, NowMillis: q.asked.UnixMilli(),
	}
	if c, err := q.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		f.Theme = c.Value
	}
	if theme := q.values.Get("theme"); theme == "light" || theme == "dark" {
		f.Theme = theme
	}
	if c, err := q.Cookie(keysCookie); err == nil && c.Value == "off" {
		f.NoKeys = true
	}
	switch q.values.Get("keys") {
	case "off":
		f.NoKeys = true
		http.SetCookie(q.w, &http.Cookie{Name: keysCookie, Value: "off", Path: s.Base, MaxAge: 31536000, SameSite: http.SameSiteStrictMode, HttpOnly: true})
	case "on":
		f.NoKeys = false
		http.SetCookie(q.w, &http.Cookie{Name: keysCookie, Path: s.Base, MaxAge: -1, SameSite: http.SameSiteStrictMode, HttpOnly: true})
	}
	f.Trouble, f.Stored = s.watches.glance()
	if p.bar != nil || p.fields != nil {
		f.Strips = append(f.Strips, q.behindStrips()...)
	}
	for _, item := range []struct{ name, path string }{
		{"Overview", ""}, {"APIs", "apis"}, {"Keys", "keys"}, {"Endpoints", "endpoints"}, {"Logs", "logs"}, {"Live", "live"}, {"Pipeline", "pipeline"}, {"Settings", "settings"},
	} {
		n := navItem{Name: item.name, Href: q.link(item.path, "range", "from", "to", "compare", "org"), Current: item.name == p.nav}
		if item.name == "Pipeline" {
			n.Count = f.Trouble
		}
		f.Nav = append(f.Nav, n)
	}
	return f
}

// link leads to a path below the base, and keeps some of this page's parameters.
func (q *request) link(to string, keep ...string) string { return q.linkWith(to, nil, keep...) }

// linkWith is link with parameters that are set; an empty value takes one away.
func (q *request) linkWith(to string, set map[string]string, keep ...string) string {
	values := url.Values{}
	for _, name := range keep {
		if v := q.values[name]; len(v) > 0 {
			for _, one := range v {
				if one != "" && len(values[name]) < mostValues {
					values.Add(name, one)
				}
			}
		}
	}
	if at := q.values.Get("redis"); at != "" && strings.HasPrefix(to, "pipeline") {
		values.Set("redis", at) // all pages of a pipeline are of the same Redis
	}
	for name, value := range set {
		values.Del(name)
		if value != "" {
			values.Set(name, value)
		}
	}
	return addQuery(q.site.Base+to, values)
}

// here is this page with parameters that are set or, where they are empty, taken away.
func (q *request) here(set map[string]string) string {
	keep := slices.DeleteFunc(slices.Sorted(maps.Keys(q.values)), func(name string) bool { return name == "block" || name == "wait" || name == "theme" || name == "keys" })
	return q.linkWith(q.path(), set, keep...)
}

// path is this page's, below the base.
func (q *request) path() string { return strings.TrimPrefix(q.URL.EscapedPath(), "/") }

// as is this page in another form.
func (q *request) as(form string) string {
	href := q.here(nil)
	at, rest, found := strings.Cut(href, "?")
	if found {
		rest = "?" + rest
	}
	return at + "." + form + rest
}

func addQuery(path string, values url.Values) string {
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// escape is a text as a part of a path.
func escape(text string) string {
	switch text {
	case "":
		return "-"
	case ".", "..", "-":
		return "%" + strings.ToUpper(strconv.FormatInt(int64(text[0]), 16)) + url.PathEscape(text[1:])
	}
	return url.PathEscape(text)
}

// part is what escape wrote, unescaped.
func part(text string) string {
	if text == "-" {
		return ""
	}
	return text
}

// makeBar is the bar of a page of figures.
func (q *request) makeBar(info query.Info, r query.Range) *bar {
	b := &bar{Action: q.site.Base + q.path(), JSON: q.as(formJSON), Faults: sortedFaults(q.faults)}
	known := false
	for _, span := range []string{"15m", "1h", "6h", "24h", "7d", "30d", "90d"} {
		b.Ranges = append(b.Ranges, choice{span, spanText(span), span == q.span})
		known = known || span == q.span
	}
	switch {
	case q.span == "":
		b.Ranges = append(b.Ranges, choice{"fixed", "From … to …", true})
		b.hide("from", q.from.Format(time.RFC3339))
		b.hide("to", q.to.Format(time.RFC3339))
	case !known:
		b.Ranges = append(b.Ranges, choice{q.span, spanText(q.span), true})
	}
	b.Compares = []choice{{"week", "vs a week before", q.compare == "week"}, {"prev", "vs the " + strings.TrimPrefix(strings.ToLower(spanText(q.span)), "last ") + " before", q.compare == "prev"}, {"off", "Compare with nothing", q.compare == "off"}}
	if q.span == "" {
		b.Compares[1].Text = "vs the time before"
	}
	b.Orgs = choices("All organisations", info.Organisations, func(o string) (string, string) { return o, view.Visible(o) }, q.orgs)
	b.APIs = choices("All APIs", info.APIs, func(a query.API) (string, string) { return a.ID, view.Visible(named(a.Name, a.ID)) }, q.apis)
	for _, name := range []string{"path", "method", "status", "country", "key", "sort"} {
		for _, value := range q.list(name) {
			b.hide(name, value)
		}
	}
	length := q.to.Sub(q.from)
	b.Step = view.Age(length)
	b.Earlier = q.here(map[string]string{"range": "", "from": q.from.Add(-length).Format(time.RFC3339), "to": q.from.Format(time.RFC3339), "before": "", "after": ""})
	if next := q.to.Add(length); q.to.Before(q.now.Add(-time.Minute)) {
		if next.After(q.now) {
			b.Later = q.here(map[string]string{"range": lastSpan(length), "from": "", "to": "", "before": "", "after": ""})
		} else {
			b.Later = q.here(map[string]string{"range": "", "from": q.to.Format(time.RFC3339), "to": next.Format(time.RFC3339), "before": "", "after": ""})
		}
	}
	b.Fixed = q.here(map[string]string{"range": "", "from": r.From.Format(time.RFC3339), "to": r.To.Format(time.RFC3339)})
	b.Span = q.site.spanOf(r.From, r.To)
	return b
}

func (b *bar) hide(name, value string) {
	b.Hidden = append(b.Hidden, struct{ Name, Value string }{name, value})
}

// choices are options of a selection, the first of which takes all.
func choices[T any](all string, values []T, of func(T) (value, text string), chosen []string) []choice {
	one := ""
	if len(chosen) == 1 {
		one = chosen[0]
	}
	list := []choice{{"", all, one == ""}}
	found := one == ""
	for _, v := range values {
		value, text := of(v)
		list = append(list, choice{value, text, value == one})
		found = found || value == one
	}
	if !found {
		list = append(list, choice{one, view.Visible(one), true})
	}
	if len(list) == 1 {
		return nil
	}
	return list
}

func lastSpan(length time.Duration) string {
	switch {
	case length%day == 0:
		return strconv.Itoa(int(length/day)) + "d"
	case length%time.Hour == 0:
		return strconv.Itoa(int(length/time.Hour)) + "h"
	default:
		return strconv.Itoa(max(1, int(length/time.Minute))) + "m"
	}
}

func named(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

// spanOf says a stretch of time, with the zone.
func (s *Site) spanOf(from, to time.Time) string {
	from, to = from.In(s.Zone), to.In(s.Zone)
	const full = "Mon 2 Jan 15:04"
	first, last := full, full
	if from.Year() == to.Year() && from.YearDay() == to.YearDay() {
		last = "15:04"
	}
	return from.Format(first) + " – " + to.Format(last+" MST")
}

// moment says a time in full.
func (s *Site) moment(t time.Time) string {
	return t.In(s.Zone).Format("Mon 2 Jan 2006, 15:04:05.000 MST")
}

func sortedFaults(faults map[string]string) []string { return slices.Sorted(maps.Values(faults)) }

func unescape(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
