package sqlstore

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// many are records of several organisations, many of one instant.
func many(n int) []analytics.Record {
	records := make([]analytics.Record, n)
	for i := range records {
		r := sinktest.Hit(i)
		r.TimeStamp = sinktest.Time.Truncate(time.Second).Add(time.Duration(i/7) * time.Second) // seven share an instant
		if i%11 == 0 {
			r.TimeStamp = sinktest.Time.Truncate(time.Second) // and many the first one
		}
		r.OrgID = fmt.Sprintf("org-%d", i%3)
		r.OriginalPath = fmt.Sprintf("/V1/items/%d", i)
		r.Tags = []string{"env-prod", fmt.Sprintf("trace-id-%032x", i)}
		if i%5 == 0 {
			r.RawRequest = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "POST /items HTTP/1.1\r\n\r\nNeedle-%d", i))
		}
		records[i] = r
	}
	return records
}

// pagesOf walks over all pages of a search.
func pagesOf(t *testing.T, s *Store, search query.Search) []query.Record {
	t.Helper()
	var all []query.Record
	for range 1000 {
		page, err := s.Logs(t.Context(), search)
		require.NoError(t, err)
		all = append(all, page.Records...)
		if page.Next == nil {
			return all
		}
		text, err := query.ParseCursor(page.Next.String())
		require.NoError(t, err)
		search.Before = &text
	}
	t.Fatal("the pages do not end")
	return nil
}

// Pages have each record that a search finds once, in order, also where many are of one instant.
func TestPagesHaveEachRecordOnce(t *testing.T) {
	t.Parallel()
	records := many(1200)
	first, last := sinktest.Time.Add(-time.Hour), sinktest.Time.Add(2*time.Hour)
	searches := map[string]query.Search{
		"all":          {},
		"organisation": {Filter: query.Filter{Orgs: []string{"org-1"}}},
		"API and key":  {Filter: query.Filter{APIs: []string{"api-2", "api-3"}, Keys: []string{"key-1"}}},
		"status":       {Filter: query.Filter{Status: []query.StatusRange{{First: 500, Last: 599}}}, Limit: 7},
		"path":         {Filter: query.Filter{Paths: []string{"/items/1"}}},
		"pattern":      {Filter: query.Filter{Paths: []string{"/V1/*/2*"}}},
		"no pattern":   {Filter: query.Filter{Paths: []string{"/v1/%/_"}}},
		"text":         {Text: "v1/ITEMS/12"},
		"percent":      {Text: "%"},
		"trace":        {Trace: fmt.Sprintf("%032x", 77)},
		"slower":       {Slower: 2400 * time.Millisecond, Limit: 9},
		"none":         {Filter: query.Filter{Status: []query.StatusRange{{First: 418, Last: 418}}}},
		"TCP":          {TCP: true},
		"an hour":      {From: sinktest.Time.Truncate(time.Second).Add(100 * time.Second), To: sinktest.Time.Truncate(time.Second).Add(200 * time.Second)},
		"SQL":          {Filter: query.Filter{Orgs: []string{"' or 1 = 1 --"}, APIs: []string{`"; drop table tyk_analytics; --`}}, Text: `\'; select 1`},
		"SQL in paths": {Filter: query.Filter{Paths: []string{"'*' or '1'='1"}, Methods: []string{"GET' --"}, Countries: []string{"\\"}, Tags: []string{`"]' or 1=1`}}},
	}
	for name, c := range map[string]contents{"table": {records: records}, "days": {records: records, sharded: true}, "no indexes": {records: records, plain: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, d database) {
				d.fill(t, c)
				s := d.open(t, c, last, nil)
				for name, search := range searches {
					if search.From.IsZero() {
						search.From, search.To = first, last
					}
					var want []string
					for i := range records {
						if search.Matches(&query.Record{Record: records[i]}) {
							want = append(want, records[i].OriginalPath)
						}
					}
					got := pagesOf(t, s, search)
					assert.True(t, slices.IsSortedFunc(got, func(a, b query.Record) int { return a.Ref.Compare(b.Ref.Cursor) }), name)
					var paths []string
					for i := range got {
						paths = append(paths, got[i].OriginalPath)
					}
					slices.Sort(want)
					slices.Sort(paths)
					assert.Equal(t, want, paths, name)
				}
			})
		})
	}
}

// A record is found by its reference, with what was recorded; another one is gone.
func TestRecordsAreFoundByTheirReference(t *testing.T) {
	t.Parallel()
	records := golden(t)
	from, to := bounds(records)
	for name, c := range map[string]contents{"table": {records: records}, "days": {records: records, sharded: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, d database) {
				d.fill(t, c)
				s := d.open(t, c, to, nil)
				listed := pagesOf(t, s, query.Search{From: from, To: to, Limit: 200})
				require.Equal(t, int(counted(records, nil).Requests), len(listed)) //nolint:testifylint // a list of all would not help
				for i := range listed {
					l := &listed[i]
					ref, err := query.ParseRef(l.Ref.Org, l.Ref.API, l.Ref.String())
					require.NoError(t, err)
					r, err := s.Record(t.Context(), ref)
					require.NoError(t, err)
					assert.Equal(t, l.Ref, r.Ref)
					assert.Len(t, r.RawRequest, int(l.RequestBytes))
					assert.Len(t, r.RawResponse, int(l.ResponseBytes))
					assert.Equal(t, l.Tags, r.Tags)
				}
				_, err := s.Record(t.Context(), query.Ref{Org: listed[0].OrgID, API: listed[0].APIID, Cursor: query.Cursor{At: listed[0].Ref.At, Hash: "0123456789"}})
				require.ErrorIs(t, err, query.ErrGone)
			})
		})
	}
}

