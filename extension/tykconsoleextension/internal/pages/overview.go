package pages

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// Overview answers: is my API all right, who calls it, and what changed since last week?

// overviewRows is how many APIs stand on the page; more are behind a link.
const overviewRows = 15

type overview struct {
	State, Note                                                                 *State
	Requests, Errors, Latency, APIs, Changed, Codes, Keys, Endpoints, Countries *block
	Foot                                                                        string
	Tables                                                                      []Link
}

// figures are what the blocks of charts need, as it comes.
type figures struct {
	traffic, trafficBefore *future[query.Traffic]
	latency, latencyBefore *future[query.Latency]
}

func (q *request) wants(names ...string) bool {
	return q.block == "" || slices.Contains(names, q.block)
}

func (q *request) askFigures(b *base) *figures {
	f := &figures{}
	if q.wants("requests", "errors", "latency", "codes", "split", "changed") {
		f.traffic = ask(q, func(ctx context.Context) (query.Traffic, error) { return b.store.Traffic(ctx, b.scope) })
	}
	if b.compared && q.wants("requests", "errors", "codes", "changed") {
		f.trafficBefore = ask(q, func(ctx context.Context) (query.Traffic, error) { return b.store.Traffic(ctx, b.before) })
	}
	if q.wants("latency", "distribution") {
		f.latency = ask(q, func(ctx context.Context) (query.Latency, error) { return b.store.Latency(ctx, b.scope) })
		if b.compared {
			f.latencyBefore = ask(q, func(ctx context.Context) (query.Latency, error) { return b.store.Latency(ctx, b.before) })
		}
	}
	return f
}

func (q *request) askList(b *base, scope query.Scope, options query.ListOptions) *future[query.List] {
	return ask(q, func(ctx context.Context) (query.List, error) { return b.store.List(ctx, scope, options) })
}

// block makes one of what it needs, or what stands in its place.
func (q *request) makeBlock(name, heading string, makes func() (any, error), ready ...bool) *block {
	bl := &block{Name: name, Heading: heading, Loading: "Counting: " + heading}
	for _, r := range ready {
		if !r {
			bl.Pending = true
		}
	}
	if bl.Pending {
		bl.Fragment = q.here(map[string]string{"block": name})
		bl.Wait = q.here(map[string]string{"wait": "30s"})
		return bl
	}
	data, err := makes()
	if err != nil {
		q.late.Store(true)
		bl.State = q.site.stateOf(q, err)
		return bl
	}
	bl.Data = data
	return bl
}

// optional is an answer of which a block can do without.
func optional[T any](f *future[T]) *T {
	if f == nil || f.err() != nil {
		return nil
	}
	value := f.value()
	return &value
}

func (q *request) chartBlocks(b *base, f *figures) (requests, errors, latency *block) {
	both := f.traffic.ready(q) && (f.trafficBefore == nil || f.trafficBefore.ready(q))
	requests = q.makeBlock("requests", "Requests", func() (any, error) {
		return q.site.requestsChart(b, f.traffic.value(), optional(f.trafficBefore)), f.traffic.err()
	}, both)
	errors = q.makeBlock("errors", "Errors", func() (any, error) {
		return q.site.errorsChart(b, f.traffic.value(), optional(f.trafficBefore)), f.traffic.err()
	}, both)
	latency = q.makeBlock("latency", "Latency", func() (any, error) {
		if f.latency.err() != nil {
			return nil, f.latency.err()
		}
		return q.site.latencyChart(b, f.latency.value(), optional(f.latencyBefore), f.traffic.value()), nil
	}, f.traffic.ready(q), f.latency.ready(q), f.latencyBefore == nil || f.latencyBefore.ready(q))
	return requests, errors, latency
}

