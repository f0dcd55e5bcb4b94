package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// field is a column of a record as pages show it, but for times and bodies.
type field struct {
	column string
	text   func(*query.Record) *string
	number func(*query.Record) *int64
	json   func(*query.Record) any
}

func textField(column string, of func(*query.Record) *string) field {
	return field{column: column, text: of}
}

func numberField(column string, of func(*query.Record) *int64) field {
	return field{column: column, number: of}
}

// fields are read for lists of records. A record's hash is of them, and of the sizes of its bodies.
var fields = []field{
	textField("method", func(r *query.Record) *string { return &r.Method }),
	textField("host", func(r *query.Record) *string { return &r.Host }),
	textField("path", func(r *query.Record) *string { return &r.Path }),
	textField("rawpath", func(r *query.Record) *string { return &r.RawPath }),
	numberField("contentlength", func(r *query.Record) *int64 { return &r.ContentLength }),
	textField("useragent", func(r *query.Record) *string { return &r.UserAgent }),
	numberField("responsecode", func(r *query.Record) *int64 { return &r.ResponseCode }),
	textField("apikey", func(r *query.Record) *string { return &r.APIKey }),
	textField("apiversion", func(r *query.Record) *string { return &r.APIVersion }),
	textField("api_name", func(r *query.Record) *string { return &r.APIName }),
	textField("apiid", func(r *query.Record) *string { return &r.APIID }),
	textField("orgid", func(r *query.Record) *string { return &r.OrgID }),
	textField("oauthid", func(r *query.Record) *string { return &r.OauthID }),
	numberField("requesttime", func(r *query.Record) *int64 { return &r.RequestTime }),
	textField("ipaddress", func(r *query.Record) *string { return &r.IPAddress }),
	textField("geo_country_iso_code", func(r *query.Record) *string { return &r.Geo.CountryISOCode }),
	{column: "geo_city_names", json: func(r *query.Record) any { return &r.Geo.CityNames }},
	numberField("network_open_connections", func(r *query.Record) *int64 { return &r.Network.OpenConnections }),
	numberField("network_closed_connections", func(r *query.Record) *int64 { return &r.Network.ClosedConnections }),
	numberField("network_bytes_in", func(r *query.Record) *int64 { return &r.Network.BytesIn }),
	numberField("network_bytes_out", func(r *query.Record) *int64 { return &r.Network.BytesOut }),
	numberField("latency_total", func(r *query.Record) *int64 { return &r.Latency.Total }),
	numberField("latency_upstream", func(r *query.Record) *int64 { return &r.Latency.Upstream }),
	numberField("latency_gateway", func(r *query.Record) *int64 { return &r.Latency.Gateway }),
	{column: "tags", json: func(r *query.Record) any { return &r.Tags }},
	textField("alias", func(r *query.Record) *string { return &r.Alias }),
	textField("originalpath", func(r *query.Record) *string { return &r.OriginalPath }),
	textField("listenpath", func(r *query.Record) *string { return &r.ListenPath }),
	textField("graphql_stats_variables", func(r *query.Record) *string { return &r.GraphQL.Variables }),
	{column: "graphql_stats_root_fields", json: func(r *query.Record) any { return &r.GraphQL.RootFields }},
	{column: "graphql_stats_types", json: func(r *query.Record) any { return &r.GraphQL.Types }},
	{column: "graphql_stats_errors", json: func(r *query.Record) any { return &r.GraphQL.Errors }},
}

// listColumns are what records are read from; bodies are only measured.
func (s *Store) listColumns() string {
	columns := []string{
		s.dialect.instant(s.column("timestamp")), s.dialect.instant(s.column("expireAt")), "trackpath",
		"graphql_stats_operation_type", "graphql_stats_has_errors", "graphql_stats_is_graph_ql",
		s.dialect.size("rawrequest"), s.dialect.size("rawresponse"),
	}
	for i := range fields {
		columns = append(columns, fields[i].column)
	}
	return strings.Join(columns, ", ")
}

