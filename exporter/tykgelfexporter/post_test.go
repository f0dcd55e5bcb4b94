package tykgelfexporter

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykgelfexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// httpInput answers as a test wants, and keeps the requests that it accepts.
type httpInput struct {
	*httptest.Server
	answer func(body string) int

	mu       sync.Mutex // guards the field below
	accepted []string
}

func listenHTTP(t *testing.T, answer func(body string) int) *httpInput {
	t.Helper()
	input := &httpInput{answer: answer}
	input.Server = httptest.NewServer(input)
	t.Cleanup(input.Close)
	return input
}

// ServeHTTP answers one request.
func (i *httpInput) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var reader io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		reader, _ = gzip.NewReader(r.Body)
	}
	body, err := io.ReadAll(reader)
	if err != nil || r.URL.Path != "/gelf" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	code := i.answer(string(body))
	if code == http.StatusAccepted {
		i.accepted = append(i.accepted, string(body))
	}
	w.WriteHeader(code)
}

// messages are those that were accepted.
func (i *httpInput) messages() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var all []string
	for _, body := range i.accepted {
		all = append(all, strings.Split(body, "\n")...)
	}
	return all
}

// requests is how many were accepted.
func (i *httpInput) requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.accepted)
}

func (i *httpInput) to(change func(*HTTPConfig)) func(*Config) {
	return func(c *Config) {
		settings := *c.HTTP.GetOrInsertDefault()
		settings.Client.Endpoint = i.URL + "/gelf"
		change(&settings)
		c.HTTP = configoptional.Some(settings)
	}
}

func asDefault(*HTTPConfig) {}

func accepts(string) int { return http.StatusAccepted }

// numbered are records with a path of their own each.
func numbered(n int) []analytics.Record {
	records := make([]analytics.Record, n)
	for i := range records {
		records[i] = record("/" + strconv.Itoa(i) + "/")
	}
	return records
}

func TestEachMessageIsPosted(t *testing.T) {
	t.Parallel()
	input := listenHTTP(t, accepts)
	require.NoError(t, start(t, sinktest.NewHost(), input.to(asDefault)).ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(100)...)))
	assert.Equal(t, 100, input.requests())
	paths := map[any]bool{}
	for _, message := range input.messages() {
		paths[requireGELF(t, []byte(message))["_url_path"]] = true
	}
	assert.Len(t, paths, 100)
}

func TestManyMessagesArePostedAtOnce(t *testing.T) {
	t.Parallel()
	input := listenHTTP(t, accepts)
	e := start(t, sinktest.NewHost(), input.to(func(c *HTTPConfig) {
		c.Bulk, c.MaxRequestBytes, c.Client.Compression = true, 3000, "gzip"
	}))
	records := append(numbered(100), record("/"+strings.Repeat("x", 5000)))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	assert.Len(t, input.messages(), 101)
	assert.Less(t, input.requests(), 40)
	longer := slices.DeleteFunc(slices.Clone(input.accepted), func(body string) bool { return len(body) <= 3000 })
	require.Len(t, longer, 1)
	assert.NotContains(t, longer[0], "\n", "a longer message travels alone")
}

// Where the input takes fewer bytes than it was said to, halves go; and a message that is too large by itself is refused.
func TestRequestsThatAreTooLargeAreHalved(t *testing.T) {
	t.Parallel()
	input := listenHTTP(t, func(body string) int {
		if len(body) > 2000 {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusAccepted
	})
	e := start(t, sinktest.NewHost(), input.to(func(c *HTTPConfig) { c.Bulk = true }))
	records := numbered(50)
	records[17] = record("/" + strings.Repeat("x", 5000))
	err := e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...))
	require.True(t, consumererror.IsPermanent(err))
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Records, 1)
	assert.EqualValues(t, 17, refused.Records[0].UID.Index)
	assert.Equal(t, "too_large: Graylog answered 413 Request Entity Too Large: ", refused.Records[0].Reason)
	assert.Len(t, input.messages(), 49)
}

