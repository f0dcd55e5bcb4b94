//go:build e2e

package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// TestEveryExampleIsValid walks examples, so that a new one is looked at, too.
func TestEveryExampleIsValid(t *testing.T) {
	t.Parallel()
	// What the manifests in examples/kubernetes set, and has no default there.
	manifests := []string{"TYK_REDIS_ADDRESS=redis:6379", "TYK_SQL_DATASOURCE=host=postgres dbname=tyk", "TRACES_ENDPOINT=jaeger:4317"}
	root, valid := example(t, ""), 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		if entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return nil
		}
		for _, config := range configurations(t, path) {
			valid++
			var env []string
			if config != path {
				env = manifests
			}
			arguments := []string{"validate"}
			if filepath.Base(path) == "console.yaml" { // which goes over another
				arguments, env = append(arguments, "--config", example(t, "prometheus/gateway.yaml")), []string{"CONSOLE_PASSWORD=secret"}
			}
			out, err := run(t, env, append(arguments, "--config", config)...)
			assert.NoError(t, err, "%s: %s", path, out)
		}
		return nil
	}))
	assert.GreaterOrEqual(t, valid, 19)
}

// TestExamplesThatRunSideBySideShareNothingOut holds each example to a group of its own.
func TestExamplesThatRunSideBySideShareNothingOut(t *testing.T) {
	t.Parallel()
	of := map[string]string{}
	look := func(path string) {
		for _, config := range configurations(t, path) {
			text, err := os.ReadFile(config)
			require.NoError(t, err)
			retrieved, err := confmap.NewRetrievedFromYAML(text)
			require.NoError(t, err)
			conf, err := retrieved.AsConf()
			require.NoError(t, err)
			if !conf.IsSet("receivers::tykredis") {
				continue
			}
			group, _ := conf.Get("receivers::tykredis::group").(string)
			assert.Empty(t, of[group], "%s has the group of %s, %q", path, of[group], group)
			of[group] = path
		}
	}
	look(repository(t, "otelcol-config.yaml"))
	require.NoError(t, filepath.WalkDir(example(t, ""), func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		if !entry.IsDir() && filepath.Ext(path) == ".yaml" {
			look(path)
		}
		return nil
	}))
	assert.GreaterOrEqual(t, len(of), 19)
}

// configurations are the collector's configurations in a file: itself, those in the
// ConfigMaps of a manifest, or none, as in the rules of a Prometheus.
func configurations(tb testing.TB, path string) []string {
	tb.Helper()
	text, err := os.ReadFile(path)
	require.NoError(tb, err)
	var found []string
	for part := range strings.SplitSeq("\n"+string(text), "\n---\n") {
		retrieved, err := confmap.NewRetrievedFromYAML([]byte(part))
		require.NoError(tb, err, path)
		conf, err := retrieved.AsConf()
		require.NoError(tb, err, path)
		if conf.IsSet("service") {
			return []string{path}
		}
		if config, ok := conf.Get("data::config.yaml").(string); ok {
			file := filepath.Join(tb.TempDir(), "config.yaml")
			require.NoError(tb, os.WriteFile(file, []byte(config), 0o600))
			found = append(found, file)
		}
	}
	return found
}
