//go:build packages

package packages

import (
	"cmp"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// long is for hangs only: a busy machine starts the collector slowly.
const long = 2 * time.Minute

// repository is the root of the module.
func repository(tb testing.TB) string {
	tb.Helper()
	path, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(tb, err)
	return path
}

// inRepository gives the path of a file of the repository, which has to exist.
func inRepository(tb testing.TB, elements ...string) string {
	tb.Helper()
	path := filepath.Join(append([]string{repository(tb)}, elements...)...)
	_, err := os.Stat(path)
	require.NoError(tb, err, "run `make test-packages`, which builds what its tests need")
	return path
}

// version is that of the distribution.
func version(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(inRepository(tb, "builder-config.yaml"))
	require.NoError(tb, err)
	for line := range strings.Lines(string(text)) {
		if found, ok := strings.CutPrefix(strings.TrimSpace(line), "version: "); ok {
			return found
		}
	}
	require.Fail(tb, "builder-config.yaml has no version")
	return ""
}

// architectures are those that packages and images were made for.
func architectures() []string {
	return strings.Fields(cmp.Or(os.Getenv("PACKAGE_ARCHITECTURES"), "amd64 arm64"))
}

// program is a program of the distribution for this machine.
func program(tb testing.TB, name string) string {
	tb.Helper()
	return inRepository(tb, "bin", runtime.GOARCH, name)
}

// tool is a program that the Makefile builds, or one of the system's.
func tool(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join(repository(tb), ".tools", name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	path, err := exec.LookPath(name)
	require.NoError(tb, err, "run `make test-packages`, which builds or installs it")
	return path
}

// command runs a program to its end and gives what it printed.
func command(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	out, err := try(tb, nil, name, args...)
	require.NoError(tb, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return out
}

// try runs a program that may fail, with more variables than this process has.
func try(tb testing.TB, env []string, name string, args ...string) (string, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = repository(tb), append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// freePort gives a port that nobody listens at.
func freePort(tb testing.TB) int {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
