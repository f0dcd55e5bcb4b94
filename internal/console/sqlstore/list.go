package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// rankedByLatency is how many values are ranked by a percentile: those with most requests.
const rankedByLatency = 2000

// itemKey tells items of a dimension apart.
type itemKey struct{ org, api, version, value string }

// mostCourses is how many items of a list get the course of their requests.
const mostCourses = 200

// items are the values of a dimension with what is counted of them.
type items struct {
	list   []query.Item
	raw    map[itemKey]valueKey // their values as rollups write them
	places map[itemKey]int
	sel    *selection // of rollups; nil where they come from records
	rows   *rollupRows
	by     group // of rows
	window *windowRows
	of     query.Dimension
	answer query.Answer
}

// eachRecord calls do for each record that has a value.
func (l *items) eachRecord(do func(itemKey, *record)) {
	for i := range l.window.rows {
		r := &l.window.rows[i]
		if item, ok := r.valueOf(l.of); ok {
			do(keyOf(&item), r)
		}
	}
}

func (l *items) at(key itemKey, first func() query.Item) *query.Item {
	i, ok := l.places[key]
	if !ok {
		i = len(l.list)
		l.places[key] = i
		l.list = append(l.list, first())
	}
	return &l.list[i]
}

// List counts requests by the values of a dimension.
func (s *Store) List(ctx context.Context, scope query.Scope, o query.ListOptions) (query.List, error) {
	k, err := s.know(ctx)
	if err != nil {
		return query.List{}, err
	}
	all, err := s.items(ctx, k, scope, &o)
	if err != nil {
		return query.List{}, err
	}
	result := query.List{Answer: all.answer, Values: len(all.list), Percentiles: query.Answer{Source: query.FromNowhere, Exactness: query.Absent}}
	for i := range all.list {
		result.Totals.Add(all.list[i].Counts)
	}
	list := search(all.list, o.Search, k)
	result.Matching = len(list)
	byLatency := slices.Contains([]string{"p50", "p95", "p99"}, o.Sort)
	if byLatency {
		order(list, query.ListOptions{})
		list = list[:min(len(list), rankedByLatency)]
		if result.Percentiles, err = s.setLatencies(ctx, k, scope, all, list); err != nil {
			return result, err
		}
	}
	order(list, o)
	list = list[min(max(o.Offset, 0), len(list)):]
	if o.Limit > 0 {
		list = list[:min(len(list), o.Limit)]
	}
	result.Items = list
	var asked errgroup.Group // neither waits for the other
	ranked := slices.Clone(list[:min(len(list), rankedByLatency)])
	if o.Percentiles && !byLatency {
		asked.Go(func() (err error) {
			result.Percentiles, err = s.setLatencies(ctx, k, scope, all, ranked)
			return err
		})
	}
	if all.by.lean {
		asked.Go(func() error { return s.setDetails(ctx, k, scope, all, list) })
	}
	if err := asked.Wait(); err != nil {
		return result, err
	}
	for i := range ranked {
		list[i].Latency = ranked[i].Latency
	}
	if o.Courses {
		err = s.setCourses(ctx, k, scope, all, list)
	}
	return result, err
}

// items counts by a dimension. Its values must not be changed.
func (s *Store) items(ctx context.Context, k *known, scope query.Scope, o *query.ListOptions) (*items, error) {
	if s.useRollups(k, scope.Range) {
		if sel, ok := selectRollups(scope.Filter, o.By); ok && k.counts(&sel) {
			by, err := s.grouping(ctx, k, scope.Range, &sel, o)
			if err != nil {
				return nil, err
			}
			return s.itemsOfRollups(ctx, k, scope, &sel, by)
		}
	}
	return s.itemsOfRecords(ctx, k, scope, o.By)
}

// fewRollups are so few rows that all that a list shows is read from them at once.
const fewRollups = 10_000

