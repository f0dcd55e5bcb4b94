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
	runs := slices.Concat([]string{globalRun, graylogRun}, storeRuns, pageRuns, hybridRuns, syslogRuns, awsRuns)
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

// refusedRuns are the others, by what the refusal says. Once there is an exporter, the run belongs to those above.
var refusedRuns = map[string]string{
	"elasticsearch-5": "no exporter for Elasticsearch before 7.17",
	"elasticsearch-6": "no exporter for Elasticsearch before 7.17",
	"logzio":          "no exporter for Logz.io's JSON",
	"moesif":          "no exporter for Moesif",
	"resurface":       "no exporter for Resurface",
}

// TestEachRunOfTykPumpIsComparedOrRefused leaves none of them out in silence.
func TestEachRunOfTykPumpIsComparedOrRefused(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(pumpConfigurations(t, "runs", "*.json"))
	require.NoError(t, err)
	left := comparedRuns()
	slices.Sort(left)
	for _, file := range files {
		run := strings.TrimSuffix(filepath.Base(file), ".json")
		made := convert(t, file, nil)
		why, refused := refusedRuns[run]
		at, compared := slices.BinarySearch(left, run)
		switch {
		case compared:
			assert.False(t, refused || made.Refused(), "%s: %s", run, made.Summary())
			left = slices.Delete(left, at, at+1)
		case refused:
			assert.Contains(t, made.Summary(), why, "%s: it converts now, so compare what it stores", run)
		default:
			assert.Fail(t, "neither compared nor refused", run)
		}
	}
	assert.Empty(t, slices.Compact(left), "runs that there are not, or twice")
}
