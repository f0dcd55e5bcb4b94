package sqlstore

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// Figures from rollups, and from records, are those of the records.
func TestFiguresAreThoseOfTheRecords(t *testing.T) {
	t.Parallel()
	records := golden(t)
	from, to := bounds(records)
	for name, c := range map[string]contents{
		"rollups": {records: records, rollups: true}, "records": {records: records}, "days": {records: records, sharded: true}, "no indexes": {records: records, plain: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, d database) {
				d.fill(t, c)
				s := d.open(t, c, to.Add(time.Hour), nil)
				r := query.Range{From: from, To: to, Width: 24 * time.Hour, Source: query.FromRecords}
				if c.rollups {
					r.Source = query.FromRollups
				}
				checkFigures(t, s, query.Scope{Range: r}, records)
				if c.rollups { // which are read in other ways where there are many, and where the range is not over
					s.fewRollups, s.cache = -1, newCache()
					checkFigures(t, s, query.Scope{Range: r}, records)
					s.now, s.cache = func() time.Time { return to.Add(-3 * time.Hour) }, newCache()
					checkFigures(t, s, query.Scope{Range: r}, records)
				}
			})
		})
	}
}

func checkFigures(t *testing.T, s *Store, scope query.Scope, records []analytics.Record) {
	t.Helper()
	traffic, err := s.Traffic(t.Context(), scope)
	require.NoError(t, err)
	assert.Equal(t, query.Exact, traffic.Answer.Exactness)
	assert.Equal(t, scope.Source, traffic.Answer.Source)
	assert.Equal(t, counted(records, nil), traffic.Totals)
	for i, b := range traffic.Buckets {
		end := b.At.Add(scope.Width)
		assert.Equal(t, counted(records, func(r *analytics.Record) bool { return !r.TimeStamp.Before(b.At) && r.TimeStamp.Before(end) }), b.Counts, "bucket %d", i)
	}
	limit := 0
	if s.fewRollups < 0 {
		limit = mostCourses // so that only those are read in full
	}
	latency, err := s.Latency(t.Context(), scope)
	require.NoError(t, err)
	assert.Equal(t, traffic.Totals.Requests, latency.Totals.Requests)
	for by, value := range map[query.Dimension]func(*analytics.Record) string{
		query.ByAPI: func(r *analytics.Record) string { return r.APIID }, query.ByKey: func(r *analytics.Record) string { return r.APIKey },
		query.ByCountry:      func(r *analytics.Record) string { return r.Geo.CountryISOCode },
		query.ByEndpoint:     func(r *analytics.Record) string { return r.APIID + r.APIVersion + r.Path },
		query.ByCode:         func(r *analytics.Record) string { return strconv.FormatInt(r.ResponseCode, 10) },
		query.ByOrganisation: func(r *analytics.Record) string { return r.OrgID },
	} {
		list, err := s.List(t.Context(), scope, query.ListOptions{By: by, Courses: true, Percentiles: true, Limit: limit})
		require.NoError(t, err)
		assert.Equal(t, query.Exact, list.Answer.Exactness, by)
		if limit > 0 {
			assert.Len(t, list.Items, min(list.Values, limit))
		} else {
			assert.Equal(t, len(list.Items), list.Values)
		}
		if by != query.ByEndpoint { // of which rollups have those of GraphQL only where they are tracked
			seen := map[string]bool{}
			for i := range records {
				r := &records[i]
				v := value(r)
				if v != "" && r.ResponseCode != -1 && (by != query.ByCode || scope.Source == query.FromRecords || r.ResponseCode >= 400) {
					seen[r.OrgID+"|"+v] = true
				}
			}
			assert.Equal(t, len(seen), list.Values, by)
		}
		require.NotEmpty(t, list.Items, by)
		for i := range list.Items {
			checkItem(t, &list.Items[i], by, value, scope, records)
		}
	}
}

func checkItem(t *testing.T, item *query.Item, by query.Dimension, value func(*analytics.Record) string, scope query.Scope, records []analytics.Record) {
	t.Helper()
	wanted := item.Value
	if by == query.ByEndpoint {
		wanted = item.API + item.Version + item.Value
	}
	of := func(r *analytics.Record) bool {
		return r.OrgID == item.Org && value(r) == wanted && (by != query.ByEndpoint || scope.Source == query.FromRecords || r.TrackPath || !r.GraphQL.IsGraphQL)
	}
	if !assert.Equal(t, counted(records, of), item.Counts, "%s %q", by, item.Value) {
		return
	}
	var sum query.Counts
	for _, c := range item.Course {
		sum.Add(c)
	}
	assert.True(t, item.Course == nil || item.Counts == sum, "the course of %s %q", by, item.Value)
	var newest time.Time
	for i := range records {
		if r := &records[i]; of(r) && r.ResponseCode != -1 && r.TimeStamp.After(newest) {
			newest = r.TimeStamp
		}
	}
	assert.WithinDuration(t, newest, item.LastSeen, time.Millisecond, "%s %q", by, item.Value)
	if by == query.ByAPI || by == query.ByKey {
		if assert.NotNil(t, item.Latency) {
			assert.Equal(t, item.Requests, item.Latency.Requests)
		}
	}
}
