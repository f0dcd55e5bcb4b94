//go:build packages && machines

package packages

import (
	"context"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the store of the shipped configuration

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// nonroot is who the image runs as.
const nonroot = 65532

// podmanRoot is where images and containers of these tests are.
var podmanRoot = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "podman") })

// TestMain removes what podman keeps.
func TestMain(m *testing.M) {
	code := m.Run()
	if root, err := podmanRoot(); err == nil {
		_ = os.RemoveAll(root) // a folder of temporary files
	}
	os.Exit(code)
}

// podmanCommand is podman as a machine without systemd needs it.
func podmanCommand(ctx context.Context, args ...string) *exec.Cmd {
	root, err := podmanRoot()
	if err != nil {
		root = os.TempDir()
	}
	return exec.CommandContext(ctx, "podman", append([]string{
		"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", "runc", "--events-backend", "file",
		"--root", filepath.Join(root, "storage"), "--runroot", filepath.Join(root, "run"), "--tmpdir", filepath.Join(root, "tmp"),
	}, args...)...)
}

// podman runs podman to its end, and gives what it printed.
func podman(tb testing.TB, args ...string) string {
	tb.Helper()
	out, err := tryPodman(tb, args...)
	require.NoError(tb, err, "podman %s: %s", strings.Join(args, " "), out)
	return strings.TrimSpace(out)
}

// tryPodman is podman for what may fail; it then gives what was said about that, too.
func tryPodman(tb testing.TB, args ...string) (string, error) {
	tb.Helper()
	out, err := podmanCommand(context.WithoutCancel(tb.Context()), args...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return string(out) + string(failed.Stderr), err
	}
	return string(out), err
}

// pull takes an image out of the layout and gives its identity.
func pull(tb testing.TB, tag string) string {
	tb.Helper()
	lines := strings.Fields(podman(tb, "pull", "--quiet", "oci:"+inRepository(tb, "bin", "image")+":"+tag))
	return lines[len(lines)-1]
}

// container runs an image as a hardened host does: on a read-only root, without capabilities.
type container struct {
	tb     testing.TB
	name   string
	redis  string
	health string
	data   string
}

// start runs an image with a Redis of its own; args follow the image, and options come before it.
func start(tb testing.TB, image string, options []string, args ...string) *container {
	tb.Helper()
	host, port, err := net.SplitHostPort(peers.StartRedis(tb).Addr())
	require.NoError(tb, err)
	c := &container{
		tb: tb, name: fmt.Sprintf("otelcol-tyk-%d-%d", os.Getpid(), freePort(tb)), redis: net.JoinHostPort(host, port),
		health: net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(tb))), data: tb.TempDir(),
	}
	require.NoError(tb, os.Chown(c.data, nonroot, nonroot))
	// Whoever started the tests may have kept it to themselves.
	for dir := c.data; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		require.NoError(tb, os.Chmod(dir, 0o755)) //nolint:gosec // the container's user has to get there
	}
	all := []string{
		"run", "--detach", "--name", c.name, "--network", "host", "--read-only", "--read-only-tmpfs=false", "--cap-drop", "all", "--security-opt", "no-new-privileges",
		"--ulimit", "nofile=1024:4096", "--ulimit", "nproc=1024:4096", "--volume", c.data + ":/var/lib/otelcol-tyk",
		"--env", "TYK_REDIS_ADDRESS=" + c.redis, "--env", "TYK_HEALTH_ENDPOINT=" + c.health,
		"--env", "TYK_METRICS_PORT=" + strconv.Itoa(freePort(tb)),
		"--env", fmt.Sprintf("TYK_OTLP_GRPC_ENDPOINT=127.0.0.1:%d", freePort(tb)), "--env", fmt.Sprintf("TYK_OTLP_HTTP_ENDPOINT=127.0.0.1:%d", freePort(tb)),
		"--env", "TYK_PMP_ANALYTICSSTORAGECONFIG_HOST=" + host, "--env", "TYK_PMP_ANALYTICSSTORAGECONFIG_PORT=" + port,
	}
	podman(tb, append(append(append(all, options...), image), args...)...)
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("log: %s", c.log())
		}
		_, _ = tryPodman(tb, "rm", "--force", "--time", "0", c.name)
	})
	return c
}

