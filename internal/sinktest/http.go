package sinktest

import (
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// HTTPServer stands for a service that records are posted to. It keeps what it accepts.
type HTTPServer struct {
	*httptest.Server

	answer func(r *http.Request, body string) (code int)

	mu       sync.Mutex // guards the fields below
	accepted []HTTPRequest
	failures int
}

// HTTPRequest is one that was accepted.
type HTTPRequest struct {
	Path   string
	Header http.Header
	Body   string // without compression
}

// CutConnection is an answer of none: the connection ends.
const CutConnection = -1

// StartHTTP starts a server until the test ends; answer gives the status for a request and its body. The server asks for
// a pause of a second with 429.
func StartHTTP(tb testing.TB, answer func(r *http.Request, body string) (code int)) *HTTPServer {
	tb.Helper()
	s := &HTTPServer{answer: answer}
	s.Server = httptest.NewServer(s)
	tb.Cleanup(s.Close)
	return s
}

// ServeHTTP answers one request.
func (s *HTTPServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	code := s.answer(r, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case code == CutConnection:
		s.failures++
		panic(http.ErrAbortHandler)
	case code < http.StatusOK || code >= http.StatusMultipleChoices:
		s.failures++
	case r.Method == http.MethodPost:
		s.accepted = append(s.accepted, HTTPRequest{Path: r.URL.Path, Header: r.Header, Body: body})
	}
	if code == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(code)
}

func readBody(r *http.Request) (string, error) {
	var reader io.Reader = r.Body
	var err error
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		reader, err = gzip.NewReader(r.Body)
	case "deflated", "deflate":
		reader, err = zlib.NewReader(r.Body)
	}
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(reader)
	return string(body), err
}

// Accepted are the requests that were accepted.
func (s *HTTPServer) Accepted() []HTTPRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.accepted)
}

// Failures is how many requests were not.
func (s *HTTPServer) Failures() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures
}

// numbered is the path of a record that the checks send.
var numbered = regexp.MustCompile(`/(?:good|poison)/\d+/`)

// poison is in the paths of records that are at fault.
var poison = regexp.MustCompile(`/poison/`)

