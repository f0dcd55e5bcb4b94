package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

const (
	collectorStartTimeout = 30 * time.Second
	collectorStopTimeout  = 20 * time.Second
)

// collector is the built binary, running with the shipped pipeline.
type collector struct {
	process *peers.Process
	log     *os.File
	traces  string // where it takes OTLP traces over HTTP
	console string // its web page
}

// launch says what to run.
type launch struct {
	binary, config string
	redis          string // host:port
	database, log  string // the SQLite file and the log file
}

// startCollector starts the collector on free ports and waits until it is ready.
func startCollector(ctx context.Context, l launch) (*collector, error) {
	if _, err := os.Stat(l.binary); err != nil {
		return nil, fmt.Errorf("the collector is not built: run \"make build\", or name it in %s: %w", binaryVariable, err)
	}
	const attempts = 3 // another program may take one of the ports meanwhile
	for attempt := 1; ; attempt++ {
		c, err := tryCollector(ctx, l)
		if err == nil || attempt == attempts || !strings.Contains(err.Error(), "address already in use") {
			return c, err
		}
	}
}

func tryCollector(ctx context.Context, l launch) (*collector, error) {
	ports, err := peers.FreePorts(5)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(l.log)
	if err != nil {
		return nil, fmt.Errorf("write the collector's log: %w", err)
	}
	health := peers.Address(ports[2])
	// Cancelling ctx would kill it; it is ended in good order by stop.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), l.binary, "--config", l.config)
	cmd.Stdout = log
	// Each variable of the pipeline is set, so that the user's own settings never reach the demo.
	cmd.Env = append(os.Environ(),
		"TYK_REDIS_ADDRESS="+l.redis, "TYK_REDIS_USERNAME=", "TYK_REDIS_PASSWORD=", "TYK_REDIS_DATABASE=0",
		"TYK_SQL_DRIVER=sqlite", "TYK_SQL_DATASOURCE="+l.database,
		"TYK_OTLP_GRPC_ENDPOINT="+peers.Address(ports[0]), "TYK_OTLP_HTTP_ENDPOINT="+peers.Address(ports[1]),
		"TYK_HEALTH_ENDPOINT="+health, "TYK_CONSOLE_ENDPOINT="+peers.Address(ports[4]),
		"TYK_METRICS_HOST="+peers.Loopback, "TYK_METRICS_PORT="+strconv.Itoa(ports[3]),
		"TYK_MEMORY_LIMIT_MIB=512", "GOMEMLIMIT=400MiB", "GOGC=400",
	)
	process, err := peers.StartProcess(cmd)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	c := &collector{process: process, log: log, traces: "http://" + peers.Address(ports[1]) + "/v1/traces", console: "http://" + peers.Address(ports[4]) + "/"}
	if err := c.waitReady(ctx, "http://"+health+"/ready"); err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

// waitReady asks the health check until it says that the collector is up.
func (c *collector) waitReady(ctx context.Context, health string) error {
	ctx, cancel := context.WithTimeout(ctx, collectorStartTimeout)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		if healthy(ctx, health) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-c.process.Done():
			return c.failure("the collector ended while it started")
		case <-ctx.Done():
			return c.failure("the collector did not get ready")
		}
	}
}

func healthy(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// failure is an error with the end of the collector's log.
func (c *collector) failure(what string) error {
	const lines = 20
	return fmt.Errorf("%s; the end of its log %s:\n%s", what, c.log.Name(), peers.LastLines(c.process.Output(), lines))
}

// stop ends the collector in good order, and fails where it did not end so.
func (c *collector) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, collectorStopTimeout)
	defer cancel()
	if err := c.process.Stop(ctx); err != nil {
		return err
	}
	if err := c.process.Err(); err != nil {
		return c.failure(fmt.Sprintf("the collector ended with an error (%v)", err))
	}
	return c.log.Close()
}

// kill ends the collector however it stands; after stop it does nothing.
func (c *collector) kill() {
	c.process.Kill()
	_ = c.log.Close() // may be closed already
}
