package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// store reads the SQLite file that the collector writes.
type store struct {
	file string
	db   *sql.DB
}

// openStore never writes: the collector owns the file. With final, nobody else has
// the file open, and reading it leaves nothing beside it.
func openStore(file string, final bool) (*store, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("find the store: %w", err)
	}
	uri := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "mode=ro&_pragma=busy_timeout(5000)"}
	if final {
		uri.RawQuery += "&immutable=1"
	}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", file, err)
	}
	return &store{file: path, db: db}, nil
}

func (s *store) close() error { return s.db.Close() }

// count counts every row.
func (s *store) count(ctx context.Context) (int64, error) {
	var n int64
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM tyk_analytics`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the store's records: %w", err)
	}
	return n, nil
}

// records is the number of rows, 0 while there is no table yet. Rows are only
// ever added, so the last row's number is their count, without reading them all.
func (s *store) records(ctx context.Context) (int64, error) {
	if _, err := os.Stat(s.file); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	var tables, rows int64
	const table = `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'tyk_analytics'`
	if err := s.db.QueryRowContext(ctx, table).Scan(&tables); err != nil {
		return 0, fmt.Errorf("look into the store: %w", err)
	}
	if tables == 0 {
		return 0, nil
	}
	if err := s.db.QueryRowContext(ctx, `SELECT coalesce(max(rowid), 0) FROM tyk_analytics`).Scan(&rows); err != nil {
		return 0, fmt.Errorf("count the store's records: %w", err)
	}
	return rows, nil
}
