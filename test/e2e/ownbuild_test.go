//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ownBuildTimeout is for a machine that has built none of it.
const ownBuildTimeout = 15 * time.Minute

// TestAnOwnBuildIsBuiltOverItsCommittedModules goes the way of docs/own-build.md.
func TestAnOwnBuildIsBuiltOverItsCommittedModules(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), ownBuildTimeout)
	defer cancel()
	command := func(dir, name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s %v: %s", name, args, out)
		return string(out)
	}
	root, dir := repository(t), t.TempDir()
	manifest, err := os.ReadFile(example(t, "ocb/builder-config.yaml"))
	require.NoError(t, err)
	generated := filepath.Join(dir, "generated")
	text := strings.ReplaceAll(string(manifest), "path: ../..", "path: "+root)
	text = strings.Replace(text, "output_path: .", "output_path: "+generated, 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "builder.yaml"), []byte(text), 0o600))
	command(root, "go", "tool", "-modfile=tools.mod", "builder", "--skip-get-modules", "--skip-compilation", "--config", filepath.Join(dir, "builder.yaml"))

	for _, name := range []string{"go.mod", "go.sum"} {
		committed, err := os.ReadFile(example(t, "ocb/"+name))
		require.NoError(t, err)
		committed = []byte(strings.Replace(string(committed), "=> ../..", "=> "+root, 1))
		require.NoError(t, os.WriteFile(filepath.Join(generated, name), committed, 0o600))
	}
	binary := filepath.Join(dir, "otelcol-mine")
	command(generated, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, ".")

	assert.Empty(t, command(dir, binary, "validate", "--config", example(t, "ocb/config.yaml")))
	components := command(dir, binary, "components")
	for _, name := range []string{"tykredis", "tykfilter", "tykaggregate", "tyksql", "otlp_grpc", "tykhealth", "memory_limiter"} {
		assert.Contains(t, components, "- name: "+name+"\n")
	}
	cmd := exec.CommandContext(ctx, binary, "validate", "--config", example(t, "ocb/config.yaml"), "--config", "yaml:exporters::otlp_grpc::sending_queue::enabled: true")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "the linter is part of it")
	assert.Contains(t, string(out), "(lint: memory-queue)")
}
