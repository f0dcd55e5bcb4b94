package tyksqlexporter

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// sqliteRows is how many rows one statement inserts; more do not make it faster.
const sqliteRows = 16

// sqliteWrite inserts the records of one batch, beside database/sql, which would
// copy and check each of 52 values a record once more.
type sqliteWrite struct {
	conn   driver.ConnPrepareContext
	table  *sqliteTable
	part   *part
	record analytics.Record
	json   []byte
	args   []driver.NamedValue // of up to sqliteRows rows
	group  []int32             // the entries whose values are in args
}

func newSQLiteWrite(conn any, t *sqliteTable, p *part) (*sqliteWrite, error) {
	preparer, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the SQLite driver cannot prepare statements")
	}
	w := &sqliteWrite{
		conn: preparer, table: t, part: p,
		args:  make([]driver.NamedValue, sqliteRows*len(t.layout.columns)),
		group: make([]int32, 0, sqliteRows),
	}
	for i := range w.args {
		w.args[i].Ordinal = i + 1
	}
	return w, nil
}

// insert stores the entries, and refuses those that SQLite refuses.
func (w *sqliteWrite) insert(ctx context.Context, list []int32) (err error) {
	one, err := w.prepare(ctx, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, one.Close()) }()
	many := one
	if len(list) >= sqliteRows {
		if many, err = w.prepare(ctx, sqliteRows); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, many.Close()) }()
	}
	for _, i := range list {
		if !w.bind(i) || len(w.group) < sqliteRows {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.flush(ctx, many, one); err != nil {
			return err
		}
	}
	return w.flushEach(ctx, one)
}

func (w *sqliteWrite) prepare(ctx context.Context, rows int) (preparedInsert, error) {
	statement, err := w.conn.PrepareContext(ctx, w.table.insert+w.table.row+strings.Repeat(","+w.table.row, rows-1))
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	prepared, ok := statement.(preparedInsert)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver cannot execute prepared statements"), statement.Close())
	}
	return prepared, nil
}

// preparedInsert is what is used of a prepared statement.
type preparedInsert interface {
	driver.StmtExecContext
	Close() error
}

// bind adds the values of one entry to the group, unless it is not taken or does
// not fit.
func (w *sqliteWrite) bind(i int32) bool {
	e := &w.part.batch.entries[i]
	w.record.FromLog(e.log)
	e.kind = kindOf(&w.record)
	if !w.part.takes(i) {
		return false
	}
	columns := w.table.layout.columns
	args := w.args[len(w.group)*len(columns):][:len(columns)]
	for at := range columns {
		value, err := w.value(&columns[at])
		if err != nil {
			w.part.refuse(i, reasonRange, err.Error())
			return false
		}
		args[at].Value = value
	}
	w.group = append(w.group, i)
	return true
}

// value is the record's value for a column as SQLite keeps it.
func (w *sqliteWrite) value(c *column) (driver.Value, error) {
	r := &w.record
	switch c.class {
	case classText:
		return cleanText(c.text(r)), nil
	case classJSON:
		w.json = c.json(w.json[:0], r)
		return string(w.json), nil
	case classInteger:
		return c.integer(r), nil
	case classUnsigned:
		v := c.unsigned(r)
		if v > math.MaxInt64 {
			return nil, &errRange{c.name, v, "integer"}
		}
		return int64(v), nil
	case classFloat:
		if v := c.float(r); !math.IsInf(v, 0) && !math.IsNaN(v) {
			return v, nil
		}
		return nil, nil // SQLite has no such numbers
	case classBool:
		if c.boolean(r) {
			return int64(1), nil
		}
		return int64(0), nil
	case classTime:
	}
	return sqliteTime(c.instant(r)), nil
}

// flush inserts a full group with one statement. Where SQLite refuses that, it
// has undone the statement, and each row is tried alone.
func (w *sqliteWrite) flush(ctx context.Context, many, one preparedInsert) error {
	// Without cancellation the driver starts no goroutine for each statement; the
	// context is looked at between statements.
	_, err := many.ExecContext(context.WithoutCancel(ctx), w.args)
	if action, _ := classifySQLite(err); err != nil && action == actionRefuse {
		return w.flushEach(ctx, one)
	}
	w.group = w.group[:0]
	return err
}

// flushEach inserts the group one row at a time.
func (w *sqliteWrite) flushEach(ctx context.Context, one preparedInsert) error {
	columns := w.table.layout.columns
	args := make([]driver.NamedValue, len(columns))
	copy(args, w.args) // for the ordinals
	for at, i := range w.group {
		for column := range args {
			args[column].Value = w.args[at*len(columns)+column].Value
		}
		_, err := one.ExecContext(context.WithoutCancel(ctx), args)
		if err == nil {
			continue
		}
		action, reason := classifySQLite(err)
		if action != actionRefuse {
			return err
		}
		w.part.refuse(i, reason, err.Error())
	}
	w.group = w.group[:0]
	return nil
}

// sqliteTimeForm sorts as text, and SQLite's date functions read it.
const sqliteTimeForm = "2006-01-02 15:04:05.000000+00:00"

// The instants between which sqliteTimeForm sorts and SQLite reads it.
var (
	earliestSQLite = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	latestSQLite   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// sqliteTime is the instant cut to microseconds, as PostgreSQL has it. One outside
// of SQLite's range becomes the nearest inside.
func sqliteTime(t time.Time) string {
	switch {
	case t.Before(earliestSQLite):
		t = earliestSQLite
	case t.After(latestSQLite):
		t = latestSQLite
	}
	return t.UTC().Format(sqliteTimeForm)
}
