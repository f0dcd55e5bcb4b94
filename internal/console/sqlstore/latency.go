package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// bins count requests by the bin of their latency.
type bins map[int]int64

func (b bins) add(o bins) {
	for bin, n := range o {
		b[bin] += n
	}
}

// percentiles are those of the sketch that has these bins.
func (b bins) percentiles() query.Percentiles {
	order := slices.Sorted(maps.Keys(b))
	var p query.Percentiles
	for _, n := range b {
		p.Requests += n
	}
	if p.Requests == 0 {
		return p
	}
	at := func(q float64) float64 {
		rank, sum := q*float64(p.Requests-1), int64(0)
		for _, bin := range order {
			if sum += b[bin]; float64(sum) > rank {
				return rollup.BinValue(bin)
			}
		}
		return rollup.BinValue(order[len(order)-1])
	}
	p.P50, p.P95, p.P99 = at(0.50), at(0.95), at(0.99)
	return p
}

// valueKey names a value of a dimension.
type valueKey struct{ org, value string }

// latencies are bins by bucket of the chart and by value.
type latencies struct {
	answer  query.Answer
	buckets []bins
	values  map[valueKey]bins
}

// sketched are the dimensions of which latencies are kept.
var sketched = map[string]bool{"apiid": true, "apikeys": true, "apiendpoints": true}

// latencyRows reads latencies of a dimension, of all values that a selection has, or of some; by bucket, too, where that is
// wanted.
func (s *Store) latencyRows(ctx context.Context, k *known, r query.Range, sel *selection, byBucket bool) (*latencies, error) {
	all := newLatencies(r)
	all.answer = query.Answer{Source: query.FromRollups, Exactness: query.Exact, RelativeError: rollup.SketchAccuracy}
	sp := s.spanOf(k, r)
	every, err := s.thin(ctx, k, []string{s.config.Tables.Latency}, sel, sp)
	if err != nil {
		return nil, err
	}
	if sp.every = every[s.config.Tables.Latency]; sp.every > 1 {
		all.answer.Exactness, all.answer.Every = query.Approximate, sp.every
		all.answer.Reason = fmt.Sprintf("there are more than %d rows in this time, so that every %d buckets one was read", mostRollups, sp.every)
	}
	for _, part := range s.parts(k, sp) {
		key := fmt.Sprintf("latencies %v %s %d %v %d %d %d", byBucket, sel.key(), r.From.Unix(), r.Width, part.from, part.to, part.every)
		found, err := cached(ctx, s.cache, key, func(ctx context.Context) (answered[*latencies], error) {
			found, err := s.readLatencies(ctx, k, r, sel, part, byBucket)
			return answered[*latencies]{found, found.size(), s.ttl(part)}, err
		})
		if err != nil {
			return nil, err
		}
		all.add(found)
	}
	return all, nil
}

func newLatencies(r query.Range) *latencies {
	return &latencies{values: map[valueKey]bins{}, buckets: make([]bins, len(r.Buckets()))}
}

// size is about how many bytes they take.
func (l *latencies) size() int64 {
	size := int64(0)
	for _, b := range l.values {
		size += int64(len(b)) + 8
	}
	for _, b := range l.buckets {
		size += int64(len(b)) + 8
	}
	const bin = 48
	return size * bin
}

// add adds those of another part of the time.
func (l *latencies) add(o *latencies) {
	for key, b := range o.values {
		if l.values[key] == nil {
			l.values[key] = make(bins, len(b))
		}
		l.values[key].add(b)
	}
	for i, b := range o.buckets {
		if b != nil && l.buckets[i] == nil {
			l.buckets[i] = make(bins, len(b))
		}
		l.buckets[i].add(b)
	}
	asked(&l.answer, &o.answer)
}

// mostBins is how many rows of latencies one statement gives: more than there are by any estimate.
const mostBins = 4 * mostRollups

// readLatencies reads a part of a span.
func (s *Store) readLatencies(ctx context.Context, k *known, r query.Range, sel *selection, sp span, byBucket bool) (*latencies, error) {
	l := newLatencies(r)
	table := family{table: s.config.Tables.Latency, byAPI: true}
	sp, err := s.locate(ctx, k, sel, sp)
	if err != nil {
		return l, err
	}
	err = s.read(ctx, func(q *session) error {
		defer q.count(&l.answer)
		columns, groups := s.column("timestamp")+", org_id, dimension_value", ""
		packed := s.pack([]string{"bin", "hits"}, nil)
		switch {
		case !byBucket && !s.dialect.packs():
			columns, groups, packed = "0, org_id, dimension_value, bin, sum(hits)", " group by org_id, dimension_value, bin", ""
		case packed != "":
			columns, groups = columns+", "+packed, " group by "+columns
		default:
			columns += ", bin, hits"
		}
		source := "select " + columns + " from "
		apart := byBucket && s.dialect.sets()
		if apart {
			of := [3]string{s.column("timestamp"), "org_id", "dimension_value"}
			source = "select coalesce(at, 0), coalesce(org, ''), coalesce(value, ''), " + packed +
				" from (select " + of[0] + " as at, " + of[1] + " as org, " + of[2] + " as value, bin, sum(hits) as hits from "
			groups = " group by grouping sets ((" + of[0] + ", bin), (" + of[1] + ", " + of[2] + ", bin))) as added group by at, org, value"
		}
		st := newStatement(source + s.dialect.quote(table.table))
		s.where(st, table, sel, sp, k.Bucket).add(groups + fmt.Sprintf(" limit %d", mostBins))
		err := l.read(ctx, q, st, r, packed != "", apart)
		if q.rowsRead >= mostBins {
			l.answer.Exactness, l.answer.Reason = query.Limited, fmt.Sprintf("there are more than %d rows in this time", mostBins)
		}
		return err
	})
	return l, err
}

