package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/tyktables"
)

const (
	// mostRollups is how many rows of rollups one statement reads.
	mostRollups = 200_000
	// mostValues is how many values a list has.
	mostValues = 100_000
)

// span is a range as rollups have it: whole buckets.
type span struct {
	from, to int64 // Unix seconds
	every    int   // 4 where only every 4th bucket is read
	// cut is the share of the last bucket that the range has, where that bucket is over but the range
	// ends within it; 1 otherwise.
	cut float64
	// last is the beginning of the last bucket.
	last int64
}

// spanOf finds the buckets of a range. The one that the range ends in is read whole.
func (s *Store) spanOf(k *known, r query.Range) span {
	width := int64(k.Bucket / time.Second)
	sp := span{from: r.From.Unix(), to: r.To.Unix(), every: 1, cut: 1}
	if width <= 0 {
		return sp
	}
	if over := (sp.to - sp.from) % width; over != 0 {
		sp.to += width - over
		if sp.last = sp.to - width; sp.to <= s.now().Unix() {
			sp.cut = float64(over) / float64(width)
		}
	}
	return sp
}

// where adds the conditions of a selection.
func (s *Store) where(st *statement, f family, sel *selection, sp span, width time.Duration) *statement {
	timestamp := s.column("timestamp")
	st.add(" where dimension = ? and "+timestamp+" >= ? and "+timestamp+" < ?", sel.dimension, sp.from, sp.to)
	if sp.every > 1 {
		var chosen []string
		step := int64(width/time.Second) * int64(sp.every)
		for at := sp.from; at < sp.to; at += step {
			chosen = append(chosen, strconv.FormatInt(at, 10))
		}
		st.add(" and " + timestamp + " in (" + strings.Join(chosen, ", ") + ")")
	}
	st.in("org_id", sel.orgs).in("dimension_value", sel.values)
	if f.byAPI {
		st.in("api_id", sel.apis)
	}
	if len(sel.prefixes) > 0 {
		st.add(" and (1 = 0")
		for _, p := range sel.prefixes {
			st.add(" or substr(dimension_value, 1, "+strconv.Itoa(len([]rune(p)))+") = ?", p)
		}
		st.add(")")
	}
	return st
}

// has tells whether a selection asks a family.
func (sel *selection) has(f family) bool {
	return (len(sel.families) == 0 || slices.Contains(sel.families, f.name)) && (len(sel.apis) == 0 || f.byAPI)
}

// thin has a span read so few buckets that its rows are not too many. The count reads an index only.
func (s *Store) thin(ctx context.Context, q *session, k *known, f family, sel *selection, sp span) (span, error) {
	if sel.dimension == "" {
		return sp, nil // one row a bucket and organisation
	}
	bare := *sel
	bare.values, bare.prefixes = nil, nil // what is left out is read all the same
	count := func(sp span, most int) (int64, error) {
		st := newStatement("select count(*) from (select 1 from " + s.dialect.quote(f.table))
		s.where(st, family{}, &bare, sp, k.Bucket).add(fmt.Sprintf(" limit %d) as counted", most))
		key := "count " + f.table + cacheKey(st)
		return cached(ctx, s.cache, key, func(ctx context.Context) (answered[int64], error) {
			var n int64
			err := q.row(ctx, st, &n)
			return answered[int64]{n, 16, time.Minute}, err
		})
	}
	n, err := count(sp, mostRollups+1)
	if err != nil || n <= mostRollups {
		return sp, err
	}
	// The buckets of some places in the range tell how many rows one has.
	const places = 8
	width := int64(k.Bucket / time.Second)
	buckets := (sp.to - sp.from) / width
	rows, looked := int64(0), int64(0)
	for i := range int64(places) {
		at := sp.from + buckets*i/places*width
		n, err := count(span{from: at, to: at + width, every: 1}, mostRollups+1)
		if err != nil {
			return sp, err
		}
		rows += n
		looked++
	}
	mean := max(rows/looked, mostRollups/buckets, 1)
	allowed := max(mostRollups/mean, 1)
	sp.every = int((buckets + allowed - 1) / allowed)
	return sp, nil
}

