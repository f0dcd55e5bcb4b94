package pages

import (
	"context"
	"net/url"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// One API, key or endpoint answers: since when is it slow, for whom, which call?

type drillPage struct {
	Kind, Title, Tag           string
	Code                       bool
	Facts                      []fact
	Links                      []Link
	State                      *State
	Requests, Errors, Latency  *block
	Split, Distribution, Codes *block
	Parts                      []part2
	Slowest, Failed            *block
	Foot                       string
}

type part2 struct {
	Name  string
	Block *block
}

type fact struct {
	Name, Value, Quiet string
	Href               string
	Code               bool
	Tags               []string
}

// drilled is what one of three pages is of.
type drilled struct {
	nav, kind string
	filter    query.Filter
	page      *drillPage
	// parts are lists of what it is made of; familyParts says whether those of GraphQL and of MCP are among them.
	parts       []query.Dimension
	familyParts bool
	// mcp is set where there are requests of MCP, of which pages read rollups only.
	mcp  bool
	logs url.Values
}

// noMCPRecords stands where only records tell, and there are none.
const noMCPRecords = "None in this time. Records of MCP requests are in a table of their own, which only the blocks of MCP read."

func (s *Site) oneAPI(q *request) (*page, error) {
	org, api := part(q.PathValue("org")), part(q.PathValue("api"))
	d := drilled{nav: "APIs", kind: "API", filter: query.Filter{APIs: []string{api}}, page: &drillPage{Kind: "API", Title: view.Visible(api)}, logs: url.Values{"api": {api}}}
	if org != "" {
		d.filter.Orgs = []string{org}
		d.logs.Set("org", org)
	}
	d.page.Facts = []fact{{Name: "Id", Value: view.Visible(api), Code: true}, {Name: "Organisation", Value: view.Visible(org)}}
	d.parts, d.familyParts = []query.Dimension{query.ByEndpoint, query.ByKey, query.ByVersion, query.ByMethod, query.ByCountry}, true
	return s.drill(q, &d, func(b *base, info query.Info) {
		for _, a := range info.APIs {
			if a.ID == api && (org == "" || a.Org == org) && a.Name != "" {
				d.page.Title = view.Visible(a.Name)
			}
		}
	})
}

func (s *Site) oneKey(q *request) (*page, error) {
	store, err := s.backend.Store()
	if err != nil {
		return nil, err
	}
	ref := q.PathValue("ref")
	key, err := ask(q, func(ctx context.Context) (string, error) { return store.FindKey(ctx, ref) }).must(q)
	if err != nil {
		return nil, err
	}
	d := drilled{nav: "Keys", kind: "key", filter: query.Filter{Keys: []string{key}, Orgs: q.orgs}, page: &drillPage{Kind: "Key"}, logs: url.Values{"key": {ref}}}
	d.page.Title, d.page.Facts, d.page.Code = s.keyText(key), []fact{{Name: "Reference", Value: view.Visible(ref), Code: true}}, true
	if d.page.Title == "" {
		d.page.Title, d.page.Code = "Key "+view.Visible(ref), false
	}
	d.parts = []query.Dimension{query.ByAPI, query.ByEndpoint, query.ByMethod, query.ByCountry}
	return s.drill(q, &d, func(b *base, _ query.Info) {
		list, err := ask(q, func(ctx context.Context) (query.List, error) {
			return store.List(ctx, b.scope, query.ListOptions{By: query.ByKey, Limit: 1})
		}).must(q)
		if err == nil && len(list.Items) == 1 && list.Items[0].Name != "" {
			if d.page.Code {
				d.page.Facts = append([]fact{{Name: "Key", Value: d.page.Title, Code: true}}, d.page.Facts...)
			}
			d.page.Title, d.page.Code = view.Visible(list.Items[0].Name), false
		}
	})
}

func (s *Site) oneEndpoint(q *request) (*page, error) {
	if len(q.paths) == 0 {
		return nil, badRequest("No endpoint was named", "path says which.")
	}
	path := q.paths[0]
	d := drilled{
		nav: "Endpoints", kind: "endpoint", filter: query.Filter{Orgs: q.orgs, APIs: q.apis, Paths: []string{path}},
		page: &drillPage{Kind: "Endpoint", Title: pathText(path), Code: true}, logs: url.Values{"path": {path}},
	}
	for _, api := range q.apis {
		d.logs.Add("api", api)
		d.page.Facts = append(d.page.Facts, fact{Name: "API", Value: view.Visible(api), Href: q.link("apis/"+escape(firstOf(q.orgs))+"/"+escape(api), "range", "from", "to", "compare")})
	}
	d.parts = []query.Dimension{query.ByMethod, query.ByKey, query.ByCountry}
	return s.drill(q, &d, func(*base, query.Info) {})
}

func firstOf(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

func (s *Site) drill(q *request, d *drilled, name func(*base, query.Info)) (*page, error) {
	b, err := q.begin(d.filter)
	if err != nil {
		return nil, err
	}
	name(b, b.info)
	dp := d.page
	if d.familyParts {
		d.addFamilies(q, b)
	}
	p := &page{template: "drill", title: dp.Title, nav: d.nav, bar: q.makeBar(b.info, b.scope.Range), data: dp, fragments: map[string]*block{}}
	p.bar.APIs = nil
	if d.nav != "Keys" {
		p.bar.Orgs = nil
	}
	for _, name := range []string{"range", "from", "to"} {
		if v := q.values.Get(name); v != "" {
			d.logs.Set(name, v)
		}
	}
	dp.Links = []Link{{"Logs", addQuery(s.Base+"logs", d.logs)}, {"Live", addQuery(s.Base+"live", without(d.logs, "range", "from", "to"))}}
	f := q.askFigures(b)
	lists := map[query.Dimension]*future[query.List]{}
	for _, by := range append([]query.Dimension{query.ByCode}, d.parts...) {
		if q.wants(blockOf(by)) {
			lists[by] = q.askList(b, b.scope, query.ListOptions{By: by, Limit: limits[by], Percentiles: by == query.ByEndpoint || by == query.ByKey || by == query.ByAPI})
		}
	}
	var samples *future[query.Samples]
	if q.wants("slowest", "failed") {
		samples = ask(q, func(ctx context.Context) (query.Samples, error) { return b.store.Samples(ctx, b.scope, 5) })
	}
	dp.Requests, dp.Errors, dp.Latency = q.chartBlocks(b, f)
	answers := map[string]*query.Answer{}
	dp.Split = q.makeBlock("split", "Gateway or upstream", func() (any, error) { return s.splitChart(b, f.traffic.value()), f.traffic.err() }, f.traffic.ready(q))
	dp.Distribution = q.makeBlock("distribution", "Distribution", func() (any, error) {
		if f.latency.err() == nil && f.latency.value().Answer.Exactness == query.Absent {
			return nil, &statusError{state: State{Title: "No distribution of latencies", Text: textOf(named(f.latency.value().Answer.Reason, "tykaggregate counts latencies with latencies: true"))}}
		}
		return s.distributionChart(f.latency.value()), f.latency.err()
	}, f.latency.ready(q))
	codes := lists[query.ByCode]
	dp.Codes = q.makeBlock("codes", "Status codes", func() (any, error) {
		if f.traffic.err() != nil {
			return nil, f.traffic.err()
		}
		t := q.codesTable(f.traffic.value(), optional(f.trafficBefore), codes.value(), nil)
		if d.mcp {
			q.addClasses(t, f.traffic.value().Totals, codes.value())
		}
		return t, codes.err()
	}, f.traffic.ready(q), codes.ready(q))
	for _, by := range d.parts {
		list := lists[by]
		bl := q.makeBlock(blockOf(by), headings[by], func() (any, error) {
			t := q.partTable(b, by, list.value(), d.logs)
			if d.mcp && len(t.Rows) == 0 && list.value().Answer.Source == query.FromRecords {
				t.None = noMCPRecords
			}
			return t, list.err()
		}, list.ready(q))
		dp.Parts = append(dp.Parts, part2{blockOf(by), bl})
		p.fragments[blockOf(by)] = bl
	}
	dp.Slowest = q.makeBlock("slowest", "Slowest", func() (any, error) {
		return q.sampleTable(samples.value().Slowest, samples.value().Answer, d.mcp), samples.err()
	}, samples.ready(q))
	dp.Failed = q.makeBlock("failed", "Newest with 5xx", func() (any, error) {
		return q.sampleTable(samples.value().Failed, samples.value().Answer, d.mcp), samples.err()
	}, samples.ready(q))
	for _, bl := range []*block{dp.Requests, dp.Errors, dp.Latency, dp.Split, dp.Distribution, dp.Codes, dp.Slowest, dp.Failed} {
		p.fragments[bl.Name] = bl
	}
	q.drillJSON(b, p, f, lists, samples, answers)
	dp.Foot += q.foot(b, answers)
	p.csv = q.bucketsCSV(f)
	return p, nil
}

func without(values url.Values, names ...string) url.Values {
	all := url.Values{}
	for name, v := range values {
		all[name] = v
	}
	for _, name := range names {
		all.Del(name)
	}
	return all
}

// limits are how many values are asked of each dimension.
var limits = map[query.Dimension]int{
	query.ByEndpoint: blockRows, query.ByKey: 2 * blockRows, query.ByVersion: countryRows, query.ByMethod: countryRows, query.ByCountry: askedRows, query.ByAPI: countryRows, query.ByCode: askedRows,
	query.ByOperation: blockRows, query.ByRootField: blockRows, query.ByType: blockRows, query.ByField: blockRows, query.ByRPCMethod: blockRows, query.ByPrimitive: blockRows, query.ByName: blockRows,
}

var headings = map[query.Dimension]string{
	query.ByEndpoint: "Endpoints", query.ByKey: "Keys", query.ByVersion: "Versions", query.ByMethod: "Methods", query.ByCountry: "Countries", query.ByAPI: "APIs",
	query.ByOperation: "GraphQL operations", query.ByRootField: "GraphQL root fields", query.ByType: "GraphQL types", query.ByField: "GraphQL fields",
	query.ByRPCMethod: "MCP methods", query.ByPrimitive: "MCP primitives", query.ByName: "MCP names",
}

// blockOf is the name of the block of a dimension.
func blockOf(by query.Dimension) string {
	switch by {
	case query.ByCode:
		return "codes"
	case query.ByCountry:
		return "countries"
	default:
		return string(by) + "s"
	}
}

func (q *request) partTable(b *base, by query.Dimension, list query.List, logs url.Values) *shareTable {
	var t *shareTable
	switch by {
	case query.ByKey:
		t = q.keysTable(b, list)
		t.All = nil
		return t
	case query.ByEndpoint:
		t = q.endpointsTable(list)
		t.All = nil
		return t
	case query.ByCountry:
		t = q.countriesTable(list)
	case query.ByOperation, query.ByRootField, query.ByType, query.ByField, query.ByRPCMethod, query.ByPrimitive, query.ByName:
		t = q.askedTable(by, list)
	default:
		t = &shareTable{
			Count: view.Count(int64(list.Values)), Answer: q.site.answer(list.Answer, 0), None: "None in this time.",
			Heads: []column{{Text: headings[by]}, {Text: "Requests", Class: "num"}, {Text: "%", Class: "num pc"}},
		}
		top := mostRequests(list.Items)
		for _, item := range list.Items {
			row := shareRow{Share: share{Width: view.Width(float64(item.Requests), top)}, Name: view.Visible(named(item.Name, item.Value)), Cells: []cell{{"num", view.Count(item.Requests)}, {"num", view.Share(item.Requests, list.Totals.Requests)}}}
			switch by {
			case query.ByMethod:
				row.Href = addQuery(q.site.Base+"logs", with(logs, "method", item.Value))
			case query.ByAPI:
				row.Href = q.link("apis/"+escape(item.Org)+"/"+escape(item.Value), "range", "from", "to", "compare")
				row.Own = view.Visible(item.Org)
			}
			t.Rows = append(t.Rows, row)
		}
	}
	for i := range t.Rows {
		if code := t.Rows[i].value; by == query.ByCountry && code != "" {
			t.Rows[i].Href = addQuery(q.site.Base+"logs", with(logs, "country", code))
		}
	}
	t.All = nil
	if list.Answer.Exactness == query.Absent && list.Answer.Reason != "" {
		t.None = sentence(list.Answer.Reason)
	}
	return t
}

func with(values url.Values, name, value string) url.Values {
	all := without(values)
	all.Set(name, value)
	return all
}

// sampleTable is some requests.
type sampleTable struct {
	Answer answerText
	Rows   []recordRow
	None   string
}

func (q *request) sampleTable(records []query.Record, a query.Answer, mcp bool) *sampleTable {
	t := &sampleTable{Answer: q.site.answer(a, 0), None: "None in this time."}
	if mcp {
		t.None = noMCPRecords
	}
	if a.Exactness == query.Absent && a.Reason != "" {
		t.None = sentence(a.Reason)
	}
	longest := longestLatency(records)
	for i := range records {
		t.Rows = append(t.Rows, q.recordRow(&records[i], longest, nil))
	}
	return t
}

func (q *request) drillJSON(b *base, p *page, f *figures, lists map[query.Dimension]*future[query.List], samples *future[query.Samples], answers map[string]*query.Answer) {
	out := map[string]any{}
	if traffic := optionalReady(q, f.traffic); traffic != nil {
		answers["totals"] = &traffic.Answer
		out["totals"], out["buckets"] = totals(*traffic, optionalReady(q, f.latency)), bucketsJSON(*traffic, optionalReady(q, f.latency))
	}
	if l := optionalReady(q, f.latency); l != nil {
		answers["latency"] = &l.Answer
		out["latency"] = map[string]any{"totals": l.Totals, "bins": l.Bins}
	}
	for by, list := range lists {
		if l := optionalReady(q, list); l != nil {
			answers[blockOf(by)] = &l.Answer
			out[blockOf(by)] = q.itemsJSON(b, by, l, nil)
		}
	}
	if smp := optionalReady(q, samples); smp != nil {
		answers["samples"] = &smp.Answer
		out["slowest"], out["failed"] = q.recordsJSON(smp.Slowest), q.recordsJSON(smp.Failed)
	}
	out["meta"] = q.meta(b, answers)
	p.json = out
}

// optionalReady is optional of an answer that is there in time.
func optionalReady[T any](q *request, f *future[T]) *T {
	if !f.ready(q) {
		return nil
	}
	return optional(f)
}
