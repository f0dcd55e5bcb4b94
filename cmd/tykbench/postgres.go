package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// postgres is a PostgreSQL that waits for the disk.
type postgres struct {
	server   *peers.Postgres
	dir      string // for files
	database string // of the last measurement
}

func newPostgres(ctx context.Context, dir string) (*postgres, error) {
	server, err := peers.NewPostgres(ctx, peers.PostgresDurable(),
		// The time of each commit tells when a record became visible.
		peers.PostgresConfig("track_commit_timestamp=on", "max_wal_size=4GB", "shared_buffers=256MB"))
	if err != nil {
		return nil, err
	}
	return &postgres{server: server, dir: dir}, nil
}

func (*postgres) name() string { return "PostgreSQL" }

func (p *postgres) exporter() (name, config string) {
	return "tyksql", fmt.Sprintf("{driver: postgres, datasource: %q}", p.database)
}

func (p *postgres) fresh(ctx context.Context) error {
	var err error
	p.database, err = p.server.NewDatabase(ctx)
	return err
}

func (p *postgres) check(ctx context.Context, rows int64) error {
	stored, err := p.rows(ctx, table)
	return checkRows(stored, err, rows)
}

// rows counts those of a table.
func (p *postgres) rows(ctx context.Context, of string) (int64, error) {
	conn, err := pgx.Connect(ctx, p.database)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	var n int64
	err = conn.QueryRow(ctx, "SELECT count(*) FROM "+of).Scan(&n)
	return n, err
}

// bulk is psql's \copy from a file.
func (p *postgres) bulk(ctx context.Context) (float64, error) {
	file := filepath.Join(p.dir, "rows.tsv")
	if err := p.psql(ctx, fmt.Sprintf(`\copy %s to '%s'`, table, file)); err != nil {
		return 0, err
	}
	if err := p.psql(ctx, fmt.Sprintf("CREATE TABLE copied (LIKE %s INCLUDING DEFAULTS)", table)); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := p.psql(ctx, fmt.Sprintf(`\copy copied from '%s'`, file)); err != nil {
		return 0, err
	}
	took := time.Since(start)
	rows, err := p.rows(ctx, "copied")
	return float64(rows) / took.Seconds(), err
}

func (p *postgres) psql(ctx context.Context, command string) error {
	out, err := exec.CommandContext(ctx, p.server.Program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", p.database, "-c", command).CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
