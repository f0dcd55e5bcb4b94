package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// sqliteRows is how many rows one statement inserts; more do not make it faster.
const sqliteRows = 16

// inserter inserts records, beside database/sql, which would copy and check each
// value of a record once more.
type inserter struct {
	conn      driver.ConnPrepareContext
	table     *table
	part      *push.Part
	record    analytics.Record
	scratch   []byte           // of one value
	days      []layout.DayText // by column
	values    []driver.Value   // of up to sqliteRows rows, all columns of each
	used      layout.Shape     // the columns that are not blank in one of them
	seen      layout.Shape     // nor in one of those before
	group     int              // the records whose values they are
	bound     []int            // the columns that the statements take values for
	args      []driver.NamedValue
	one, many engine.PreparedInsert // for one row and for sqliteRows, made when they are needed
}

func newInserter(conn any, t *table, p *push.Part) (*inserter, error) {
	preparer, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the SQLite driver cannot prepare statements")
	}
	w := &inserter{
		conn: preparer, table: t, part: p, days: make([]layout.DayText, len(t.Layout.Columns)),
		values: make([]driver.Value, sqliteRows*len(t.Layout.Columns)),
	}
	w.reshape(layout.ShapeOf(t.shape, t.blanks))
	return w, nil
}

// close lets go of the statements.
func (w *inserter) close() error {
	var errs []error
	for _, statement := range []engine.PreparedInsert{w.one, w.many} {
		if statement != nil {
			errs = append(errs, statement.Close())
		}
	}
	w.one, w.many = nil, nil
	return errors.Join(errs...)
}

// reshape makes statements to come take values for other columns.
func (w *inserter) reshape(to layout.Shape) {
	w.table.shape, w.bound = to, w.bound[:0]
	for column := range w.table.blanks {
		if to.Has(column) {
			w.bound = append(w.bound, column)
		}
	}
	for len(w.args) < sqliteRows*len(w.bound) {
		w.args = append(w.args, driver.NamedValue{Ordinal: len(w.args) + 1})
	}
}

// insert stores the entries.
func (w *inserter) insert(ctx context.Context, list []int32) error {
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
func (w *inserter) prepared(ctx context.Context, rows int) (engine.PreparedInsert, error) {
	place := &w.one
	if rows > 1 {
		place = &w.many
	}
	if *place != nil {
		return *place, nil
	}
	row := w.table.shape.Row(w.table.blanks)
	statement, err := w.conn.PrepareContext(ctx, w.table.insert+row+strings.Repeat(","+row, rows-1))
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	prepared, ok := statement.(engine.PreparedInsert)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver cannot execute prepared statements"), statement.Close())
	}
	*place = prepared
	return prepared, nil
}

// bind adds the values of one entry to the group, unless it is not taken or does
// not fit.
func (w *inserter) bind(i int32) bool {
	e := &w.part.Batch.Entries[i]
	w.record.FromLog(e.Log)
	e.Kind = layout.KindOf(&w.record)
	if !w.part.Takes(i) {
		return false
	}
	columns := w.table.Layout.Columns
	first, used := w.group*len(columns), w.used
	for at := range columns {
		value, blank, err := w.value(&columns[at], at)
		if err != nil {
			w.part.Refuse(i, push.ReasonRange, err.Error())
			return false
		}
		if !blank {
			used = used.With(at)
		}
		w.values[first+at] = value
	}
	w.used = used
	w.group++
	return true
}

// value is the record's value for a column as SQLite keeps it, and whether it is blank.
func (w *inserter) value(c *layout.Column, at int) (driver.Value, bool, error) {
	switch c.Class {
	case layout.ClassTime:
		w.scratch = appendTime(w.scratch[:0], &w.days[at], c.Instant(&w.record))
		return string(w.scratch), false, nil
	case layout.ClassUnsigned:
		if v := c.Unsigned(&w.record); v > math.MaxInt64 {
			return nil, false, layout.OutOfRange(c.Name, v, "integer")
		}
	case layout.ClassText, layout.ClassJSON, layout.ClassInteger, layout.ClassFloat, layout.ClassBool:
	}
	value, blank := c.Value(&w.record, &w.scratch)
	return value, blank, nil
}

// flush inserts the group, a full one with one statement.
func (w *inserter) flush(ctx context.Context) error {
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
func (w *inserter) execute(ctx context.Context, first, rows int) error {
	statement, err := w.prepared(ctx, rows)
	if err != nil {
		return err
	}
	args, columns := w.args[:0], len(w.table.Layout.Columns)
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
