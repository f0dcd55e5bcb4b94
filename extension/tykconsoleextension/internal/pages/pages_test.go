package pages

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// allPaths are a page each.
var allPaths = []string{
	"/", "/?table=requests", "/?table=latency", "/apis", "/keys", "/keys?by=oauth", "/endpoints", "/codes", "/countries", "/organisations", "/apis/acme/payments", "/keys/0123456789", "/endpoint?org=acme&api=payments&path=%2Fcharges",
	"/logs", "/logs/acme/payments/", "/live", "/pipeline", "/pipeline/lists", "/pipeline/dead", "/pipeline/dead/default/a-1", "/pipeline/dead/replay", "/pipeline/dead/drop", "/pipeline/groups/gone/remove", "/settings",
}

func withRecord(paths []string) []string {
	record := someRecord()
	var all []string
	for _, p := range paths {
		if strings.HasSuffix(p, "payments/") {
			p += record.Ref.String()
		}
		all = append(all, p)
	}
	return append(all, "/logs?record="+url.QueryEscape("acme/payments/"+record.Ref.String()))
}

func full() *stage {
	m := newMemory()
	m.records = []query.Record{someRecord()}
	return &stage{store: m, redis: newStill(), process: Process{Name: "gw-eu-1", Started: testNow.Add(-time.Hour), StoreExporter: "tyksql", Components: []Component{{ID: "tyksql", Kind: "exporter", Status: "StatusOK", Since: testNow}}}}
}

func on(o *Options) { o.Actions = true }

func TestEveryPageAnswersInEveryForm(t *testing.T) {
	t.Parallel()
	site, logs := newSite(t, full(), on)
	for _, path := range withRecord(allPaths) {
		page := get(t, site, path)
		assert.Equal(t, http.StatusOK, page.Code, path)
		body := page.Body.String()
		assert.Contains(t, body, "</html>", path)
		assert.Equal(t, 1, strings.Count(body, "<h1"), "%s has one heading", path)
		assert.NotContains(t, body, "<no value>", path)
		assert.NotContains(t, body, "ZgotmplZ", path)
		at, query, _ := strings.Cut(path, "?")
		answer := get(t, site, at+".json?"+query)
		assert.Equal(t, http.StatusOK, answer.Code, path)
		assert.Equal(t, "application/json", answer.Header().Get("Content-Type"), path)
		var value any
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &value), path)
		asked := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		asked.Header.Set("Accept", "application/json")
		assert.Equal(t, "application/json", ask2(t, site, asked).Header().Get("Content-Type"), path)
	}
	for _, path := range []string{"/.csv", "/apis.csv", "/keys.csv", "/endpoints.csv", "/codes.csv", "/countries.csv", "/logs.csv", "/pipeline/lists.csv"} {
		answer := get(t, site, path)
		assert.Equal(t, "text/csv; charset=utf-8", answer.Header().Get("Content-Type"), path)
		rows, err := csv.NewReader(answer.Body).ReadAll()
		require.NoError(t, err, path)
		assert.Greater(t, len(rows), 1, path)
	}
	assert.Zero(t, logs.FilterMessageSnippet("failed").Len())
}

