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

// branch is a part of the records that an index gives in the order of time.
type branch struct {
	relation, prefix string // prefix is that of the columns of records
	column           string // empty where time alone is the index
	value            string
}

// segment is branches that are read together. Segments follow each other in time, the newest first.
type segment []branch

// segments finds the branches that hold what a filter asks for, from one time to another.
func (s *Store) segments(k *known, f query.Filter, from, to time.Time) ([]segment, error) {
	table := s.config.Tables.Requests
	switch {
	case !k.Records:
		return nil, &query.Error{
			Code: query.Missing, Text: "records are not stored", Remedy: "enable tables::requests in the exporter, and let the console's role read the table",
		}
	case s.config.Sharded:
		first, last := from.In(s.config.Zone).Format(tyktables.DayForm), to.In(s.config.Zone).Format(tyktables.DayForm)
		var all []segment
		for _, day := range k.days {
			if day >= first && day <= last {
				all = append(all, segment{{relation: relation(table, day)}})
			}
		}
		return all, nil
	}
	var unindexed []string
	for _, driving := range []struct {
		column string
		values []string
	}{{"apikey", f.Keys}, {"apiid", f.APIs}, {"orgid", f.Orgs}} {
		if len(driving.values) == 0 {
			continue
		}
		if k.indexed[driving.column] {
			return branches(table, driving.column, driving.values)
		}
		unindexed = append(unindexed, driving.column)
	}
	switch few := len(k.Organisations) <= maxOrganisations; {
	case k.timed, k.small && (!k.indexed["orgid"] || !few), len(k.Organisations) == 0 && k.indexed["orgid"]:
		return []segment{{{relation: table}}}, nil // in the last case there are no records
	case !k.indexed["orgid"]:
		return nil, s.unindexed(append(unindexed, "orgid"))
	}
	return branches(table, "orgid", k.Organisations)
}

func branches(table, column string, values []string) ([]segment, error) {
	if len(values) > maxOrganisations {
		return nil, &query.Error{
			Code: query.ChooseOrganisation, Text: fmt.Sprintf("the records of more than %d organisations, APIs or keys cannot be read together", maxOrganisations),
			Remedy: "choose an organisation, or make an index that begins with timestamp",
		}
	}
	all := make(segment, len(values))
	for i, v := range values {
		all[i] = branch{relation: table, column: column, value: v}
	}
	return []segment{all}, nil
}

// unindexed refuses to read a whole table.
func (s *Store) unindexed(columns []string) error {
	table := s.config.Tables.Requests
	e := &query.Error{
		Code: query.Unindexed, Text: "the table of records has no index for this, so that it would be read as a whole",
		Remedy: "make the indexes, or let the exporter make them with indexes: true for a new table",
	}
	for _, c := range columns {
		e.Statements = append(e.Statements, s.dialect.index(table+"_idx_"+c+"_ts", table, []string{c, "timestamp"}))
	}
	return e
}

// from begins a statement's part behind the columns: those of a branch, between two times.
func (s *Store) from(st *statement, b branch, from, to time.Time) *statement {
	timestamp := s.column(b.prefix + "timestamp")
	st.add(" from " + s.dialect.quote(b.relation) + " where ")
	if b.column != "" {
		st.add(b.column+" = ? and ", b.value)
		if exact := s.dialect.exact(b.column); exact != b.column {
			st.add(exact+" = ? and ", b.value)
		}
	}
	return st.add(timestamp+" >= ? and "+timestamp+" < ?", s.dialect.bind(from), s.dialect.bind(to))
}

// reach is how far back some records of a segment go: the time, and whether there are more before it.
func (s *Store) reach(ctx context.Context, q *session, seg segment, from, to time.Time, records int) (time.Time, bool, error) {
	offset := max(records/len(seg), 1)
	st := &statement{}
	for i, b := range seg {
		if i > 0 {
			st.add(" union all ")
		}
		timestamp := s.column(b.prefix + "timestamp")
		st.add("select * from (select " + s.dialect.instant(timestamp) + " as floor_at")
		s.from(st, b, from, to)
		st.add(fmt.Sprintf(" order by %s desc limit 1 offset %d) as b%d", timestamp, offset-1, i))
	}
	floor, more := from, false
	err := q.rows(ctx, st, func(rows *sql.Rows) error {
		var at instant
		err := rows.Scan(&at)
		if at.After(floor) {
			floor, more = at.Time, true
		}
		return err
	})
	return floor, more, err
}

// count is how many records a branch has between two times, of so many at most. It reads an index only.
func (s *Store) count(ctx context.Context, q *session, b branch, from, to time.Time, most int) (int, error) {
	st := newStatement("select count(*) from (select 1 as one")
	s.from(st, b, from, to).add(fmt.Sprintf(" limit %d) as counted", most))
	var n int64
	err := q.row(ctx, st, number{&n})
	return int(n), err
}

// record is what figures are made of.
type record struct {
	at                                                                time.Time
	code, latency, upstream                                           int64
	org, api, name, version, key, alias, path, method, country, oauth string
	graph                                                             bool
}

