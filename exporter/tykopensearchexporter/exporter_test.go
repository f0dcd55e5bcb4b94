package tykopensearchexporter

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykopensearchexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func TestDocumentsAreStoredUnderTheirIdentities(t *testing.T) {
	t.Parallel()
	s := listen(t)
	e := start(t, sinktest.NewHost(), func(c *Config) {
		s.to(c)
		c.Client.Compression, c.MaxRequestBytes, c.Username, c.Password = "gzip", 20_000, "u", "p"
	})
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(200)...)))
	stored := s.stored("tyk_analytics")
	require.Len(t, stored, 200)
	for i := range 200 {
		var document struct {
			URI string `json:"request_uri"`
		}
		require.NoError(t, json.Unmarshal([]byte(stored["seg-"+strconv.Itoa(i)]), &document))
		assert.Equal(t, "/"+strconv.Itoa(i), document.URI)
	}
	assert.Greater(t, len(s.requests), 5)
	for i, r := range s.requests {
		assert.Equal(t, "/_bulk", r.URL.Path)
		assert.Equal(t, "Basic dTpw", r.Header.Get("Authorization"))
		assert.Equal(t, "application/x-ndjson", r.Header.Get("Content-Type"))
		assert.LessOrEqual(t, len(s.bodies[i]), 20_000)
	}
	// What is delivered again is there.
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(200)...)))
	assert.Len(t, s.stored("tyk_analytics"), 200)
}

func TestLogins(t *testing.T) {
	t.Parallel()
	for login, change := range map[string]func(*Config){
		"ApiKey aWQ6a2V5": func(c *Config) { c.APIKey = "aWQ6a2V5" },
		"Basic dTpw":      func(c *Config) { c.Client.Endpoint = strings.Replace(c.Client.Endpoint, "//", "//u:p@", 1) },
	} {
		s := listen(t)
		s.login = login
		e := start(t, sinktest.NewHost(), func(c *Config) {
			s.to(c)
			change(c)
		})
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(1)...)), login)
	}
	s := listen(t)
	s.login = "Basic dTpw"
	err := start(t, sinktest.NewHost(), func(c *Config) {
		s.to(c)
		c.Username, c.Password = "u", "wrong-password"
	}).ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(1)...))
	require.ErrorContains(t, err, "check username and password, api_key, or auth")
	assert.NotContains(t, err.Error(), "wrong-password")
}

// Elasticsearch before 7 wants a type, from 8 on it takes none; 7, and OpenSearch 1, take both.
func TestEachVersionGetsWhatItTakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		major int
		kind  string
		fails string
	}{
		{5, "doc", ""},
		{6, "doc", ""},
		{7, "", ""},
		{8, "", ""},
		{6, "", "type is missing"},
		{8, "doc", "leave document_type out, which only servers before Elasticsearch 7 have"},
	} {
		s := listen(t)
		s.major = c.major
		err := start(t, sinktest.NewHost(), func(config *Config) {
			s.to(config)
			config.DocumentType = c.kind
		}).ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(3)...))
		if c.fails == "" {
			require.NoError(t, err)
			assert.Len(t, s.stored("tyk_analytics"), 3)
			continue
		}
		require.ErrorContains(t, err, c.fails)
		assert.False(t, consumererror.IsPermanent(err), "all are stored once the settings are right")
	}
}

// A run of documents that the server will never take is named; their neighbours are stored.
func TestARefusedDocumentStandsAside(t *testing.T) {
	t.Parallel()
	s := listen(t)
	s.fault = func(source string) *itemAnswer {
		if strings.Contains(source, "/poison") {
			return unstored(http.StatusBadRequest, "illegal_argument_exception", `Document contains at least one immense term in field="request_uri"`)
		}
		return nil
	}
	records := numbered(500)
	for _, i := range []int{0, 7, 8, 9, 10, 499} {
		records[i].Path = "/poison"
	}
	records[77].TimeStamp = time.Unix(1<<40, 0)
	logs := sinktest.LogsOf(records...)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(78).SetEventName("other")
	err := start(t, sinktest.NewHost(), s.to).ConsumeLogs(t.Context(), logs)
	require.True(t, consumererror.IsPermanent(err))
	reasons := refusedOf(t, err)
	assert.Len(t, reasons, 8)
	assert.Contains(t, reasons[77], "out_of_range: timestamp is in the year 36812")
	assert.Contains(t, reasons[8], `invalid: OpenSearch answered 400 to a document of the index "tyk_analytics": illegal_argument_exception: Document contains at least one immense term`)
	assert.Contains(t, reasons[78], "foreign")
	assert.Len(t, s.stored("tyk_analytics"), 492)
}