// grouping says how a list's rows are read. Of many rows of which few are shown, only what ranks them is read at first.
func (s *Store) grouping(ctx context.Context, k *known, r query.Range, sel *selection, o *query.ListOptions) (group, error) {
	estimates, err := s.estimates(ctx, k, k.asked(sel), sel, s.spanOf(k, r))
	if err != nil {
		return group{}, err
	}
	rows := int64(0)
	for _, n := range estimates {
		rows += n
	}
	if rows <= s.fewRollups {
		return group{value: true, bucket: o.Courses}, nil
	}
	lean := o.Limit > 0 && o.Limit <= mostCourses && o.Search == "" && slices.Contains([]string{"", "requests", "errors", "error_share"}, o.Sort)
	return group{value: true, lean: lean}, nil
}

func (s *Store) itemsOfRollups(ctx context.Context, k *known, scope query.Scope, sel *selection, by group) (*items, error) {
	rows, err := s.rollups(ctx, k, scope.Range, sel, by)
	if err != nil {
		return nil, err
	}
	all := &items{raw: map[itemKey]valueKey{}, places: map[itemKey]int{}, sel: sel, rows: rows, by: by, answer: rows.answer}
	for i := range rows.rows {
		row := &rows.rows[i]
		item := itemOf(sel.dimension, row.org, row.value)
		item.Family = row.family.name
		if sel.keep != nil && !sel.keep(&item) || row.counts.Requests == 0 { // as those of TCP APIs
			continue
		}
		if len(all.list) == mostValues {
			all.answer.Exactness, all.answer.Reason = query.Limited, fmt.Sprintf("there are more than %d values: choose a shorter time", mostValues)
			break
		}
		key := itemKey{item.Org, item.API, item.Version, item.Value}
		all.raw[key] = valueKey{row.org, row.value}
		to := all.at(key, func() query.Item { return item })
		to.Add(row.counts)
		if row.seen.After(to.LastSeen) || to.Name == "" {
			to.Name = row.name
		}
		if row.seen.After(to.LastSeen) {
			to.LastSeen = row.seen
		}
	}
	if len(all.list) == 0 && sel.dimension == "apiendpoints" {
		all.answer.Reason = "endpoints are counted where the gateway tracks them, or with track_all_paths in tykaggregate"
	}
	return all, nil
}

// valueOf is the record's value of a dimension; false where it has none.
func (r *record) valueOf(by query.Dimension) (query.Item, bool) {
	item := query.Item{Org: r.org}
	switch by {
	case query.ByOrganisation:
		item.Value = r.org
		return item, true
	case query.ByAPI:
		item.Value, item.Name = r.api, r.name
		return item, r.api != ""
	case query.ByKey:
		item.Value, item.Name = r.key, r.alias
	case query.ByOAuth:
		item.Value = r.oauth
	case query.ByEndpoint:
		item.API, item.APIName, item.Version, item.Value = r.api, r.name, r.version, r.path
	case query.ByCode:
		item.Value = strconv.FormatInt(r.code, 10)
	case query.ByCountry:
		item.Value = r.country
	case query.ByVersion:
		item.API, item.Value = r.api, r.version
	case query.ByMethod:
		item.Value = r.method
	}
	return item, item.Value != ""
}

func (s *Store) itemsOfRecords(ctx context.Context, k *known, scope query.Scope, by query.Dimension) (*items, error) {
	all := &items{places: map[itemKey]int{}, of: by}
	if dimensionsOf[by].family != "" {
		return s.itemsAsked(ctx, k, scope, by)
	}
	if by == query.ByTag {
		all.answer = query.Answer{
			Source: query.FromNowhere, Exactness: query.Absent,
			Reason: "only rollups count this: enable them with tykaggregate and the exporter's tables",
		}
		return all, nil
	}
	w, err := s.window(ctx, k, scope)
	if err != nil {
		return nil, err
	}
	all.window, all.answer = w, w.answer
	for i := range w.rows {
		r := &w.rows[i]
		item, ok := r.valueOf(by)
		if !ok {
			continue
		}
		item.Family = "requests"
		if r.graph {
			item.Family = "graph"
		}
		to := all.at(itemKey{item.Org, item.API, item.Version, item.Value}, func() query.Item { return item })
		to.Add(r.counts())
		if r.at.After(to.LastSeen) {
			to.LastSeen = r.at
			if item.Name != "" {
				to.Name = item.Name
			}
		}
	}
	return all, nil
}