// read reads rows of one bin each, or of many that are packed. Those that are of a bucket, with all values in it, may come apart from
// those of a value, in all buckets.
func (l *latencies) read(ctx context.Context, q *session, st *statement, r query.Range, packs, apart bool) error {
	var org, value, packed sql.RawBytes
	var last valueKey
	var of bins
	var at int64
	pair := make([]int64, 2)
	places := []any{&at, &org, &value, &packed}
	if !packs {
		places = []any{&at, &org, &value, &pair[0], number{&pair[1]}}
	}
	return q.rows(ctx, st, func(rows *sql.Rows) error {
		if err := rows.Scan(places...); err != nil {
			return err
		}
		if apart && at != 0 {
			of, last = bins{}, valueKey{} // which is counted elsewhere
		} else if of == nil || last == (valueKey{}) || string(org) != last.org || string(value) != last.value {
			last = valueKey{string(org), string(value)}
			if of = l.values[last]; of == nil {
				of = bins{}
				l.values[last] = of
			}
		}
		bucket := bins{}
		if i := r.Bucket(time.Unix(at, 0)); i >= 0 {
			if l.buckets[i] == nil {
				l.buckets[i] = bucket
			}
			bucket = l.buckets[i]
		}
		add := func() {
			of[int(pair[0])] += pair[1]
			bucket[int(pair[0])] += pair[1]
		}
		if packs {
			return unpack(packed, pair, nil, add)
		}
		add()
		return nil
	})
}

// Latency gives percentiles by bucket.
func (s *Store) Latency(ctx context.Context, scope query.Scope) (query.Latency, error) {
	k, err := s.know(ctx)
	if err != nil {
		return query.Latency{}, err
	}
	result := query.Latency{}
	starts := scope.Buckets()
	result.Buckets = make([]query.LatencyBucket, len(starts))
	for i, at := range starts {
		result.Buckets[i] = query.LatencyBucket{At: at, Open: s.open(scope.Range, at)}
	}
	buckets, answer, err := s.binsOf(ctx, k, scope)
	result.Answer = answer
	if err != nil || answer.Exactness == query.Absent {
		return result, err
	}
	all := bins{}
	for i, b := range buckets {
		result.Buckets[i].Percentiles = b.percentiles()
		all.add(b)
	}
	result.Totals = all.percentiles()
	for _, bin := range slices.Sorted(maps.Keys(all)) {
		result.Bins = append(result.Bins, query.LatencyBin{Milliseconds: rollup.BinValue(bin), Requests: all[bin]})
	}
	return result, nil
}

// binsOf gives the bins of each bucket of a scope.
func (s *Store) binsOf(ctx context.Context, k *known, scope query.Scope) ([]bins, query.Answer, error) {
	if s.useRollups(k, scope.Range) {
		sel, ok := selectRollups(scope.Filter, "")
		if ok && sel.dimension == "" {
			sel.dimension = "apiid"
		}
		switch {
		case ok && k.latency && sketched[sel.dimension]:
			l, err := s.latencyRows(ctx, k, scope.Range, &sel, true)
			if err != nil {
				return nil, query.Answer{}, err
			}
			if sel.keep == nil {
				return l.buckets, l.answer, nil
			}
			return s.keptBins(ctx, k, scope.Range, sel, l)
		case ok:
			return nil, query.Answer{
				Source: query.FromNowhere, Exactness: query.Absent,
				Reason: "percentiles are not kept: set latencies: true in tykaggregate and enable latency in the exporter",
			}, nil
		}
	}
	w, err := s.window(ctx, k, scope)
	if err != nil {
		return nil, query.Answer{}, err
	}
	all := make([]bins, len(scope.Buckets()))
	for i := range w.rows {
		if at := scope.Bucket(w.rows[i].at); at >= 0 {
			if all[at] == nil {
				all[at] = bins{}
			}
			all[at][rollup.Bin(w.rows[i].latency)]++
		}
	}
	answer := w.answer
	answer.RelativeError = rollup.SketchAccuracy
	return all, answer, nil
}

// keptBins reads the values that a selection keeps by themselves.
func (s *Store) keptBins(ctx context.Context, k *known, r query.Range, sel selection, l *latencies) ([]bins, query.Answer, error) {
	var values []string
	for key := range l.values {
		item := itemOf(sel.dimension, key.org, key.value)
		if sel.keep(&item) {
			values = append(values, key.value)
		}
	}
	if len(values) == 0 {
		return make([]bins, len(l.buckets)), l.answer, nil
	}
	slices.Sort(values)
	values = slices.Compact(values)
	const most = 200
	sel.keep, sel.prefixes, sel.values = nil, nil, values[:min(len(values), most)]
	kept, err := s.latencyRows(ctx, k, r, &sel, true)
	if err != nil {
		return nil, query.Answer{}, err
	}
	return kept.buckets, kept.answer, nil
}

// quoteJSON is a text as JSON has it in a list.
func quoteJSON(of string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(of) + `"`
}
