package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// recordedRows is how many of the newest records tell what is recorded.
const recordedRows = 1000

// Recorded says what gateways recorded of the newest requests.
func (s *Store) Recorded(ctx context.Context) (query.Recorded, error) {
	k, err := s.know(ctx)
	if err != nil {
		return query.Recorded{}, err
	}
	return cached(ctx, s.cache, "recorded", func(ctx context.Context) (answered[query.Recorded], error) {
		result := query.Recorded{Answer: query.Answer{Source: query.FromRecords, Exactness: query.Exact}}
		to := s.now().Add(time.Minute) // gateways' clocks may be ahead
		segments, err := s.segments(k, query.Filter{}, time.Unix(0, 0), to)
		if err != nil {
			return answered[query.Recorded]{}, err
		}
		found := map[query.API]*query.RecordedAPI{}
		err = s.read(ctx, func(q *session) error {
			defer func() { result.Answer.Statements, result.Answer.Took = q.statements, q.took }()
			return s.walk(ctx, q, segments, time.Unix(0, 0).UTC(), to.UTC(), recordedRows, func(seg segment, floor, to time.Time) error {
				for _, b := range seg {
					if err := s.recordedIn(ctx, q, b, floor, to, found, &result); err != nil {
						return err
					}
				}
				return nil
			}, &result.Answer)
		})
		if result.Answer.Exactness == query.Limited {
			result.Answer.Reason = fmt.Sprintf("the newest %d records were looked at", recordedRows)
		}
		for _, a := range found {
			result.APIs = append(result.APIs, *a)
		}
		slices.SortFunc(result.APIs, func(a, b query.RecordedAPI) int {
			return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Org, b.Org), cmp.Compare(a.ID, b.ID))
		})
		const some = 8192
		return answered[query.Recorded]{result, some, knownFor}, err
	})
}

// recordedIn counts the newest records of a branch by API.
func (s *Store) recordedIn(ctx context.Context, q *session, b branch, from, to time.Time, found map[query.API]*query.RecordedAPI, result *query.Recorded) error {
	flag := func(condition, name string) string {
		return "case when " + condition + " then 1 else 0 end as " + name
	}
	timestamp := s.column("timestamp")
	st := newStatement("select orgid, apiid, max(api_name), count(*), sum(sent), sum(answered), sum(located), sum(traced), min(seen_at) from (select orgid, apiid, api_name, " +
		flag("rawrequest <> ''", "sent") + ", " + flag("rawresponse <> ''", "answered") + ", " + flag("geo_country_iso_code <> ''", "located") + ", " + flag("tags like '%trace-id-%'", "traced") +
		", " + s.dialect.instant(timestamp) + " as seen_at")
	s.from(st, b, from, to).add(fmt.Sprintf(" and responsecode <> -1 order by %s desc limit %d) as newest group by orgid, apiid", timestamp, recordedRows))
	return q.rows(ctx, st, func(rows *sql.Rows) error {
		var a query.RecordedAPI
		var since instant
		err := rows.Scan(text{&a.Org}, text{&a.ID}, text{&a.Name}, number{&a.Records}, number{&a.Requests}, number{&a.Responses}, number{&a.Countries}, number{&a.Traces}, &since)
		if err != nil {
			return err
		}
		if result.Since.IsZero() || since.Before(result.Since) {
			result.Since = since.Time
		}
		key := query.API{Org: a.Org, ID: a.ID}
		if of := found[key]; of != nil {
			of.Records, of.Requests, of.Responses = of.Records+a.Records, of.Requests+a.Requests, of.Responses+a.Responses
			of.Countries, of.Traces = of.Countries+a.Countries, of.Traces+a.Traces
			return nil
		}
		found[key] = &a
		return nil
	})
}