// scanRecord reads what listColumns select, and more behind it.
func scanRecord(rows *sql.Rows, more ...any) (query.Record, error) {
	var r query.Record
	var at, expires instant
	var track, operation, failed, graph int64
	values := make([]string, len(fields))
	places := []any{
		&at, &expires,
		number{&track},
		number{&operation},
		number{&failed},
		number{&graph},
		number{&r.RequestBytes},
		number{&r.ResponseBytes},
	}
	for i := range fields {
		if fields[i].number != nil {
			places = append(places, number{fields[i].number(&r)})
		} else {
			places = append(places, text{&values[i]})
		}
	}
	if err := rows.Scan(append(places, more...)...); err != nil {
		return r, err
	}
	hash := sha256.New()
	for i := range fields {
		switch f := &fields[i]; {
		case f.text != nil:
			*f.text(&r) = values[i]
		case f.json != nil:
			_ = json.Unmarshal([]byte(values[i]), f.json(&r)) // what is none stays empty
		default:
			values[i] = strconv.FormatInt(*f.number(&r), 10)
		}
		hash.Write(binary.AppendUvarint(nil, uint64(len(values[i])))) //nolint:gosec // not negative
		hash.Write([]byte(values[i]))
	}
	r.TimeStamp, r.ExpireAt, r.TrackPath = at.Time, expires.Time, track != 0
	r.Day, r.Month, r.Year, r.Hour = int64(at.Day()), int64(at.Month()), int64(at.Year()), int64(at.Hour())
	r.GraphQL.IsGraphQL, r.GraphQL.HasErrors = graph != 0, failed != 0
	r.GraphQL.OperationType = analytics.OperationType(operation)
	fmt.Fprintf(hash, "%d %d %d", at.UnixMicro(), r.RequestBytes, r.ResponseBytes)
	r.Ref = query.Ref{
		Org: r.OrgID, API: r.APIID,
		Cursor: query.Cursor{At: at.Truncate(time.Microsecond), Hash: hex.EncodeToString(hash.Sum(nil))[:query.HashLength]},
	}
	return r, nil
}

func (s *Store) records(ctx context.Context, q *session, st *statement) ([]query.Record, error) {
	var found []query.Record
	err := q.rows(ctx, st, func(rows *sql.Rows) error {
		r, err := scanRecord(rows)
		found = append(found, r)
		return err
	})
	return found, err
}

const (
	defaultPage = 50
	longestPage = 200
	// firstWindow is how many records a search looks at first.
	firstWindow = 2000
	// windowTime is how long a search's window shall take.
	windowTime = 150 * time.Millisecond
	// searchTime is how long a search takes without another patience.
	searchTime = 1500 * time.Millisecond
	// bodyWindow and mostBodies are how many bodies are read at once, and in a page.
	bodyWindow, mostBodies = 500, 5000
)

// logSearch is a search under way.
type logSearch struct {
	store  *Store
	search query.Search
	limit  int
	page   query.Page
	until  time.Time
	window int
	left   int // how many records it may still look at
}

// Logs gives a page of records, the newest first.
func (s *Store) Logs(ctx context.Context, search query.Search) (query.Page, error) {
	k, err := s.know(ctx)
	if err != nil {
		return query.Page{}, err
	}
	began := time.Now()
	l := &logSearch{store: s, search: search, limit: min(max(search.Limit, 0), longestPage), window: firstWindow, left: s.config.SearchRows}
	if l.limit == 0 {
		l.limit = defaultPage
	}
	patience := search.Patience
	if patience <= 0 {
		patience = searchTime
	}
	l.until = began.Add(patience)
	if l.inBodies() {
		l.window, l.left = bodyWindow, min(l.left, mostBodies)
	}
	from, to := l.bounds()
	segments, err := s.segments(k, search.Filter, from, to)
	if err != nil {
		return query.Page{}, err
	}
	l.page.Answer = query.Answer{Source: query.FromRecords, Exactness: query.Exact}
	l.page.SearchedTo = from
	err = s.read(ctx, func(q *session) error {
		err := l.walk(ctx, q, segments, from, to)
		l.page.Answer.Statements, l.page.Answer.Took = q.statements, q.took
		return err
	})
	l.page.Answer.Rows = l.page.Searched
	return l.page, err
}

// inBodies tells whether bodies are read.
func (l *logSearch) inBodies() bool { return l.search.InBodies && l.search.Text != "" }

// bounds are the times between which records are looked for.
func (l *logSearch) bounds() (from, to time.Time) {
	from, to = l.search.From, l.search.To
	if to.IsZero() {
		to = l.store.now().Add(time.Minute) // gateways' clocks may be ahead
	}
	if from.IsZero() {
		from = time.Unix(0, 0)
	}
	if c := l.search.Before; c != nil && c.At.Before(to) {
		to = c.At.Add(time.Microsecond)
	}
	if c := l.search.After; c != nil && c.At.After(from) {
		from = c.At
	}
	return from.UTC(), to.UTC()
}

