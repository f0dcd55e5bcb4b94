//go:build packages && release

package packages

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
