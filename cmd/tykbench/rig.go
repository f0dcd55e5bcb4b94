package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

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
	postgres *peers.Postgres
	database string // of the last measurement
}

func newRig(ctx context.Context, binary string) (*rig, error) {
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("no collector to measure: run make build: %w", err)
	}
	dir, err := os.MkdirTemp("", "tykbench-")
	if err != nil {
		return nil, err
	}
	r := &rig{binary: binary, dir: dir}
	if r.redis, err = peers.NewRedis(ctx); err != nil {
		r.close()
		return nil, err
	}
	r.postgres, err = peers.NewPostgres(ctx, peers.PostgresDurable(),
		// The time of each commit tells when a record became visible.
		peers.PostgresConfig("track_commit_timestamp=on", "max_wal_size=4GB", "shared_buffers=256MB"))
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) close() {
	if r.postgres != nil {
		r.postgres.Close()
	}
	if r.redis != nil {
		r.redis.Close()
	}
	_ = os.RemoveAll(r.dir)
}

// gateway pushes to the rig's Redis, and counts in rows what the table will hold.
func (r *rig) gateway(rows *int64) (*traffic.Gateway, error) {
	options, err := r.redis.Options()
	if err != nil {
		return nil, err
	}
	generator, err := traffic.New(traffic.DefaultSettings())
	if err != nil {
		return nil, err
	}
	return traffic.NewGateway(*options, generator, traffic.GatewaySettings{Observe: func(record *analytics.Record) {
		if !record.MCP.IsMCP { // which have a table of their own
			*rows++
		}
	}})
}

// fresh empties Redis and makes an empty database.
func (r *rig) fresh(ctx context.Context) error {
	if err := r.redis.Client().FlushAll(ctx).Err(); err != nil {
		return err
	}
	var err error
	r.database, err = r.postgres.NewDatabase(ctx)
	return err
}

// settings is the collector's configuration, the shipped one's path from Redis
// to a table with PostgreSQL in SQLite's place.
const settings = `
receivers:
  tykredis:
    addresses: [%q]
processors:
  tykfilter:
exporters:
  tyksql:
    driver: postgres
    datasource: %q
service:
  telemetry:
    metrics: {level: none}
  pipelines:
    logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}
`

// collect starts the collector, as make run does.
func (r *rig) collect(ctx context.Context) (*peers.Process, error) {
	path := filepath.Join(r.dir, "config.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, settings, r.redis.Addr(), r.database), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, r.binary, "--config", path)
	cmd.Env = append(os.Environ(), "GOMEMLIMIT="+env("GOMEMLIMIT", "140MiB"), "GOGC="+env("GOGC", "200"))
	return peers.StartProcess(cmd)
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// query reads one row of one column.
func query[T any](ctx context.Context, r *rig, sql string) (T, error) {
	var value T
	conn, err := pgx.Connect(ctx, r.database)
	if err != nil {
		return value, err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = conn.QueryRow(ctx, sql).Scan(&value)
	return value, err
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
