package pages

import (
	"context"
	"fmt"
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

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// Whoever asks for a page that was made a moment ago gets that one.
func TestAPageIsMadeOnceForAllWhoLook(t *testing.T) {
	t.Parallel()
	var k kept
	var made atomic.Int64
	begin := make(chan struct{})
	ask := func(key string, answer func(http.ResponseWriter) bool) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		k.serve(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), key, answer)
		return w
	}
	page := func(w http.ResponseWriter) bool {
		<-begin
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, "page %d", made.Add(1))
		return true
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			w := ask("a", page)
			assert.Equal(t, "page 1", w.Body.String())
			assert.Equal(t, "text/html", w.Header().Get("Content-Type"))
		})
	}
	close(begin)
	all.Wait()
	assert.Equal(t, "page 1", ask("a", page).Body.String())
	assert.Equal(t, "page 2", ask("b", page).Body.String(), "another page")
	k.forget()
	assert.Equal(t, "page 3", ask("a", page).Body.String(), "something was done")

	refused := func(w http.ResponseWriter) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintf(w, "refused %d", made.Add(1))
		return true
	}
	assert.Equal(t, http.StatusServiceUnavailable, ask("c", refused).Code)
	assert.Equal(t, "refused 5", ask("c", refused).Body.String(), "what failed is asked again")
	personal := func(w http.ResponseWriter) bool {
		http.SetCookie(w, &http.Cookie{Name: "keys", Value: "off"})
		_, _ = fmt.Fprintf(w, "personal %d", made.Add(1))
		return true
	}
	ask("d", personal)
	assert.Equal(t, "personal 7", ask("d", personal).Body.String(), "it is of one browser")
	require.Panics(t, func() { ask("e", func(http.ResponseWriter) bool { panic("of a template") }) })
	assert.Equal(t, "page 8", ask("e", page).Body.String())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	k.serve(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, http.MethodGet, "/", http.NoBody), "g", page)
	assert.Equal(t, "page 10", ask("g", page).Body.String(), "nobody waited for what was made before")
	large := func(w http.ResponseWriter) bool {
		_, _ = w.Write([]byte(strings.Repeat("x", mostKeptPage+1)))
		made.Add(1)
		return true
	}
	ask("f", large)
	ask("f", large)
	assert.EqualValues(t, 12, made.Load(), "it is too large to be kept")
}

func TestPagesAreKeptInBounds(t *testing.T) {
	t.Parallel()
	var k kept
	for i := range 100 {
		k.serve(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), strconv.Itoa(i), func(w http.ResponseWriter) bool {
			_, _ = w.Write([]byte(strings.Repeat("x", mostKeptPage)))
			return true
		})
	}
	k.mu.Lock()
	assert.LessOrEqual(t, k.bytes, mostKeptBytes)
	assert.LessOrEqual(t, len(k.pages), mostKeptBytes/mostKeptPage)
	k.mu.Unlock()
	assert.Eventually(t, func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.bytes == 0 && len(k.pages) == 0
	}, 5*time.Minute, 50*time.Millisecond, "none is kept when its time is over")
}

// Nobody gets a page of somebody else, or in a form that his browser did not choose.
func TestAPageIsKeptForWhomItWasMade(t *testing.T) {
	t.Parallel()
	s := full()
	site, _ := newSite(t, s, func(o *Options) { o.User = func(r *http.Request) string { return r.Header.Get("X-User") } })
	key := func(change func(*http.Request)) string {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/apis?range=1h", http.NoBody)
		change(r)
		at, ok := site.keyOf(r)
		require.True(t, ok)
		return at
	}
	same := key(func(*http.Request) {})
	for name, change := range map[string]func(*http.Request){
		"user": func(r *http.Request) { r.Header.Set("X-User", "ops") }, "cookie": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"}) },
		"form": func(r *http.Request) { r.Header.Set("Accept", "application/json") }, "address": func(r *http.Request) { r.URL.RawQuery = "range=6h" },
	} {
		assert.NotEqual(t, same, key(change), name)
	}
	for _, path := range []string{"/live", "/live/events"} {
		_, ok := site.keyOf(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		assert.False(t, ok, path)
	}
	// A store that fails is not hidden behind pages that were never made, and what was asked is not asked again at once.
	before := get2(t, site, "/apis")
	s.store.(*memory).err = &query.Error{Code: query.Away, Text: "the store does not answer"}
	assert.Equal(t, before.Body.String(), get2(t, site, "/apis").Body.String())
	assert.Equal(t, http.StatusServiceUnavailable, get2(t, site, "/keys").Code)
}

// get2 asks as browsers do; get as if nobody had asked before.
func get2(t *testing.T, site *Site, path string) *httptest.ResponseRecorder {
	t.Helper()
	return ask2(t, site, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
}
