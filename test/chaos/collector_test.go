//go:build e2e || chaos

package chaos

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

const (
	// readyMessage is what a collector logs once every component has started.
	readyMessage = "Everything is ready"
	// readyTimeout is generous: a busy machine starts a binary of 130 MB slowly.
	readyTimeout = 3 * time.Minute
	// settleTime lies between the word that it is ready and the moment from which
	// a collector minds SIGTERM, which it does not announce.
	settleTime = 300 * time.Millisecond
	// stopTimeout is far beyond what shutdown_timeout and the clients' timeouts allow.
	stopTimeout = 2 * time.Minute
)

var errEndedWell = errors.New("status 0")

// object is a mapping of a configuration file, which is written as JSON, and so as YAML.
type object = map[string]any

// configuration has a pipeline for each group, and one more for rollups where the
// destination stores them.
func configuration(groups []string, of func(group string) (receiver object, to destination, err error)) (object, error) {
	receivers, processors, exporters, pipelines := object{}, object{}, object{}, object{}
	for _, group := range groups {
		receiver, destination, err := of(group)
		if err != nil {
			return nil, err
		}
		from, rollups, to := "tykredis/"+group, "tykaggregate/"+group, destination.component+"/"+group
		receivers[from], exporters[to] = receiver, destination.config
		records := object{"receivers": []string{from}, "exporters": []string{to}}
		if destination.document != nil {
			filter := "tykfilter/" + group
			processors[filter] = object{"document": destination.document}
			records["processors"] = []string{filter}
		}
		pipelines["logs/"+group] = records
		if destination.aggregate != nil {
			processors[rollups] = destination.aggregate
			pipelines["logs/rollups-"+group] = object{"receivers": []string{from}, "processors": []string{rollups}, "exporters": []string{to}}
		}
	}
	return object{
		"receivers": receivers, "processors": processors, "exporters": exporters,
		"service": object{
			// Several collectors run beside each other; the port of their metrics is fixed.
			"telemetry": object{"metrics": object{"level": "none"}},
			"pipelines": pipelines,
		},
	}, nil
}

// program gives the path of the program under test.
func program() (string, error) {
	path := os.Getenv("OTELCOL_TYK_BINARY")
	if path == "" {
		path = filepath.Join("..", "..", "bin", "otelcol-tyk")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no binary to test: run `make build`, or let OTELCOL_TYK_BINARY name one: %w", err)
	}
	return path, nil
}

// collector is one place where the program under test runs, time and again, with
// another configuration each time. One goroutine at a time changes its state.
type collector struct {
	name   string
	dir    string // of its configurations and logs
	groups []string
	config func() (object, error) // of the next process
	links  map[string]*link       // by the server's address

	mu      sync.Mutex // guards the fields below
	process *peers.Process
	log     *os.File // of the running process
	started int
}

// start runs a process; it does not wait until it is ready.
func (c *collector) start() error {
	path, err := program()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started++
	config, err := c.config()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return fmt.Errorf("write the configuration of %s: %w", c.name, err)
	}
	file := filepath.Join(c.dir, fmt.Sprintf("%s-%d.yaml", c.name, c.started))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("write the configuration of %s: %w", c.name, err)
	}
	if c.log, err = os.Create(c.logFile(c.started)); err != nil {
		return fmt.Errorf("make the log of %s: %w", c.name, err)
	}
	cmd := exec.Command(path, "--config", file)
	cmd.Dir, cmd.Stdout = c.dir, c.log
	c.process, err = peers.StartProcess(cmd)
	return err
}

// logFile holds what the n-th process has printed.
func (c *collector) logFile(n int) string {
	return filepath.Join(c.dir, fmt.Sprintf("%s-%d.log", c.name, n))
}

// began is whether there was ever a process.
func (c *collector) began() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started > 0
}

// running gives the process, and an error when it ended without being told to.
func (c *collector) running() (*peers.Process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return nil, fmt.Errorf("%s is not running", c.name)
	}
	select {
	case <-c.process.Done():
		return nil, fmt.Errorf("%s ended by itself: %w; its last lines:\n%s", c.name, cmp.Or(c.process.Err(), errEndedWell), peers.LastLines(c.process.Output(), 40))
	default:
		return c.process, nil
	}
}

// waitReady waits until every component has started.
func (c *collector) waitReady(ctx context.Context) error {
	process, err := c.running()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		content, err := os.ReadFile(c.logFile(c.started))
		if err != nil {
			return err
		}
		if bytes.Contains(content, []byte(readyMessage)) {
			return nil
		}
		select {
		case <-process.Done():
			_, err := c.running()
			return err
		case <-ctx.Done():
			return fmt.Errorf("%s did not say %q: %w", c.name, readyMessage, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// kill ends the process with SIGKILL, at whatever it is doing.
func (c *collector) kill() error {
	process, err := c.running()
	if err != nil {
		return err
	}
	process.Kill()
	c.forget()
	return nil
}

// stop ends the process with SIGTERM. It must end in good order and in bounded time.
func (c *collector) stop(ctx context.Context) error {
	if err := c.waitReady(ctx); err != nil {
		return err
	}
	time.Sleep(settleTime)
	process, err := c.running()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err = process.Stop(ctx)
	if err == nil && process.Err() != nil {
		err = fmt.Errorf("did not end with status 0: %w; its last lines:\n%s", process.Err(), peers.LastLines(process.Output(), 40))
	}
	c.forget()
	if err != nil {
		return fmt.Errorf("stop %s: %w", c.name, err)
	}
	return nil
}

// freeze stops the process, which notices nothing of the time that passes.
func (c *collector) freeze(d time.Duration) error {
	process, err := c.running()
	if err != nil {
		return err
	}
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(d)
	return process.Signal(syscall.SIGCONT)
}

func (c *collector) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = nil
	_ = c.log.Close() // it is only read from now on
}

// way gives the collector's end of the link to a server.
func (c *collector) way(addr string) (string, error) {
	if c.links[addr] == nil {
		l, err := newLink(addr)
		if err != nil {
			return "", err
		}
		c.links[addr] = l
	}
	return c.links[addr].addr(), nil
}

// close ends the process if there is one, and the links.
func (c *collector) close() {
	defer func() {
		for _, l := range c.links {
			l.close()
		}
	}()
	if c.kill() == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = nil
}

// tail is the end of all logs, for the diagnosis of a failure.
func (c *collector) tail(lines int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var text strings.Builder
	for n := max(1, c.started-2); n <= c.started; n++ {
		content, err := os.ReadFile(c.logFile(n))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			text.WriteString(err.Error() + "\n")
		}
		fmt.Fprintf(&text, "--- %s, process %d ---\n%s\n", c.name, n, peers.LastLines(string(content), lines))
	}
	return text.String()
}