// cacheKey tells statements apart.
func cacheKey(st *statement) string { return st.text.String() + fmt.Sprintf(" %q", st.args) }

// leanColumns are counted where many values are looked at of which few are shown: an index can have them.
const leanColumns = "sum(counter_hits), sum(counter_success), sum(counter_error), 0, 0, 0, 0, 0"

// countColumns are all that are counted. Only GraphQL's dimensions have errors that are of no status.
func countColumns(dimension string) string {
	class := func(digit string) string {
		var columns []string
		for _, code := range tyktables.StatusCodes {
			if strings.HasPrefix(code, digit) {
				columns = append(columns, "coalesce(code_"+code+", 0)")
			}
		}
		return strings.Join(columns, " + ")
	}
	server := "0"
	if slices.Contains(graphDimensions, dimension) {
		server = "sum(" + class("5") + ")"
	}
	return "sum(counter_hits), sum(counter_success), sum(counter_error), sum(" + class("4") + "), " + server +
		", sum(counter_total_latency), sum(counter_total_upstream_latency), max(counter_max_latency)"
}

// rawCounts is what countColumns gives.
type rawCounts struct{ hits, success, errors, client, server, latency, upstream, most int64 }

func (c *rawCounts) places() []any {
	return []any{
		number{&c.hits},
		number{&c.success},
		number{&c.errors},
		number{&c.client},
		number{&c.server},
		number{&c.latency},
		number{&c.upstream},
		number{&c.most},
	}
}

// graphDimensions are those in which an answer with errors is an error whatever its status.
var graphDimensions = []string{"types", "fields", "operation", "rootfields"}

// of makes counts. Not every status of an error has a column of its own, or of its first digit.
func (c *rawCounts) of(dimension string) query.Counts {
	n := query.Counts{
		Requests: c.hits, Success: c.success, ClientErrors: c.client, ServerErrors: max(c.errors-c.client, 0),
		LatencySum: c.latency, UpstreamSum: c.upstream, MaxLatency: c.most,
	}
	if slices.Contains(graphDimensions, dimension) {
		n.ServerErrors, n.GraphErrors = c.server, max(c.errors-c.client-c.server, 0)
	}
	n.Other = max(c.hits-c.success-n.Errors(), 0)
	return n
}

// share are the counts of a part of a bucket.
func share(c query.Counts, of float64) query.Counts {
	if of == 1 {
		return c
	}
	part := func(n int64) int64 { return int64(float64(n)*of + 0.5) }
	p := query.Counts{
		Requests: part(c.Requests), Success: part(c.Success), ClientErrors: part(c.ClientErrors), ServerErrors: part(c.ServerErrors),
		GraphErrors: part(c.GraphErrors), LatencySum: part(c.LatencySum), UpstreamSum: part(c.UpstreamSum), MaxLatency: c.MaxLatency,
	}
	p.Other = max(p.Requests-p.Success-p.Errors(), 0)
	return p
}

// valued is what rollups count of one value, or of one bucket of it.
type valued struct {
	at     int64
	family family
	org    string
	value  string
	name   string
	seen   time.Time
	counts query.Counts
}

// rollupRows are rows of rollups with how they were read.
type rollupRows struct {
	rows   []valued
	answer query.Answer
	every  int
}

// group is by what rows of rollups are added up. Lean ones have requests, successes and errors only, the latter
// as errors of servers.
type group struct{ bucket, value, lean bool }

