package stdsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// Table is how rows are inserted into a table.
type Table struct {
	layout.Shard

	// Insert and After are what stands before and after the rows of a statement.
	Insert, After string
	// Time adds an instant as a column, by its place, holds it.
	Time func(b []byte, day *layout.DayText, at time.Time, column int) []byte
	// Text is a text of rollups as a column, by its place, holds it; it may be nil.
	Text func(text string, column int) string
	// Found is what was found of the columns, by their places.
	Found []layout.FoundColumn

	blanks []string
	shape  atomic.Uint64 // what inserts of records took values for lately
}

// NewTable knows a shard's table, but for what the database does in its own way; add is what
// becomes of a row of rollups that is there already.
func NewTable(of layout.Shard, d *Dialect, add func([]layout.RollupColumn) string) *Table {
	t := &Table{
		Shard: of, Insert: "insert into " + d.Quote(of.Relation()) + " (" + d.Names(of.Layout) + ") values ",
		Found: make([]layout.FoundColumn, len(of.Layout.Columns)), blanks: make([]string, len(of.Layout.Columns)),
	}
	if of.Layout.Rollups == nil {
		t.blanks = layout.BlanksOf(of.Layout.Columns)
	} else {
		t.After = add(of.Layout.Rollups)
	}
	return t
}

// preparedInsert is what is used of a prepared statement.
type preparedInsert interface {
	driver.StmtExecContext
	Close() error
}

// inserter inserts rows into one table, beside database/sql, which would copy and
// check each value of a record once more.
type inserter struct {
	conn     driver.ConnPrepareContext
	table    *Table
	dialect  *Dialect
	record   analytics.Record
	days     []layout.DayText    // by column
	scratch  []byte              // of one value
	values   []driver.Value      // of the rows that are to be sent, all columns of each
	places   []int               // of their records in the portion's list
	used     layout.Shape        // the columns that are not blank in one of them
	seen     layout.Shape        // nor in one of those before
	shape    layout.Shape        // the columns that the statement takes values for
	args     []driver.NamedValue // of the statement
	prepared preparedInsert      // for rows rows
	rows     int
}

func newInserter(conn any, t *Table, dialect *Dialect) (*inserter, error) {
	preparer, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the database's driver cannot prepare statements")
	}
	return &inserter{
		conn: preparer, table: t, dialect: dialect, days: make([]layout.DayText, len(t.blanks)),
		shape: layout.ShapeOf(layout.Shape(t.shape.Load()), t.blanks),
	}, nil
}

// close lets go of the statement.
func (w *inserter) close() error {
	if w.prepared == nil {
		return nil
	}
	err := w.prepared.Close()
	w.prepared, w.rows = nil, 0
	return err
}

// records inserts the portion's entries. Where the database refuses a record, it gives
// the place in the list that the database names, or sink.Unplaced.
func (w *inserter) records(ctx context.Context, p engine.Portion) (int, error) {
	w.reserve(len(p.List))
	for at, i := range p.List {
		if !w.bind(p.Part, i) {
			continue
		}
		w.places = append(w.places, at)
		if err := w.sendFull(ctx, len(p.List)-at); err != nil {
			return w.refusedPlace(err), err
		}
	}
	if err := w.send(ctx); err != nil {
		return w.refusedPlace(err), err
	}
	w.table.shape.Store(uint64(w.seen)) // the next batch will be similar
	return sink.Unplaced, nil
}

// rollups inserts rows of rollups.
func (w *inserter) rollups(ctx context.Context, rows []*layout.Row) error {
	w.reserve(len(rows))
	for at, row := range rows {
		for column := range w.table.Layout.Rollups {
			w.values = append(w.values, w.rollupValue(&w.table.Layout.Rollups[column], column, row))
		}
		if err := w.sendFull(ctx, len(rows)-at); err != nil {
			return err
		}
	}
	return w.send(ctx)
}

// reserve makes room for what a statement inserts of so many rows.
func (w *inserter) reserve(rows int) {
	w.values = make([]driver.Value, 0, min(rows, 2*w.dialect.Rows)*len(w.table.blanks))
}

// sendFull sends the rows that are in values if they are enough for a statement, and more
// than so many are left, this one included.
func (w *inserter) sendFull(ctx context.Context, left int) error {
	if len(w.values) < w.dialect.Rows*len(w.table.blanks) || left <= w.dialect.Rows {
		return nil
	}
	return w.send(ctx)
}

