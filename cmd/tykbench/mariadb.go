package main

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// mariaDB is a MariaDB that waits for the disk.
type mariaDB struct {
	requests
	server     *peers.MariaDB
	dir        string // for files
	datasource string // of the last measurement
}

func newMariaDB(ctx context.Context, dir string) (*mariaDB, error) {
	server, err := peers.NewMariaDB(ctx, peers.MariaDBDurable(),
		peers.MariaDBConfig("local-infile=on", "innodb-buffer-pool-size=256M", "innodb-log-file-size=1G"))
	if err != nil {
		return nil, err
	}
	return &mariaDB{server: server, dir: dir}, nil
}

func (m *mariaDB) pipeline() pipeline {
	return m.stored("tyksql", fmt.Sprintf("{driver: mysql, datasource: %q}", m.datasource))
}

func (m *mariaDB) fresh(ctx context.Context) error {
	if m.datasource != "" {
		if err := m.drop(ctx); err != nil {
			return err
		}
	}
	var err error
	m.datasource, err = m.server.NewDatabase(ctx)
	return err
}

// drop removes the last measurement's database.
func (m *mariaDB) drop(ctx context.Context) error {
	db, err := sql.Open("mysql", m.datasource)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	var name string
	if err := db.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&name); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "DROP DATABASE `"+name+"`"); err != nil {
		return fmt.Errorf("remove the last measurement: %w", err)
	}
	return nil
}

func (m *mariaDB) check(ctx context.Context, rows int64) error {
	db, err := sql.Open("mysql", m.datasource)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	stored, err := countRows(ctx, db, tableName)
	return checkRows(stored, err, rows)
}

func countRows(ctx context.Context, db *sql.DB, of string) (int64, error) {
	var n int64
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+of).Scan(&n)
	return n, err
}

// bulk is LOAD DATA from a file of the client.
func (m *mariaDB) bulk(ctx context.Context) (float64, error) {
	db, err := sql.Open("mysql", m.datasource+"?allowAllFiles=true")
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	file := filepath.Join(m.dir, "rows.txt")
	if err := unload(ctx, db, file); err != nil {
		return 0, fmt.Errorf("write the rows to a file: %w", err)
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE copied LIKE "+tableName); err != nil {
		return 0, err
	}
	start := time.Now()
	if _, err := db.ExecContext(ctx, "LOAD DATA LOCAL INFILE '"+file+"' INTO TABLE copied CHARACTER SET utf8mb4"); err != nil {
		return 0, err
	}
	took := time.Since(start)
	rows, err := countRows(ctx, db, "copied")
	return float64(rows) / took.Seconds(), err
}

// unloadEscapes are those of LOAD DATA's own form: fields between tabulators, rows
// between line feeds, and \N for null.
var unloadEscapes = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`)

// unload writes the table of records to a file.
func unload(ctx context.Context, db *sql.DB, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // once more, where all is well
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+tableName)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	out := bufio.NewWriter(file)
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, value := range values {
			if i > 0 {
				_ = out.WriteByte('\t') // Flush tells of all failures
			}
			if !value.Valid {
				value.String = `\N`
			} else {
				value.String = unloadEscapes.Replace(value.String)
			}
			_, _ = out.WriteString(value.String)
		}
		_ = out.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return file.Close()
}
