package tykconsoleextension

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/consoletest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// pagesOf are the paths of all pages that need nothing in particular.
var pagesOf = []string{
	"/", "/apis", "/keys", "/keys?by=oauth", "/endpoints", "/codes", "/countries", "/organisations", "/apis/acme/hostile", "/endpoint?path=/x", "/logs", "/logs?in=bodies", "/live", "/pipeline", "/pipeline/lists",
	"/pipeline/dead", "/pipeline/dead/replay", "/settings", "/logs?block=newer", "/?table=latency", "/apis/acme/hostile?block=types",
}

// patient asks again while the console is asked too much.
func patient(t *testing.T, method, address string, change func(*http.Request)) (reply, string) {
	t.Helper()
	for {
		response, body := fetch(t, method, address, change)
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "1" {
			return response, body
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Whatever stands in a parameter, pages answer, nothing is changed, and no text of a client becomes markup or SQL.
func TestAnythingInAnyParameter(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 300, Rollups: true, Redis: true, MCP: true})
	at := serving(t, w, func(c *Config) { c.Actions = true }, nil)
	rows := func() (n int) {
		db, err := sql.Open("sqlite", w.Datasource)
		require.NoError(t, err)
		defer db.Close()
		require.NoError(t, db.QueryRowContext(t.Context(), "select count(*) from tyk_analytics").Scan(&n))
		return n
	}
	before := rows()
	names := []string{"from", "to", "range", "compare", "org", "api", "key", "path", "method", "status", "country", "q", "trace", "slower", "sort", "limit", "before", "after", "record", "by", "in", "at", "wait", "redis", "source", "group", "destination", "since", "reason", "same", "uid", "letter", "bytes", "theme", "keys", "pause", "done", "taken", "of"}
	for _, payload := range []string{
		"'; drop table tyk_analytics; --", `" or 1=1 --`, "%' escape '!' or 1=1 --", "1) union select datasource from x --", consoletest.Markup, "../../../../etc/passwd", "\x00", "\u202e\u2028", strings.Repeat("9", 400), "-1", "9999999999999999999", "1e309", "NaN",
		"2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "99999d", "%", "[", "*" + strings.Repeat("*a", 200), "1.0123456789", strings.Repeat("a", 5000),
	} {
		values := url.Values{}
		for _, name := range names {
			values.Set(name, payload)
		}
		for _, page := range pagesOf {
			path, own, _ := strings.Cut(page, "?")
			address := at + path + "?" + own + "&" + values.Encode()
			response, body := patient(t, http.MethodGet, address, nil)
			assert.Less(t, response.StatusCode, http.StatusInternalServerError, "%s with %.20q: %.300s", page, payload, body)
			for _, bad := range []string{"<script>alert", "<img src=x", "syntax error", "near \"", "\x00", consoletest.Secret, consoletest.Key, "root:x"} {
				assert.NotContains(t, body, bad, "%s with %.20q", page, payload)
			}
			if path == "/" {
				path = "/."
			}
			response, _ = patient(t, http.MethodGet, at+path+".json?"+own+"&"+values.Encode(), nil)
			assert.Less(t, response.StatusCode, http.StatusInternalServerError, "%s.json with %.20q", page, payload)
		}
	}
	for _, payload := range []string{"..", ".", "%2e%2e", "%00", "'%20or%201=1--", "%3Cscript%3Ealert(1)%3C%2Fscript%3E", "%ff%fe", strings.Repeat("a", 4000)} {
		for _, path := range []string{"/apis/%[1]s/%[1]s", "/keys/%[1]s", "/logs/%[1]s/%[1]s/%[1]s", "/pipeline/dead/%[1]s/%[1]s", "/pipeline/groups/%[1]s/remove", "/static/%[1]s/%[1]s"} {
			response, body := patient(t, http.MethodGet, at+fmt.Sprintf(path, payload), nil)
			assert.Less(t, response.StatusCode, http.StatusInternalServerError, "%s %s", path, payload)
			assert.NotContains(t, body, "<script>alert")
		}
	}
	assert.Equal(t, before, rows())
}

// Whoever speaks no HTTP, speaks it slowly, or says odd things, harms nobody else.
func TestOddTalkers(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 50, Rollups: true})
	at := serving(t, w, nil, nil)
	address := strings.TrimPrefix(at, "http://")
	talk := func(said string) string {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(sinktest.Long)))
		_, err = conn.Write([]byte(said))
		require.NoError(t, err)
		line, _ := bufio.NewReader(conn).ReadString('\n') // an end is an answer, too
		return line
	}
	for said, want := range map[string]string{
		"\x16\x03\x01\x02\x00garbage\r\n\r\n": "400", "GET / HTTP/9.9\r\n\r\n": "505", "GET / HTTP/1.1\r\n\r\n": "400", "BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n": "405",
		"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n": "421", "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n": "431",
		"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n":                                           "405",
		"POST /keys/find HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello": "400",
		"POST /keys/find HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n":            "400",
	} {
		assert.Contains(t, talk(said), want, "%.60q", said)
	}
	// Connections that say nothing, or only half of it, do not keep others out.
	for range 200 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = conn.Write([]byte("GET /logs HTTP/1.1\r\nHost: localhost\r\nX-Slow"))
		require.NoError(t, err)
	}
	response, _ := patient(t, http.MethodGet, at+"/", nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	head, body := patient(t, http.MethodHead, at+"/logs", nil)
	assert.Equal(t, http.StatusOK, head.StatusCode)
	assert.Empty(t, body)
}

