package batchhttp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
)

func TestAWaitIsAsLongAsTheServerSays(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "0": 0, "-3": 0, "soon": 0, "99999999": maxDelay,
		"Thu, 01 Jan 2026 00:00:09 GMT": 9 * time.Second, "Thu, 01 Jan 2025 00:00:09 GMT": 0,
	} {
		assert.Equal(t, want, retryAfter(value, now), value)
	}
}

func TestAnAnswerIsToldAsAnError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/login?"+r.URL.RawQuery, http.StatusFound)
		case "/foreign":
			http.Redirect(w, r, "http://other.invalid/busy", http.StatusTemporaryRedirect)
		case "/elsewhere":
			http.Redirect(w, r, "/busy", http.StatusTemporaryRedirect)
		default:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.Copy(w, r.Body)
			_, _ = io.WriteString(w, strings.Repeat("ü", answerBytes))
		}
	}))
	defer server.Close()
	config := confighttp.NewDefaultClientConfig()
	client, err := NewClient(t.Context(), &config, componenttest.NewNopHost(), componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	post := func(path string) *Answer {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader("records: "))
		require.NoError(t, err)
		answer, err := Post(client, request)
		require.NoError(t, err)
		return answer
	}
	moved := post("/moved?token=secret")
	assert.Equal(t, http.StatusFound, moved.Code)
	require.EqualError(t, moved.Err("Server", "text", ""), "Server answered 302 Found: text: it leads to /login: set endpoint to Server itself")

	assert.Equal(t, "/login?token=secret", moved.Header.Get("Location"))
	assert.Equal(t, Accepted, (&Answer{Code: http.StatusOK, Body: []byte("{}")}).Outcome())
	assert.Equal(t, Later, (&Answer{Code: http.StatusOK, Body: []byte("\ufeff <html>")}).Outcome(), "behind a byte order mark, too")
	assert.Equal(t, Later, (&Answer{Code: http.StatusOK, Body: []byte("\n<!DOCTYPE html>")}).Outcome())

	foreign := post("/foreign")
	assert.Equal(t, http.StatusTemporaryRedirect, foreign.Code, "headers with credentials stay with the host that they are for")
	require.ErrorContains(t, foreign.Err("Server", "text", ""), "it leads to http://other.invalid/busy: set endpoint to Server itself")

	busy := post("/elsewhere")
	assert.Equal(t, http.StatusServiceUnavailable, busy.Code)
	assert.Len(t, busy.Body, answerBytes)
	assert.True(t, strings.HasPrefix(string(busy.Body), "records: ü"), "the records were posted there")
	text := Shortened(string(busy.Body))
	assert.Less(t, len(text), 1100)
	err = busy.Err("Server", text, "wait")
	require.ErrorContains(t, err, "503 Service Unavailable: records: ")
	require.ErrorContains(t, err, "...: wait")
	require.ErrorContains(t, err, "7s", "the delay")

	server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/a?token=secret", http.NoBody)
	require.NoError(t, err)
	_, err = Post(client, request)
	require.ErrorContains(t, err, `send the request: Post "`+server.URL+`/a": dial tcp`)
}
