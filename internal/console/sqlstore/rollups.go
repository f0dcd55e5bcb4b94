package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
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
	// at are the beginnings of the buckets that there are, where each is looked up by itself.
	at []int64
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
	at := sp.at
	if sp.every > 1 {
		at = nil
		step := int64(width/time.Second) * int64(sp.every)
		for begin := sp.from; begin < sp.to; begin += step {
			at = append(at, begin)
		}
	}
	st.add(" where dimension = ?", sel.dimension)
	if at == nil {
		st.add(" and "+timestamp+" >= ? and "+timestamp+" < ?", sp.from, sp.to)
	} else {
		s.dialect.among(st, timestamp, at)
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

// joined writes numbers with commas between them.
func joined(numbers []int64) string {
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(texts, ", ")
}

// places are about how many buckets are counted to tell how many rows a span has.
const places = 12

// estimates are about how many rows of a dimension each table has in a span, by those of some buckets all over it. They read
// an index only, and no more of it for a long time than for a short one.
func (s *Store) estimates(ctx context.Context, k *known, tables []string, sel *selection, sp span) (map[string]int64, error) {
	width := int64(k.Bucket / time.Second)
	if sel.dimension == "" || width <= 0 {
		return nil, nil // one row a bucket and organisation
	}
	buckets := (sp.to - sp.from) / width
	looked := min(buckets, places)
	// Multiples of the golden ratio are nowhere near to those of a day.
	const golden = 0.6180339887498949
	var at []int64
	for i := range looked {
		place := i
		if looked < buckets {
			_, part := math.Modf(float64(i) * golden)
			place = int64(part * float64(buckets))
		}
		at = append(at, sp.from+place*width)
	}
	if len(at) == 0 {
		return nil, nil
	}
	bare := *sel
	bare.values, bare.prefixes = nil, nil // what is left out is read all the same
	chosen := sp
	chosen.at, chosen.every = at, 1
	where := s.where(newStatement(""), family{}, &bare, chosen, k.Bucket)
	return cached(ctx, s.cache, fmt.Sprintf("estimates %q%s", tables, cacheKey(where)), func(ctx context.Context) (answered[map[string]int64], error) {
		found := map[string]int64{}
		err := s.read(ctx, func(q *session) error {
			for _, table := range tables {
				if !k.tables[table].leads("dimension", "timestamp") {
					continue // an estimate would cost as much as reading them
				}
				st := newStatement("select count(*) from (select 1 from " + s.dialect.quote(table))
				s.where(st, family{}, &bare, chosen, k.Bucket).add(fmt.Sprintf(" limit %d) as counted", mostRollups))
				var n int64
				if err := q.row(ctx, st, &n); err != nil {
					return err
				}
				found[table] = n * buckets / looked
			}
			return nil
		})
		return answered[map[string]int64]{found, int64(64 * len(found)), time.Minute}, err
	})
}

// asked are the tables of the families that a selection asks.
func (k *known) asked(sel *selection) []string {
	var tables []string
	for _, f := range k.families {
		if sel.has(f) {
			tables = append(tables, f.table)
		}
	}
	return tables
}

// thin says for each table of how many buckets one is read, so that rows are not too many.
func (s *Store) thin(ctx context.Context, k *known, tables []string, sel *selection, sp span) (map[string]int, error) {
	every := map[string]int{}
	for _, table := range tables {
		every[table] = 1
	}
	if s.located(k, sel, sp) {
		return every, nil
	}
	rows, err := s.estimates(ctx, k, tables, sel, sp)
	if err != nil {
		return nil, err
	}
	for table, n := range rows {
		if n <= mostRollups {
			continue
		}
		buckets := (sp.to - sp.from) / int64(k.Bucket/time.Second)
		allowed := max(mostRollups*buckets/n, 1)
		every[table] = int((buckets + allowed - 1) / allowed)
	}
	return every, nil
}

// mostPlaces is how many places of an index are looked up one by one, in the stead of reading all that lies between.
const mostPlaces = 20_000

// located tells whether the values that are wanted, and their organisations, are known and few enough for that.
func (s *Store) located(k *known, sel *selection, sp span) bool {
	width, each := int64(k.Bucket/time.Second), int64(len(sel.values)*len(sel.orgs))
	return s.dialect.locates() && sel.dimension != "" && width > 0 && each > 0 && (sp.to-sp.from)/width*each <= mostPlaces
}

// locate finds a span's buckets, where each is looked up by itself.
func (s *Store) locate(ctx context.Context, k *known, sel *selection, sp span) (span, error) {
	if !s.located(k, sel, sp) {
		return sp, nil
	}
	key := fmt.Sprintf("buckets %d %d", sp.from, sp.to)
	at, err := cached(ctx, s.cache, key, func(ctx context.Context) (answered[[]int64], error) {
		found := []int64{}
		err := s.read(ctx, func(q *session) error {
			for _, f := range k.families {
				st := newStatement(fmt.Sprintf("select distinct %s from %s", s.column("timestamp"), s.dialect.quote(f.table)))
				err := q.rows(ctx, s.where(st, f, &selection{}, sp, k.Bucket), func(rows *sql.Rows) error {
					var at int64
					err := rows.Scan(number{&at})
					found = append(found, at)
					return err
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		slices.Sort(found)
		found = slices.Compact(found)
		return answered[[]int64]{found, int64(8 * len(found)), s.ttl(sp)}, err
	})
	if len(at) > 0 {
		sp.at = at
	}
	return sp, err
}

// settled is after how long a bucket rarely changes any more.
const settled = time.Hour

// parts cuts a span that ends now in two, so that what rarely changes is not read each time.
func (s *Store) parts(k *known, sp span) []span {
	const step = int64(time.Hour / time.Second)
	border := s.now().Add(-settled).Unix()
	border -= ((border-sp.from)%step + step) % step
	if border < sp.from+2*step || border >= sp.to || step%max(int64(k.Bucket/time.Second), 1) != 0 {
		return []span{sp}
	}
	first, last := sp, sp
	first.to, first.cut, first.last, last.from = border, 1, 0, border
	return []span{first, last}
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

// rollups reads a selection, added up by a group; a value may come several times.
func (s *Store) rollups(ctx context.Context, k *known, r query.Range, sel *selection, by group) (*rollupRows, error) {
	sp := s.spanOf(k, r)
	all := &rollupRows{answer: query.Answer{Source: query.FromRollups, Exactness: query.Exact}, every: 1}
	every, err := s.thin(ctx, k, k.asked(sel), sel, sp)
	if err != nil {
		return nil, err
	}
	for _, n := range every {
		all.every = max(all.every, n)
	}
	for _, part := range s.parts(k, sp) {
		key := fmt.Sprintf("rollups %v %s %d %d %v %v", by, sel.key(), part.from, part.to, part.cut, every)
		found, err := cached(ctx, s.cache, key, func(ctx context.Context) (answered[*rollupRows], error) {
			found, err := s.readRollups(ctx, k, sel, part, by, every)
			const row = 200
			return answered[*rollupRows]{found, int64(len(found.rows)) * row, s.ttl(part)}, err
		})
		if err != nil {
			return nil, err
		}
		all.rows = append(all.rows, found.rows...)
		asked(&all.answer, &found.answer)
	}
	all.qualify(k, r, sp)
	return all, nil
}

// readRollups reads a part of a span.
func (s *Store) readRollups(ctx context.Context, k *known, sel *selection, sp span, by group, every map[string]int) (*rollupRows, error) {
	found := &rollupRows{}
	sp, err := s.locate(ctx, k, sel, sp)
	if err != nil {
		return found, err
	}
	err = s.read(ctx, func(q *session) error {
		defer q.count(&found.answer)
		for _, f := range k.families {
			if !sel.has(f) {
				continue
			}
			sp.every = every[f.table]
			if err := s.readFamily(ctx, q, k, f, sel, sp, by, found); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// readFamily reads one table.
func (s *Store) readFamily(ctx context.Context, q *session, k *known, f family, sel *selection, sp span, by group, to *rollupRows) error {
	if by == (group{value: true, lean: true}) && s.dialect.packs() {
		return s.readPacked(ctx, q, k, f, sel, sp, to)
	}
	timestamp, org, value := s.column("timestamp"), s.dialect.exact("org_id"), s.dialect.exact("dimension_value")
	columns := []string{"0", "''", "''", "''", "null"}
	var groups []string
	switch {
	case by.bucket:
		columns[0] = timestamp
		groups = append(groups, timestamp)
	case sp.cut != 1: // the last bucket apart from all others
		columns[0] = fmt.Sprintf("case when %s = %d then %d else 0 end", timestamp, sp.last, sp.last)
		groups = append(groups, columns[0])
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
	n := 0
	return q.rows(ctx, st, func(rows *sql.Rows) error {
		v := valued{family: f}
		var raw rawCounts
		var seen instant
		err := rows.Scan(append([]any{number{&v.at}, text{&v.org}, text{&v.value}, text{&v.name}, &seen}, raw.places()...)...)
		if err != nil {
			return err
		}
		v.seen, v.counts = seen.Time, sp.scale(v.at, raw.of(sel.dimension))
		to.rows = append(to.rows, v)
		if n++; n == mostRollups {
			to.answer.Exactness, to.answer.Reason = query.Limited, fmt.Sprintf("there are more than %d rows in this time: choose a shorter one", mostRollups)
		}
		return nil
	})
}

// readPacked reads one table by values, lean, and adds up here what the driver would be slow to give.
func (s *Store) readPacked(ctx context.Context, q *session, k *known, f family, sel *selection, sp span, to *rollupRows) error {
	timestamp := s.column("timestamp")
	st := newStatement("select " + timestamp + ", org_id, " + s.pack([]string{"counter_hits", "counter_success", "counter_error"}, []string{"dimension_value"}) + " from " + s.dialect.quote(f.table))
	s.where(st, f, sel, sp, k.Bucket).add(" group by " + timestamp + ", org_id")
	orgs := map[string]map[string]int{}
	numbers, texts := make([]int64, 3), make([][]byte, 1)
	return q.rows(ctx, st, func(rows *sql.Rows) error {
		var at int64
		var org, packed sql.RawBytes
		if err := rows.Scan(number{&at}, &org, &packed); err != nil {
			return err
		}
		places := orgs[string(org)]
		if places == nil {
			places = map[string]int{}
			orgs[string(org)] = places
		}
		return unpack(packed, numbers, texts, func() {
			q.rowsRead++
			place, ok := places[string(texts[0])]
			if !ok {
				place = len(to.rows)
				places[string(texts[0])] = place
				to.rows = append(to.rows, valued{family: f, org: string(org), value: string(texts[0])})
			}
			raw := rawCounts{hits: numbers[0], success: numbers[1], errors: numbers[2]}
			to.rows[place].counts.Add(sp.scale(at, raw.of(sel.dimension)))
		})
	})
}

// scale gives the counts of a bucket for what was not read.
func (sp *span) scale(at int64, c query.Counts) query.Counts {
	if at == sp.last {
		c = share(c, sp.cut)
	}
	if sp.every > 1 {
		c = c.Scaled(int64(sp.every))
	}
	return c
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

// count says in an answer what was asked.
func (q *session) count(a *query.Answer) {
	a.Statements, a.Took, a.Rows = q.statements, q.took, q.rowsRead
}

// asked adds what another part of an answer asked, and what it lacks.
func asked(to, part *query.Answer) {
	if part.Reason != "" {
		to.Exactness, to.Reason = part.Exactness, part.Reason
	}
	to.Statements += part.Statements
	to.Took += part.Took
	to.Rows += part.Rows
}