// A thousand requests at once are answered or told to wait; then all is as before.
func TestAThousandRequestsAtOnce(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 500, Rollups: true, Redis: true})
	at := serving(t, w, nil, nil)
	var all sync.WaitGroup
	var answered, refused, other atomic.Int64
	client := &http.Client{Timeout: sinktest.Long, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	defer client.CloseIdleConnections()
	for i := range 1000 {
		all.Go(func() {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, at+pagesOf[i%len(pagesOf)], http.NoBody)
			if err != nil {
				other.Add(1)
				return
			}
			response, err := client.Do(r)
			if err != nil {
				other.Add(1)
				return
			}
			_ = response.Body.Close()
			switch {
			case response.StatusCode < http.StatusInternalServerError:
				answered.Add(1)
			case response.StatusCode == http.StatusServiceUnavailable:
				refused.Add(1)
			default:
				other.Add(1)
			}
		})
	}
	all.Wait()
	t.Logf("%d were answered, %d refused", answered.Load(), refused.Load())
	assert.Zero(t, other.Load())
	assert.Positive(t, answered.Load())
	for _, path := range []string{"/?wait=30s", "/logs", "/settings"} {
		response, _ := patient(t, http.MethodGet, at+path, nil)
		assert.Equal(t, http.StatusOK, response.StatusCode, path)
	}
}

// How long a page takes to be made is not counted as its sending, which write_timeout bounds. It waits for a Redis that
// hangs, which holds up nothing when the console ends.
func TestAPageThatTakesLongIsSent(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 50, Rollups: true, Redis: true})
	t.Cleanup(func() { _ = w.Redis.Resume() }) // once the console has ended
	const bound = time.Second
	at := serving(t, w, func(c *Config) { c.Server.WriteTimeout = bound }, nil)
	require.NoError(t, w.Redis.Pause())
	began := time.Now()
	_, body := patient(t, http.MethodGet, at+"/pipeline", nil)
	assert.Greater(t, time.Since(began), bound)
	assert.Contains(t, body, "</html>")
}

// The sending of an answer is bounded from its first byte on, however long its making took, unless the page says another time.
func TestWhoReadsNothingIsCutOff(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	g := &guard{log: zap.NewNop(), write: 300 * time.Millisecond, next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second)
		if r.URL.Path == "/own" {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sinktest.Long))
			time.Sleep(time.Second)
			_, err := w.Write([]byte("here"))
			ended <- errors.Join(err, http.NewResponseController(w).Flush())
			return
		}
		var err error
		for block := make([]byte, 1<<20); err == nil; {
			_, err = w.Write(block)
		}
		ended <- err
	})}
	server := httptest.NewUnstartedServer(g)
	server.Config.WriteTimeout = g.write
	server.Start()
	defer server.Close()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	require.NoError(t, err)
	require.ErrorIs(t, <-ended, os.ErrDeadlineExceeded)

	response, body := patient(t, http.MethodGet, server.URL+"/own", nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "here", body)
	require.NoError(t, <-ended)
}