// counts is what the record counts for.
func (r *record) counts() query.Counts {
	const firstSuccess, firstRedirect, firstClientError, firstServerError = 200, 300, 400, 500
	c := query.Counts{Requests: 1, LatencySum: r.latency, UpstreamSum: r.upstream, MaxLatency: r.latency}
	switch {
	case r.code >= firstServerError:
		c.ServerErrors = 1
	case r.code >= firstClientError:
		c.ClientErrors = 1
	case r.code >= firstSuccess && r.code < firstRedirect:
		c.Success = 1
	default:
		c.Other = 1
	}
	return c
}

// windowRows are the newest records of a scope.
type windowRows struct {
	rows   []record
	answer query.Answer
}

// hide marks the buckets that the records do not reach.
func (w *windowRows) hide(buckets []query.Bucket, width time.Duration) {
	if w.answer.Exactness != query.Limited {
		return
	}
	for i := range buckets {
		if !buckets[i].At.Add(width).After(w.answer.BackTo) {
			buckets[i].Unknown = true
		}
	}
}

// recordColumns are what a record is read from.
func (s *Store) recordColumns() string {
	return strings.Join([]string{
		s.dialect.instant(s.column("timestamp")), "responsecode", "latency_total", "latency_upstream", "orgid", "apiid", "api_name", "apiversion",
		"apikey", "alias", "path", "method", "geo_country_iso_code", "oauthid", "graphql_stats_is_graph_ql",
	}, ", ")
}

// sharedFor is how long the newest records of a range that is not over are shared. Reading them costs most of all.
const sharedFor = 5 * time.Second

// window reads the newest records of a scope, at most Config.ScanRows of them. All blocks of a page share
// them.
func (s *Store) window(ctx context.Context, k *known, scope query.Scope) (*windowRows, error) {
	ttl := s.ttl(span{to: scope.To.Unix()})
	if ttl == openFor { // so that whoever looks a second later shares them, too
		scope.To, ttl = scope.To.Add(sharedFor-1).Truncate(sharedFor), sharedFor
	}
	key := fmt.Sprintf("window %d %d %q", scope.From.UnixMicro(), scope.To.UnixMicro(), fmt.Sprint(scope.Filter))
	return cached(ctx, s.cache, key, func(ctx context.Context) (answered[*windowRows], error) {
		w := &windowRows{answer: query.Answer{Source: query.FromRecords, Exactness: query.Exact}}
		segments, err := s.segments(k, scope.Filter, scope.From, scope.To)
		if err != nil {
			return answered[*windowRows]{}, err
		}
		err = s.read(ctx, func(q *session) error {
			err := s.walk(ctx, q, segments, scope.From, scope.To, s.config.ScanRows, func(seg segment, floor, to time.Time) error {
				return s.readRecords(ctx, q, seg, scope.Filter, floor, to, w)
			}, &w.answer)
			w.answer.Statements, w.answer.Took = q.statements, q.took
			return err
		})
		const row = 160
		return answered[*windowRows]{w, int64(len(w.rows)) * row, ttl}, err
	})
}

// walk calls do for each segment with how far back it is read, until so many records are read, and says in
// the answer how far that was.
func (s *Store) walk(ctx context.Context, q *session, segments []segment, from, to time.Time, records int, do func(seg segment, floor, to time.Time) error, a *query.Answer) error {
	left := records
	for i, seg := range segments {
		floor, more, err := s.reach(ctx, q, seg, from, to, left)
		if err != nil {
			return err
		}
		if err := do(seg, floor, to); err != nil {
			return err
		}
		if more {
			a.Rows = int64(records)
			a.Exactness, a.BackTo = query.Limited, floor
			a.Reason = fmt.Sprintf("the newest %d records were read: enable aggregated in the exporter for figures of all", records)
			return nil
		}
		if len(segments) == 1 {
			return nil
		}
		n, err := s.count(ctx, q, seg[0], from, to, left)
		if err != nil {
			return err
		}
		a.Rows += int64(n)
		if left -= n; left <= 0 && i < len(segments)-1 {
			a.Exactness, a.BackTo = query.Limited, floor
			return nil
		}
	}
	return nil
}

