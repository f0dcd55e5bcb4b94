package pages

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

type metaJSON struct {
	From          time.Time                `json:"from"`
	To            time.Time                `json:"to"`
	BucketSeconds float64                  `json:"bucket_seconds"`
	CompleteTo    time.Time                `json:"complete_to,omitzero"`
	Compare       *compareJSON             `json:"compare,omitempty"`
	MadeAt        time.Time                `json:"made_at"`
	TookMS        int64                    `json:"took_ms"`
	Blocks        map[string]*query.Answer `json:"blocks,omitempty"`
}

type compareJSON struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (q *request) meta(b *base, answers map[string]*query.Answer) metaJSON {
	m := metaJSON{
		From: b.scope.From.UTC(), To: b.scope.To.UTC(), BucketSeconds: b.scope.Width.Seconds(), MadeAt: q.now, TookMS: q.site.Now().Sub(q.now).Milliseconds(), Blocks: answers,
		CompleteTo: q.site.watches.completeTo(),
	}
	if b.compared {
		m.Compare = &compareJSON{b.before.From.UTC(), b.before.To.UTC()}
	}
	return m
}

// itemJSON is a value of a list; keys are masked as everywhere.
type itemJSON struct {
	query.Item
	Ref     string        `json:"ref,omitempty"`
	Before  *query.Counts `json:"before,omitempty"`
	Buckets []int64       `json:"buckets,omitempty"`
}

func (q *request) itemsJSON(b *base, by query.Dimension, list, before *query.List) []itemJSON {
	was := byKey(before)
	all := []itemJSON{}
	if list == nil {
		return all
	}
	for _, item := range list.Items {
		j := itemJSON{Item: item}
		if before != nil {
			old := was[itemKey(item)].Counts
			j.Before = &old
		}
		for _, c := range item.Course {
			j.Buckets = append(j.Buckets, c.Requests)
		}
		switch by {
		case query.ByKey:
			if !hasNoKey(item.Value) && item.Value != query.OtherValue {
				j.Ref, j.Value = b.store.KeyRef(item.Value), q.site.keyText(item.Value)
			}
		case query.ByOAuth:
			if q.site.Keys != "shown" {
				j.Value = view.Middle(item.Value, 4, 4)
			}
		case query.ByEndpoint:
			j.Value = pathText(item.Value)
		}
		all = append(all, j)
	}
	return all
}

// bucketJSON is a bucket's counts and percentiles.
type bucketJSON struct {
	query.Bucket
	P50 *float64 `json:"p50_ms,omitempty"`
	P95 *float64 `json:"p95_ms,omitempty"`
	P99 *float64 `json:"p99_ms,omitempty"`
}

func bucketsJSON(traffic query.Traffic, latency *query.Latency) []bucketJSON {
	all := []bucketJSON{}
	for i, bucket := range traffic.Buckets {
		j := bucketJSON{Bucket: bucket}
		if latency != nil && i < len(latency.Buckets) && latency.Buckets[i].Requests > 0 {
			p := latency.Buckets[i].Percentiles
			j.P50, j.P95, j.P99 = &p.P50, &p.P95, &p.P99
		}
		all = append(all, j)
	}
	return all
}

type totalsJSON struct {
	query.Counts
	P50 *float64 `json:"p50_ms,omitempty"`
	P95 *float64 `json:"p95_ms,omitempty"`
	P99 *float64 `json:"p99_ms,omitempty"`
}

func totals(traffic query.Traffic, latency *query.Latency) totalsJSON {
	t := totalsJSON{Counts: traffic.Totals}
	if latency != nil && latency.Totals.Requests > 0 {
		t.P50, t.P95, t.P99 = &latency.Totals.P50, &latency.Totals.P95, &latency.Totals.P99
	}
	return t
}