func (s *Site) overview(q *request) (*page, error) {
	p := &page{template: "overview", title: "Overview", nav: "Overview"}
	b, err := q.begin(q.filter())
	if err != nil {
		return nil, err
	}
	p.bar = q.makeBar(b.info, b.scope.Range)
	o := &overview{}
	p.data = o
	if b.info.Empty() {
		o.State, p.refresh = s.empty(q, b.info), 2
		p.json = map[string]any{"meta": q.meta(b, nil), "empty": true}
		return p, nil
	}
	list := func(block string, scope query.Scope, options query.ListOptions) *future[query.List] {
		if !q.wants(block) && (block != "apis" || !q.wants("changed")) {
			return nil
		}
		return q.askList(b, scope, options)
	}
	// Those of many values ask several times, one after the other: the sooner they begin, the sooner the page is there.
	keys := list("keys", b.scope, query.ListOptions{By: query.ByKey, Limit: 2 * blockRows, Percentiles: true})
	endpoints := list("endpoints", b.scope, query.ListOptions{By: query.ByEndpoint, Limit: 8, Percentiles: true})
	f := q.askFigures(b)
	apiOptions := query.ListOptions{By: query.ByAPI, Courses: true, Percentiles: true, Limit: 200}
	apis := list("apis", b.scope, apiOptions)
	codes := list("codes", b.scope, query.ListOptions{By: query.ByCode, Limit: askedRows})
	countries := list("countries", b.scope, query.ListOptions{By: query.ByCountry, Limit: askedRows})
	var apisBefore, codesBefore *future[query.List]
	if b.compared {
		apisBefore = list("apis", b.before, apiOptions)
		codesBefore = list("codes", b.before, query.ListOptions{By: query.ByCode, Limit: askedRows})
	}
	o.Requests, o.Errors, o.Latency = q.chartBlocks(b, f)
	apisReady := apis.ready(q) && (apisBefore == nil || apisBefore.ready(q))
	o.APIs = q.makeBlock("apis", "APIs", func() (any, error) {
		return q.overviewAPIs(b, apis.value(), optional(apisBefore)), apis.err()
	}, apisReady)
	o.Changed = q.makeBlock("changed", "Changed most", func() (any, error) {
		return q.changed(b, apis.value(), optional(apisBefore)), apis.err()
	}, apisReady)
	o.Codes = q.makeBlock("codes", "Status codes", func() (any, error) {
		if f.traffic.err() != nil {
			return nil, f.traffic.err()
		}
		return q.codesTable(f.traffic.value(), optional(f.trafficBefore), codes.value(), optional(codesBefore)), codes.err()
	}, f.traffic.ready(q), f.trafficBefore == nil || f.trafficBefore.ready(q), codes.ready(q), codesBefore == nil || codesBefore.ready(q))
	o.Keys = q.makeBlock("keys", "Keys", func() (any, error) { return q.keysTable(b, keys.value()), keys.err() }, keys.ready(q))
	o.Endpoints = q.makeBlock("endpoints", "Endpoints", func() (any, error) { return q.endpointsTable(endpoints.value()), endpoints.err() }, endpoints.ready(q))
	o.Countries = q.makeBlock("countries", "Countries", func() (any, error) { return q.countriesTable(countries.value()), countries.err() }, countries.ready(q))
	p.fragments = map[string]*block{
		"requests": o.Requests, "errors": o.Errors, "latency": o.Latency, "apis": o.APIs, "changed": o.Changed, "codes": o.Codes, "keys": o.Keys, "endpoints": o.Endpoints, "countries": o.Countries,
	}
	answers := map[string]*query.Answer{}
	note := func(name string, a *query.Answer) {
		if a != nil {
			answers[name] = a
		}
	}
	if traffic := optionalReady(q, f.traffic); traffic != nil {
		note("totals", &traffic.Answer)
		o.Note = s.noteOf(q, b, *traffic)
	}
	if latency := optionalReady(q, f.latency); latency != nil {
		note("latency", &latency.Answer)
	}
	for name, l := range map[string]*future[query.List]{"apis": apis, "codes": codes, "keys": keys, "endpoints": endpoints, "countries": countries} {
		if list := optionalReady(q, l); list != nil {
			note(name, &list.Answer)
		}
	}
	o.Foot = q.foot(b, answers)
	for _, t := range []string{"requests", "errors", "latency"} {
		o.Tables = append(o.Tables, Link{t, q.here(map[string]string{"table": t})})
	}
	if table := q.values.Get("table"); table != "" && q.form == formHTML {
		return q.chartTable(p, table, b, f)
	}
	p.json = q.overviewJSON(b, f, answers, apis, apisBefore, codes, keys, endpoints, countries)
	p.csv = q.bucketsCSV(f)
	return p, nil
}