// TestNoFormShowsAKey holds the one place of masking: pages, JSON, CSV and the stream.
func TestNoFormShowsAKey(t *testing.T) {
	t.Parallel()
	site, logs := newSite(t, full(), on)
	for _, path := range append(withRecord(allPaths), "/keys.csv", "/logs.csv", "/.csv", "/pipeline/dead.json", "/pipeline/dead?bytes=all") {
		at, query, _ := strings.Cut(path, "?")
		for _, one := range []string{path, at + ".json?" + query} {
			assert.NotContains(t, get(t, site, one).Body.String(), testKey, one)
		}
	}
	r := site.newRequest(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/live/events", http.NoBody))
	event := r.event(&query.Search{}, []query.Record{someRecord()})
	assert.Contains(t, event, "partner portal")
	assert.NotContains(t, event, testKey)
	for _, entry := range logs.All() {
		assert.NotContains(t, fmt.Sprint(entry.Message, entry.ContextMap()), testKey)
	}
	shown, _ := newSite(t, full(), func(o *Options) { o.Keys = "shown" })
	assert.Contains(t, get(t, shown, "/keys/0123456789").Body.String(), testKey)
	aliases, _ := newSite(t, full(), func(o *Options) { o.Keys = "aliases" })
	body := get(t, aliases, "/").Body.String()
	assert.Contains(t, body, "partner portal")
	assert.NotContains(t, body, testKey[:4])
}

func TestFiguresAreThoseOfTheStore(t *testing.T) {
	t.Parallel()
	site, _ := newSite(t, full(), nil)
	site.watches.each()[0].wait(t.Context())
	body := get(t, site, "/").Body.String()
	for _, want := range []string{"194,000", "14,550", "4,850", "227", "Payments", "partner portal", "3f1c…a907", "/charges", "502", "Bad Gateway", "Germany", "exact, from rollups of 15\u202fmin", "Stored to 14:39:58 UTC"} {
		assert.Contains(t, body, want)
	}
	var answer struct {
		Totals struct {
			Requests int64   `json:"requests"`
			P95      float64 `json:"p95_ms"`
		} `json:"totals"`
		Buckets []any `json:"buckets"`
		Meta    struct {
			CompleteTo time.Time                 `json:"complete_to"`
			Blocks     map[string]map[string]any `json:"blocks"`
		} `json:"meta"`
	}
	require.NoError(t, json.Unmarshal(get(t, site, "/.json").Body.Bytes(), &answer))
	assert.Equal(t, int64(194_000), answer.Totals.Requests)
	assert.InEpsilon(t, 227.0, answer.Totals.P95, 1e-9)
	assert.Len(t, answer.Buckets, 97)
	assert.Equal(t, testNow.Add(-2*time.Second), answer.Meta.CompleteTo)
	assert.Equal(t, "exact", answer.Meta.Blocks["totals"]["exactness"])
}

func TestStates(t *testing.T) {
	t.Parallel()
	late := newMemory()
	late.err = context.DeadlineExceeded
	away := newMemory()
	away.err = &query.Error{Code: query.Away, Text: "PostgreSQL does not answer", Err: errors.New("connection refused")}
	busy := newMemory()
	busy.err = &query.Error{Code: query.Busy, Text: "four statements run already"}
	empty := newMemory()
	empty.info.NewestRecord, empty.info.OldestRollup = time.Time{}, time.Time{}
	bare := newMemory()
	bare.absent, bare.info.Rollups = true, false
	for name, c := range map[string]struct {
		stage  *stage
		path   string
		status int
		code   string
		want   []string
	}{
		"starting":      {&stage{storeErr: ErrStarting}, "/", http.StatusServiceUnavailable, "starting", []string{"Starting: pipelines are not up yet", "data-retry"}},
		"no store":      {&stage{storeErr: &NoStoreError{Exporters: []string{"kafka"}}}, "/logs", http.StatusOK, "no_store", []string{"writes to no store that the console can read", "driver: sqlite", "kafka"}},
		"mongo":         {&stage{storeErr: &NoStoreError{Mongo: true}}, "/", http.StatusOK, "no_store", []string{"records go to MongoDB"}},
		"late":          {&stage{store: late, redis: newStill(), process: Process{}}, "/", http.StatusServiceUnavailable, "timeout", []string{"did not answer in time"}},
		"away":          {&stage{store: away, redis: newStill(), process: Process{}}, "/", http.StatusServiceUnavailable, "store_away", []string{"PostgreSQL does not answer", "connection refused", "data-retry"}},
		"busy":          {&stage{store: busy}, "/logs", http.StatusServiceUnavailable, "busy", []string{"Four statements run already"}},
		"empty":         {&stage{store: empty, redis: newStill()}, "/", http.StatusOK, "", []string{"No requests yet", "enable_analytics", "redis-1:6379"}},
		"no rollups":    {&stage{store: bare}, "/", http.StatusOK, "", []string{"No rollups; counted from records", "newest 20,000", "tykaggregate", "Latency, mean"}},
		"nothing found": {full(), "/logs?q=zzz", http.StatusOK, "", []string{"No request with “zzz” in the last hour", "Search bodies, too", "Without the text"}},
		"gone":          {full(), "/logs/acme/payments/1795790412873000.00000000ff", http.StatusNotFound, "gone", []string{"This record is not in the store any more"}},
		"no reference":  {full(), "/logs/acme/payments/x", http.StatusNotFound, "not_found", []string{"no reference of a record"}},
		"no page":       {full(), "/no/such", http.StatusNotFound, "not_found", []string{"There is no such page"}},
		"no redis":      {&stage{store: newMemory()}, "/pipeline", http.StatusOK, "", []string{"no tykredis receiver"}},
		"actions off":   {full(), "/pipeline/dead/replay?same=too_large", http.StatusForbidden, "forbidden", []string{"actions: true", "tykctl dead replay -reason too_large"}},
		"unknown key":   {full(), "/keys/ffffffffff", http.StatusNotFound, "gone", []string{"No key has this reference"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site, _ := newSite(t, c.stage, nil)
			if c.stage.redis != nil {
				site.watches.each()[0].wait(t.Context())
			}
			answer := get(t, site, c.path)
			assert.Equal(t, c.status, answer.Code)
			for _, want := range c.want {
				assert.Contains(t, answer.Body.String(), want)
			}
			if c.code != "" {
				at, query, _ := strings.Cut(c.path, "?")
				problem := get(t, site, at+".json?"+query)
				assert.Equal(t, "application/problem+json", problem.Header().Get("Content-Type"))
				assert.Contains(t, problem.Body.String(), `"code":"`+c.code+`"`)
			}
		})
	}
}

func TestRedisThatIsAwayIsSaid(t *testing.T) {
	t.Parallel()
	s := full()
	s.redis.err = errors.New("dial tcp 10.0.4.3:6379: i/o timeout")
	site, _ := newSite(t, s, nil)
	body := get(t, site, "/pipeline").Body.String()
	assert.Contains(t, body, "Redis does not answer")
	assert.Contains(t, body, "i/o timeout")
}

func TestABlockThatIsLateDoesNotHoldThePage(t *testing.T) {
	t.Parallel()
	s := full()
	s.store.(*memory).late.Store(int64(time.Hour)) // it is given up after a time: lasting
	clock := time.Now()
	site, _ := newSite(t, s, func(o *Options) { o.Now = time.Now })
	body := get(t, site, "/").Body.String()
	assert.Contains(t, body, `data-block="latency"`)
	assert.Contains(t, body, "Show it, which takes some seconds")
	assert.Less(t, time.Since(clock), lasting)
	s.store.(*memory).late.Store(0)
	fragment := get(t, site, "/?block=latency").Body.String()
	assert.Contains(t, fragment, "Latency, p95")
	assert.NotContains(t, fragment, "<html")
	assert.NotContains(t, get(t, site, "/?wait=30s").Body.String(), "data-block")
}

func TestParametersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	site, _ := newSite(t, full(), nil)
	for query, want := range map[string]string{
		"status=7xxx": "is no status", "range=soon": "is no range", "from=yesterday": "is no time", "trace=12": "is no trace id", "slower=fast": "is no latency", "limit=9999": "is no length", "before=x": "is no place between records",
		"from=2020-01-01&to=2010-01-01": "must lie behind", "from=1&to=253402300799": "five years", "q=" + strings.Repeat("x", 2000): "is longer than", "compare=never": "is no comparison",
	} {
		page := get(t, site, "/logs?"+query)
		assert.Equal(t, http.StatusOK, page.Code, query)
		assert.Contains(t, page.Body.String(), want, query)
		problem := get(t, site, "/logs.json?"+query)
		assert.Equal(t, http.StatusBadRequest, problem.Code, query)
		assert.Contains(t, problem.Body.String(), "bad_parameter", query)
	}
}

