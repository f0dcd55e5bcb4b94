package pages

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

func TestBlocksOfGraphQLAndMCP(t *testing.T) {
	t.Parallel()
	s := full()
	store := s.store.(*memory)
	site, _ := newSite(t, s, nil)
	plain := get(t, site, "/apis/acme/payments").Body.String()
	assert.NotContains(t, plain, "GraphQL")
	assert.NotContains(t, plain, "MCP")
	store.families = []string{"graph", "mcp"}
	page := get(t, site, "/apis/acme/payments").Body.String()
	for _, want := range []string{"GraphQL operations", "GraphQL root fields", "GraphQL types", "GraphQL fields", "MCP methods", "MCP primitives", "MCP names", "counts twice"} {
		assert.Contains(t, page, want)
	}
	var answer map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(get(t, site, "/apis/acme/payments.json").Body.Bytes(), &answer))
	for _, block := range []string{"operations", "root_fields", "types", "fields", "rpc_methods", "primitives", "names"} {
		assert.Contains(t, answer, block)
		fragment := get(t, site, "/apis/acme/payments?block="+block).Body.String()
		assert.NotContains(t, fragment, "<html", block)
		assert.Contains(t, fragment, "2,000", block)
	}
	// What comes late stands as a placeholder, with a link for pages without scripts.
	store.late.Store(int64(time.Minute))
	late := get(t, site, "/apis/acme/payments").Body.String()
	assert.Contains(t, late, `data-block="types"`)
	assert.Contains(t, late, "wait=30s")
	// Figures of some of the records say so. What was late may still ask its store, so this is another.
	s = full()
	store = s.store.(*memory)
	store.families, store.absent = []string{"graph", "mcp"}, true
	site, _ = newSite(t, s, nil)
	assert.Contains(t, get(t, site, "/apis/acme/payments?block=types").Body.String(), "newest 20,000")
	store.absent, store.err = false, &query.Error{Code: query.Away, Text: "the store does not answer"}
	assert.Equal(t, http.StatusServiceUnavailable, get(t, site, "/apis/acme/payments").Code)
}

func TestNewerRequests(t *testing.T) {
	t.Parallel()
	s := full()
	store := s.store.(*memory)
	site, _ := newSite(t, s, nil)
	first := store.records[0].Ref.Cursor
	page := get(t, site, "/logs?range=1h&status=5xx").Body.String()
	after := url.QueryEscape(first.String())
	assert.Contains(t, page, `data-newer="5"`)
	assert.Contains(t, page, "after="+after)
	assert.Contains(t, page, "Look for newer requests")
	fragment := get(t, site, "/logs?range=1h&status=5xx&block=newer&after="+after)
	assert.Equal(t, http.StatusOK, fragment.Code)
	assert.Contains(t, fragment.Body.String(), "1 newer")
	assert.Contains(t, fragment.Body.String(), "range=1h&amp;status=5xx")
	assert.NotContains(t, fragment.Body.String(), "after=", "it leads to all of them")
	asked := store.asked.Load()
	assert.Equal(t, first, *asked.After)
	assert.Equal(t, mostNewer, asked.Limit)
	var counted struct {
		Newer int64 `json:"newer"`
	}
	require.NoError(t, json.Unmarshal(get(t, site, "/logs.json?block=newer&after="+after).Body.Bytes(), &counted))
	assert.Equal(t, int64(1), counted.Newer)
	assert.Equal(t, http.StatusBadRequest, get(t, site, "/logs?block=newer").Code)
	assert.Equal(t, http.StatusBadRequest, get(t, site, "/logs.json?block=newer&after=x").Code)
	// Without scripts the link leads to those alone; where there are none, that is said.
	store.records = nil
	none := get(t, site, "/logs?range=1h&after="+after).Body.String()
	assert.Contains(t, none, "Nothing newer yet")
	assert.Contains(t, none, "All requests")
	// A time that has passed has nothing newer.
	old := someRecord()
	old.TimeStamp = testNow.Add(-10 * time.Minute)
	store.records = []query.Record{old}
	past := get(t, site, "/logs?from=2026-11-27T14:00:00Z&to=2026-11-27T14:35:00Z").Body.String()
	assert.Contains(t, past, "/charges")
	assert.NotContains(t, past, "data-newer")
	store.err = &query.Error{Code: query.Away, Text: "the store does not answer"}
	assert.Equal(t, http.StatusServiceUnavailable, get(t, site, "/logs?block=newer&after="+after).Code)
}

