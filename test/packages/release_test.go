//go:build packages

package packages

import (
	"testing"

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
