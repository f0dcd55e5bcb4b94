//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// received is one request as a double got it.
type received struct {
	method, path string
	query        string
	header       http.Header
	compression  string
	body         []byte // uncompressed
}

// double stands for a store on the wire: it keeps every request that it answered
// well. The first that brings data it refuses with 503, as a store that is just
// being restarted does, so that each test also shows that nothing is lost by that.
type double struct {
	*httptest.Server
	tb testing.TB

	mu      sync.Mutex // guards the fields below
	refused bool
	stored  []received
}

// startDouble starts a double that answers as answer says; nil is an empty 200.
func startDouble(tb testing.TB, answer func(http.ResponseWriter, received)) *double {
	tb.Helper()
	d := &double{tb: tb}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := unpack(r.Header.Get("Content-Encoding"), r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.refused && len(body) > 0 {
			d.refused = true
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got := received{
			method: r.Method, path: r.URL.Path, query: r.URL.RawQuery, header: r.Header,
			compression: r.Header.Get("Content-Encoding"), body: body,
		}
		if answer != nil {
			answer(w, got)
		}
		if len(body) > 0 {
			d.stored = append(d.stored, got)
		}
	}))
	tb.Cleanup(d.Close)
	return d
}

func unpack(compression string, body io.Reader) ([]byte, error) {
	switch compression {
	case "gzip":
		reader, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(reader)
	case "zstd":
		reader, err := zstd.NewReader(body)
		if err != nil {
			return nil, err
		}
		defer reader.Close()
		return io.ReadAll(reader)
	case "deflate", "deflated": // the second is what Resurface calls it
		reader, err := zlib.NewReader(body)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(reader)
	case "":
		return io.ReadAll(body)
	}
	return nil, fmt.Errorf("a compression that this double does not know: %q", compression)
}

// requests are those that were answered well so far.
func (d *double) requests() []received {
	d.mu.Lock()
	defer d.mu.Unlock()
	require.True(d.tb, d.refused, "nothing was sent")
	return slices.Clone(d.stored)
}

// same tells whether all requests agree in something, and gives it.
func same(tb testing.TB, requests []received, of func(received) string) string {
	tb.Helper()
	require.NotEmpty(tb, requests)
	first := of(requests[0])
	for _, r := range requests {
		assert.Equal(tb, first, of(r))
	}
	return first
}

// document is a JSON object whose text does not matter.
type document = map[string]any

func parseDocument(tb testing.TB, text []byte) document {
	tb.Helper()
	var d document
	require.NoError(tb, json.Unmarshal(text, &d), string(text))
	return d
}

func parseLines(tb testing.TB, text []byte) []document {
	tb.Helper()
	var all []document
	for line := range bytes.Lines(text) {
		all = append(all, parseDocument(tb, line))
	}
	return all
}

// requireSameDocuments compares without order, and shows some of what differs.
func requireSameDocuments(tb testing.TB, want, got []document) {
	tb.Helper()
	count := map[string]int{}
	for _, d := range want {
		count[canonical(tb, d)]++
	}
	for _, d := range got {
		count[canonical(tb, d)]--
	}
	var wrong []string
	for text, n := range count {
		if n != 0 {
			wrong = append(wrong, fmt.Sprintf("%+d %s", -n, text))
		}
	}
	slices.SortFunc(wrong, func(a, b string) int { return strings.Compare(a[3:], b[3:]) })
	require.Empty(tb, wrong[:min(len(wrong), 4)], "%d documents differ; - is missing, + is too much", len(wrong))
	require.Len(tb, got, len(want))
}

// canonical is the text of a document, in which no list or object is empty: a record
// does not tell those from none.
func canonical(tb testing.TB, d document) string {
	tb.Helper()
	text, err := json.Marshal(nullForEmpty(d))
	require.NoError(tb, err)
	return string(text)
}

func nullForEmpty(v any) any {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return nil
		}
	case map[string]any:
		if len(v) == 0 {
			return nil
		}
		for key := range v {
			v[key] = nullForEmpty(v[key])
		}
	}
	return v
}

// likeInflux answers as an InfluxDB that has stored what it got.
func likeInflux(w http.ResponseWriter, _ received) { w.WriteHeader(http.StatusNoContent) }
