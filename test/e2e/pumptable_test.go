//go:build e2e

package e2e

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// comparedRuns are the runs of the real Tyk Pump whose results tests compare with what the built binary stores, end
// to end.
func comparedRuns() []string {
	runs := slices.Concat([]string{globalRun, graylogRun}, storeRuns, pageRuns, hybridRuns, syslogRuns, webRuns, awsRuns)
	for _, together := range sqlRuns {
		runs = append(runs, together.runs...)
	}
	for _, together := range mongoRuns {
		runs = append(runs, together.runs...)
	}
	for _, some := range stdoutRuns {
		runs = append(runs, some...)
	}
	runs = slices.AppendSeq(runs, maps.Keys(uptimeRuns))
	runs = slices.AppendSeq(runs, maps.Keys(csvRuns))
	return slices.AppendSeq(runs, maps.Keys(statsdRuns))
}

// TestEachRunOfTykPumpIsCompared leaves none of them out in silence.
func TestEachRunOfTykPumpIsCompared(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(pumpConfigurations(t, "runs", "*.json"))
	require.NoError(t, err)
	left := comparedRuns()
	slices.Sort(left)
	for _, file := range files {
		run := strings.TrimSuffix(filepath.Base(file), ".json")
		at, compared := slices.BinarySearch(left, run)
		if !assert.True(t, compared, "%s is not compared", run) {
			continue
		}
		made := convert(t, file, nil)
		assert.False(t, made.Refused(), "%s: %s", run, made.Summary())
		left = slices.Delete(left, at, at+1)
	}
	assert.Empty(t, slices.Compact(left), "runs that there are not, or twice")
}
