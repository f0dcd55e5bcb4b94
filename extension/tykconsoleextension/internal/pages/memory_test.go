package pages

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

var testNow = time.Date(2026, 11, 27, 14, 40, 0, 0, time.UTC)

const testKey = "3f1c9b2d7e8a4c51a907"

// memory is a store of a few figures, which answers at once, late or with an error.
type memory struct {
	info    query.Info
	counts  query.Counts
	records []query.Record
	absent  bool
	// families are the kinds of requests that there are.
	families []string
	err      error
	late     atomic.Int64 // nanoseconds
	// asked is the last search.
	asked atomic.Pointer[query.Search]
}

func newMemory() *memory {
	return &memory{
		info: query.Info{
			Driver: "sqlite", Server: "SQLite", Place: "tyk.db", Records: true, Rollups: true, Latencies: true, Bucket: 15 * time.Minute, OldestRecord: testNow.Add(-week), NewestRecord: testNow, OldestRollup: testNow.Add(-week),
			Organisations: []string{"acme"}, APIs: []query.API{{Org: "acme", ID: "payments", Name: "Payments"}},
		},
		counts: query.Counts{Requests: 2000, Success: 1800, ClientErrors: 150, ServerErrors: 50, LatencySum: 40_000, UpstreamSum: 30_000, MaxLatency: 900},
	}
}