// log is what the container has printed.
func (c *container) log() string {
	out, err := podmanCommand(context.WithoutCancel(c.tb.Context()), "logs", c.name).CombinedOutput()
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// push pushes records into the container's Redis.
func (c *container) push(records int) {
	c.tb.Helper()
	path, err := generator()
	require.NoError(c.tb, err)
	command(c.tb, path, "-redis", c.redis, "-backlog", strconv.Itoa(records), "-mcp=false")
}

// stored waits until the container's database holds so many records.
func (c *container) stored(want int) {
	c.tb.Helper()
	waitFor(c.tb, want, func() (string, error) {
		file := filepath.Join(c.data, "tyk-analytics.db")
		if _, err := os.Stat(file); err != nil {
			return "", err
		}
		db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(10000)")
		if err != nil {
			return "", err
		}
		defer db.Close()
		var n int
		err = db.QueryRowContext(c.tb.Context(), "SELECT count(*) FROM tyk_analytics").Scan(&n)
		return strconv.Itoa(n), err
	})
}

// healthy waits until the image's own health check is content.
func (c *container) healthy() {
	c.tb.Helper()
	waitFor(c.tb, 1, func() (string, error) {
		out, err := tryPodman(c.tb, "exec", c.name, "/usr/bin/tykctl", "ready")
		if err == nil {
			out = "1"
		}
		return out, err
	})
}

// TestTheImageStoresRecordsAndSurvivesAStop runs it on a read-only root as nobody.
func TestTheImageStoresRecordsAndSurvivesAStop(t *testing.T) {
	c := start(t, pull(t, version(t)), []string{"--env", "TZ=Asia/Tokyo"})
	c.push(1000)
	c.stored(1000)
	c.healthy()
	assert.Contains(t, c.log(), "+0900", "the image knows time zones")

	c.push(20000)
	podman(t, "stop", "--time", "30", c.name)
	assert.Equal(t, "0", podman(t, "inspect", "--format", "{{.State.ExitCode}}", c.name), "it ends in time, and cleanly")
	c.push(1000)
	podman(t, "start", c.name)
	c.stored(22000)

	// Not ready while Redis is away is what a health check is for.
	out, err := tryPodman(t, "exec", c.name, "/usr/bin/tykctl", "ready", "-url", "http://127.0.0.1:1/ready")
	require.Error(t, err)
	assert.Contains(t, out, "no collector answers")
}

// pumpConf is what a user of Tyk Pump's image mounts.
const pumpConf = `{"analytics_storage_type": "redis", "purge_delay": 1, "dont_purge_uptime_data": true, "health_check_endpoint_port": %d,
	"x_otelcol_tyk": {"metrics_address": "localhost:%d"},
	"pumps": {"csv": {"type": "csv", "meta": {"csv_dir": "/var/lib/otelcol-tyk/csv"}}}}`

// TestTheImageStartsAsTykPumps does so without arguments, with Tyk Pump's, and with Tyk Pump's program as the entry point.
func TestTheImageStartsAsTykPumps(t *testing.T) {
	for name, run := range map[string]struct {
		tag     string
		options []string
		args    []string
	}{
		"as it is":         {tag: version(t) + "-pump"},
		"another file":     {tag: version(t) + "-pump", args: []string{"--conf=/opt/tyk-pump/pump.conf", "--debug"}},
		"Tyk Pump's entry": {tag: version(t), options: []string{"--entrypoint", "/opt/tyk-pump/tyk-pump"}, args: []string{"--conf=/opt/tyk-pump/pump.conf"}},
		"in its folder":    {tag: version(t), options: []string{"--entrypoint", "/opt/tyk-pump/tyk-pump", "--workdir", "/opt/tyk-pump"}},
	} {
		t.Run(name, func(t *testing.T) {
			port := freePort(t)
			file := filepath.Join(t.TempDir(), "pump.conf")
			require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, pumpConf, port, freePort(t)), 0o644)) //nolint:gosec // the container's user reads it
			options := append([]string{"--volume", file + ":/opt/tyk-pump/pump.conf:ro"}, run.options...)
			c := start(t, pull(t, run.tag), options, run.args...)
			c.push(300)
			waitFor(t, 300, func() (string, error) {
				out, err := exec.Command("sh", "-c", "cat '"+c.data+"'/csv/*.csv | grep --count --extended-regexp '^(GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS),'").Output()
				return string(out), err
			})
			out := podman(t, "exec", c.name, "/usr/bin/tykctl", "ready", "-url", fmt.Sprintf("http://localhost:%d/ready", port))
			assert.Equal(t, "ready", out)
		})
	}
}

// TestTheImageTrustsPublicAuthorities reads the file that the image names for that.
func TestTheImageTrustsPublicAuthorities(t *testing.T) {
	name := podman(t, "create", pull(t, version(t)))
	dir := t.TempDir()
	podman(t, "cp", name+":/etc/ssl/certs/ca-certificates.crt", dir)
	text, err := os.ReadFile(filepath.Join(dir, "ca-certificates.crt"))
	require.NoError(t, err)
	var certificates int
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		assert.Equal(t, "CERTIFICATE", block.Type)
		certificates++
	}
	assert.Greater(t, certificates, 100)
	podman(t, "rm", name)
}