// search keeps the items that contain a text, and names their APIs. It gives a list of its own.
func search(list []query.Item, wanted string, k *known) []query.Item {
	wanted = strings.ToLower(strings.TrimSpace(wanted))
	names := map[[2]string]string{}
	for _, a := range k.APIs {
		names[[2]string{a.Org, a.ID}] = a.Name
	}
	kept := make([]query.Item, 0, len(list))
	for i := range list {
		item := list[i]
		if item.API != "" && item.APIName == "" {
			item.APIName = names[[2]string{item.Org, item.API}]
		}
		has := func(of string) bool { return strings.Contains(strings.ToLower(of), wanted) }
		if wanted == "" || has(item.Value) || has(item.Name) || has(item.API) || has(item.APIName) {
			kept = append(kept, item)
		}
	}
	return kept
}

// order sorts items by a column, the greatest first; those without a figure come last.
func order(list []query.Item, o query.ListOptions) {
	share := func(part, of int64) float64 {
		if of == 0 {
			return -1
		}
		return float64(part) / float64(of)
	}
	latency := func(i *query.Item, of func(*query.Percentiles) float64) float64 {
		if i.Latency == nil {
			return -1
		}
		return of(i.Latency)
	}
	figure := func(i *query.Item) float64 {
		switch o.Sort {
		case "errors":
			return float64(i.Errors())
		case "client_errors":
			return float64(i.ClientErrors)
		case "server_errors":
			return float64(i.ServerErrors)
		case "error_share":
			return share(i.Errors(), i.Requests)
		case "client_error_share":
			return share(i.ClientErrors, i.Requests)
		case "server_error_share":
			return share(i.ServerErrors, i.Requests)
		case "p50":
			return latency(i, func(p *query.Percentiles) float64 { return p.P50 })
		case "p95":
			return latency(i, func(p *query.Percentiles) float64 { return p.P95 })
		case "p99":
			return latency(i, func(p *query.Percentiles) float64 { return p.P99 })
		case "mean":
			return share(i.LatencySum, i.Requests)
		case "last_seen":
			return float64(i.LastSeen.UnixMicro())
		case "name":
			return 0
		}
		return float64(i.Requests)
	}
	slices.SortStableFunc(list, func(a, b query.Item) int {
		by := cmp.Compare(figure(&b), figure(&a))
		if o.Sort == "name" {
			by = cmp.Compare(strings.ToLower(cmp.Or(b.Name, b.Value)), strings.ToLower(cmp.Or(a.Name, a.Value)))
		}
		if o.Rising {
			by = -by
		}
		return cmp.Or(by, cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Org, b.Org), cmp.Compare(a.API, b.API), cmp.Compare(a.Version, b.Version))
	})
}

// setLatencies gives items their percentiles.
func (s *Store) setLatencies(ctx context.Context, k *known, scope query.Scope, all *items, list []query.Item) (query.Answer, error) {
	if len(list) == 0 {
		return all.answer, nil
	}
	if all.window != nil {
		return all.windowLatencies(list), nil
	}
	absent := query.Answer{
		Source: query.FromNowhere, Exactness: query.Absent,
		Reason: "percentiles are not kept: set latencies: true in tykaggregate and enable latency in the exporter",
	}
	if all.sel == nil {
		absent.Reason = "percentiles are not kept of this"
		return absent, nil
	}
	if !k.latency || !sketched[all.sel.dimension] {
		return absent, nil
	}
	sel := *all.sel
	sel.keep = nil
	asChart := sel.dimension == "apiid" && len(sel.values) == 0 // which has all of them, by bucket
	if !asChart {
		sel = all.only(list)
	}
	l, err := s.latencyRows(ctx, k, scope.Range, &sel, asChart)
	if err != nil {
		return absent, err
	}
	for i := range list {
		if b := l.values[all.raw[keyOf(&list[i])]]; b != nil {
			p := b.percentiles()
			list[i].Latency = &p
		}
	}
	return l.answer, nil
}