// overviewAPIs are the first APIs by requests.
func (q *request) overviewAPIs(b *base, list query.List, before *query.List) *apiTable {
	was := byKey(before)
	t := &apiTable{Count: view.Count(int64(list.Values)), Answer: q.site.answer(list.Answer, b.info.Bucket)}
	open := b.scope.To.After(q.now.Add(-b.scope.Width))
	for i, item := range list.Items {
		if i == overviewRows {
			break
		}
		old := was[itemKey(item)]
		t.Rows = append(t.Rows, q.apiRow(b, item, old, open))
	}
	t.Columns = q.apiColumns("requests", false)
	if list.Values > len(t.Rows) {
		t.All = &Link{fmt.Sprintf("All %s", view.Plural(int64(list.Values), "API", "APIs")), q.link("apis", "range", "from", "to", "compare", "org")}
	}
	return t
}

func (q *request) apiColumns(key string, rising bool) []column {
	return q.sortable([]column{
		{Text: "API", Href: "name"},
		{Text: "Course"},
		{Text: "Requests", Class: "num", Href: "requests"},
		{Text: q.than(), Class: "num"},
		{Text: "4xx, %", Class: "num", Href: "client_error_share"},
		{Text: "5xx, %", Class: "num", Href: "server_error_share"},
		{Text: "p50, ms", Class: "num p50", Href: "p50"},
		{Text: "p95, ms", Class: "num", Href: "p95"},
		{Text: "p99, ms", Class: "num", Href: "p99"},
		{Text: "p95 ±", Class: "num chg95"},
	}, "apis", key, rising)
}

// changedTable is the block of what changed most.
type changedTable struct {
	Help, None string
	Rows       []changedRow
}

type changedRow struct {
	Href, Name, What, From, To, Class, Note string
	Spark                                   view.Spark
	concerned                               float64
}

// leastForChange is how many requests both times must have, so that chance plays no part.
const leastForChange = 1000

// changed finds what got worse: the share of 5xx by half and half a point, p95 by 15 %, the share of 4xx by 30 % and
// 0.2 points, or half of the requests gone. Those that concern most requests stand first.
func (q *request) changed(b *base, now query.List, before *query.List) *changedTable {
	t := &changedTable{None: "Nothing changed for the worse."}
	switch {
	case !b.compared:
		t.None = "Choose what to compare with."
		return t
	case before == nil || before.Totals.Requests == 0:
		t.None = "There is nothing before to compare with."
		return t
	}
	open := b.scope.To.After(q.now.Add(-b.scope.Width))
	was := byKey(before)
	for _, item := range now.Items {
		old, ok := was[itemKey(item)]
		if !ok || item.Requests < leastForChange && old.Requests < leastForChange || old.Requests < leastForChange {
			continue
		}
		row := changedRow{Href: q.link("apis/"+escape(item.Org)+"/"+escape(item.Value), "range", "from", "to", "compare"), Name: view.Visible(view.Middle(named(item.Name, item.Value), 30, 10))}
		now4, old4, now5, old5 := shareOf(item.ClientErrors, item.Requests), shareOf(old.ClientErrors, old.Requests), shareOf(item.ServerErrors, item.Requests), shareOf(old.ServerErrors, old.Requests)
		switch {
		case item.Requests >= leastForChange && now5 >= 1.5*old5 && now5-old5 >= 0.5:
			row.What, row.From, row.To, row.Class, row.concerned = "5xx", view.Percent(old5), view.Unit(view.Percent(now5), "%"), "bad-ink", float64(item.ServerErrors)
			course := courseOf(item, serverErrors, open)
			row.Spark = view.NewSpark("5xx answers of "+row.Name+" over time", course, courseOf(old, serverErrors, open), true)
			if len(item.Course) > 0 {
				if worst, at := most(open, courseOf(item, serverShare, false)); worst > now5 {
					row.Note = view.Unit(view.Percent(math.Round(worst)), "%") + " at " + q.site.bucketName(b.scope.Range, at)
				}
			}
		case item.Latency != nil && old.Latency != nil && item.Requests >= leastForChange && item.Latency.P95 >= worseLatency*old.Latency.P95 && item.Latency.P95-old.Latency.P95 >= 1:
			row.What, row.From, row.To, row.Class, row.concerned = "p95", view.Millis(old.Latency.P95), view.LatencyText(item.Latency.P95), "bad-ink", float64(item.Requests)/20
			row.Spark = view.NewSpark("Mean latency of "+row.Name+" over time", courseOf(item, orZero(meanLatency), open), courseOf(old, orZero(meanLatency), open), false)
		case item.Requests >= leastForChange && now4 >= 1.3*old4 && now4-old4 >= 0.2:
			row.What, row.From, row.To, row.Class, row.concerned = "4xx", view.Percent(old4), view.Unit(view.Percent(now4), "%"), "warn-ink", float64(item.ClientErrors)
			row.Spark = view.NewSpark("4xx answers of "+row.Name+" over time", courseOf(item, clientErrors, open), courseOf(old, clientErrors, open), false)
		case item.Requests*2 <= old.Requests:
			row.What, row.From, row.To, row.Class, row.concerned = "requests", view.Count(old.Requests), view.Count(item.Requests), "warn-ink", float64(old.Requests-item.Requests)
			row.Spark = view.NewSpark("Requests of "+row.Name+" over time", courseOf(item, requests, open), courseOf(old, requests, open), false)
		default:
			continue
		}
		t.Rows = append(t.Rows, row)
	}
	slices.SortStableFunc(t.Rows, func(a, b changedRow) int {
		switch {
		case a.concerned > b.concerned:
			return -1
		case a.concerned < b.concerned:
			return 1
		}
		return 0
	})
	t.Rows = t.Rows[:min(3, len(t.Rows))]
	t.Help = q.site.Base + "settings#changed"
	return t
}

