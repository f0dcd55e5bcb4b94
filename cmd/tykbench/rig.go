package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// table is where the records go.
const table = "tyk_analytics"

// rig is the servers that all measurements share.
type rig struct {
	binary   string
	dir      string
	redis    *peers.Redis
	postgres *postgres
	mariaDB  *mariaDB
	sqlite   *sqlite
}

// destinations are those of the backlog.
func (r *rig) destinations() []destination {
	return []destination{nowhere{}, r.postgres, r.mariaDB, r.sqlite, &page{}}
}

func newRig(ctx context.Context, binary string) (*rig, error) {
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("no collector to measure: run make build: %w", err)
	}
	dir, err := os.MkdirTemp("", "tykbench-")
	if err != nil {
		return nil, err
	}
	r := &rig{binary: binary, dir: dir, sqlite: &sqlite{dir: dir}}
	if r.redis, err = peers.NewRedis(ctx); err != nil {
		r.close()
		return nil, err
	}
	if r.postgres, err = newPostgres(ctx, dir); err != nil {
		r.close()
		return nil, err
	}
	if r.mariaDB, err = newMariaDB(ctx, dir); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) close() {
	if r.mariaDB != nil {
		r.mariaDB.server.Close()
	}
	if r.postgres != nil {
		r.postgres.server.Close()
	}
	if r.redis != nil {
		r.redis.Close()
	}
	_ = os.RemoveAll(r.dir)
}

// gateway pushes to the rig's Redis, and counts in rows what the table will hold.
func (r *rig) gateway(to destination, rows *int64) (*traffic.Gateway, error) {
	options, err := r.redis.Options()
	if err != nil {
		return nil, err
	}
	chosen := traffic.DefaultSettings()
	counts := func(record *analytics.Record) int64 {
		if record.MCP.IsMCP { // which have a table of their own
			return 0
		}
		return 1
	}
	switch to := to.(type) {
	case rollups:
		chosen, counts = to.traffic(), to.counts
	case *page:
		counts = func(*analytics.Record) int64 { return 1 }
	}
	generator, err := traffic.New(chosen)
	if err != nil {
		return nil, err
	}
	return traffic.NewGateway(*options, generator, traffic.GatewaySettings{Observe: func(record *analytics.Record) { *rows += counts(record) }})
}

// fresh empties Redis and the destination.
func (r *rig) fresh(ctx context.Context, to destination) error {
	if err := r.redis.Client().FlushAll(ctx).Err(); err != nil {
		return err
	}
	return to.fresh(ctx)
}

// settings is the collector's configuration, the shipped one's path from Redis to a
// store with the destination in SQLite's place.
const settings = `
receivers:
  tykredis:
    addresses: [%q]
    metrics: {presets: [tyk_pump], interval: 1s}
%sprocessors:
  tykfilter:
  tykaggregate:
exporters:
  %s: %s
service:
  telemetry:
    metrics: {level: none}
  pipelines:
    %s: {receivers: [tykredis], processors: [%s], exporters: [%s]}
`

// collect starts the collector, as make run does.
func (r *rig) collect(ctx context.Context, to destination) (*peers.Process, error) {
	path := filepath.Join(r.dir, "config.yaml")
	name, config := to.exporter()
	signal, processors, receiver := "logs", "tykfilter", ""
	switch to := to.(type) {
	case rollups:
		processors, receiver = to.processors(), to.receiver()
	case *page:
		signal, processors = "metrics", ""
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, settings, r.redis.Addr(), receiver, name, config, signal, processors, name), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, r.binary, "--config", path)
	cmd.Env = append(os.Environ(), "GOMEMLIMIT="+env("GOMEMLIMIT", "120MiB"), "GOGC="+env("GOGC", "200"))
	return peers.StartProcess(cmd)
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// await looks every interval until condition holds, at most for limit.
func await(ctx context.Context, interval, limit time.Duration, what string, condition func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		ok, err := condition()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not come within %s", what, limit)
		case <-ticker.C:
		}
	}
}
