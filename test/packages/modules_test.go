package packages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// distribution is what the builder is told, as far as it matters here.
type distribution struct {
	Dist                                                                            struct{ Version string }
	Receivers, Processors, Exporters, Extensions, Connectors, Providers, Converters []component
	Telemetry                                                                       component
}

// component is one of a distribution's.
type component struct{ GoMod, Import string }

func readDistribution(t *testing.T, name string) (distribution, map[string]bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	require.NoError(t, err)
	var d distribution
	require.NoError(t, yaml.Unmarshal(text, &d))
	all := map[string]bool{}
	for _, components := range [][]component{d.Receivers, d.Processors, d.Exporters, d.Extensions, d.Connectors, d.Providers, d.Converters, {d.Telemetry}} {
		for _, c := range components {
			all[strings.TrimSpace(c.GoMod+" "+c.Import)] = true
		}
	}
	return d, all
}

// TestTheSlimDistributionHasAllComponentsOfOurs and nothing that the full one has not, at the same versions.
func TestTheSlimDistributionHasAllComponentsOfOurs(t *testing.T) {
	t.Parallel()
	full, inFull := readDistribution(t, "builder-config.yaml")
	slim, inSlim := readDistribution(t, "builder-config.slim.yaml")
	assert.Equal(t, full.Dist.Version, slim.Dist.Version)
	for module := range inSlim {
		assert.True(t, inFull[module], "%s is not in builder-config.yaml", module)
	}
	for module := range inFull {
		if strings.HasPrefix(module, "github.com/otelcol-tyk/") {
			assert.True(t, inSlim[module], "%s is not in builder-config.slim.yaml", module)
		}
	}
}
