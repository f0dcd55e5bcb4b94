package peers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func TestPrometheusScrapesAndAnswersQueries(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# TYPE things counter\nthings{kind=\"a\"} 7\n"))
	}))
	t.Cleanup(page.Close)
	p := peers.StartPrometheus(t, peers.PrometheusSettings{
		Targets: map[string]string{"test": strings.TrimPrefix(page.URL, "http://")}, Interval: 100 * time.Millisecond,
	})
	require.Eventually(t, func() bool {
		samples, err := p.Query(t.Context(), "2 * things", time.Now())
		return assert.NoError(t, err) && len(samples) == 1 && samples[0].Value == 14 && samples[0].Labels["kind"] == "a"
	}, 5*time.Minute, 20*time.Millisecond)
	_, err := p.Query(t.Context(), "sum(", time.Now())
	require.ErrorContains(t, err, "parse error")
}