func orZero(of func(query.Counts) float64) func(query.Counts) float64 {
	return func(c query.Counts) float64 {
		if v := of(c); !math.IsNaN(v) {
			return v
		}
		return 0
	}
}

// noteOf says what the whole page is short of: rollups, or requests.
func (s *Site) noteOf(q *request, b *base, now query.Traffic) *State {
	switch {
	case now.Totals.Requests == 0 && now.Answer.Exactness != query.Absent:
		newest := b.info.NewestRecord
		state := &State{Title: "No requests between " + s.spanOf(b.scope.From, b.scope.To)}
		if !newest.IsZero() {
			state.Text = []string{"The newest record is of " + s.moment(newest) + "."}
			state.Links = []Link{{"Around the newest", q.here(map[string]string{"range": "", "from": newest.Add(-day).Format(time.RFC3339), "to": newest.Add(time.Minute).Format(time.RFC3339)})}}
		}
		return state
	case !b.info.Rollups && now.Answer.Exactness == query.Limited:
		state := &State{Kind: "notice", Title: "No rollups; counted from records", Text: []string{"Earlier columns are not drawn. With rollups, any period is counted whole:"}, Code: []string{"processors:\n  tykaggregate: {aggregation_time: 15m, latencies: true}"}}
		state.Mark, _ = s.mark(now.Answer)
		if now.Answer.Reason != "" {
			state.Text = append([]string{sentence(now.Answer.Reason)}, state.Text...)
		}
		return state
	}
	return nil
}

// foot says how the page was made.
func (q *request) foot(b *base, answers map[string]*query.Answer) string {
	statements, exact, percentile := 0, true, false
	for name, a := range answers {
		statements += a.Statements
		exact = exact && (a.Exactness == query.Exact || a.Exactness == query.Absent)
		percentile = percentile || name == "latency" && a.Exactness != query.Absent
	}
	text := fmt.Sprintf("%s, %d\u202fms, at %s.", view.Plural(int64(statements), "statement", "statements"), q.site.Now().Sub(q.now).Milliseconds(), q.now.In(q.site.Zone).Format("15:04:05 MST"))
	if exact && len(answers) > 0 {
		text += " Counts are exact."
	} else {
		text += " Counts without a mark are exact."
	}
	if percentile {
		text += " A percentile is within 2\u202f% of the true one."
	}
	if buckets := b.scope.Buckets(); len(buckets) > 0 {
		if last := buckets[len(buckets)-1]; last.Add(b.scope.Width).After(q.now) {
			text += " The last bucket (" + last.In(q.site.Zone).Format("15:04") + ") is not over, and drawn paler."
		}
	}
	return text
}