// What is beyond the places for requests is told to come again, but for those that watch what is live, and not any more once one is free.
func TestRequestsAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	var working sync.WaitGroup
	end := make(chan struct{})
	g := &guard{log: zap.NewNop(), next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			working.Done()
			<-end
		}
	})}
	ask := func(path string) *httptest.ResponseRecorder {
		g.mu.Lock()
		g.count = 0 // of this second
		g.mu.Unlock()
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		return w
	}
	var all sync.WaitGroup
	working.Add(mostAtOnce)
	for range mostAtOnce {
		all.Go(func() { ask("/slow") })
	}
	working.Wait()
	refused := ask("/logs")
	assert.Equal(t, http.StatusServiceUnavailable, refused.Code)
	assert.Equal(t, "1", refused.Header().Get("Retry-After"))
	assert.Equal(t, http.StatusOK, ask("/live/events").Code)
	close(end)
	all.Wait()
	assert.Equal(t, http.StatusOK, ask("/logs").Code)
}

// A store that somebody has locked, or that is gone, is said to be; the pipeline stands, and what comes back is read again.
func TestAStoreThatIsLockedOrAway(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 50, Rollups: true, Redis: true})
	at := serving(t, w, nil, nil)
	response, _ := patient(t, http.MethodGet, at+"/", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	away := w.Datasource + ".away"
	require.NoError(t, os.Rename(w.Datasource, away))
	response, body := patient(t, http.MethodGet, at+"/pipeline", nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Contains(t, body, "adds up")
	require.NoError(t, os.Rename(away, w.Datasource))

	db, err := sql.Open("sqlite", w.Datasource+"?_txlock=exclusive")
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	for _, path := range []string{"/?range=3h", "/logs?range=3h", "/settings", "/pipeline", "/apis/acme/hostile"} {
		response, body := patient(t, http.MethodGet, at+path, nil)
		assert.NotEqual(t, http.StatusInternalServerError, response.StatusCode, "%s: %.200s", path, body)
	}
	require.NoError(t, tx.Rollback())
	require.Eventually(t, func() bool {
		response, _ := patient(t, http.MethodGet, at+"/logs?range=2h", nil)
		return response.StatusCode == http.StatusOK
	}, sinktest.Long, 100*time.Millisecond)
}

// A Redis that goes away is said to be, for as long as it is.
func TestARedisThatGoesAway(t *testing.T) {
	w := consoletest.New(t, consoletest.Settings{Records: 50, Rollups: true, Redis: true, Second: true})
	at := serving(t, w, nil, nil)
	_, body := patient(t, http.MethodGet, at+"/pipeline?redis=tykredis%2Fsecond", nil)
	assert.Contains(t, body, "<b>tykredis/second</b>")
	w.Second.Close()
	require.Eventually(t, func() bool {
		_, body = patient(t, http.MethodGet, at+"/pipeline?redis=tykredis%2Fsecond", nil)
		return strings.Contains(body, "does not answer")
	}, sinktest.Long, 200*time.Millisecond)
	assert.Contains(t, body, "1 in trouble", "the other page's link says so")
	_, body = patient(t, http.MethodGet, at+"/pipeline", nil)
	assert.Contains(t, body, "adds up", "the other is well")
	response, body := patient(t, http.MethodGet, at+"/pipeline/dead?redis=tykredis%2Fsecond", nil)
	assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	assert.Contains(t, body, "does not answer")
	response, _ = patient(t, http.MethodGet, at+"/", nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	_, body = patient(t, http.MethodGet, at+"/settings", nil)
	assert.Contains(t, body, "does not answer")
}