// rollups reads a selection, added up by a group.
func (s *Store) rollups(ctx context.Context, k *known, r query.Range, sel *selection, by group) (*rollupRows, error) {
	sp := s.spanOf(k, r)
	key := fmt.Sprintf("rollups %v %q %d %d %v", by, []any{sel.dimension, sel.values, sel.prefixes, sel.families, sel.orgs, sel.apis}, sp.from, sp.to, sp.cut)
	return cached(ctx, s.cache, key, func(ctx context.Context) (answered[*rollupRows], error) {
		result := &rollupRows{answer: query.Answer{Source: query.FromRollups, Exactness: query.Exact}, every: 1}
		err := s.read(ctx, func(q *session) error {
			defer func() {
				result.answer.Statements, result.answer.Took, result.answer.Rows = q.statements, q.took, q.rowsRead
			}()
			for _, f := range k.families {
				if !sel.has(f) {
					continue
				}
				thinned, err := s.thin(ctx, q, k, f, sel, sp)
				if err != nil {
					return err
				}
				if err := s.readFamily(ctx, q, k, f, sel, thinned, by, result); err != nil {
					return err
				}
				result.every = max(result.every, thinned.every)
			}
			return nil
		})
		result.qualify(k, r, sp)
		const row = 200
		return answered[*rollupRows]{result, int64(len(result.rows)) * row, s.ttl(sp)}, err
	})
}

// readFamily reads one table.
func (s *Store) readFamily(ctx context.Context, q *session, k *known, f family, sel *selection, sp span, by group, to *rollupRows) error {
	timestamp, org, value := s.column("timestamp"), s.dialect.exact("org_id"), s.dialect.exact("dimension_value")
	columns := []string{"0", "''", "''", "''", "null"}
	var groups []string
	if by.bucket || sp.cut != 1 {
		columns[0] = timestamp
		groups = append(groups, timestamp)
	}
	if by.value {
		columns[1], columns[2] = org, value
		groups = append(groups, org, value)
		if !by.lean {
			columns[3], columns[4] = "max(counter_human_identifier)", "max("+s.dialect.instant("counter_last_time")+")"
		}
	}
	counts := leanColumns
	if !by.lean {
		counts = countColumns(sel.dimension)
	}
	st := newStatement("select " + strings.Join(columns, ", ") + ", " + counts + " from " + s.dialect.quote(f.table))
	s.where(st, f, sel, sp, k.Bucket)
	if len(groups) > 0 {
		st.add(" group by " + strings.Join(groups, ", "))
	}
	st.add(fmt.Sprintf(" limit %d", mostRollups))
	return q.rows(ctx, st, func(rows *sql.Rows) error {
		v := valued{family: f}
		var raw rawCounts
		var seen instant
		err := rows.Scan(append([]any{number{&v.at}, text{&v.org}, text{&v.value}, text{&v.name}, &seen}, raw.places()...)...)
		if err != nil {
			return err
		}
		v.seen, v.counts = seen.Time, raw.of(sel.dimension)
		if v.at == sp.last {
			v.counts = share(v.counts, sp.cut)
		}
		if sp.every > 1 {
			v.counts = v.counts.Scaled(int64(sp.every))
		}
		to.rows = append(to.rows, v)
		return nil
	})
}

// qualify says how exact the rows are.
func (rr *rollupRows) qualify(k *known, r query.Range, sp span) {
	a := &rr.answer
	switch {
	case rr.every > 1:
		a.Exactness, a.Every = query.Approximate, rr.every
		a.Reason = fmt.Sprintf("there are more than %d rows in this time, so that every %d buckets one was read: choose a shorter time to have them all", mostRollups, rr.every)
	case sp.cut != 1:
		a.Exactness = query.Approximate
		a.Reason = fmt.Sprintf("the last bucket is of %s, and the time ends within it: its share was counted", k.Bucket)
	}
	if r.From.Before(k.OldestRollup) && !k.OldestRecord.IsZero() && k.OldestRecord.Before(k.OldestRollup) {
		a.Exactness, a.BackTo = query.Limited, k.OldestRollup
		a.Reason = "rollups begin later than this time"
	}
}

// How long answers hold.
const (
	openFor    = 2 * time.Second  // of a bucket that is not over
	closedFor  = time.Minute      // of one to which a replay can still add
	earlierFor = 10 * time.Minute // of a period before
)

// ttl is how long an answer of some buckets holds.
func (s *Store) ttl(sp span) time.Duration {
	switch age := s.now().Sub(time.Unix(sp.to, 0)); {
	case age > 6*time.Hour:
		return earlierFor
	case age > time.Hour:
		return closedFor
	}
	return openFor
}