func (m *memory) wait(ctx context.Context) error {
	if late := m.late.Load(); late > 0 {
		select {
		case <-time.After(time.Duration(late)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return m.err
}

func (m *memory) answer() query.Answer {
	if m.absent {
		return query.Answer{Source: query.FromRecords, Exactness: query.Limited, Rows: 20_000, BackTo: testNow.Add(-time.Hour), Reason: "there are no rollups"}
	}
	return query.Answer{Source: query.FromRollups, Exactness: query.Exact, Statements: 1}
}

func (m *memory) Info(context.Context) (query.Info, error) { return m.info, m.err }

func (m *memory) Resolve(_ context.Context, from, to time.Time, _ query.Filter) (query.Range, error) {
	return query.Range{From: from.Truncate(15 * time.Minute), To: to, Width: 15 * time.Minute, Source: query.FromRollups}, m.err
}

func (m *memory) Traffic(ctx context.Context, scope query.Scope) (query.Traffic, error) {
	t := query.Traffic{Answer: m.answer()}
	for _, at := range scope.Buckets() {
		t.Buckets = append(t.Buckets, query.Bucket{At: at, Counts: m.counts, Open: at.Add(scope.Width).After(testNow)})
		t.Totals.Add(m.counts)
	}
	return t, m.wait(ctx)
}

func (m *memory) Latency(ctx context.Context, scope query.Scope) (query.Latency, error) {
	if m.absent {
		return query.Latency{Answer: query.Answer{Exactness: query.Absent, Reason: "latencies: true counts them"}}, m.wait(ctx)
	}
	p := query.Percentiles{Requests: 2000, P50: 25, P95: 227, P99: 1550}
	l := query.Latency{Answer: m.answer(), Totals: p, Bins: []query.LatencyBin{{Milliseconds: 25, Requests: 1000}, {Milliseconds: 227, Requests: 900}}}
	for _, at := range scope.Buckets() {
		l.Buckets = append(l.Buckets, query.LatencyBucket{At: at, Percentiles: p})
	}
	return l, m.wait(ctx)
}

func (m *memory) List(ctx context.Context, scope query.Scope, o query.ListOptions) (query.List, error) {
	value := map[query.Dimension][2]string{query.ByAPI: {"payments", "Payments"}, query.ByKey: {testKey, "partner portal"}, query.ByEndpoint: {"/charges", ""}, query.ByCode: {"502", ""}, query.ByCountry: {"DE", ""}, query.ByOrganisation: {"acme", ""}}[o.By]
	if value[0] == "" {
		value = [2]string{"some", ""}
	}
	item := query.Item{Org: "acme", API: "payments", APIName: "Payments", Value: value[0], Name: value[1], Counts: m.counts, Latency: &query.Percentiles{Requests: 2000, P50: 25, P95: 227, P99: 1550}, LastSeen: testNow}
	for range scope.Buckets() {
		item.Course = append(item.Course, query.Counts{Requests: 20})
	}
	list := query.List{Answer: m.answer(), Items: []query.Item{item}, Values: 1, Matching: 1, Totals: m.counts}
	if o.Search != "" && !strings.Contains(value[1], o.Search) {
		list.Items, list.Matching = nil, 0
	}
	return list, m.wait(ctx)
}

func (m *memory) Samples(ctx context.Context, _ query.Scope, _ int) (query.Samples, error) {
	return query.Samples{Answer: m.answer(), Slowest: m.records, Failed: m.records}, m.wait(ctx)
}

func (m *memory) Logs(ctx context.Context, search query.Search) (query.Page, error) {
	m.asked.Store(&search)
	p := query.Page{Answer: query.Answer{Source: query.FromRecords, Exactness: query.Exact}, Searched: int64(len(m.records)), SearchedTo: search.From}
	for i := range m.records {
		if search.Matches(&m.records[i]) {
			p.Records = append(p.Records, m.records[i])
		}
	}
	return p, m.wait(ctx)
}

func (m *memory) Course(ctx context.Context, search query.Search, width time.Duration) (query.Traffic, error) {
	return query.Traffic{Answer: m.answer(), Totals: query.Counts{Requests: 3}, Buckets: []query.Bucket{{At: search.From.Truncate(width), Counts: query.Counts{Requests: 3}}}}, m.wait(ctx)
}

func (m *memory) Record(_ context.Context, ref query.Ref) (query.Record, error) {
	for i := range m.records {
		if m.records[i].Ref.Cursor == ref.Cursor {
			return m.records[i], m.err
		}
	}
	return query.Record{}, &query.Error{Code: query.Gone, Text: "the record is not in the store any more"}
}

func (m *memory) Newest(context.Context, time.Time, []string, int) ([]query.Record, query.Answer, error) {
	return m.records, m.answer(), m.err
}

func (m *memory) KeyRef(string) string { return "0123456789" }

func (m *memory) FindKey(_ context.Context, ref string) (string, error) {
	if ref != "0123456789" {
		return "", &query.Error{Code: query.Gone, Text: "no key has this reference"}
	}
	return testKey, m.err
}

func (m *memory) Storage(context.Context) (query.Storage, error) {
	return query.Storage{Tables: []query.TableSize{{Name: "tyk_analytics", Rows: 7, Bytes: 4096, PerDay: -1}}, PerDay: 1e9, Free: 41e9}, m.err
}

func (m *memory) Recorded(context.Context) (query.Recorded, error) {
	return query.Recorded{Answer: m.answer(), Since: testNow.Add(-time.Hour), APIs: []query.RecordedAPI{{API: query.API{Org: "acme", ID: "payments", Name: "Payments"}, Records: 1000, Requests: 200, Responses: 100, Countries: 500}}}, m.err
}

func (m *memory) Families(context.Context, query.Scope) ([]string, error) { return m.families, m.err }

func (m *memory) Stats() query.Stats { return query.Stats{MaxQueries: 4} }
func (m *memory) Close() error       { return nil }

// still is a Redis that was looked at once.
type still struct {
	name    string
	look    *Look
	letters []Letter
	err     error
	taken   []LetterFilter
	removed string
	taking  chan struct{} // where there is one, taking is told, and goes on until its context ends
}

func (r *still) Address() string {
	if r.name != "" {
		return r.name + ":6379"
	}
	return "redis-1:6379"
}

func (r *still) Receivers() []string {
	if r.name != "" {
		return []string{r.name}
	}
	return []string{"tykredis"}
}
func (r *still) Groups() map[string][]string { return map[string][]string{"default": {"tyksql"}} }
func (r *still) StoreGroups() []string       { return []string{"default"} }
func (r *still) Look(context.Context, *Look) (*Look, error) {
	return r.look, r.err
}

func (r *still) Letters(_ context.Context, f LetterFilter, _ int) (Letters, error) {
	out := Letters{}
	for _, l := range r.letters {
		if len(f.UIDs) == 0 || f.UIDs[0] == l.UID {
			out.Letters = append(out.Letters, l)
			out.Matching++
		}
	}
	return out, r.err
}

func (r *still) Take(ctx context.Context, f LetterFilter, _, dry bool) (Taken, error) {
	t := Taken{Matched: int64(len(r.letters))}
	if r.taking != nil {
		close(r.taking)
		<-ctx.Done()
		return t, ctx.Err()
	}
	if !dry {
		r.taken = append(r.taken, f)
		t.Taken = t.Matched
	}
	return t, r.err
}

func (r *still) RemoveGroup(_ context.Context, name string) error {
	r.removed = name
	return r.err
}

func newStill() *still {
	receipts := Receipts{Claimed: 100, Delivered: 90, Dead: 2, InFlight: 8}
	return &still{
		look: &Look{
			At: testNow, JSON: map[string]any{"redis": "redis-1:6379"}, Memory: []Memory{{Used: 1 << 20, Policy: "noeviction"}},
			Lists:    []ListLook{{Name: "analytics-tyk-system-analytics", Form: "msgpack", Claimed: 100, Kept: 8, Dead: 2, TTL: -1}},
			Groups:   []GroupLook{{Name: "default", Waiting: 8, Oldest: 2 * time.Second, Movement: "moving", PerSecond: 99, Lists: []GroupList{{Name: "analytics", Receipts: receipts}}}, {Name: "gone", Waiting: 8, Away: true, Ago: 3 * time.Hour, Movement: "stalled", Lists: []GroupList{{Name: "analytics", Receipts: receipts}}}},
			Reasons:  []Reason{{Source: "analytics", Group: "default", Destination: "tyksql", Text: "too_large: index row size #", Count: 2}},
			Findings: []Finding{{Trouble: true, Code: "group_away", Group: "gone", Title: "Group gone was not heard of for 3 h.", Command: "tykctl groups remove gone"}},
		},
		letters: []Letter{{UID: "a-1", Source: "analytics", Group: "default", Destination: "tyksql", Reason: "too_large: index row size 2888", At: testNow, Bytes: 9, Entry: []byte("\x81\xa6APIKey\xb4" + testKey), Record: []byte(`{"APIKey":"` + testKey + `","APIName":"Orders","Tags":["a","key-` + testKey + `"],"Path":"/x?token=` + testKey + `"}`)}},
	}
}

// stage is a site over what a test changes.
type stage struct {
	store    query.Store
	storeErr error
	redis    *still
	more     []*still
	process  Process
}

func (s *stage) Store() (query.Store, error) { return s.store, s.storeErr }
func (s *stage) Redises() []Redis {
	var all []Redis
	if s.redis != nil {
		all = append(all, s.redis)
	}
	for _, r := range s.more {
		all = append(all, r)
	}
	return all
}
func (s *stage) Measure(context.Context) {}
func (s *stage) Process() Process        { return s.process }

func newSite(t *testing.T, s *stage, change func(*Options)) (*Site, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	options := Options{
		Base: "/", Zone: time.UTC, Keys: "masked", Bodies: "redacted", Log: zap.New(core), Now: func() time.Time { return testNow }, Secret: []byte("secret"),
		MayAct: func(string) bool { return true }, User: func(*http.Request) string { return "ops" },
	}
	if change != nil {
		change(&options)
	}
	site, err := NewSite(options, s)
	require.NoError(t, err)
	t.Cleanup(site.Close)
	return site, logs
}

func get(t *testing.T, site *Site, path string) *httptest.ResponseRecorder {
	t.Helper()
	site.kept.forget() // tests change what pages show
	return ask2(t, site, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
}

func ask2(t *testing.T, site *Site, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	return w
}

func someRecord() query.Record {
	r := query.Record{Record: analytics.Record{
		TimeStamp: testNow.Add(-time.Minute), Method: "POST", Path: "/charges", OriginalPath: "/charges?token=" + testKey, RawPath: "/charges", Host: "payments.internal", ResponseCode: 502, APIID: "payments", APIName: "Payments", OrgID: "acme",
		APIKey: testKey, Alias: "partner portal", Latency: analytics.Latency{Total: 3210, Upstream: 3204, Gateway: 6}, Tags: []string{"pci", "key-" + testKey},
	}}
	r.Ref = query.Ref{Org: "acme", API: "payments", Cursor: query.Cursor{At: r.TimeStamp, Hash: "0123456789"}}
	return r
}
