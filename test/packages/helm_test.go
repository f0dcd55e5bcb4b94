//go:build packages && release

package packages

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// update has TestTheChartMakesWhatIsCommitted write what it else compares.
var update = flag.Bool("update", false, "write testdata/manifests")

// render makes the manifests of the chart, as text and read.
func render(tb testing.TB, args ...string) (string, map[string]manifest) {
	tb.Helper()
	text := command(tb, tool(tb, "helm"), append([]string{"template", "tyk", chart(tb)}, args...)...)
	return text, parse(tb, text)
}

// TestTheChartMakesWhatIsCommitted lints, renders and compares; what is committed is held against schemas in each run.
func TestTheChartMakesWhatIsCommitted(t *testing.T) {
	for name, file := range valueFiles(t) {
		command(t, tool(t, "helm"), "lint", "--strict", chart(t), "--values", file)
		text, _ := render(t, "--values", file)
		committed := filepath.Join(renderings(t), name+".yaml")
		if *update {
			require.NoError(t, os.WriteFile(committed, []byte(text), 0o644)) //nolint:gosec // all may read it
			continue
		}
		want, err := os.ReadFile(committed)
		require.NoError(t, err)
		assert.Equal(t, string(want), text, "%s: run `make manifests`", name)
	}
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join(renderings(t), "chart.sha256"), []byte(chartDigest(t)), 0o644)) //nolint:gosec // all may read it
	}
}

// TestTheChartRefusesWhatCannotWork says why.
func TestTheChartRefusesWhatCannotWork(t *testing.T) {
	for set, want := range map[string]string{
		"terminationGracePeriodSeconds=15":                  "is less than shutdownTimeoutSeconds",
		"backend={kafka}":                                   `"kafka" is not one of prometheus`,
		"backend={hybrid}":                                  "hybridPump.connectionString names the MDCB",
		"backend={postgres}":                                "set postgres.existingSecret.name",
		"backend={prometheus},pumpConf=x":                   "use one of them",
		"autoscaling.enabled=true,keda.enabled=true":        "use one of them",
		"serviceMonitor.enabled=true,service.enabled=false": "needs service.enabled: true",
		"sql.existingSecret.name=":                          "set sql.existingSecret.name",
	} {
		out, err := try(t, nil, tool(t, "helm"), "template", "tyk", chart(t), "--set", set)
		require.Error(t, err, set)
		assert.Contains(t, out, want, set)
	}
}

// TestAChangedConfigurationMakesNewPods compares the annotation.
func TestAChangedConfigurationMakesNewPods(t *testing.T) {
	checksum := func(args ...string) string {
		_, all := render(t, args...)
		return all["Deployment"].Spec.Template.Metadata.Annotations["checksum/config"]
	}
	assert.Equal(t, checksum(), checksum("--set", "replicaCount=3"))
	assert.NotEqual(t, checksum(), checksum("--set", "redis.addresses={other:6379}"))
	assert.NotEqual(t, checksum("--set-json", `pumpConf={"pumps":{}}`), checksum("--set-json", `pumpConf={"pumps":{"a":{}}}`))
}

// TestReleasePushesTheChart into a registry of this machine, and fetches it from there.
func TestReleasePushesTheChart(t *testing.T) {
	address := registry(t)
	command(t, tool(t, "helm"), "package", chart(t), "--destination", filepath.Join(repository(t), "bin", "packages"))
	command(t, inRepository(t, "scripts", "release.sh"), "chart", "v"+version(t), address+"/otelcol-tyk/otelcol-tyk")
	command(t, tool(t, "helm"), "pull", "--plain-http", "oci://"+address+"/otelcol-tyk/charts/otelcol-tyk", "--version", version(t), "--destination", t.TempDir())
}
