//go:build packages

package packages

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReleaseWorkflowsAreValid has them read by actionlint.
func TestReleaseWorkflowsAreValid(t *testing.T) {
	command(t, tool(t, "actionlint"))
}

// TestReleaseNotesAreThoseOfTheChangelog and a tag is the version.
func TestReleaseNotesAreThoseOfTheChangelog(t *testing.T) {
	script := inRepository(t, "scripts", "release.sh")
	out, err := try(t, nil, script, "check", "v99.0.0")
	require.Error(t, err)
	assert.Contains(t, out, "the tag is v99.0.0, and the version in builder-config.yaml "+version(t))
	notes := command(t, script, "notes", "Unreleased")
	assert.Contains(t, notes, "### Added")
	assert.NotContains(t, notes, "\n## [")
}

// TestReleasePushesImagesAndTheChart into a registry of this machine, and fetches them from there.
func TestReleasePushesImagesAndTheChart(t *testing.T) {
	address := fmt.Sprintf("localhost:%d", freePort(t))
	registry := exec.CommandContext(t.Context(), tool(t, "crane"), "registry", "serve", "--address", address)
	require.NoError(t, registry.Start())
	t.Cleanup(func() { _ = registry.Wait() }) // it ends with the test's context
	require.Eventually(t, func() bool {
		_, err := try(t, nil, tool(t, "crane"), "catalog", address)
		return err == nil
	}, long, 100*time.Millisecond)

	command(t, tool(t, "helm"), "package", chart(t), "--destination", filepath.Join(repository(t), "bin", "packages"))
	image := address + "/otelcol-tyk/otelcol-tyk"
	pushed := strings.Fields(command(t, inRepository(t, "scripts", "release.sh"), "push", "v"+version(t), image))
	text, err := os.ReadFile(inRepository(t, "bin", "image", "index.json"))
	require.NoError(t, err)
	var layout struct{ Manifests []descriptor }
	require.NoError(t, json.Unmarshal(text, &layout))
	for i, tag := range []string{version(t), version(t) + "-pump"} {
		want := layout.Manifests[i].Digest
		assert.Equal(t, want, strings.TrimSpace(command(t, tool(t, "crane"), "digest", image+":"+tag)))
		assert.Contains(t, pushed, image+"@"+want, "what is to be signed")
	}
	command(t, tool(t, "crane"), "validate", "--fast", "--remote", image+":"+version(t))
	command(t, tool(t, "helm"), "pull", "--plain-http", "oci://"+address+"/otelcol-tyk/charts/otelcol-tyk", "--version", version(t), "--destination", t.TempDir())
}

// allowed are the licences that modules may have. Those without a name are in modules within a repository, whose licence
// lies above them, and are in THIRD-PARTY.txt.
var allowed = []string{"", "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-Source-Code", "ISC", "MIT", "MPL-2.0", "Unlicense", "Zlib"}

// TestLicencesAllowWhatWeDo reads the lists of modules.
func TestLicencesAllowWhatWeDo(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(inRepository(t, "bin", "packages"), "*_"+version(t)+"_*.cdx.json"))
	require.NoError(t, err)
	require.Len(t, files, 3*len(architectures()))
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var bom struct {
			BomFormat  string
			Components []struct {
				Name     string
				Evidence struct {
					Licenses []struct{ License struct{ ID string } }
				}
			}
		}
		require.NoError(t, json.Unmarshal(text, &bom))
		assert.Equal(t, "CycloneDX", bom.BomFormat)
		require.NotEmpty(t, bom.Components)
		for _, component := range bom.Components {
			for _, licence := range component.Evidence.Licenses {
				assert.Contains(t, allowed, licence.License.ID, component.Name)
			}
		}
	}
	third, err := os.ReadFile(inRepository(t, "bin", "THIRD-PARTY.txt"))
	require.NoError(t, err)
	assert.NotContains(t, string(third), "GNU AFFERO GENERAL PUBLIC LICENSE\n")
	assert.Contains(t, string(third), "\nmodernc.org/sqlite v")
}