func TestFiltersReachTheStore(t *testing.T) {
	t.Parallel()
	s := full()
	site, _ := newSite(t, s, nil)
	get(t, site, "/logs?range=6h&org=acme&api=payments&status=429,5xx&path=/orders/*&method=POST&country=DE&slower=2s&q=text&key=0123456789&trace=4BF92F3577B34DA6A3CE929D0E0E4736")
	got := *s.store.(*memory).asked.Load()
	assert.Equal(t, query.Search{
		From: testNow.Add(-6 * time.Hour), To: testNow, Text: "text", Trace: "4bf92f3577b34da6a3ce929d0e0e4736", Slower: 2 * time.Second, Limit: 50,
		Filter: query.Filter{Orgs: []string{"acme"}, APIs: []string{"payments"}, Keys: []string{testKey}, Paths: []string{"/orders/*"}, Methods: []string{"POST"}, Countries: []string{"DE"}, Status: []query.StatusRange{{First: 429, Last: 429}, {First: 500, Last: 599}}},
	}, got)
	get(t, site, "/logs?key=partner")
	assert.Equal(t, []string{testKey}, s.store.(*memory).asked.Load().Keys, "an alias stands for its keys")
}

func post(t *testing.T, site *Site, path string, form url.Values, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	return ask2(t, site, r)
}