// A message that something in between will not let through is refused once others were accepted, not before.
func TestAMessageThatIsNotLetThroughIsRefused(t *testing.T) {
	t.Parallel()
	closed := true
	input := listenHTTP(t, func(body string) int {
		if closed || strings.Contains(body, "UNION SELECT") {
			return http.StatusForbidden
		}
		return http.StatusAccepted
	})
	host := sinktest.NewHost()
	e := start(t, host, input.to(func(c *HTTPConfig) { c.Bulk = true }))
	attack := record("/?q=UNION SELECT")
	err := e.ConsumeLogs(t.Context(), sinktest.LogsOf(attack, record("/a")))
	require.ErrorContains(t, err, "Graylog answered 403 Forbidden: : check headers and auth below http")
	assert.False(t, consumererror.IsPermanent(err), "nothing was accepted")
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	input.mu.Lock()
	closed = false
	input.mu.Unlock()
	err = e.ConsumeLogs(t.Context(), sinktest.LogsOf(attack))
	require.Error(t, err)
	assert.False(t, consumererror.IsPermanent(err), "nothing was accepted since")
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(record("/a"))))
	err = e.ConsumeLogs(t.Context(), sinktest.LogsOf(attack))
	require.ErrorContains(t, err, "invalid: Graylog answered 403 Forbidden")
	assert.True(t, consumererror.IsPermanent(err))
	err = e.ConsumeLogs(t.Context(), sinktest.LogsOf(record("/b"), record("/?q=UNION SELECT 1")))
	assert.True(t, consumererror.IsPermanent(err), "the other was accepted")
}

// What the input has accepted before it goes away is not posted again.
func TestOnlyWhatWasNotAcceptedIsPostedAgain(t *testing.T) {
	t.Parallel()
	n := 0
	input := listenHTTP(t, func(string) int {
		n++
		if n > 30 && n < 60 {
			return http.StatusServiceUnavailable
		}
		return http.StatusAccepted
	})
	host := sinktest.NewHost()
	e := start(t, host, func(c *Config) {
		input.to(asDefault)(c)
		c.Retry.Enabled = true
	})
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(100)...)))
	messages := input.messages()
	slices.Sort(messages)
	assert.Len(t, slices.Compact(messages), 100)
	assert.Equal(t, 100, input.requests(), "each once")
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
}

func TestAnswersOfOthersWait(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{
		http.StatusOK:                  "200 OK: : a GELF input says 202: is endpoint another server's, or a proxy's page?",
		http.StatusUnauthorized:        "401 Unauthorized: : check headers and auth below http",
		http.StatusNotFound:            "404 Not Found: : does endpoint end in the input's path, /gelf?",
		http.StatusServiceUnavailable:  "503 Service Unavailable",
		http.StatusInternalServerError: "500 Internal Server Error",
	} {
		input := listenHTTP(t, func(string) int { return code })
		err := start(t, sinktest.NewHost(), input.to(asDefault)).ConsumeLogs(t.Context(), sinktest.LogsOf(record("/a")))
		require.ErrorContains(t, err, want)
		assert.False(t, consumererror.IsPermanent(err))
	}
	gone := listenHTTP(t, accepts)
	gone.Close()
	require.ErrorContains(t, start(t, sinktest.NewHost(), gone.to(asDefault)).ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(50)...)), "ask Graylog: send the request: ")
}

// Of the answers, 413 to a message is for good.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	var decide func() error
	input := listenHTTP(t, func(string) int {
		switch err := decide(); {
		case err == nil:
			return http.StatusAccepted
		case consumererror.IsPermanent(err):
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusServiceUnavailable
	})
	config := configured(input.to(asDefault))
	config.Retry.InitialInterval, config.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond
	sinktest.CheckContract(t, config, metadata.Type, createLogs, func(d func() error) {
		input.mu.Lock()
		defer input.mu.Unlock()
		decide = d
	})
}
