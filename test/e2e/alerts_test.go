//go:build e2e

package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

const alertRules = "otelcol-tyk.rules.yaml"

// TestAlertsFireForWhatTheyAreFor has Prometheus itself evaluate each alert.
func TestAlertsFireForWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	require.NoError(t, err, "promtool is not installed: run scripts/install-test-peers.sh")
	const cases = "otelcol-tyk.rules.test.yaml"
	dir := t.TempDir()
	rules, err := os.ReadFile(example(t, filepath.Join("prometheus", alertRules)))
	require.NoError(t, err)
	tested := testdata(t, filepath.Join("alerts", cases))
	require.NoError(t, os.WriteFile(filepath.Join(dir, alertRules), rules, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, cases), tested, 0o600))
	out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", filepath.Join(dir, cases)).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllSubmatch(rules, -1) {
		assert.Regexp(t, `(?m)^ +alertname: `+string(alert[1])+`$`, string(tested), "an alert without a test")
	}
}

// TestWhatAlertsCountIsThereFromTheStart holds counters to begin with 0: an increase from nothing to
// the first value is none for Prometheus.
func TestWhatAlertsCountIsThereFromTheStart(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile(example(t, filepath.Join("prometheus", alertRules)))
	require.NoError(t, err)
	counters := regexp.MustCompile(`(?:increase|rate)\((otelcol_\w*tyk\w+)\[`).FindAllSubmatch(rules, -1)
	require.GreaterOrEqual(t, len(counters), 8)
	c := newShipped(t, peers.StartRedis(t).Addr())
	c.start()
	status, page := get(t, "http://"+c.metrics+"/metrics")
	require.Equal(t, http.StatusOK, status, page)
	for _, counter := range counters {
		assert.Regexp(t, `(?m)^`+string(counter[1])+`(\{.*\})? 0$`, page)
	}
	c.stop()
}