// walk looks at windows, each older than the one before, until the page is full.
func (l *logSearch) walk(ctx context.Context, q *session, segments []segment, from, to time.Time) error {
	for i := 0; i < len(segments); {
		seg := segments[i]
		began := time.Now()
		window := min(l.window, l.left)
		floor, more, err := l.store.reach(ctx, q, seg, from, to, window)
		if err != nil {
			return err
		}
		full, err := l.read(ctx, q, seg, floor, to)
		if err != nil || full {
			return err
		}
		n, err := l.searched(ctx, q, seg, floor, to, window)
		if err != nil {
			return err
		}
		l.page.Searched += int64(n)
		l.left -= max(n, 1)
		if more {
			to = floor // what is of this very instant was read
			l.resize(n, time.Since(began))
		} else {
			i++
		}
		if i < len(segments) && (l.left <= 0 || time.Now().After(l.until)) {
			l.page.SearchedTo = floor
			l.page.Answer.Exactness, l.page.Answer.BackTo = query.Limited, floor
			l.page.Answer.Reason = fmt.Sprintf("%d records were looked at", l.page.Searched)
			// Hashes are hex: this one comes before all records of an earlier time, and behind all of this one.
			l.page.Next = &query.Cursor{At: floor, Hash: strings.Repeat("0", query.HashLength)}
			return nil
		}
	}
	return nil
}