func TestOneRedisOfSeveral(t *testing.T) {
	t.Parallel()
	s := full()
	other := newStill()
	other.name = "tykredis/eu"
	other.look.Findings = nil
	other.look.Groups = other.look.Groups[:1]
	other.look.Groups[0].Oldest = 20 * time.Minute
	s.more = []*still{other}
	site, _ := newSite(t, s, on)
	for _, l := range site.watches.each() {
		l.wait(t.Context())
	}
	page := get(t, site, "/pipeline").Body.String()
	assert.Contains(t, page, "Group gone was not heard of")
	assert.Contains(t, page, `aria-current="page"><b>tykredis</b>`)
	assert.Contains(t, page, "redis=tykredis%2Feu")
	assert.Contains(t, page, "20\u202fmin behind", "the one that is most behind tells how far all is stored")
	page = get(t, site, "/pipeline?redis=tykredis%2Feu").Body.String()
	assert.Contains(t, page, `aria-current="page"><b>tykredis/eu</b>`)
	assert.NotContains(t, page, "Group gone was not heard of")
	for _, href := range []string{"/pipeline/dead?redis=tykredis%2Feu", "/pipeline/lists?redis=tykredis%2Feu"} {
		assert.Contains(t, page, href)
	}
	var answer struct {
		Servers []serverJSON `json:"servers"`
	}
	require.NoError(t, json.Unmarshal(get(t, site, "/pipeline.json?redis=tykredis%2Feu").Body.Bytes(), &answer))
	assert.Equal(t, []serverJSON{{"tykredis", "redis-1:6379", 1, false}, {"tykredis/eu", "tykredis/eu:6379", 0, true}}, answer.Servers)
	assert.Equal(t, http.StatusBadRequest, get(t, site, "/pipeline.json?redis=nope").Code)

	// What is done, is done to the Redis that was chosen.
	form := get(t, site, "/pipeline/dead/replay?redis=tykredis%2Feu").Body.String()
	assert.Contains(t, form, `name="redis" value="tykredis/eu"`)
	values := url.Values{"token": {site.token("ops", actReplay, testNow)}, "matched": {"1"}, "redis": {"tykredis/eu"}}
	done := post(t, site, "/pipeline/dead/replay", values, nil)
	assert.Contains(t, done.Header().Get("Location"), "redis=tykredis%2Feu")
	assert.Len(t, other.taken, 1)
	assert.Empty(t, s.redis.taken)
	values.Set("redis", "nope")
	assert.Equal(t, http.StatusNotFound, post(t, site, "/pipeline/dead/replay", values, nil).Code)
	remove := url.Values{"token": {site.token("ops", actRemove, testNow)}, "typed": {"gone"}, "redis": {"tykredis/eu"}}
	assert.Equal(t, http.StatusNotFound, post(t, site, "/pipeline/groups/gone/remove", remove, nil).Code, "it is a group of the other")
	assert.Empty(t, s.redis.removed)
}

func TestDestinations(t *testing.T) {
	t.Parallel()
	s := full()
	s.process.Components = append(s.process.Components, Component{ID: "otlp", Kind: "exporter", Status: "StatusRecoverableError", Error: "connection refused"})
	s.process.Metrics = Metrics{
		Place: "http://localhost:8888/metrics", At: testNow, Grew: map[string]time.Time{"otlp": testNow.Add(-time.Minute)},
		Destinations: map[string]Destination{
			"tyksql": {Stored: 9_842_606, Had: 4000, NotTaken: 0, Refused: 31, Writes: 10_000, Rate: 99, WriteRate: 4, P99: 50 * time.Millisecond},
			"otlp":   {Stored: 7, Had: -1, NotTaken: -1, Refused: -1, Writes: -1, Rate: 0, WriteRate: -1, P99: 10 * time.Second, P99Beyond: true},
		},
	}
	site, _ := newSite(t, s, nil)
	site.watches.each()[0].wait(t.Context())
	page := get(t, site, "/pipeline").Body.String()
	for _, want := range []string{"9,842,606", "99/s", "4/s", "≤ 50\u202fms", "&gt; 10.00\u202fs", "14:39:58", "14:39:00"} {
		assert.Contains(t, page, want)
	}
	type destination struct {
		Exporter string    `json:"exporter"`
		StoredTo time.Time `json:"stored_to"`
		By       string    `json:"stored_to_by"`
		Writes   *float64  `json:"writes_per_second"`
		P99      float64   `json:"write_p99_ms"`
	}
	destinations := func() map[string]destination {
		var answer struct {
			Destinations []destination `json:"destinations"`
		}
		require.NoError(t, json.Unmarshal(get(t, site, "/pipeline.json").Body.Bytes(), &answer))
		all := map[string]destination{}
		for _, d := range answer.Destinations {
			all[d.Exporter] = d
		}
		return all
	}
	got := destinations()
	assert.Equal(t, "groups|2026-11-27T14:39:58Z", got["tyksql"].By+"|"+got["tyksql"].StoredTo.Format(time.RFC3339))
	assert.InDelta(t, 4, *got["tyksql"].Writes, 0)
	assert.InDelta(t, 50, got["tyksql"].P99, 0)
	assert.Equal(t, "last_growth|2026-11-27T14:39:00Z", got["otlp"].By+"|"+got["otlp"].StoredTo.Format(time.RFC3339))

	// Without Redis, the newest record tells; without metrics that is said.
	s.redis, s.process.Metrics = nil, Metrics{}
	got = destinations()
	assert.Equal(t, "newest_record", got["tyksql"].By)
	assert.True(t, got["otlp"].StoredTo.IsZero())
	assert.Contains(t, get(t, site, "/pipeline").Body.String(), "no metrics endpoint")
	get(t, site, "/")
	assert.Contains(t, get(t, site, "/").Body.String(), "Newest record of")
}