// A request that something in between refuses for one document's sake is taken apart.
func TestARequestThatIsRefusedIsTakenApart(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge} {
		s := listen(t)
		s.status = func(body string) int {
			if strings.Contains(body, "/poison") {
				return status
			}
			return http.StatusOK
		}
		records := numbered(1000)
		for _, i := range []int{3, 4, 500, 999} {
			records[i].Path = "/poison"
		}
		err := start(t, sinktest.NewHost(), s.to).ConsumeLogs(t.Context(), sinktest.LogsOf(records...))
		assert.Len(t, refusedOf(t, err), 4)
		assert.Len(t, s.stored("tyk_analytics"), 996)
		assert.Less(t, len(s.requests), 100)
	}
}

func TestRequestsAreAsSmallAsTheServerWantsThem(t *testing.T) {
	t.Parallel()
	s := listen(t)
	s.most = 5000
	records := numbered(100)
	records[50].Path = "/" + strings.Repeat("x", 6000)
	reasons := refusedOf(t, start(t, sinktest.NewHost(), s.to).ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	assert.Equal(t, map[int64]string{50: "too_large: OpenSearch answered 413 Request Entity Too Large: "}, reasons)
	assert.Len(t, s.stored("tyk_analytics"), 99)
}

// Documents of a blocked index wait, those of others do not, and the status tells.
func TestABlockedIndexIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := listen(t)
	s.blocked = "mcp"
	host := sinktest.NewHost()
	e := start(t, host, func(c *Config) {
		s.to(c)
		c.MCPIndexName, c.Retry.Enabled = "mcp", true
	})
	records := numbered(50)
	for _, i := range []int{3, 30} {
		records[i].MCP.IsMCP = true
	}
	result := make(chan error, 1)
	go func() { result <- e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)) }()
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	assert.Len(t, s.stored("tyk_analytics"), 48)
	s.set(func() { s.blocked = "" })
	require.NoError(t, <-result)
	assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
	assert.Len(t, s.stored("mcp"), 2)
	assert.Contains(t, s.bodies[0], "/4\"")
	for _, body := range s.bodies[1:] {
		assert.Equal(t, 4, strings.Count(body, "\n"), "only what was not stored is sent again")
	}
}

func TestABusyServerGetsTheRestAgain(t *testing.T) {
	t.Parallel()
	s := listen(t)
	s.busy = 170
	e := start(t, sinktest.NewHost(), func(c *Config) {
		s.to(c)
		c.Retry.Enabled = true
	})
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(100)...)))
	assert.Len(t, s.stored("tyk_analytics"), 100)
	assert.Len(t, s.bodies, 3)
	assert.Equal(t, 140, strings.Count(s.bodies[2], "\n"))
}

