//go:build packages && machines

package packages

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// share is where a machine finds the folder that it was given.
const share = "/mnt"

// machine is a Debian of its own, booted with systemd, with a Redis and no network but its own loopback interface. What
// changes in it is gone when the test ends.
type machine struct {
	tb     testing.TB
	leader int // its init process, as seen from here
}

// debian makes the files of a machine, once for all runs.
func debian(tb testing.TB) string {
	tb.Helper()
	root := filepath.Join(repository(tb), "bin", "debian")
	done := filepath.Join(root, "complete")
	if _, err := os.Stat(done); err == nil {
		return root
	}
	require.NoError(tb, os.RemoveAll(root))
	// The mirror of this machine's own Debian.
	sources := strings.Fields(command(tb, "apt-get", "indextargets", "--format", "$(SITE) $(CODENAME)", "Created-By: Packages", "Component: main"))
	require.GreaterOrEqual(tb, len(sources), 2, "apt knows no Debian")
	command(tb, tool(tb, "debootstrap"), "--variant=minbase", "--include=systemd,systemd-sysv,dbus,redis-server,rpm,adduser,procps,sqlite3", "bookworm", root, sources[0])
	require.NoError(tb, os.RemoveAll(filepath.Join(root, "var", "cache", "apt", "archives")))
	require.NoError(tb, os.WriteFile(filepath.Join(root, "etc", "hosts"), []byte("127.0.0.1 localhost\n"), 0o644)) //nolint:gosec // all read it
	require.NoError(tb, os.WriteFile(done, nil, 0o600))
	return root
}

// boot starts a machine that sees the folder dir at share.
func boot(tb testing.TB, dir string) *machine {
	tb.Helper()
	if os.Geteuid() != 0 {
		require.Fail(tb, "machines are started by root only")
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), tool(tb, "systemd-nspawn"), "--quiet", "--register=no", "--keep-unit", "--private-network", "--resolv-conf=off",
		"--volatile=overlay", "--bind-ro="+dir+":"+share, "--directory="+debian(tb), "--boot", "--console=pipe")
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(tb, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it shuts the machine down
		select {
		case <-ended:
		case <-time.After(long):
			_ = cmd.Process.Kill()
			<-ended
		}
		if tb.Failed() {
			tb.Logf("console: %s", log.String())
		}
	})

	m := &machine{tb: tb}
	require.Eventually(tb, func() bool {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", cmd.Process.Pid, cmd.Process.Pid))
		first, _, _ := strings.Cut(string(children), " ")
		leader, convErr := strconv.Atoi(first)
		if err != nil || convErr != nil {
			return false
		}
		m.leader = leader
		state, _ := m.try("systemctl is-system-running")
		return strings.TrimSpace(state) == "running"
	}, long, 100*time.Millisecond, "the machine does not come up")
	tb.Cleanup(func() {
		if tb.Failed() {
			journal, _ := m.try("journalctl --no-pager --lines 60 --unit otelcol-tyk")
			tb.Logf("journal: %s", journal)
		}
	})
	return m
}

// try runs a line of shell in the machine.
func (m *machine) try(line string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.tb.Context()), long)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "--target", strconv.Itoa(m.leader), "--all", "--", "/bin/sh", "-c", "cd /; "+line)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is try for what has to work.
func (m *machine) run(line string, args ...any) string {
	m.tb.Helper()
	line = fmt.Sprintf(line, args...)
	out, err := m.try(line)
	require.NoError(m.tb, err, "%s: %s", line, out)
	return out
}

// path gives the path of a file of the machine, as seen from here.
func (m *machine) path(name string) string { return fmt.Sprintf("/proc/%d/root%s", m.leader, name) }

// write writes a file of the machine, and leaves its owner and mode as they are.
func (m *machine) write(name, text string) {
	m.tb.Helper()
	require.NoError(m.tb, os.WriteFile(m.path(name), []byte(text), 0o600))
}

// read gives what a file of the machine holds.
func (m *machine) read(name string) string {
	m.tb.Helper()
	text, err := os.ReadFile(m.path(name))
	require.NoError(m.tb, err)
	return string(text)
}

// mode gives the mode, the owner and the group of a file.
func (m *machine) mode(name string) string {
	m.tb.Helper()
	return strings.TrimSpace(m.run("stat --format '%%a %%U %%G' %s", name))
}

// exists tells whether there is a file.
func (m *machine) exists(name string) bool {
	_, err := os.Lstat(m.path(name))
	if err != nil {
		require.ErrorIs(m.tb, err, fs.ErrNotExist)
	}
	return err == nil
}

// push has the machine's gateway push records, and ends when all are in Redis.
func (m *machine) push(records int) {
	m.tb.Helper()
	m.run("%s/tykgen -backlog %d -mcp=false -seed %d", share, records, time.Now().UnixNano())
}

// stored waits until the machine's database holds so many records.
func (m *machine) stored(want int) {
	m.tb.Helper()
	m.storedIn("/var/lib/otelcol-tyk/tyk-analytics.db", want)
}

// storedIn is stored for another database.
func (m *machine) storedIn(file string, want int) {
	m.tb.Helper()
	waitFor(m.tb, want, func() (string, error) {
		return m.try("sqlite3 -readonly -cmd '.timeout 10000' " + file + " 'SELECT count(*) FROM tyk_analytics'")
	})
}

// waitFor waits until what is counted is so many, and not more.
func waitFor(tb testing.TB, want int, count func() (string, error)) {
	tb.Helper()
	var (
		last string
		err  error
	)
	deadline := time.Now().Add(long)
	for time.Now().Before(deadline) {
		last, err = count()
		n, convErr := strconv.Atoi(strings.TrimSpace(last))
		if err == nil && convErr == nil && n >= want {
			require.Equal(tb, want, n, "each record once")
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	require.Failf(tb, "the records do not arrive", "%d are wanted, last: %s %v", want, last, err)
}

// pid gives the process of the service, as the machine counts them.
func (m *machine) pid() string {
	m.tb.Helper()
	return strings.TrimSpace(m.run("systemctl show --property MainPID --value otelcol-tyk"))
}

// ready waits until the service is active and all its components work.
func (m *machine) ready() {
	m.tb.Helper()
	var last string
	assert.Eventually(m.tb, func() bool {
		var err error
		last, err = m.try("systemctl is-active otelcol-tyk && tykctl ready")
		return err == nil
	}, long, 100*time.Millisecond)
	if m.tb.Failed() {
		require.Fail(m.tb, "the service is not ready", last)
	}
}

// generator is the traffic generator, built for machines.
var generator = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "otelcol-tyk-test-packages")
	path := filepath.Join(dir, "tykgen")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, "../../cmd/tykgen")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// shareWith makes a folder for a machine, with the traffic generator and the given files under other names.
func shareWith(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	path, err := generator()
	require.NoError(tb, err)
	files["tykgen"] = path
	for name, source := range files {
		text, err := os.ReadFile(source)
		require.NoError(tb, err)
		require.NoError(tb, os.WriteFile(filepath.Join(dir, name), text, 0o755)) //nolint:gosec // some are programs
	}
	return dir
}