func TestActionsAreDeliberate(t *testing.T) {
	t.Parallel()
	s := full()
	site, logs := newSite(t, s, on)
	replay := site.token("ops", actReplay, testNow)
	for name, c := range map[string]struct {
		path   string
		form   url.Values
		change func(*http.Request)
	}{
		"without a token":   {"/pipeline/dead/replay", url.Values{}, nil},
		"of another action": {"/pipeline/dead/drop", url.Values{"token": {replay}, "matched": {"1"}, "typed": {"1"}}, nil},
		"of another user":   {"/pipeline/dead/replay", url.Values{"token": {site.token("eve", actReplay, testNow)}}, nil},
		"too old":           {"/pipeline/dead/replay", url.Values{"token": {site.token("ops", actReplay, testNow.Add(-3*time.Hour))}}, nil},
		"from another site": {"/pipeline/dead/replay", url.Values{"token": {replay}}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }},
		"another origin":    {"/pipeline/dead/replay", url.Values{"token": {replay}}, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }},
	} {
		assert.Equal(t, http.StatusForbidden, post(t, site, c.path, c.form, c.change).Code, name)
		assert.Empty(t, s.redis.taken, name)
	}
	refused := logs.FilterMessage("tykconsole action").Len()
	assert.Equal(t, 6, refused, "each is in the log")
	assert.Equal(t, http.StatusBadRequest, post(t, site, "/pipeline/dead/drop", url.Values{"token": {site.token("ops", actDrop, testNow)}, "matched": {"1"}, "typed": {"2"}}, nil).Code)
	assert.Empty(t, s.redis.taken)

	done := post(t, site, "/pipeline/dead/replay", url.Values{"token": {replay}, "uid": {"a-1"}, "matched": {"1"}}, nil)
	assert.Equal(t, http.StatusSeeOther, done.Code)
	require.Len(t, s.redis.taken, 1)
	assert.Equal(t, []string{"a-1"}, s.redis.taken[0].UIDs)
	assert.Contains(t, get(t, site, done.Header().Get("Location")).Body.String(), "Replayed 1 of 1 letter")
	entries := logs.FilterMessage("tykconsole action").All()
	last := entries[len(entries)-1].ContextMap()
	assert.Equal(t, "ops", last["user"])
	assert.Equal(t, "done", last["outcome"])
	assert.Equal(t, "dead.replay", last["action"])

	remove := url.Values{"token": {site.token("ops", actRemove, testNow)}, "typed": {"gone"}}
	assert.Equal(t, http.StatusConflict, post(t, site, "/pipeline/groups/default/remove", remove, nil).Code, "it is alive")
	assert.Equal(t, http.StatusSeeOther, post(t, site, "/pipeline/groups/gone/remove", remove, nil).Code)
	assert.Equal(t, "gone", s.redis.removed)
}

