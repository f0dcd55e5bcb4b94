package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func drained(seconds float64) drain {
	return drain{records: 200_000, bytes: 200_000_000, took: time.Duration(seconds * float64(time.Second)), processor: 1600 * time.Millisecond, peak: 180 << 20}
}

func TestTheTableTellsMediansRangesAndWhatIsFlat(t *testing.T) {
	t.Parallel()
	j := rawJob(options{records: 200_000 / longer}).(*storeJob)
	j.drains = []drain{drained(2), drained(1), drained(4)}
	j.limits = []float64{200_000, 160_000, 100_000}
	var cells [][]string
	for _, r := range j.rows() {
		cells = append(cells, r.cells())
	}
	assert.Equal(t, [][]string{
		{"raw records to PostgreSQL", "records/s", "21,250", "100,000 (50,000 to 200,000)", "160,000", "", ""},
		{"raw records to PostgreSQL", "share of the limit", "", "0.50 (0.50 to 1.25)", "", "≥ 0.80", "no"},
		{"raw records to PostgreSQL", "CPU a record, µs", "43.4", "8.0 (8.0 to 8.0)", "", "≤ 5.0", "no"},
		{"raw records to PostgreSQL", "peak memory, MiB", "875", "180 (180 to 180)", "", "≤ 200", "yes"},
	}, cells)
	assert.Contains(t, j.section(), "200,000 records of 1,000 bytes each on average.")
}

func TestOneRunAboveABoundOfMemoryIsTooMany(t *testing.T) {
	t.Parallel()
	assert.True(t, atMost(200).reached([]float64{100, 100, 300}))
	assert.False(t, memoryBound.reached([]float64{100, 100, 300}))
}

func TestTheReportHasASectionForEachJob(t *testing.T) {
	t.Parallel()
	o := options{runs: 1, memory: []int64{1000}, rate: 5000, only: []string{"memory", "latency"}}
	jobs := chosenJobs(o)
	require.Len(t, jobs, 2)
	jobs[0].(*memoryJob).drains = [][]drain{{drained(1)}}
	jobs[1].(*latencyJob).runs = []latency{{records: 40_000, p99: 560 * time.Millisecond}}
	text := report(o, jobs)
	for _, want := range []string{"## Peak memory by backlog", "## Push to visible at 5,000/s", "560 ms"} {
		assert.Contains(t, text, want)
	}
	for line := range strings.Lines(table(rowsOf(jobs))) {
		assert.Equal(t, len(tableHead)+1, strings.Count(line, "|"), line)
	}
}

func TestTheCollectorIsTunedAsTheMakefileSays(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	for _, name := range []string{"GOMEMLIMIT", "GOGC"} {
		assert.NotEmpty(t, makeVariable(string(makefile), name))
	}
	assert.Equal(t, "120MiB", makeVariable("REDIS ?= x\nGOMEMLIMIT ?= 120MiB\n", "GOMEMLIMIT"))
	assert.Empty(t, makeVariable("REDIS ?= x\n", "GOGC"))
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
	t.Setenv("GOMEMLIMIT", "90MiB")
	t.Setenv("GOGC", "150")
	for _, args := range [][]string{{"-memory", "x"}, {"-memory", "0"}, {"-runs", "0"}, {"-rate", "0"}, {"-pause", "-1s"}, {"-only", "raw,x"}} {
		_, err := parse(args)
		require.Error(t, err, args)
	}
	o, err := parse([]string{"-memory", "1,2", "-only", "raw,nop"})
	require.NoError(t, err)
	assert.Equal(t, []int64{1, 2}, o.memory)
	assert.Equal(t, []string{"raw", "nop"}, o.only)
	assert.Equal(t, "90MiB 150", o.memLimit+" "+o.gogc)
}
