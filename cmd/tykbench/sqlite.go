package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// sqlite is an SQLite file.
type sqlite struct {
	requests
	dir  string
	runs int
	file string // of the last measurement
}

func (s *sqlite) pipeline() pipeline {
	return s.stored("tyksql", fmt.Sprintf("{driver: sqlite, datasource: %q}", s.file))
}

func (s *sqlite) fresh(context.Context) error {
	old, err := filepath.Glob(filepath.Join(s.dir, "run*.db*"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	s.runs++
	s.file = filepath.Join(s.dir, "run"+strconv.Itoa(s.runs)+".db")
	return nil
}

// open opens a file with the settings of the exporter: a commit is on disk when it returns.
func (*sqlite) open(file string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
}

func (s *sqlite) check(ctx context.Context, rows int64) error {
	db, err := s.open(s.file)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	stored, err := countRows(ctx, db, tableName)
	return checkRows(stored, err, rows)
}

// insertedAtOnce is how many rows one transaction of bulk inserts, as many as are in a
// delivery of the receiver.
const insertedAtOnce = 4000

// bulk inserts rows from memory with one prepared statement a row.
func (s *sqlite) bulk(ctx context.Context) (float64, error) {
	from, err := s.open(s.file)
	if err != nil {
		return 0, err
	}
	defer func() { _ = from.Close() }()
	to, err := s.open(s.file + ".copied")
	if err != nil {
		return 0, err
	}
	defer func() { _ = to.Close() }()
	var definition string
	if err := from.QueryRowContext(ctx, "SELECT sql FROM sqlite_master WHERE name = ?", tableName).Scan(&definition); err != nil {
		return 0, err
	}
	if _, err := to.ExecContext(ctx, definition); err != nil {
		return 0, err
	}
	rows, err := from.QueryContext(ctx, "SELECT * FROM "+tableName)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	inserted, took := 0, time.Duration(0)
	for {
		some, err := scan(rows, len(columns), insertedAtOnce)
		if err != nil || len(some) == 0 {
			return float64(inserted) / took.Seconds(), err
		}
		start := time.Now()
		if err := insert(ctx, to, some); err != nil {
			return 0, err
		}
		took += time.Since(start)
		inserted += len(some)
	}
}

// scan reads at most so many rows.
func scan(rows *sql.Rows, columns, most int) ([][]any, error) {
	var some [][]any
	for len(some) < most && rows.Next() {
		values, into := make([]any, columns), make([]any, columns)
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		some = append(some, values)
	}
	return some, rows.Err()
}

// insert inserts rows in one transaction.
func insert(ctx context.Context, db *sql.DB, rows [][]any) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	statement, err := tx.PrepareContext(ctx, "INSERT INTO "+tableName+" VALUES (?"+strings.Repeat(",?", len(rows[0])-1)+")")
	if err != nil {
		return err
	}
	defer func() { _ = statement.Close() }()
	for _, row := range rows {
		if _, err := statement.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return tx.Commit()
}