// searched is how many records a segment has between two times.
func (l *logSearch) searched(ctx context.Context, q *session, seg segment, from, to time.Time, most int) (int, error) {
	sum := 0
	for _, b := range seg {
		n, err := l.store.count(ctx, q, b, from, to, max(most, 1))
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// resize makes the next window such that it takes as long as it shall.
func (l *logSearch) resize(window int, took time.Duration) {
	if l.inBodies() {
		return
	}
	next := window * 4
	if took > 0 {
		next = min(next, int(float64(window)*float64(windowTime)/float64(took)))
	}
	l.window = min(max(next, firstWindow/2), l.store.config.ScanRows)
}

// read reads a window; it gives true where the page is full.
func (l *logSearch) read(ctx context.Context, q *session, seg segment, floor, to time.Time) (bool, error) {
	var found []query.Record
	for _, b := range seg {
		of, err := l.branch(ctx, q, b, floor, to)
		if err != nil {
			return false, err
		}
		found = append(found, of...)
	}
	slices.SortFunc(found, func(a, b query.Record) int { return a.Ref.Compare(b.Ref.Cursor) })
	l.page.Records = append(l.page.Records, found...)
	if len(l.page.Records) <= l.limit {
		return false, nil
	}
	l.page.Records = l.page.Records[:l.limit]
	last := l.page.Records[l.limit-1]
	l.page.Next = &last.Ref.Cursor
	l.page.SearchedTo = last.TimeStamp
	l.page.Searched += int64(l.limit)
	return true, nil
}

// branch reads the newest records of a branch that the page may need. Those of one instant come together,
// since pages order them by their hash.
func (l *logSearch) branch(ctx context.Context, q *session, b branch, floor, to time.Time) ([]query.Record, error) {
	limit := l.limit + 1
	if l.inBodies() {
		limit = mostBodies // of which a window has fewer
	}
	for ; ; limit *= 8 {
		found, read, last, err := l.newest(ctx, q, b, floor, to, limit)
		if err != nil || read < limit {
			return found, err
		}
		whole := slices.DeleteFunc(slices.Clone(found), func(r query.Record) bool { return !r.TimeStamp.After(last) })
		switch {
		case len(l.page.Records)+len(whole) > l.limit:
			return whole, nil
		case limit >= l.store.config.ScanRows:
			return found, nil // as many as may be read
		}
	}
}

// newest reads the newest records of a branch. It tells how many rows were read, and the last one's time.
func (l *logSearch) newest(ctx context.Context, q *session, b branch, floor, to time.Time, limit int) (found []query.Record, read int, last time.Time, err error) {
	s := l.store
	columns, inBodies := s.listColumns(), l.inBodies()
	if inBodies {
		columns += ", rawrequest, rawresponse"
	}
	st := newStatement("select " + columns)
	s.from(st, b, floor, to)
	l.conditions(st, b)
	st.add(fmt.Sprintf(" order by %s desc limit %d", s.column("timestamp"), limit))
	err = q.rows(ctx, st, func(rows *sql.Rows) error {
		var request, response string
		var more []any
		if inBodies {
			more = []any{text{&request}, text{&response}}
		}
		r, err := scanRecord(rows, more...)
		if err != nil {
			return err
		}
		read++
		last = r.TimeStamp
		if c := l.search.Before; c != nil && r.Ref.Compare(*c) <= 0 {
			return nil
		}
		if c := l.search.After; c != nil && r.Ref.Compare(*c) >= 0 {
			return nil
		}
		if inBodies && !bodyHas(request, l.search.Text) && !bodyHas(response, l.search.Text) {
			return nil
		}
		found = append(found, r)
		return nil
	})
	return found, read, last, err
}

// bodyHas tells whether what was recorded contains a text, whatever the case of its letters.
func bodyHas(recorded, wanted string) bool {
	plain, err := base64.StdEncoding.DecodeString(recorded)
	if err != nil {
		plain = []byte(recorded)
	}
	return strings.Contains(strings.ToLower(string(plain)), strings.ToLower(wanted))
}

// conditions adds what the search wants.
func (l *logSearch) conditions(st *statement, b branch) {
	s, w := l.store, &l.search
	if w.TCP {
		st.add(" and responsecode = -1")
		f := w.Filter
		f.Status = nil
		s.conditions(st, f, b, true)
	} else {
		st.add(" and responsecode <> -1")
		s.conditions(st, w.Filter, b, true)
	}
	if w.Slower > 0 {
		st.add(" and latency_total >= ?", w.Slower.Milliseconds())
	}
	if w.Trace != "" {
		st.add(" and tags like ? escape '!'", "%"+escapeLike(`"trace-id-`+strings.ToLower(w.Trace)+`"`)+"%")
	}
	switch {
	case w.Text == "":
	case w.InBodies:
		st.add(" and (rawrequest <> '' or rawresponse <> '')")
	default:
		s.contains(st, w.Text)
	}
}

// contains adds that one of some columns contains a text, whatever the case of its letters.
func (s *Store) contains(st *statement, wanted string) {
	pattern := "%" + escapeLike(strings.ToLower(wanted)) + "%"
	st.add(" and (1 = 0")
	for _, c := range []string{"path", "rawpath", "originalpath", "useragent", "ipaddress", "alias", "tags"} {
		st.add(" or lower("+c+") like ? escape '!'", pattern)
	}
	st.add(")")
}

// Course counts what a search finds, by bucket.
func (s *Store) Course(ctx context.Context, search query.Search, width time.Duration) (query.Traffic, error) {
	k, err := s.know(ctx)
	if err != nil {
		return query.Traffic{}, err
	}
	r := query.Range{From: search.From, To: search.To, Width: width, Source: query.FromRecords}
	if width <= 0 || search.To.Sub(search.From)/width > 10*mostBuckets {
		return query.Traffic{}, fmt.Errorf("the width %s gives too many buckets: use a wider one", width)
	}
	plain := search.Text == "" && search.Trace == "" && search.Slower == 0 && !search.TCP
	if sel, ok := selectRollups(search.Filter, ""); plain && ok && k.Rollups && k.Bucket > 0 && width%k.Bucket == 0 && sel.keep == nil && !k.OldestRollup.After(search.From) &&
		search.From.Unix()%int64(k.Bucket/time.Second) == 0 {
		r.Source = query.FromRollups
		return s.Traffic(ctx, query.Scope{Range: r, Filter: search.Filter})
	}
	return s.courseOfRecords(ctx, k, search, r)
}

func (s *Store) courseOfRecords(ctx context.Context, k *known, search query.Search, r query.Range) (query.Traffic, error) {
	key := fmt.Sprintf("course %v %q", r, fmt.Sprint(search))
	t, err := cached(ctx, s.cache, key, func(ctx context.Context) (answered[query.Traffic], error) {
		t := query.Traffic{Buckets: s.buckets(r), Answer: query.Answer{Source: query.FromRecords, Exactness: query.Exact}}
		segments, err := s.segments(k, search.Filter, search.From, search.To)
		if err != nil {
			return answered[query.Traffic]{}, err
		}
		l := &logSearch{store: s, search: search}
		err = s.read(ctx, func(q *session) error {
			err := s.walk(ctx, q, segments, search.From, search.To, s.config.ScanRows, func(seg segment, floor, to time.Time) error {
				for _, b := range seg {
					st := newStatement("select " + s.dialect.instant(s.column("timestamp")) + ", responsecode, latency_total")
					s.from(st, b, floor, to)
					l.conditions(st, b)
					err := q.rows(ctx, st.add(fmt.Sprintf(" limit %d", 2*s.config.ScanRows)), func(rows *sql.Rows) error {
						var at instant
						var c record
						if err := rows.Scan(&at, number{&c.code}, number{&c.latency}); err != nil {
							return err
						}
						t.Totals.Add(c.counts())
						if i := r.Bucket(at.Time); i >= 0 {
							t.Buckets[i].Add(c.counts())
						}
						return nil
					})
					if err != nil {
						return err
					}
				}
				return nil
			}, &t.Answer)
			t.Answer.Statements, t.Answer.Took = q.statements, q.took
			return err
		})
		(&windowRows{answer: t.Answer}).hide(t.Buckets, r.Width)
		const bucket = 120
		return answered[query.Traffic]{t, int64(len(t.Buckets)) * bucket, openFor}, err
	})
	t.Buckets = slices.Clone(t.Buckets)
	return t, err
}

// Record gives one record with its bodies.
func (s *Store) Record(ctx context.Context, ref query.Ref) (query.Record, error) {
	k, err := s.know(ctx)
	if err != nil {
		return query.Record{}, err
	}
	from, to := ref.At, ref.At.Add(time.Microsecond)
	segments, err := s.segments(k, query.Filter{Orgs: []string{ref.Org}, APIs: []string{ref.API}}, from, to)
	if err != nil {
		return query.Record{}, err
	}
	var found *query.Record
	err = s.read(ctx, func(q *session) error {
		for _, seg := range segments {
			for _, b := range seg {
				st := newStatement("select " + s.listColumns() + ", rawrequest, rawresponse")
				s.from(st, b, from, to)
				s.conditions(st, query.Filter{Orgs: []string{ref.Org}, APIs: []string{ref.API}}, b, false)
				const sameInstant = 1000
				err := q.rows(ctx, st.add(fmt.Sprintf(" limit %d", sameInstant)), func(rows *sql.Rows) error {
					var request, response string
					r, err := scanRecord(rows, text{&request}, text{&response})
					if err == nil && found == nil && r.Ref.Hash == ref.Hash {
						r.RawRequest, r.RawResponse = request, response
						found = &r
					}
					return err
				})
				if err != nil || found != nil {
					return err
				}
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return query.Record{}, err
	case found == nil:
		return query.Record{}, &query.Error{Code: query.Gone, Text: "the record is not in the store any more"}
	}
	return *found, nil
}

// Newest gives records not older than a time, the newest first.
func (s *Store) Newest(ctx context.Context, since time.Time, orgs []string, limit int) ([]query.Record, query.Answer, error) {
	const most = 1000
	answer := query.Answer{Source: query.FromRecords, Exactness: query.Exact}
	k, err := s.know(ctx)
	if err != nil {
		return nil, answer, err
	}
	limit = min(max(limit, 1), most)
	to := s.now().Add(time.Minute)
	segments, err := s.segments(k, query.Filter{Orgs: orgs}, since, to)
	if err != nil {
		return nil, answer, err
	}
	var found []query.Record
	err = s.read(ctx, func(q *session) error {
		for _, seg := range segments {
			for _, b := range seg {
				st := newStatement("select " + s.listColumns())
				s.from(st, b, since, to)
				s.conditions(st, query.Filter{Orgs: orgs}, b, false)
				of, err := s.records(ctx, q, st.add(fmt.Sprintf(" order by %s desc limit %d", s.column("timestamp"), limit)))
				if err != nil {
					return err
				}
				found = append(found, of...)
			}
			if len(found) >= limit {
				break
			}
		}
		answer.Statements, answer.Took, answer.Rows = q.statements, q.took, q.rowsRead
		return nil
	})
	slices.SortFunc(found, func(a, b query.Record) int { return a.Ref.Compare(b.Ref.Cursor) })
	if len(found) >= limit {
		found = found[:limit]
		answer.Exactness, answer.BackTo = query.Limited, found[limit-1].TimeStamp
	}
	return found, answer, err
}