// What an operator began goes on when he leaves, and ends with the site, which the log tells.
func TestAnActionEndsWithTheSite(t *testing.T) {
	t.Parallel()
	s := full()
	s.redis.taking = make(chan struct{})
	site, logs := newSite(t, s, on)
	form := url.Values{"token": {site.token("ops", actReplay, testNow)}, "uid": {"a-1"}, "matched": {"1"}}
	var asked sync.WaitGroup
	asked.Go(func() {
		post(t, site, "/pipeline/dead/replay", form, func(r *http.Request) {
			left, leave := context.WithCancel(r.Context())
			leave()
			*r = *r.WithContext(left)
		})
	})
	<-s.redis.taking
	site.Close()
	entries := logs.FilterMessage("tykconsole action").All()
	assert.Equal(t, "failed: context canceled", entries[len(entries)-1].ContextMap()["outcome"])
	asked.Wait()
	assert.Equal(t, http.StatusServiceUnavailable, post(t, site, "/pipeline/dead/replay", form, nil).Code, "it is too late")
}

func TestWithoutActionsThereIsNoForm(t *testing.T) {
	t.Parallel()
	s := full()
	for name, change := range map[string]func(*Options){"off": nil, "another user": func(o *Options) { o.Actions, o.MayAct = true, func(string) bool { return false } }} {
		site, _ := newSite(t, s, change)
		for _, path := range []string{"/pipeline", "/pipeline/dead"} {
			body := get(t, site, path).Body.String()
			assert.NotContains(t, body, "Remove group…", name)
			assert.NotContains(t, body, `class="danger"`, name)
			assert.Contains(t, body, "tykctl", name)
		}
		assert.Equal(t, http.StatusForbidden, post(t, site, "/pipeline/dead/replay", url.Values{"token": {site.token("ops", actReplay, testNow)}}, nil).Code)
	}
	assert.Empty(t, s.redis.taken)
}

func TestAKeyIsFoundByItself(t *testing.T) {
	t.Parallel()
	site, _ := newSite(t, full(), nil)
	found := post(t, site, "/keys/find", url.Values{"key": {testKey}}, nil)
	assert.Equal(t, "/keys/0123456789", found.Header().Get("Location"))
	assert.Equal(t, http.StatusForbidden, post(t, site, "/keys/find", url.Values{"key": {testKey}}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }).Code)
}

// FuzzParameters holds that no parameter makes a page fail.
func FuzzParameters(f *testing.F) {
	for _, seed := range []string{"range=1h&status=5xx", "from=0&to=1", "org=" + traffic.Key + "&path=*", "record=a/b/c&before=1.0123456789", "since=1d&uid=x&same=%00", "sort=-p95&after=50&by=oauth", "wait=30s&block=latency&table=x&theme=dark&keys=off"} {
		f.Add(seed, "0123456789")
	}
	site, err := NewSite(Options{
		Base: "/", Zone: time.UTC, Keys: "masked", Bodies: "redacted", Log: zap.NewNop(), Now: func() time.Time { return testNow }, Secret: []byte("secret"), Actions: true,
		MayAct: func(string) bool { return true }, User: func(*http.Request) string { return "ops" },
	}, full())
	require.NoError(f, err)
	f.Cleanup(site.Close)
	f.Fuzz(func(t *testing.T, parameters, segment string) {
		values, err := url.ParseQuery(parameters)
		if err != nil {
			return
		}
		for _, path := range []string{"/", "/logs", "/keys", "/pipeline/dead", "/live", "/apis/" + escape(segment) + "/" + escape(segment), "/logs/a/b/" + escape(segment), "/keys/" + escape(segment)} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			plain, err := url.PathUnescape(path)
			require.NoError(t, err)
			r.URL.Path, r.URL.RawPath, r.URL.RawQuery = plain, path, values.Encode()
			if w := ask2(t, site, r); w.Code >= http.StatusInternalServerError {
				t.Errorf("%s?%s: %d", path, values.Encode(), w.Code)
			}
		}
	})
}