func keyOf(i *query.Item) itemKey { return itemKey{i.Org, i.API, i.Version, i.Value} }

// only is the selection of some items.
func (l *items) only(list []query.Item) selection {
	sel := *l.sel
	sel.keep, sel.prefixes = nil, nil
	if sel.dimension == "" {
		return sel
	}
	sel.values, sel.orgs = make([]string, len(list)), make([]string, len(list))
	for i := range list {
		raw := l.raw[keyOf(&list[i])]
		sel.values[i], sel.orgs[i] = raw.value, raw.org
	}
	slices.Sort(sel.values)
	slices.Sort(sel.orgs)
	sel.values, sel.orgs = slices.Compact(sel.values), slices.Compact(sel.orgs)
	return sel
}

// windowLatencies gives items of records their percentiles.
func (l *items) windowLatencies(list []query.Item) query.Answer {
	places := make(map[itemKey]bins, len(list))
	for i := range list {
		places[keyOf(&list[i])] = bins{}
	}
	l.eachRecord(func(key itemKey, r *record) {
		if b := places[key]; b != nil {
			b[rollup.Bin(r.latency)]++
		}
	})
	for i := range list {
		p := places[keyOf(&list[i])].percentiles()
		list[i].Latency = &p
	}
	answer := l.answer
	answer.RelativeError = rollup.SketchAccuracy
	return answer
}

// setDetails gives items of lean rows all that rollups have of them.
func (s *Store) setDetails(ctx context.Context, k *known, scope query.Scope, all *items, list []query.Item) error {
	if len(list) == 0 {
		return nil
	}
	sel := all.only(list)
	full, err := s.itemsOfRollups(ctx, k, scope, &sel, group{value: true})
	if err != nil {
		return err
	}
	for i := range list {
		if at, ok := full.places[keyOf(&list[i])]; ok {
			name := list[i].APIName
			list[i] = full.list[at]
			list[i].APIName = name
		}
	}
	return nil
}

// setCourses gives items their requests by bucket.
func (s *Store) setCourses(ctx context.Context, k *known, scope query.Scope, all *items, list []query.Item) error {
	list = list[:min(len(list), mostCourses)]
	places := make(map[itemKey]int, len(list))
	n := len(scope.Buckets())
	for i := range list {
		places[keyOf(&list[i])] = i
		list[i].Course = make([]query.Counts, n)
	}
	add := func(key itemKey, at time.Time, counts query.Counts) {
		i, ok := places[key]
		if bucket := scope.Bucket(at); ok && bucket >= 0 {
			list[i].Course[bucket].Add(counts)
		}
	}
	if all.window != nil {
		all.eachRecord(func(key itemKey, r *record) { add(key, r.at, r.counts()) })
		return nil
	}
	if len(list) == 0 || all.sel == nil {
		return nil
	}
	sel, rows := all.only(list), all.rows
	if !all.by.bucket {
		var err error
		if rows, err = s.rollups(ctx, k, scope.Range, &sel, group{bucket: true, value: true}); err != nil {
			return err
		}
	}
	for i := range rows.rows {
		row := &rows.rows[i]
		item := itemOf(sel.dimension, row.org, row.value)
		add(keyOf(&item), time.Unix(row.at, 0), row.counts)
	}
	return nil
}
