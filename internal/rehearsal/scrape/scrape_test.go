package scrape

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const text = `# TYPE tyk_http_status counter
tyk_http_status{code="200",api="a b"} 12
go_goroutines 7
# TYPE tyk_latency histogram
tyk_latency_bucket{type="total",le="1"} 2
tyk_latency_bucket{type="total",le="+Inf"} 3
tyk_latency_sum{type="total"} 41
tyk_latency_count{type="total"} 3
plain 1.5
`

var wanted = map[string]float64{
	`tyk_http_status{code="200",api="a b"}`: 12, `plain{}`: 1.5,
	`tyk_latency_bucket{type="total",le="1"}`: 2, `tyk_latency_bucket{type="total",le="+Inf"}`: 3,
	`tyk_latency_sum{type="total"}`: 41, `tyk_latency_count{type="total"}`: 3,
}

func TestAPageIsReadFromAURLAndFromAFile(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(text))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "page")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	for _, place := range []string{server.URL + "/metrics", file} {
		series, err := Read(t.Context(), place)
		require.NoError(t, err)
		assert.Equal(t, wanted, series)
	}
	_, err := Read(t.Context(), server.URL+"/elsewhere")
	require.ErrorContains(t, err, "404")
	_, err = Parse(strings.NewReader("<html>"))
	require.ErrorContains(t, err, "no page of metrics")
}

func TestAPasswordIsInNoMessage(t *testing.T) {
	t.Parallel()
	for _, place := range []string{
		"http://user:sekrit@127.0.0.1:1/metrics?token=sekrit", "http://user:sek rit@127.0.0.1:1/metrics", "https://127.0.0.1:1/metrics#sekrit", "http://[sekrit/",
	} {
		_, err := Read(t.Context(), place)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "rit", place)
		assert.NotContains(t, Place(place), "rit")
	}
	assert.Equal(t, "http://host:9090/metrics", Place("http://u:p@host:9090/metrics?a=b"))
	assert.Equal(t, "page.txt", Place("page.txt"))
}

func TestWhatBeganAnewHasGrownByWhatItHas(t *testing.T) {
	t.Parallel()
	assert.Equal(t, map[string]float64{"grew": 5, "new": 3, "restarted": 2, "still": 0},
		Increase(map[string]float64{"grew": 5, "restarted": 9, "still": 4, "gone": 1}, map[string]float64{"grew": 10, "new": 3, "restarted": 2, "still": 4}))
}