func (q *request) overviewJSON(b *base, f *figures, answers map[string]*query.Answer, apis, apisBefore, codes, keys, endpoints, countries *future[query.List]) map[string]any {
	if q.form != formJSON {
		return nil
	}
	out := map[string]any{"meta": q.meta(b, answers)}
	failed := map[string]string{}
	put := func(name string, by query.Dimension, list, before *future[query.List]) {
		switch {
		case list == nil:
		case list.err() != nil:
			failed[name] = codeOf(list.err())
		default:
			out[name] = q.itemsJSON(b, by, optional(list), optional(before))
		}
	}
	put("apis", query.ByAPI, apis, apisBefore)
	put("codes", query.ByCode, codes, nil)
	put("keys", query.ByKey, keys, nil)
	put("endpoints", query.ByEndpoint, endpoints, nil)
	put("countries", query.ByCountry, countries, nil)
	if f.traffic != nil && f.traffic.err() == nil {
		out["totals"], out["buckets"] = totals(f.traffic.value(), optional(f.latency)), bucketsJSON(f.traffic.value(), optional(f.latency))
		if before := optional(f.trafficBefore); before != nil {
			out["before"] = totals(*before, optional(f.latencyBefore))
		}
	} else if f.traffic != nil {
		failed["totals"] = codeOf(f.traffic.err())
	}
	if f.latency != nil && f.latency.err() != nil {
		failed["latency"] = codeOf(f.latency.err())
	}
	if len(failed) > 0 {
		out["failed"] = failed
	}
	return out
}

// safeCell keeps a spreadsheet from taking a text for a formula.
func safeCell(text string) string {
	if text != "" {
		switch text[0] {
		case '=', '+', '-', '@', '\t', '\r':
			return "'" + text
		}
	}
	return text
}

// table is rows as CSV and as plain HTML.
type table struct {
	Title, Caption, Back string
	Heads                []string
	Rows                 [][]string
}

func (t *table) csv(w http.ResponseWriter) error {
	out := csv.NewWriter(w)
	if err := out.Write(t.Heads); err != nil {
		return fmt.Errorf("write the table's head: %w", err)
	}
	for _, row := range t.Rows {
		safe := make([]string, len(row))
		for i, text := range row {
			safe[i] = safeCell(text)
		}
		if err := out.Write(safe); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}

func (f *figures) table(zone *time.Location) *table {
	t := &table{Heads: []string{"from", "requests", "success", "other", "client_errors", "server_errors", "p50_ms", "p95_ms", "p99_ms"}}
	latency := optional(f.latency)
	for _, j := range bucketsJSON(f.traffic.value(), latency) {
		number := func(p *float64) string {
			if p == nil {
				return ""
			}
			return strconv.FormatFloat(*p, 'f', 1, 64)
		}
		count := func(n int64) string {
			if j.Unknown {
				return ""
			}
			return strconv.FormatInt(n, 10)
		}
		t.Rows = append(t.Rows, []string{
			j.At.In(zone).Format(time.RFC3339), count(j.Requests), count(j.Success), count(j.Other), count(j.ClientErrors), count(j.ServerErrors), number(j.P50), number(j.P95), number(j.P99),
		})
	}
	return t
}

func (q *request) bucketsCSV(f *figures) func(http.ResponseWriter) error {
	if f.traffic == nil || !f.traffic.ready(q) || f.traffic.err() != nil {
		return nil
	}
	f.latency.ready(q)
	return f.table(time.UTC).csv
}

// chartTable is a page with a chart's figures as a table.
func (q *request) chartTable(p *page, name string, b *base, f *figures) (*page, error) {
	if _, err := f.traffic.must(q); err != nil {
		return nil, err
	}
	_, _ = f.latency.must(q)
	t := f.table(q.site.Zone)
	keep := map[string][]int{"requests": {0, 1, 2, 3, 4, 5}, "errors": {0, 1, 4, 5}, "latency": {0, 6, 7, 8}}[name]
	if keep == nil {
		return nil, badRequest("There is no such table", "table is requests, errors or latency.")
	}
	pick := func(row []string) []string {
		var some []string
		for _, i := range keep {
			some = append(some, row[i])
		}
		return some
	}
	t.Heads = pick(t.Heads)
	for i, row := range t.Rows {
		t.Rows[i] = pick(row)
	}
	t.Title, t.Caption, t.Back = map[string]string{"requests": "Requests", "errors": "Errors", "latency": "Latency"}[name], q.site.spanOf(b.scope.From, b.scope.To), q.here(map[string]string{"table": ""})
	p.template, p.title, p.data = "table", t.Title, t
	return p, nil
}