func TestSettingsSayWhatIsReadAndHowLongThereIsRoom(t *testing.T) {
	t.Parallel()
	s := full()
	store := s.store.(*memory)
	s.redis.look.Memory[0].Max = 4 << 20
	site, _ := newSite(t, s, nil)
	l := site.watches.each()[0]
	l.wait(t.Context())
	page := get(t, site, "/settings").Body.String()
	for _, want := range []string{"What is recorded", "20.0", "detailed recording is on", "in about 41 days", "Redis of tykredis", "1.0\u202fMB of 4.2\u202fMB used", "Metrics of this process", "there is none"} {
		assert.Contains(t, page, want)
	}
	l.mu.Lock()
	l.memory = []memorySample{{testNow.Add(-10 * time.Minute), 0}, {testNow, 1 << 20}}
	l.mu.Unlock()
	assert.Contains(t, get(t, site, "/pipeline").Body.String(), "Full in about 30\u202fmin")
	var answer struct {
		Sources []sourceJSON `json:"sources"`
	}
	require.NoError(t, json.Unmarshal(get(t, site, "/settings.json").Body.Bytes(), &answer))
	require.Len(t, answer.Sources, 3)
	assert.Equal(t, "Full in about 30\u202fmin at the pace of the last 10\u202fmin.", answer.Sources[1].Full)
	// Whatever is away is said, and the rest stands.
	l.mu.Lock()
	l.err, l.failed = errors.New("dial tcp: connection refused"), testNow
	l.mu.Unlock()
	store.err = &query.Error{Code: query.Away, Text: "the store at db cannot be reached"}
	page = get(t, site, "/settings").Body.String()
	assert.Equal(t, 2, strings.Count(page, "does not answer: "))
	assert.NotContains(t, page, "What is recorded")
	s.store, s.storeErr = nil, &NoStoreError{}
	assert.Contains(t, get(t, site, "/settings").Body.String(), "there is none")
}

func TestWhenAStoreIsFull(t *testing.T) {
	t.Parallel()
	const gb = 1_000_000_000
	old := testNow.Add(-10 * day)
	for want, c := range map[string]struct {
		storage   query.Storage
		retention int
	}{
		"in about 41 days at the pace of the last day":             {query.Storage{Free: 41 * gb, PerDay: gb}, 0},
		"in about 12\u202fh at the pace of the last day":           {query.Storage{Free: gb / 2, PerDay: gb}, 0},
		"never at this pace, as records are dropped after 30 days": {query.Storage{Free: 41 * gb, PerDay: gb}, 30},
		"in about 10 days at the pace of the last day":             {query.Storage{Free: 10 * gb, PerDay: gb}, 30},
		"not known here: the disk is the server’s":                 {query.Storage{Free: -1, PerDay: gb}, 0},
		"not known: less than a day is stored":                     {query.Storage{Free: gb, PerDay: -1}, 0},
		"in more than 10 years at this pace":                       {query.Storage{Free: 1 << 62, PerDay: 1}, 0},
	} {
		assert.Equal(t, want, storeFull(c.storage, c.retention, old, testNow))
	}
	for want, c := range map[string]struct {
		samples     []memorySample
		used, limit int64
	}{
		"":                                  {[]memorySample{{old, 1}, {old.Add(time.Hour), 2}}, 2, 0},
		"It is full.":                       {[]memorySample{{old, 1}, {old.Add(time.Second), 9}}, 9, 9},
		"Not growing in the last 1\u202fh.": {[]memorySample{{old, 5}, {old.Add(time.Hour), 5}}, 5, 9},
		"Full in about 1\u202fh at the pace of the last 1\u202fh.": {[]memorySample{{old, 1}, {old.Add(time.Hour), 5}}, 5, 9},
	} {
		assert.Equal(t, want, fullText(c.samples, c.used, c.limit))
	}
	assert.Empty(t, fullText([]memorySample{{old, 1}, {old.Add(time.Second), 5}}, 5, 9), "a second says nothing")
}
