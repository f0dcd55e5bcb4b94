package tykredisreceiver

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAlertRulesUseMetricsThatExist(t *testing.T) {
	rules, err := os.ReadFile(filepath.Join("..", "..", "examples", "prometheus", "otelcol-tyk.rules.yaml"))
	require.NoError(t, err)
	declared, err := os.ReadFile("metadata.yaml")
	require.NoError(t, err)
	used := regexp.MustCompile(`otelcol_(tykredis_\w+)`).FindAllSubmatch(rules, -1)
	require.NotEmpty(t, used)
	for _, match := range used {
		assert.Regexp(t, `(?m)^    `+string(match[1])+`:$`, string(declared))
	}
}
