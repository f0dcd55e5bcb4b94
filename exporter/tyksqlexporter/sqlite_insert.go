package tyksqlexporter

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// sqliteRows is how many rows one statement inserts; more do not make it faster.
const sqliteRows = 16

// sqliteInsert inserts records, beside database/sql, which would copy and check each
// value of a record once more.
type sqliteInsert struct {
	conn      driver.ConnPrepareContext
	table     *sqliteTable
	part      *part
	record    analytics.Record
	scratch   []byte         // of one value
	days      []dayText      // by column
	values    []driver.Value // of up to sqliteRows rows, all columns of each
	used      shape          // the columns that are not blank in one of them
	seen      shape          // nor in one of those before
	group     int            // the records whose values they are
	bound     []int          // the columns that the statements take values for
	args      []driver.NamedValue
	one, many preparedInsert // for one row and for sqliteRows, made when they are needed
}

// preparedInsert is what is used of a prepared statement.
type preparedInsert interface {
	driver.StmtExecContext
	Close() error
}

func newSQLiteInsert(conn any, t *sqliteTable, p *part) (*sqliteInsert, error) {
	preparer, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the SQLite driver cannot prepare statements")
	}
	w := &sqliteInsert{
		conn: preparer, table: t, part: p, days: make([]dayText, len(t.layout.columns)),
		values: make([]driver.Value, sqliteRows*len(t.layout.columns)),
	}
	w.reshape(shapeOf(t.shape, t.blanks))
	return w, nil
}

// close lets go of the statements.
func (w *sqliteInsert) close() error {
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
func (w *sqliteInsert) reshape(to shape) {
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

// insert stores the entries.
func (w *sqliteInsert) insert(ctx context.Context, list []int32) error {
	for _, i := range list {
		if !w.bind(i) || w.group < sqliteRows {
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
func (w *sqliteInsert) prepared(ctx context.Context, rows int) (preparedInsert, error) {
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

// bind adds the values of one entry to the group, unless it is not taken or does
// not fit.
func (w *sqliteInsert) bind(i int32) bool {
	e := &w.part.batch.entries[i]
	w.record.FromLog(e.log)
	e.kind = kindOf(&w.record)
	if !w.part.takes(i) {
		return false
	}
	columns := w.table.layout.columns
	first, used := w.group*len(columns), w.used
	for at := range columns {
		value, blank, err := w.value(&columns[at], at)
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
	w.group++
	return true
}

// value is the record's value for a column as SQLite keeps it, and whether it is blank.
func (w *sqliteInsert) value(c *column, at int) (driver.Value, bool, error) {
	switch c.class {
	case classTime:
		w.scratch = appendSQLiteTime(w.scratch[:0], &w.days[at], c.instant(&w.record))
		return string(w.scratch), false, nil
	case classUnsigned:
		if v := c.unsigned(&w.record); v > math.MaxInt64 {
			return nil, false, &errRange{c.name, v, "integer"}
		}
	case classText, classJSON, classInteger, classFloat, classBool:
	}
	value, blank := c.value(&w.record, &w.scratch)
	return value, blank, nil
}

// flush inserts the group, a full one with one statement.
func (w *sqliteInsert) flush(ctx context.Context) error {
	w.seen |= w.used
	if w.used&^w.table.shape != 0 {
		if err := w.close(); err != nil {
			return err
		}
		w.reshape(w.table.shape | w.used)
	}
	rows := w.group
	w.group, w.used = 0, 0
	if rows == sqliteRows {
		return w.execute(ctx, 0, rows)
	}
	for row := range rows {
		if err := w.execute(ctx, row, 1); err != nil {
			return err
		}
	}
	return nil
}

// execute inserts some rows of the group, either one or all of a full group.
func (w *sqliteInsert) execute(ctx context.Context, first, rows int) error {
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
