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
	client := &http.Client{CheckRedirect: OnlyPosts}
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
	assert.False(t, moved.IsPage())
	assert.True(t, (&Answer{Body: []byte("\ufeff <html>")}).IsPage(), "behind a byte order mark, too")
	assert.True(t, (&Answer{Body: []byte("\n<!DOCTYPE html>")}).IsPage())

	busy := post("/elsewhere")
	assert.Equal(t, http.StatusServiceUnavailable, busy.Code)
	assert.Len(t, busy.Body, answerBytes)
	assert.True(t, strings.HasPrefix(string(busy.Body), "records: ü"), "the records were posted there")
	text := Shortened(string(busy.Body))
	assert.Less(t, len(text), 1100)
	err := busy.Err("Server", text, "wait")
	require.ErrorContains(t, err, "503 Service Unavailable: records: ")
	require.ErrorContains(t, err, "...: wait")
	require.ErrorContains(t, err, "7s", "the delay")

	server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/a?token=secret", http.NoBody)
	require.NoError(t, err)
	_, err = Post(client, request)
	require.ErrorContains(t, err, `send the request: Post "`+server.URL+`/a": dial tcp`)
}
