package tyklogzioexporter

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyklogzioexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// listener stands for Logz.io's, as its documentation has it: it keeps the lines that are well formed and not too
// long, also of requests that it answers 400 to.
type listener struct {
	*httptest.Server

	mu       sync.Mutex            // guards the fields below
	longest  int                   // bytes of a line
	most     int                   // bytes of a request
	bad      string                // what malformed lines have
	status   func(body string) int // 200 unless it says otherwise
	lines    map[string]int        // how often each was kept
	requests []string
	token    string
}

func listen(t *testing.T) *listener {
	t.Helper()
	l := &listener{longest: maxLineBytes, most: maxRequestBytes, bad: "\x00", lines: map[string]int{}, token: "s3cret+token"}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

func (l *listener) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// ServeHTTP answers one request.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var reader io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		reader, _ = gzip.NewReader(r.Body)
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, string(body))
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/":
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case r.URL.Query().Get("token") != l.token:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, "no account has the token %s, of %s", r.URL.Query().Get("token"), r.URL.RawQuery)
		return
	case len(body) > l.most:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if l.status != nil {
		if status := l.status(string(body)); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
	}
	l.keep(w, string(body))
}

func (l *listener) keep(w http.ResponseWriter, body string) {
	var malformed, successful, oversized, empty int
	for line := range strings.SplitSeq(strings.TrimSuffix(body, "\n"), "\n") {
		switch {
		case line == "":
			empty++
		case len(line) > l.longest:
			oversized++
		case !json.Valid([]byte(line)) || strings.Contains(line, l.bad):
			malformed++
		default:
			successful++
			l.lines[line]++
		}
	}
	if malformed+oversized+empty > 0 {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"malformedLines":%d,"successfulLines":%d,"oversizedLines":%d,"emptyLogLines":%d}`, malformed, successful, oversized, empty)
	}
}

func (l *listener) kept() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.lines)
}

func (l *listener) to(c *Config) { c.Client.Endpoint = l.URL }

func start(t *testing.T, host component.Host, change func(*Config)) exporter.Logs {
	t.Helper()
	return sinktest.Start(t, NewFactory(), quick(change), host)
}

func quick(change func(*Config)) *Config {
	return configured(func(c *Config) {
		c.Retry.Enabled = false
		c.Retry.InitialInterval, c.Retry.MaxInterval = time.Millisecond, 10*time.Millisecond
		change(c)
	})
}

// numbered are records whose paths are their numbers.
func numbered(n int) []analytics.Record {
	records := make([]analytics.Record, n)
	for i := range records {
		records[i] = sinktest.Sample(i)
		records[i].Path = "/" + strconv.Itoa(i)
	}
	return records
}

func reasonsOf(t *testing.T, err error) map[int64]string {
	t.Helper()
	require.True(t, consumererror.IsPermanent(err))
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	reasons := map[int64]string{}
	for _, r := range refused.Records {
		reasons[r.UID.Index] = r.Reason
	}
	return reasons
}

func TestLinesAreSent(t *testing.T) {
	t.Parallel()
	l := listen(t)
	records := numbered(500)
	for i := range records {
		records[i].RawResponse = strings.Repeat("QUJD", 1000)
	}
	e := start(t, sinktest.NewHost(), func(c *Config) {
		l.to(c)
		c.MaxRequestBytes, c.Client.Compression, c.Type = 500_000, "gzip", "tyk"
	})
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	assert.Len(t, l.kept(), 500)
	assert.Greater(t, len(l.requests), 4)
	for _, body := range l.requests {
		assert.LessOrEqual(t, len(body), 500_000)
	}
}

// A line that is too long is refused before it is sent, or cut; one that Logz.io finds too long is known by its
// length, so that no neighbour is sent twice.
func TestALineThatIsTooLongStandsAside(t *testing.T) {
	t.Parallel()
	l := listen(t)
	records := numbered(50)
	records[7].RawResponse = strings.Repeat("QUJD", 150_000)
	records[8].TimeStamp = time.Unix(1<<40, 0)
	reasons := reasonsOf(t, start(t, sinktest.NewHost(), l.to).ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	assert.Len(t, reasons, 2)
	assert.Contains(t, reasons[7], "too_large: a line of 6")
	assert.Contains(t, reasons[7], "bytes is longer than the 500000 that Logz.io takes: set truncate, or max_record_size of tykfilter")
	assert.Contains(t, reasons[8], "out_of_range: ")
	assert.Len(t, l.kept(), 48)

	require.NoError(t, start(t, sinktest.NewHost(), func(c *Config) {
		l.to(c)
		c.Truncate = true
	}).ConsumeLogs(t.Context(), sinktest.LogsOf(records[7])))
	assert.Len(t, l.kept(), 49)

	l = listen(t)
	l.longest = 2000
	records = numbered(50)
	records[3].RawRequest, records[40].RawRequest = strings.Repeat("QUJD", 600), strings.Repeat("QUJD", 700)
	reasons = reasonsOf(t, start(t, sinktest.NewHost(), l.to).ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	assert.Len(t, reasons, 2)
	assert.Contains(t, reasons[40], `too_large: Logz.io answered 400 Bad Request: {"malformedLines":0,"successfulLines":48,"oversizedLines":2`)
	assert.Len(t, l.requests, 1)
}

// Halves find a line that Logz.io cannot read; it does not say which it is.
func TestALineThatLogzioCannotReadStandsAside(t *testing.T) {
	t.Parallel()
	l := listen(t)
	l.bad = "/poison"
	records := numbered(1000)
	for _, i := range []int{3, 4, 999} {
		records[i].Path = "/poison"
	}
	reasons := reasonsOf(t, start(t, sinktest.NewHost(), l.to).ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	assert.Len(t, reasons, 3)
	assert.Contains(t, reasons[4], `invalid: Logz.io answered 400 Bad Request: {"malformedLines":1`)
	assert.Len(t, l.kept(), 997)
	assert.Less(t, len(l.requests), 60)
}

// A request that something in between refuses for one line's sake is taken apart.
func TestARequestThatIsRefusedIsTakenApart(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge} {
		l := listen(t)
		l.status = func(body string) int {
			if strings.Contains(body, "/poison") {
				return status
			}
			return http.StatusOK
		}
		records := numbered(1000)
		for _, i := range []int{3, 4, 500, 999} {
			records[i].Path = "/poison"
		}
		err := start(t, sinktest.NewHost(), l.to).ConsumeLogs(t.Context(), sinktest.LogsOf(records...))
		assert.Len(t, reasonsOf(t, err), 4)
		for line, times := range l.kept() {
			assert.Equal(t, 1, times, line)
		}
		assert.Len(t, l.kept(), 996)
	}
}

func TestOtherAnswersWait(t *testing.T) {
	t.Parallel()
	for status, remedy := range map[int]string{
		http.StatusUnauthorized: "check token", http.StatusForbidden: "check token", http.StatusNotFound: notListener,
		http.StatusAccepted: notListener, http.StatusTooManyRequests: "429", http.StatusInternalServerError: "500",
		http.StatusFound: "302", http.StatusTemporaryRedirect: "307",
	} {
		l := listen(t)
		l.status = func(string) int { return status }
		host := sinktest.NewHost()
		e := start(t, host, l.to)
		err := e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(3)...))
		require.ErrorContains(t, err, remedy)
		assert.False(t, consumererror.IsPermanent(err))
		assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
		l.set(func() { l.status = nil })
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(3)...)))
		assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "\n<html>Sign in") }))
	defer page.Close()
	err := start(t, sinktest.NewHost(), func(c *Config) { c.Client.Endpoint = page.URL }).ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(3)...))
	require.ErrorContains(t, err, notListener)
}

// Exactly what was not accepted is sent again after an outage, and after an answer that was cut off.
func TestWhatWasNotAcceptedIsSentAgain(t *testing.T) {
	t.Parallel()
	l := listen(t)
	var calls atomic.Int32
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch calls.Add(1) {
		case 3:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case 4:
			panic(http.ErrAbortHandler)
		default:
			l.ServeHTTP(w, r)
		}
	}))
	defer between.Close()
	records := numbered(1000)
	for i := range records {
		records[i].RawResponse = strings.Repeat("QUJD", 1000)
	}
	began := time.Now()
	require.NoError(t, start(t, sinktest.NewHost(), func(c *Config) {
		c.Client.Endpoint, c.Client.Timeout, c.MaxRequestBytes, c.Retry.Enabled = between.URL, sinktest.Long, 500_000, true
	}).ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	assert.GreaterOrEqual(t, time.Since(began), time.Second, "as Retry-After says")
	assert.Len(t, l.kept(), 1000)
	for line, times := range l.kept() {
		assert.Equal(t, 1, times, line)
	}
}

// A listener that does not answer is not waited for without end.
func TestAnAnswerThatNeverComesIsAskedForAgain(t *testing.T) {
	t.Parallel()
	l := listen(t)
	var calls atomic.Int32
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection does not show
			<-r.Context().Done()
			return
		}
		l.ServeHTTP(w, r)
	}))
	defer between.Close()
	host := sinktest.NewHost()
	require.NoError(t, start(t, host, func(c *Config) {
		c.Client.Endpoint, c.Client.Timeout, c.Retry.Enabled = between.URL, time.Second, true
	}).ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(3)...)))
	assert.Len(t, l.kept(), 3)
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
}

// The token stands in the address. Neither an error nor the log nor a span shows it, and no other server gets it.
func TestTheTokenIsNotShown(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.Fail(t, "asked", "%s, %v", r.URL, r.Header)
	}))
	defer other.Close()
	l, gone := listen(t), listen(t)
	l.token = "another"
	gone.Close()
	moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	}))
	defer moved.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer slow.Close()
	for _, endpoint := range []string{l.URL, gone.URL, moved.URL, slow.URL, "http://no host.example"} {
		core, log := observer.New(zapcore.DebugLevel)
		spans := tracetest.NewInMemoryExporter()
		set := exportertest.NewNopSettings(metadata.Type)
		set.Logger = zap.New(core)
		set.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
		config := quick(func(c *Config) { c.Client.Endpoint, c.Client.Timeout = endpoint, 200*time.Millisecond })
		e, err := NewFactory().CreateLogs(t.Context(), set, config)
		if err == nil {
			require.NoError(t, e.Start(t.Context(), sinktest.NewHost()))
			err = e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(2)...))
			require.NoError(t, e.Shutdown(t.Context()))
		}
		require.Error(t, err)
		text := fmt.Sprintf("%v %+v %+v", err, log.All(), spans.GetSpans())
		assert.NotContains(t, text, "s3cret")
	}
}

// Of the answers, 413 to a line is for good.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	l := listen(t)
	config := configured(l.to)
	config.Retry.InitialInterval, config.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond
	sinktest.CheckContract(t, config, metadata.Type, createLogs, func(decide func() error) {
		l.set(func() {
			l.status = func(string) int {
				switch err := decide(); {
				case err == nil:
					return http.StatusOK
				case consumererror.IsPermanent(err):
					return http.StatusRequestEntityTooLarge
				}
				return http.StatusServiceUnavailable
			}
		})
	})
}