func TestTextIsFoundInBodies(t *testing.T) {
	t.Parallel()
	records := many(600)
	c := contents{records: records}
	onEach(t, func(t *testing.T, d database) {
		d.fill(t, c)
		s := d.open(t, c, sinktest.Time.Add(time.Hour), nil)
		found := pagesOf(t, s, query.Search{From: sinktest.Time.Add(-time.Hour), To: sinktest.Time.Add(time.Hour), Text: "needle-5", InBodies: true})
		var want []string
		for i := range records {
			if strings.Contains(fmt.Sprintf("Needle-%d", i), "Needle-5") && i%5 == 0 {
				want = append(want, records[i].OriginalPath)
			}
		}
		var paths []string
		for i := range found {
			paths = append(paths, found[i].OriginalPath)
		}
		assert.ElementsMatch(t, want, paths)
	})
}

// A page with few matches looks at so many records only, says how far it looked, and goes on there.
func TestSearchesAreBounded(t *testing.T) {
	t.Parallel()
	records := many(3000)
	c := contents{records: records}
	onEach(t, func(t *testing.T, d database) {
		d.fill(t, c)
		s := d.open(t, c, sinktest.Time.Add(time.Hour), func(c *Config) { c.ScanRows, c.SearchRows = 300, 900 })
		search := query.Search{From: sinktest.Time.Add(-time.Hour), To: sinktest.Time.Add(time.Hour), Filter: query.Filter{Status: []query.StatusRange{{First: 418, Last: 418}}}}
		page, err := s.Logs(t.Context(), search)
		require.NoError(t, err)
		assert.Empty(t, page.Records)
		assert.Equal(t, query.Limited, page.Answer.Exactness)
		assert.LessOrEqual(t, page.Searched, int64(1000))
		require.NotNil(t, page.Next)
		assert.Equal(t, page.SearchedTo, page.Next.At)
		assert.Empty(t, pagesOf(t, s, search))
		traffic, err := s.Traffic(t.Context(), query.Scope{Range: query.Range{From: sinktest.Time.Add(-time.Hour), To: sinktest.Time.Add(time.Hour), Width: time.Minute, Source: query.FromRecords}})
		require.NoError(t, err)
		assert.Equal(t, query.Limited, traffic.Answer.Exactness)
		assert.LessOrEqual(t, traffic.Totals.Requests, int64(310), "with all of the instant at which it ends")
		assert.NotZero(t, traffic.Totals.Requests)
		var want int64 // all from the time on that the answer names
		for i := range records {
			if !records[i].TimeStamp.Before(traffic.Answer.BackTo) {
				want++
			}
		}
		assert.Equal(t, want, traffic.Totals.Requests)
		assert.True(t, traffic.Buckets[0].Unknown)
	})
}

func TestNewestAndWhatIsNewer(t *testing.T) {
	t.Parallel()
	records := many(500)
	c := contents{records: records}
	onEach(t, func(t *testing.T, d database) {
		d.fill(t, c)
		end := records[len(records)-1].TimeStamp
		s := d.open(t, c, end.Add(time.Second), nil)
		newest, answer, err := s.Newest(t.Context(), end.Add(-10*time.Second), nil, 1000)
		require.NoError(t, err)
		assert.Equal(t, query.Exact, answer.Exactness)
		want := 0
		for i := range records {
			if !records[i].TimeStamp.Before(end.Add(-10 * time.Second)) {
				want++
			}
		}
		assert.Len(t, newest, want)
		page, err := s.Logs(t.Context(), query.Search{From: end.Add(-time.Hour), To: end.Add(time.Second), Limit: 200, After: &newest[5].Ref.Cursor})
		require.NoError(t, err)
		assert.Len(t, page.Records, 5)
		course, err := s.Course(t.Context(), query.Search{From: end.Add(-time.Hour).Truncate(time.Minute), To: end.Add(time.Second), Text: "items"}, time.Minute)
		require.NoError(t, err)
		assert.EqualValues(t, len(records), course.Totals.Requests)
		ref := s.KeyRef("key-3")
		other := d.open(t, c, end, nil)
		key, err := other.FindKey(t.Context(), ref)
		require.NoError(t, err)
		assert.Equal(t, "key-3", key)
		for _, none := range []string{"0123456789", "", "' or 1=1 --"} {
			_, err = other.FindKey(t.Context(), none)
			require.ErrorIs(t, err, query.ErrGone)
		}
		samples, err := s.Samples(t.Context(), query.Scope{Range: query.Range{From: end.Add(-time.Hour), To: end.Add(time.Second), Width: time.Minute, Source: query.FromRecords}}, 5)
		require.NoError(t, err)
		require.Len(t, samples.Slowest, 5)
		require.Len(t, samples.Failed, 5)
		assert.EqualValues(t, len(records)-1, samples.Slowest[0].Latency.Total)
	})
}