func (s *Store) readRecords(ctx context.Context, q *session, seg segment, f query.Filter, from, to time.Time, w *windowRows) error {
	same := map[string]string{} // texts, each once
	for _, b := range seg {
		st := newStatement("select " + s.recordColumns())
		s.from(st, b, from, to).add(" and responsecode <> -1")
		s.conditions(st, f, b, false)
		st.add(fmt.Sprintf(" limit %d", 2*s.config.ScanRows)) // of which there are fewer, unless many are of one instant
		err := q.rows(ctx, st, func(rows *sql.Rows) error {
			var r record
			var at instant
			var graph int64
			texts := []*string{&r.org, &r.api, &r.name, &r.version, &r.key, &r.alias, &r.path, &r.method, &r.country, &r.oauth}
			places := []any{&at, number{&r.code}, number{&r.latency}, number{&r.upstream}}
			for _, t := range texts {
				places = append(places, text{t})
			}
			if err := rows.Scan(append(places, number{&graph})...); err != nil {
				return err
			}
			for _, t := range texts {
				if known, ok := same[*t]; ok {
					*t = known
				} else {
					same[*t] = *t
				}
			}
			r.at, r.graph = at.Time, graph != 0
			w.rows = append(w.rows, r)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// reaches tells whether the records of a scope are few enough to be read whole.
func (s *Store) reaches(ctx context.Context, k *known, scope query.Scope) (bool, error) {
	key := fmt.Sprintf("reaches %d %d %q", scope.From.UnixMicro(), scope.To.UnixMicro(), fmt.Sprint(scope.Filter))
	return cached(ctx, s.cache, key, func(ctx context.Context) (answered[bool], error) {
		segments, err := s.segments(k, scope.Filter, scope.From, scope.To)
		if err != nil {
			return answered[bool]{}, err
		}
		var a query.Answer
		err = s.read(ctx, func(q *session) error {
			return s.walk(ctx, q, segments, scope.From, scope.To, s.config.ScanRows, func(segment, time.Time, time.Time) error { return nil }, &a)
		})
		return answered[bool]{a.Exactness != query.Limited, 1, openFor}, err
	})
}

// conditions adds a filter, but for what the branch says already.
func (s *Store) conditions(st *statement, f query.Filter, b branch, bothPaths bool) {
	for _, c := range []struct {
		column string
		values []string
	}{
		{"orgid", f.Orgs},
		{"apiid", f.APIs},
		{"apikey", f.Keys},
		{"method", f.Methods},
		{"geo_country_iso_code", f.Countries},
		{"oauthid", f.OAuth},
		{"apiversion", f.Versions},
	} {
		if c.column != b.column || len(c.values) == 0 {
			st.in(s.dialect.exact(c.column), c.values)
		}
	}
	s.statuses(st, f.Status)
	if len(f.Paths) > 0 {
		st.add(" and (1 = 0")
		for _, p := range f.Paths {
			s.path(st, "path", p)
			if bothPaths {
				s.path(st, "originalpath", p)
			}
		}
		st.add(")")
	}
	if len(f.Tags) > 0 {
		st.add(" and (1 = 0")
		for _, t := range f.Tags {
			st.add(" or tags like ? escape '!'", "%"+escapeLike(quoteJSON(t))+"%")
		}
		st.add(")")
	}
}

func (*Store) statuses(st *statement, ranges []query.StatusRange) {
	if len(ranges) == 0 {
		return
	}
	st.add(" and (1 = 0")
	for _, r := range ranges {
		st.add(" or responsecode between ? and ?", r.First, r.Last)
	}
	st.add(")")
}

func (s *Store) path(st *statement, column, pattern string) {
	column = s.dialect.exact(column)
	if !strings.Contains(pattern, "*") {
		st.add(" or "+column+" = ?", pattern)
		return
	}
	st.add(" or "+column+" like ? escape '!'", strings.ReplaceAll(escapeLike(pattern), "*", "%"))
}

// Samples gives the slowest and the newest failed requests among the newest of a scope.
func (s *Store) Samples(ctx context.Context, scope query.Scope, limit int) (query.Samples, error) {
	k, err := s.know(ctx)
	if err != nil {
		return query.Samples{}, err
	}
	limit = min(max(limit, 1), 50)
	result := query.Samples{Answer: query.Answer{Source: query.FromRecords, Exactness: query.Exact}}
	segments, err := s.segments(k, scope.Filter, scope.From, scope.To)
	if err != nil {
		return result, err
	}
	err = s.read(ctx, func(q *session) error {
		err := s.walk(ctx, q, segments, scope.From, scope.To, s.config.ScanRows, func(seg segment, floor, to time.Time) error {
			for _, b := range seg {
				of := func(more, order string) ([]query.Record, error) {
					st := newStatement("select " + s.listColumns())
					s.from(st, b, floor, to).add(" and responsecode <> -1" + more)
					s.conditions(st, scope.Filter, b, false)
					return s.records(ctx, q, st.add(" order by "+order+" desc limit "+strconv.Itoa(limit)))
				}
				slow, err := of("", "latency_total")
				if err != nil {
					return err
				}
				failed, err := of(" and responsecode >= 500", s.column("timestamp"))
				if err != nil {
					return err
				}
				result.Slowest, result.Failed = append(result.Slowest, slow...), append(result.Failed, failed...)
			}
			return nil
		}, &result.Answer)
		result.Answer.Statements, result.Answer.Took = q.statements, q.took
		return err
	})
	slices.SortStableFunc(result.Slowest, func(a, b query.Record) int { return int(b.Latency.Total - a.Latency.Total) })
	slices.SortStableFunc(result.Failed, func(a, b query.Record) int { return a.Ref.Compare(b.Ref.Cursor) })
	result.Slowest = result.Slowest[:min(len(result.Slowest), limit)]
	result.Failed = result.Failed[:min(len(result.Failed), limit)]
	return result, err
}
