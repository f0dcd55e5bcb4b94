package tyksqlexporter

import (
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// documentedQuery is the SQL of the README's section on percentiles.
func documentedQuery(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)### Percentiles.*?```sql\n(.*?)```").FindSubmatch(readme)
	require.NotNil(t, found)
	return string(found[1])
}

// The documented query tells percentiles of a day within the sketch's accuracy.
func testRollupsLatency(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	d.config.Tables.Latency.Enabled = true
	e, a := d.start(t), sinktest.Aggregator(t, func(s *rollup.Settings) { s.Latencies = true })
	const count = 4000
	latencies := make([]float64, 0, count)
	midnight := time.Date(2026, 8, 20, 0, 0, 0, 0, time.UTC)
	for chunk := range 4 {
		var records []analytics.Record
		for i := range count / 4 {
			r := sinktest.Hit(i)
			r.APIID = "api-1"
			r.TimeStamp = midnight.Add(time.Duration(chunk*6) * time.Hour)
			r.Latency.Total = int64(math.Pow(1.0009, float64(chunk*count/4+i)) * 3)
			latencies = append(latencies, float64(r.Latency.Total))
			records = append(records, r)
		}
		for range 2 {
			require.NoError(t, rolledUp(t, e, a, sinktest.Push("seg"+strconv.Itoa(chunk), 0, records...)))
		}
	}
	slices.Sort(latencies)
	row := d.db.QueryRowContext(t.Context(), documentedQuery(t))
	var api string
	var p50, p95, p99 float64
	require.NoError(t, row.Scan(&api, &p50, &p95, &p99))
	assert.Equal(t, "api-1", api)
	for q, got := range map[float64]float64{0.5: p50, 0.95: p95, 0.99: p99} {
		assert.InEpsilon(t, latencies[int(q*count)-1], got, rollup.SketchAccuracy*1.1, q)
	}
	for _, dimension := range []string{"apiid", "apikeys", "apiendpoints"} {
		assert.EqualValues(t, count, d.number(t, "select sum(hits) from otelcol_tyk_latency where dimension = '"+dimension+"'"), dimension)
	}
}

func testRollupsOnlyLatency(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.config.Tables.Requests.Enabled, d.config.Tables.Latency.Enabled = false, true
	e, a := d.start(t), sinktest.Aggregator(t, func(s *rollup.Settings) { s.Latencies = true })
	for range 2 {
		require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 0, 99)))
	}
	assert.EqualValues(t, 100, d.number(t, "select sum(hits) from otelcol_tyk_latency where dimension = 'apiid'"))
}