// paths are the different ones in a body.
func paths(body string) []string {
	found := numbered.FindAllString(body, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// Times counts how often each record was accepted.
func (s *HTTPServer) Times() map[string]int {
	times := map[string]int{}
	for _, r := range s.Accepted() {
		for _, path := range paths(r.Body) {
			times[path]++
		}
	}
	return times
}

// Numbered are records with a path of their own each; the given ones are at fault.
func Numbered(n int, poisoned ...int) []analytics.Record {
	records := make([]analytics.Record, n)
	for i := range records {
		kind := "good"
		if slices.Contains(poisoned, i) {
			kind = "poison"
		}
		records[i] = Sample(i)
		records[i].Path = fmt.Sprintf("/%s/%d/", kind, i)
		records[i].RawPath = records[i].Path
	}
	return records
}

// HTTPStart starts an exporter that posts to a server; a bound for each request, and how it tries again.
type HTTPStart func(t *testing.T, endpoint string, host component.Host, timeout time.Duration, retry configretry.BackOffConfig) exporter.Logs

// CheckHTTPOutcomes checks what becomes of records whose requests a server answers in each way; success is its status
// for what it has.
func CheckHTTPOutcomes(t *testing.T, success int, start HTTPStart) {
	t.Helper()
	c := httpChecks{success: success, start: start}
	t.Run("what can heal waits with a status", c.waits)
	t.Run("a pause is kept", c.pauses)
	t.Run("large requests are halved", c.halves)
	t.Run("records at fault are refused alone", c.isolates)
	t.Run("nothing is refused where nothing is accepted", c.doubts)
	t.Run("only what was not accepted is sent again", c.resends)
	t.Run("connections break and hang", c.breaks)
}

type httpChecks struct {
	success int
	start   HTTPStart
}

// once does not try again.
var once = configretry.BackOffConfig{}

// quickly tries again soon, without end.
func quickly() configretry.BackOffConfig {
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = 5*time.Millisecond, 50*time.Millisecond, 0
	return retry
}

func (c httpChecks) waits(t *testing.T) {
	for _, code := range []int{
		http.StatusFound, http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout,
		http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable,
	} {
		var well atomic.Bool
		server := StartHTTP(t, func(*http.Request, string) int {
			if well.Load() {
				return c.success
			}
			return code
		})
		host := NewHost()
		e := c.start(t, server.URL, host, Long, once)
		err := e.ConsumeLogs(t.Context(), LogsOf(Numbered(3)...))
		require.ErrorContains(t, err, fmt.Sprintf("answered %d %s", code, http.StatusText(code)))
		assert.False(t, consumererror.IsPermanent(err), code)
		assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
		well.Store(true)
		require.NoError(t, e.ConsumeLogs(t.Context(), LogsOf(Numbered(3)...)))
		assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
	}
}

func (c httpChecks) pauses(t *testing.T) {
	var busy atomic.Bool
	busy.Store(true)
	server := StartHTTP(t, func(r *http.Request, _ string) int {
		if r.Method == http.MethodPost && busy.Swap(false) {
			return http.StatusTooManyRequests
		}
		return c.success
	})
	e := c.start(t, server.URL, NewHost(), Long, quickly())
	began := time.Now()
	require.NoError(t, e.ConsumeLogs(t.Context(), LogsOf(Numbered(3)...)))
	assert.GreaterOrEqual(t, time.Since(began), time.Second)
}

func (c httpChecks) halves(t *testing.T) {
	const most = 10
	server := StartHTTP(t, func(_ *http.Request, body string) int {
		if len(paths(body)) > most || poison.MatchString(body) {
			return http.StatusRequestEntityTooLarge
		}
		return c.success
	})
	e := c.start(t, server.URL, NewHost(), Long, once)
	err := e.ConsumeLogs(t.Context(), LogsOf(Numbered(100, 17)...))
	c.requireRefused(t, err, "too_large: ", 17)
	assert.Len(t, server.Times(), 99)
}

func (c httpChecks) isolates(t *testing.T) {
	server := StartHTTP(t, func(_ *http.Request, body string) int {
		if poison.MatchString(body) {
			return http.StatusBadRequest
		}
		return c.success
	})
	e := c.start(t, server.URL, NewHost(), Long, once)
	err := e.ConsumeLogs(t.Context(), LogsOf(Numbered(4000, 7, 1900, 1901, 3999)...))
	c.requireRefused(t, err, "invalid: ", 7, 1900, 1901, 3999)
	times := server.Times()
	assert.Len(t, times, 3996)
	for path, n := range times {
		assert.Equal(t, 1, n, path)
	}
	assert.Less(t, server.Failures(), 100)
}

func (c httpChecks) requireRefused(t *testing.T, err error, reason string, want ...int64) {
	t.Helper()
	require.True(t, consumererror.IsPermanent(err), "%v", err)
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	var got []int64
	for _, r := range refused.Records {
		got = append(got, r.UID.Index)
		assert.Contains(t, r.Reason, reason)
	}
	assert.Equal(t, want, got)
}

func (c httpChecks) doubts(t *testing.T) {
	server := StartHTTP(t, func(*http.Request, string) int { return http.StatusBadRequest })
	host := NewHost()
	e := c.start(t, server.URL, host, Long, once)
	for range 3 {
		err := e.ConsumeLogs(t.Context(), LogsOf(Numbered(200)...))
		require.Error(t, err)
		assert.False(t, consumererror.IsPermanent(err))
	}
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
}

func (c httpChecks) resends(t *testing.T) {
	var calls atomic.Int32
	server := StartHTTP(t, func(r *http.Request, body string) int {
		switch {
		case r.Method != http.MethodPost:
			return c.success
		case len(paths(body)) > 50: // so that there are several requests
			return http.StatusRequestEntityTooLarge
		}
		if n := calls.Add(1); n > 3 && n < 8 {
			return http.StatusServiceUnavailable
		}
		return c.success
	})
	host := NewHost()
	e := c.start(t, server.URL, host, Long, quickly())
	require.NoError(t, e.ConsumeLogs(t.Context(), LogsOf(Numbered(1000)...)))
	times := server.Times()
	assert.Len(t, times, 1000)
	for path, n := range times {
		assert.Equal(t, 1, n, path)
	}
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
}

func (c httpChecks) breaks(t *testing.T) {
	release := make(chan struct{})
	var calls atomic.Int32
	server := StartHTTP(t, func(r *http.Request, _ string) int {
		if r.Method != http.MethodPost {
			return c.success
		}
		switch calls.Add(1) {
		case 1:
			return CutConnection
		case 2:
			<-release
			return CutConnection
		}
		return c.success
	})
	t.Cleanup(func() { close(release) }) // before the server waits for its requests
	e := c.start(t, server.URL, NewHost(), 500*time.Millisecond, quickly())
	require.NoError(t, e.ConsumeLogs(t.Context(), LogsOf(Numbered(5)...)))
	assert.Len(t, server.Times(), 5)

	gone := StartHTTP(t, func(*http.Request, string) int { return c.success })
	gone.Close()
	host := NewHost()
	err := c.start(t, gone.URL, host, Long, once).ConsumeLogs(t.Context(), LogsOf(Numbered(5)...))
	require.ErrorContains(t, err, "send the request: ")
	assert.False(t, consumererror.IsPermanent(err))
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
}

// CheckHTTPContract is CheckContract for an exporter that posts. Of the answers, 413 to a record is for good.
func CheckHTTPContract(t *testing.T, success int, config func(endpoint string) component.Config, kind component.Type, create exporter.CreateLogsFunc) {
	t.Helper()
	var mu sync.Mutex // guards the next one
	var decide func() error
	server := StartHTTP(t, func(r *http.Request, _ string) int {
		if r.Method != http.MethodPost {
			return success
		}
		mu.Lock()
		defer mu.Unlock()
		switch err := decide(); {
		case err == nil:
			return success
		case consumererror.IsPermanent(err):
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusServiceUnavailable
	})
	CheckContract(t, config(server.URL), kind, create, func(d func() error) {
		mu.Lock()
		defer mu.Unlock()
		decide = d
	})
}

// StartPage starts a server that answers everything with a page, as proxies do that want a login.
func StartPage(tb testing.TB) *httptest.Server {
	tb.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>Sign in</html>") // to whom it may concern
	}))
	tb.Cleanup(server.Close)
	return server
}
