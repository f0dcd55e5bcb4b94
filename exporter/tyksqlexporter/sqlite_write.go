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
// copy and check each value of a record once more.
type sqliteWrite struct {
	conn      driver.ConnPrepareContext
	table     *sqliteTable
	part      *part
	record    analytics.Record
	boxes     boxes
	days      []dayText      // by column
	values    []driver.Value // of up to sqliteRows rows, all columns of each
	used      shape          // the columns that are not blank in one of them
	seen      shape          // nor in one of those before
	group     []int32        // the entries whose values they are
	bound     []int          // the columns that the statements take values for
	args      []driver.NamedValue
	one, many preparedInsert // for one row and for sqliteRows, made when they are needed
}

func newSQLiteWrite(conn any, t *sqliteTable, p *part) (*sqliteWrite, error) {
	preparer, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the SQLite driver cannot prepare statements")
	}
	places := sqliteRows * len(t.layout.columns)
	w := &sqliteWrite{
		conn: preparer, table: t, part: p, boxes: newBoxes(places), days: make([]dayText, len(t.layout.columns)),
		values: make([]driver.Value, places), group: make([]int32, 0, sqliteRows),
	}
	w.reshape(shapeOf(t.shape, t.blanks))
	return w, nil
}

// close lets go of the statements.
func (w *sqliteWrite) close() error {
	var errs []error
	for _, statement := range []preparedInsert{w.one, w.many} {
		if statement != nil {
			errs = append(errs, statement.Close())
		}
	}
	w.one, w.many = nil, nil
	return errors.Join(errs...)
}

// reshape makes statements to come take values for other columns.
func (w *sqliteWrite) reshape(to shape) {
	w.table.shape, w.bound = to, w.bound[:0]
	for column := range w.table.blanks {
		if to.has(column) {
			w.bound = append(w.bound, column)
		}
	}
	for len(w.args) < sqliteRows*len(w.bound) {
		w.args = append(w.args, driver.NamedValue{Ordinal: len(w.args) + 1})
	}
}

// insert stores the entries, and refuses those that SQLite refuses.
func (w *sqliteWrite) insert(ctx context.Context, list []int32) error {
	for _, i := range list {
		if !w.bind(i) || len(w.group) < sqliteRows {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	w.table.shape = w.seen // the next batch will be similar
	return nil
}

// prepared is the statement for a number of rows.
func (w *sqliteWrite) prepared(ctx context.Context, rows int) (preparedInsert, error) {
	place := &w.one
	if rows > 1 {
		place = &w.many
	}
	if *place != nil {
		return *place, nil
	}
	row := w.table.shape.row(w.table.blanks)
	statement, err := w.conn.PrepareContext(ctx, w.table.insert+row+strings.Repeat(","+row, rows-1))
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	prepared, ok := statement.(preparedInsert)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver cannot execute prepared statements"), statement.Close())
	}
	*place = prepared
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
	first := len(w.group) * len(columns)
	used := w.used
	for at := range columns {
		value, blank, err := w.value(&columns[at], at, first+at)
		if err != nil {
			w.part.refuse(i, reasonRange, err.Error())
			return false
		}
		if !blank {
			used = used.with(at)
		}
		w.values[first+at] = value
	}
	w.used = used
	w.group = append(w.group, i)
	return true
}

// value is the record's value for a column as SQLite keeps it, in a place of the
// boxes, and whether it is blank.
func (w *sqliteWrite) value(c *column, at, place int) (driver.Value, bool, error) {
	r := &w.record
	switch c.class {
	case classText:
		v := c.text(r)
		return w.boxes.text(place, cleanText(v)), v == "", nil
	case classJSON:
		v, blank := w.boxes.json(place, c, r)
		return v, blank, nil
	case classInteger:
		v := c.integer(r)
		return w.boxes.integer(place, v), v == 0, nil
	case classUnsigned:
		v := c.unsigned(r)
		if v > math.MaxInt64 {
			return nil, false, &errRange{c.name, v, "integer"}
		}
		return w.boxes.integer(place, int64(v)), v == 0, nil
	case classFloat:
		v := c.float(r)
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, false, nil // SQLite has no such numbers
		}
		return w.boxes.float(place, v), math.Float64bits(v) == 0, nil
	case classBool:
		if c.boolean(r) {
			return int64(1), false, nil
		}
		return int64(0), true, nil
	case classTime:
	}
	from := len(w.boxes.written)
	w.boxes.written = appendSQLiteTime(w.boxes.written, &w.days[at], c.instant(r))
	return w.boxes.text(place, w.boxes.tail(from)), false, nil
}

// flush inserts the group, a full one with one statement. Where SQLite refuses that,
// it has undone the statement, and each row is tried alone.
func (w *sqliteWrite) flush(ctx context.Context) error {
	w.seen |= w.used
	if w.used&^w.table.shape != 0 {
		if err := w.close(); err != nil {
			return err
		}
		w.reshape(w.table.shape | w.used)
	}
	tried := error(nil)
	if len(w.group) == sqliteRows {
		tried = w.execute(ctx, 0, sqliteRows)
	}
	if action, _ := classifySQLite(tried); len(w.group) < sqliteRows || tried != nil && action == actionRefuse {
		tried = w.flushEach(ctx)
	}
	w.group, w.used = w.group[:0], 0
	w.boxes.empty()
	return tried
}

// flushEach inserts the group one row at a time.
func (w *sqliteWrite) flushEach(ctx context.Context) error {
	for at, i := range w.group {
		err := w.execute(ctx, at, 1)
		if err == nil {
			continue
		}
		action, reason := classifySQLite(err)
		if action != actionRefuse {
			return err
		}
		w.part.refuse(i, reason, err.Error())
	}
	return nil
}

// execute inserts some rows of the group, either one or all of a full group.
func (w *sqliteWrite) execute(ctx context.Context, first, rows int) error {
	statement, err := w.prepared(ctx, rows)
	if err != nil {
		return err
	}
	args, columns := w.args[:0], len(w.table.layout.columns)
	for row := range rows {
		values := w.values[(first+row)*columns:]
		for _, column := range w.bound {
			args = args[:len(args)+1]
			args[len(args)-1].Value = values[column]
		}
	}
	// Without cancellation the driver starts no goroutine for each statement; the
	// context is looked at between statements.
	_, err = statement.ExecContext(context.WithoutCancel(ctx), args)
	return err
}

// sqliteTimeForm sorts as text, and SQLite's date functions read it.
const sqliteTimeForm = "2006-01-02 15:04:05.000000+00:00"

// The instants between which sqliteTimeForm sorts and SQLite reads it.
var (
	earliestSQLite = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	latestSQLite   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// appendSQLiteTime adds the instant cut to microseconds, as PostgreSQL has it. One
// outside of SQLite's range becomes the nearest inside.
func appendSQLiteTime(b []byte, day *dayText, t time.Time) []byte {
	switch {
	case t.Before(earliestSQLite):
		t = earliestSQLite
	case t.After(latestSQLite):
		t = latestSQLite
	}
	return append(day.append(b, t.UTC()), "+00:00"...)
}
