package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheReportTellsMediansAndRatios(t *testing.T) {
	t.Parallel()
	run := func(seconds float64) drain {
		return drain{records: 200_000, bytes: 200_000_000, took: time.Duration(seconds * float64(time.Second)), processor: 1600 * time.Millisecond, peak: 180 << 20}
	}
	r := results{
		options: options{records: 200_000, runs: 3, rate: 2000, duration: 20 * time.Second},
		stores: []store{
			{name: "none", drains: []drain{run(1), run(1), run(1)}, bulks: []float64{0, 0, 0}},
			{name: "PostgreSQL", drains: []drain{run(2), run(1), run(4)}, bulks: []float64{200_000, 160_000, 100_000}},
		},
		rollups: rollupResult{store: store{drains: []drain{run(1)}, bulks: []float64{0}}, rows: 12_345, shape: "20 APIs"},
		memory:  []drain{{records: 1_000_000, took: 10 * time.Second, processor: 8 * time.Second, peak: 200 << 20}},
		latency: latency{records: 40_000, p99: 560 * time.Millisecond, withinASecond: 1},
	}
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	require.NoError(t, r.write(path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, want := range []string{
		"| none | 200,000 | 8.0 µs | 180 MiB |  |  |  |",
		"| PostgreSQL | 100,000 | 8.0 µs | 180 MiB | 160,000 | 0.50, 1.25, 0.50 | 0.50 |",
		"PostgreSQL, where 20 APIs make 12,345 rows of `tyk_aggregated`",
		"| otelcol-tyk | 200,000 | 8.0 µs | 180 MiB |",
		"| 1,000,000 | 100,000 | 8.0 µs | 200 MiB |",
		"| 0 ms | 0 ms | 560 ms | 0 ms | 100.00 % |",
	} {
		assert.Contains(t, string(text), want)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, 2, median([]float64{3, 1, 2}), 0)
	assert.InDelta(t, 2.5, median([]float64{4, 1, 2, 3}), 0)
}

func TestAProcessIsMeasured(t *testing.T) {
	t.Parallel()
	used, err := processorTime(os.Getpid())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, used, time.Duration(0))
	peak, err := peakMemory(os.Getpid())
	require.NoError(t, err)
	assert.Greater(t, peak, int64(1<<20))
	_, err = processorTime(-1)
	require.Error(t, err)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-memory", "x"}, {"-memory", "0"}, {"-runs", "0"}, {"-rate", "0"}} {
		_, err := parse(args)
		require.Error(t, err, args)
	}
	o, err := parse([]string{"-memory", "1,2"})
	require.NoError(t, err)
	assert.Equal(t, []int64{1, 2}, o.memory)
}