// An answer that is cut, or that never comes, leaves nothing out.
func TestAnAnswerThatIsLostIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s := listen(t)
	var calls atomic.Int32
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch calls.Add(1) {
		case 1: // the server has it, and nobody knows
			s.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case 2:
			w.Header().Set("Content-Length", "100000")
			s.ServeHTTP(w, r)
		case 3:
			_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection does not show
			<-r.Context().Done()
		case 4:
			_, _ = w.Write([]byte("<html>Sign in</html>"))
		case 5:
			_, _ = w.Write([]byte(`{"errors":false,"items":[{"create":{"status":201}}]}`))
		case 6:
			_, _ = w.Write([]byte(`{"errors":false,"items":[{"index":{"status":201}},{"index":{"status":201}},{"index":{"status":201}}]}`))
		default:
			s.ServeHTTP(w, r)
		}
	}))
	defer between.Close()
	e := start(t, sinktest.NewHost(), func(c *Config) {
		c.Client.Endpoint, c.Client.Timeout, c.Retry.Enabled = between.URL, time.Second, true
	})
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(3)...)))
	assert.Len(t, s.stored("tyk_analytics"), 3)
	assert.GreaterOrEqual(t, calls.Load(), int32(7))
}

// Of several servers, one that is away is passed over, and no status tells of it.
func TestAServerThatIsAwayIsPassedOver(t *testing.T) {
	t.Parallel()
	gone, busy, s := listen(t), listen(t), listen(t)
	gone.Close()
	busy.status = func(string) int { return http.StatusServiceUnavailable }
	host := sinktest.NewHost()
	e := start(t, host, func(c *Config) { c.Endpoints = []string{gone.URL, busy.URL, s.URL} })
	for range 5 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(2)...)))
	}
	assert.Empty(t, host.Statuses)
	assert.Len(t, s.requests, 5)

	alone := start(t, host, func(c *Config) { c.Endpoints = []string{gone.URL, busy.URL} })
	require.Error(t, alone.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(2)...)))
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
}

// Records without an identity are stored all the same, under ids of the server's.
func TestRecordsWithoutIdentity(t *testing.T) {
	t.Parallel()
	s := listen(t)
	require.NoError(t, start(t, sinktest.NewHost(), s.to).ConsumeLogs(t.Context(), sinktest.Push("", 0, numbered(3)...)))
	assert.Len(t, s.stored("tyk_analytics"), 3)
	require.NoError(t, start(t, sinktest.NewHost(), s.to).ConsumeLogs(t.Context(), plog.NewLogs()))
	assert.Len(t, s.requests, 1, "nothing is posted of nothing")
}

func TestAWaitIsAsLongAsTheServerSays(t *testing.T) {
	t.Parallel()
	s := listen(t)
	var calls atomic.Int32
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		s.ServeHTTP(w, r)
	}))
	defer between.Close()
	e := start(t, sinktest.NewHost(), func(c *Config) { c.Client.Endpoint, c.Retry.Enabled = between.URL, true })
	began := time.Now()
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(2)...)))
	assert.GreaterOrEqual(t, time.Since(began), 2*time.Second)
}

// Of the answers, 400 to a document is for good.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	s := listen(t)
	config := configured(s.to)
	config.Retry.InitialInterval, config.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond
	sinktest.CheckContract(t, config, metadata.Type, createLogs, func(decide func() error) {
		s.set(func() {
			s.fault = func(string) *itemAnswer {
				switch err := decide(); {
				case err == nil:
					return nil
				case consumererror.IsPermanent(err):
					return unstored(http.StatusBadRequest, "document_parsing_exception", "failed to parse field")
				}
				return unstored(http.StatusServiceUnavailable, "unavailable_shards_exception", "primary shard is not active")
			}
		})
	})
}

// The golden records are stored once each, of which MCP's have an index of their own.
func TestGoldenRecordsAreStored(t *testing.T) {
	t.Parallel()
	s := listen(t)
	records := sinktest.GoldenRecords(t)
	e := start(t, sinktest.NewHost(), func(c *Config) {
		s.to(c)
		c.MCPIndexName, c.RollingIndex, c.ExtendedStats = "tyk_mcp", true, true
	})
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(slices.Clone(records)...)))
	want := map[string]int{}
	for _, r := range records {
		name := "tyk_analytics"
		if r.MCP.IsMCP {
			name = "tyk_mcp"
		}
		want[name+r.TimeStamp.UTC().Format("-2006.01.02")]++
	}
	for index, n := range want {
		assert.Len(t, s.stored(index), n, index)
	}
	assert.Len(t, s.indices, len(want))
}
