//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// What `make demo` does, for less time.
func TestTheDemoEndsByItselfAndShowsWhatHappened(t *testing.T) {
	t.Parallel()
	demo := filepath.Join(t.TempDir(), "tykdemo")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", demo, "./cmd/tykdemo") //nolint:gosec // a program of ours
	build.Dir = repository(t)
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	for name, path := range map[string]string{
		"with redis-server": os.Getenv("PATH"),
		"without one":       t.TempDir(),
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			cmd := exec.Command(demo, "-duration", "3s", "-rate", "1000", "-data", data) //nolint:gosec // a program of ours
			cmd.Dir = repository(t)
			cmd.Env = append(os.Environ(), "PATH="+path, "OTELCOL_TYK_BINARY="+program(t))
			process, err := peers.StartProcess(cmd)
			require.NoError(t, err)
			defer process.Kill()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			select {
			case <-process.Done():
			case <-ctx.Done():
				require.NoError(t, ctx.Err(), process.Output())
			}
			out := process.Output()
			require.NoError(t, process.Err(), out)

			assert.Contains(t, out, "all of them are in the store")
			assert.Contains(t, out, "3,000 requests to 11 APIs of 3 organisations")
			for _, heading := range []string{"By API", "Busiest paths", "Slowest calls", "Errors by status"} {
				assert.Contains(t, out, "\n"+heading+"\n")
			}
			assert.Regexp(t, `(?m)^  API +requests +errors % +5xx % +p50 ms +p95 ms$`, out)
			rows := sqliteRows(t, filepath.Join(data, "tyk-analytics.db"), table)
			require.Len(t, rows, 3000)
			for _, r := range rows {
				require.Contains(t, out, "\n  "+r.text(t, "api_name")+" ", "each API has its line")
			}
		})
	}
}
