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
	requests
	server   *peers.Postgres
	dir      string // for files
	database string // of the last measurement
}

func newPostgres(ctx context.Context, dir string) (*postgres, error) {
	server, err := peers.NewPostgres(ctx, peers.PostgresDurable(),
		// The time of each commit tells when a record became visible.
		peers.PostgresConfig("track_commit_timestamp=on", "max_wal_size=4GB"))
	if err != nil {
		return nil, err
	}
	return &postgres{server: server, dir: dir}, nil
}

func (p *postgres) pipeline() pipeline {
	return p.stored("tyksql", fmt.Sprintf("{driver: postgres, datasource: %q}", p.database))
}

func (p *postgres) fresh(ctx context.Context) error {
	if p.database != "" {
		if err := p.drop(ctx); err != nil {
			return err
		}
	}
	var err error
	p.database, err = p.server.NewDatabase(ctx)
	return err
}

// drop removes the last measurement's database.
func (p *postgres) drop(ctx context.Context) error {
	config, err := pgx.ParseConfig(p.database)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, p.server.DSN())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	// A checkpoint also frees the disk that the log of its changes takes.
	for _, statement := range []string{"DROP DATABASE " + pgx.Identifier{config.Database}.Sanitize() + " WITH (FORCE)", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("remove the last measurement: %w", err)
		}
	}
	return nil
}

func (p *postgres) check(ctx context.Context, rows int64) error {
	stored, err := p.count(ctx, tableName)
	return checkRows(stored, err, rows)
}

// count counts the rows of a table.
func (p *postgres) count(ctx context.Context, of string) (int64, error) {
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
	if err := p.psql(ctx, fmt.Sprintf(`\copy %s to '%s'`, tableName, file)); err != nil {
		return 0, err
	}
	if err := p.psql(ctx, fmt.Sprintf("CREATE TABLE copied (LIKE %s INCLUDING DEFAULTS)", tableName)); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := p.psql(ctx, fmt.Sprintf(`\copy copied from '%s'`, file)); err != nil {
		return 0, err
	}
	took := time.Since(start)
	rows, err := p.count(ctx, "copied")
	return float64(rows) / took.Seconds(), err
}

func (p *postgres) psql(ctx context.Context, command string) error {
	out, err := exec.CommandContext(ctx, p.server.Program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", p.database, "-c", command).CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