// send sends the rows that are in values.
func (w *inserter) send(ctx context.Context) error {
	rows := len(w.values) / len(w.table.blanks)
	if rows == 0 {
		return nil
	}
	w.seen |= w.used
	if reshaped := w.shape | w.used; reshaped != w.shape {
		w.shape, w.rows = reshaped, 0
	}
	if err := w.prepare(ctx, rows); err != nil {
		return err
	}
	w.args = slices.Grow(w.args[:0], rows*w.shape.Size())
	for row := range slices.Chunk(w.values, len(w.table.blanks)) {
		for column, value := range row {
			if w.shape.Has(column) {
				w.args = append(w.args, driver.NamedValue{Ordinal: len(w.args) + 1, Value: value})
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.dialect.Uncancelled {
		ctx = context.WithoutCancel(ctx)
	}
	if _, err := w.prepared.ExecContext(ctx, w.args); err != nil {
		return err
	}
	w.values, w.places, w.used = w.values[:0], w.places[:0], 0
	return nil
}

// prepare makes the statement for a number of rows, unless it is there already.
func (w *inserter) prepare(ctx context.Context, rows int) error {
	if rows == w.rows {
		return nil
	}
	if err := w.close(); err != nil {
		return err
	}
	row := w.shape.Row(w.table.blanks)
	statement, err := w.conn.PrepareContext(ctx, w.table.Insert+row+strings.Repeat(","+row, rows-1)+w.table.After)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	prepared, ok := statement.(preparedInsert)
	if !ok {
		return errors.Join(errors.New("the database's driver cannot execute prepared statements"), statement.Close())
	}
	w.prepared, w.rows = prepared, rows
	return nil
}

// refusedPlace is only a hint of where to look first.
func (w *inserter) refusedPlace(err error) int {
	if w.dialect.RefusedRow == nil {
		return sink.Unplaced
	}
	row := w.dialect.RefusedRow(err)
	if row < 1 || row > len(w.places) {
		return sink.Unplaced
	}
	return w.places[row-1]
}

// bind adds the values of one entry, unless it is not taken or does not fit.
func (w *inserter) bind(p *push.Part, i int32) bool {
	e := &p.Batch.Entries[i]
	w.record.FromLog(e.Log)
	e.Kind = layout.KindOf(&w.record)
	if !p.Takes(i) {
		return false
	}
	before, used := len(w.values), w.used
	for at := range p.Layout.Columns {
		value, blank, err := w.value(&p.Layout.Columns[at], at)
		if err != nil {
			p.Refuse(i, push.ReasonRange, err.Error())
			w.values, w.used = w.values[:before], used
			return false
		}
		if !blank {
			w.used = w.used.With(at)
		}
		w.values = append(w.values, value)
	}
	return true
}

// value is the record's value for a column, and whether it is blank.
func (w *inserter) value(c *layout.Column, at int) (driver.Value, bool, error) {
	switch c.Class {
	case layout.ClassTime:
		return w.time(c.Instant(&w.record), at), false, nil
	case layout.ClassUnsigned:
		switch v := c.Unsigned(&w.record); {
		case v <= math.MaxInt64:
		case w.dialect.Unsigned:
			return v, false, nil
		default:
			return nil, false, layout.OutOfRange(c.Name, v, "integer")
		}
	}
	value, blank := c.Value(&w.record, &w.scratch)
	return value, blank, nil
}

func (w *inserter) time(t time.Time, column int) string {
	w.scratch = w.table.Time(w.scratch[:0], &w.days[column], t, column)
	return string(w.scratch)
}

// rollupValue is the row's value for a column.
func (w *inserter) rollupValue(c *layout.RollupColumn, column int, row *layout.Row) driver.Value {
	switch c.Class {
	case layout.ClassInteger:
		return c.Integer(row)
	case layout.ClassFloat:
		return c.Float(row)
	case layout.ClassTime:
		return w.time(layout.Within(c.Instant(row), layout.EarliestCheck, layout.LatestCheck), column)
	default:
		text := c.Text(row)
		if w.table.Text != nil {
			text = w.table.Text(text, column)
		}
		return text
	}
}
