//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

const (
	// readyMessage is what the collector logs once every component has started.
	readyMessage = "Everything is ready"
	// readyTimeout is generous: a busy machine starts a binary of 130 MB slowly.
	readyTimeout = 3 * time.Minute
	// stopTimeout is the receiver's shutdown_timeout and time for the rest on a busy machine.
	stopTimeout = time.Minute
	// settleTime lies between the collector's word that it is ready and the moment
	// from which it minds SIGTERM, which it does not announce.
	settleTime = 500 * time.Millisecond
	// shownLines of a collector's log stand below a failed test.
	shownLines = 60
)

// object is a mapping of a configuration file, which is written as JSON, and so as YAML.
type object = map[string]any

// program gives the path of the program under test.
func program(tb testing.TB) string {
	tb.Helper()
	path := os.Getenv("OTELCOL_TYK_BINARY")
	if path == "" {
		path = filepath.Join("..", "..", "bin", "otelcol-tyk")
	}
	path, err := filepath.Abs(path)
	require.NoError(tb, err)
	info, err := os.Stat(path)
	require.NoErrorf(tb, err, "there is no binary to test: run `make build`, or let OTELCOL_TYK_BINARY name one")
	require.NotZerof(tb, info.Mode()&0o111, "%s cannot be executed: run `make build`", path)
	return path
}

// collector is the program under test with one configuration. It can be started
// again after it ended.
type collector struct {
	tb   testing.TB
	path string
	args []string
	env  []string // beside this process' own
	dir  string   // where it runs

	mu      sync.Mutex // guards the fields below
	process *peers.Process
	ready   time.Time // when the process said so
	log     string    // of the processes before
}

// newCollector writes the configuration to a file for a collector, which is not
// started yet. When the test fails its log is shown.
func newCollector(tb testing.TB, config object) *collector {
	tb.Helper()
	return newCollectorWith(tb, writeConfig(tb, config))
}

// newCollectorWith is newCollector for a configuration file that exists.
func newCollectorWith(tb testing.TB, file string, env ...string) *collector {
	tb.Helper()
	c := &collector{
		tb: tb, path: program(tb), args: []string{"--config", file}, dir: tb.TempDir(),
		env: append([]string{"TYK_HEALTH_ENDPOINT=" + peers.Loopback + ":0", "TYK_CONSOLE_ENDPOINT=" + peers.Loopback + ":0"}, env...),
	} // any free port, as several run beside each other
	tb.Cleanup(func() {
		c.kill()
		if tb.Failed() {
			tb.Logf("end of the collector's log:\n%s", peers.LastLines(c.output(), shownLines))
		}
	})
	return c
}

func writeConfig(tb testing.TB, config object) string {
	tb.Helper()
	text, err := json.MarshalIndent(config, "", "  ")
	require.NoError(tb, err)
	file := filepath.Join(tb.TempDir(), "config.yaml")
	require.NoError(tb, os.WriteFile(file, text, 0o600))
	return file
}

// launch starts the process without waiting for anything. Unlike the other methods
// it may be called from any goroutine.
func (c *collector) launch() error {
	cmd := exec.Command(c.path, c.args...)                                                  //nolint:gosec // the program under test
	cmd.Env = slices.Concat([]string{"GOMEMLIMIT=400MiB", "GOGC=400"}, os.Environ(), c.env) // as shipped, unless set otherwise
	cmd.Dir = c.dir
	process, err := peers.StartProcess(cmd)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = process
	return nil
}

// start starts the process and waits until every component has started.
func (c *collector) start() {
	c.tb.Helper()
	require.NoError(c.tb, c.launch())
	c.waitReady()
}

func (c *collector) waitReady() {
	c.tb.Helper()
	c.waitLog(readyMessage)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = time.Now()
}

// waitLog waits until the running process has logged text.
func (c *collector) waitLog(text string) {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(c.tb.Context(), readyTimeout)
	defer cancel()
	require.NoError(c.tb, c.current().WaitOutput(ctx, text))
}

func (c *collector) current() *peers.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process
}

// kill ends the process with SIGKILL, if it runs.
func (c *collector) kill() {
	if process := c.take(); process != nil {
		process.Kill()
		c.keepLog(process, "killed")
	}
}

// stop ends the process with SIGTERM. It must end in good order and in bounded time.
func (c *collector) stop() {
	c.tb.Helper()
	process := c.take()
	require.NotNil(c.tb, process, "the collector is not running")
	time.Sleep(time.Until(c.ready.Add(settleTime)))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.tb.Context()), stopTimeout)
	defer cancel()
	err := process.Stop(ctx)
	c.keepLog(process, "stopped")
	require.NoError(c.tb, err)
	require.NoError(c.tb, process.Err(), "the collector must end with status 0 after SIGTERM")
}

func (c *collector) take() *peers.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	process := c.process
	c.process = nil
	return process
}

func (c *collector) keepLog(process *peers.Process, how string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log += process.Output() + fmt.Sprintf("--- process %d was %s ---\n", process.PID(), how)
}

// output is the log of all processes so far.
func (c *collector) output() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return c.log
	}
	return c.log + c.process.Output()
}

// run runs the program under test to its end, and gives what it printed and
// whether it ended with status 0.
func run(tb testing.TB, env []string, args ...string) (string, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), readyTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(tb), args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// pipeline is a configuration with tykredis, tykfilter and the given exporters in
// one pipeline. The receiver's and the filter's keys are added to what suits tests.
func pipeline(redis *peers.Redis, receiver, filter object, exporters map[string]object) object {
	from := object{"addresses": []string{redis.Addr()}, "poll_interval": "20ms"}
	for key, value := range receiver {
		from[key] = value
	}
	names := make([]string, 0, len(exporters))
	for name := range exporters {
		names = append(names, name)
	}
	return object{
		"receivers":  object{"tykredis": from},
		"processors": object{"tykfilter": filter},
		"exporters":  exporters,
		"service": object{
			// Several collectors run beside each other; the port of their metrics is fixed.
			"telemetry": object{"metrics": object{"level": "none"}},
			"pipelines": object{"logs": object{
				"receivers": []string{"tykredis"}, "processors": []string{"tykfilter"}, "exporters": names,
			}},
		},
	}
}

// repository is the path of a file of this project.
func repository(tb testing.TB, parts ...string) string {
	tb.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{"..", ".."}, parts...)...))
	require.NoError(tb, err)
	return path
}

// eventually waits for a condition that tells what is wrong while it does not
// hold. Unlike assert.Eventually it runs it here, so that it may end the test.
func eventually(tb testing.TB, within time.Duration, condition func() string) {
	tb.Helper()
	deadline := time.Now().Add(within)
	for {
		wrong := condition()
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			require.FailNowf(tb, "did not happen in time", "after %s: %s", within, strings.TrimSpace(wrong))
		}
		select {
		case <-tb.Context().Done():
			require.NoError(tb, tb.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
