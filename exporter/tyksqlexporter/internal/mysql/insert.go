package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// mysqlRows is how many rows one statement inserts, the last one up to twice as
// many. More do not make it faster, fewer cost round trips.
const mysqlRows = 64

// inserter inserts rows into one table, beside database/sql, which would copy and
// check each value of a record once more. Values travel in the binary protocol of
// prepared statements, which spares the server to read them as SQL.
type inserter struct {
	conn     driver.ConnPrepareContext
	table    *table
	portion  engine.Portion
	clock    *time.Location
	record   analytics.Record
	days     []layout.DayText      // by column
	values   []driver.Value        // of the records that are to be sent, all columns of each
	shape    layout.Shape          // the columns that the statement takes values for
	used     layout.Shape          // those that are not blank in one of the records to be sent
	seen     layout.Shape          // nor in one of those before
	scratch  []byte                // of one value
	row      string                // how the statement spells a row
	width    int                   // how many values that takes
	args     []driver.NamedValue   // of the rows that are to be sent
	group    []int                 // the places in the portion's list whose values are in args
	prepared engine.PreparedInsert // for rows rows
	rows     int
}

func newInserter(conn any, t *table, p engine.Portion, clock *time.Location) (*inserter, error) {
	preparer, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the MySQL driver cannot prepare statements")
	}
	return &inserter{conn: preparer, table: t, portion: p, clock: clock, row: t.row, width: len(t.columns)}, nil
}

// close lets go of the statement.
func (w *inserter) close() error {
	if w.prepared == nil {
		return nil
	}
	return w.prepared.Close()
}

// prepare makes the statement for a number of rows, unless it is there already.
func (w *inserter) prepare(ctx context.Context, rows int) error {
	if rows == w.rows {
		return nil
	}
	if err := w.close(); err != nil {
		return err
	}
	w.prepared, w.rows = nil, 0
	statement, err := w.conn.PrepareContext(ctx, w.table.insert+w.row+strings.Repeat(","+w.row, rows-1)+w.table.update)
	if err != nil {
		return err
	}
	prepared, ok := statement.(engine.PreparedInsert)
	if !ok {
		return errors.Join(errors.New("the MySQL driver cannot execute prepared statements"), statement.Close())
	}
	w.prepared, w.rows = prepared, rows
	return nil
}

// flush sends the rows that are in args.
func (w *inserter) flush(ctx context.Context) error {
	rows := len(w.args) / w.width
	if rows == 0 {
		return nil
	}
	err := w.prepare(ctx, rows)
	if err == nil {
		_, err = w.prepared.ExecContext(ctx, w.args)
	}
	w.args = w.args[:0]
	return err
}

// add appends one value of a row.
func (w *inserter) add(v driver.Value) {
	w.args = append(w.args, driver.NamedValue{Ordinal: len(w.args) + 1, Value: v})
}

// store inserts the portion's entries. Where the server refuses a record, it gives
// the place in the list that the server names, or -1.
func (w *inserter) store(ctx context.Context) (int, error) {
	list := w.portion.List
	places := min(len(list), 2*mysqlRows) * len(w.table.columns)
	w.values, w.days = make([]driver.Value, 0, places), make([]layout.DayText, len(w.table.columns))
	w.reshape(layout.ShapeOf(layout.Shape(w.table.shape.Load()), w.table.blanks))
	for at, i := range list {
		if !w.bind(i) {
			continue
		}
		w.group = append(w.group, at)
		if len(w.group) < mysqlRows || len(list)-at <= mysqlRows {
			continue
		}
		if err := w.send(ctx); err != nil {
			return w.refusedPlace(err), err
		}
	}
	if err := w.send(ctx); err != nil {
		return w.refusedPlace(err), err
	}
	w.table.shape.Store(uint64(w.seen)) // the next batch will be similar
	return -1, nil
}

// reshape makes statements to come take values for other columns.
func (w *inserter) reshape(to layout.Shape) {
	w.shape, w.row, w.width = to, to.Row(w.table.blanks), to.Size()
	w.rows = 0
}

// send sends the records that are in values.
func (w *inserter) send(ctx context.Context) error {
	w.seen |= w.used
	if w.used&^w.shape != 0 {
		w.reshape(w.shape | w.used)
	}
	w.args = slices.Grow(w.args, len(w.group)*w.width)
	for row := range slices.Chunk(w.values, len(w.table.columns)) {
		for at, value := range row {
			if w.shape.Has(at) {
				w.add(value)
			}
		}
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	w.values, w.group, w.used = w.values[:0], w.group[:0], 0
	return nil
}

// refusedPlace reads from the server's error which row of the statement it refused:
// "Data too long for column 'path' at row 17", in the server's language. It is only
// a hint of where to look first.
func (w *inserter) refusedPlace(err error) int {
	mysqlErr, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return -1
	}
	digits := strings.TrimRight(mysqlErr.Message, "0123456789")
	row, err := strconv.Atoi(mysqlErr.Message[len(digits):])
	if err != nil || row < 1 || row > len(w.group) {
		return -1
	}
	return w.group[row-1]
}

// bind adds the values of one entry, unless it is not taken or does not fit.
func (w *inserter) bind(i int32) bool {
	p := w.portion.Part
	e := &p.Batch.Entries[i]
	w.record.FromLog(e.Log)
	e.Kind = layout.KindOf(&w.record)
	if !p.Takes(i) {
		return false
	}
	for at := range p.Layout.Columns {
		value, blank := w.value(&p.Layout.Columns[at], at)
		if !blank {
			w.used = w.used.With(at)
		}
		w.values = append(w.values, value)
	}
	return true
}

// value is the record's value for a column as MySQL keeps it, and whether it is blank.
func (w *inserter) value(c *layout.Column, at int) (driver.Value, bool) {
	switch c.Class {
	case layout.ClassTime:
		w.scratch = appendTime(w.scratch[:0], &w.days[at], c.Instant(&w.record), w.clock, w.table.columns[at].Precision)
		return string(w.scratch), false
	case layout.ClassUnsigned:
		if v := c.Unsigned(&w.record); v > math.MaxInt64 {
			return v, false
		}
	case layout.ClassText, layout.ClassJSON, layout.ClassInteger, layout.ClassFloat, layout.ClassBool:
	}
	return c.Value(&w.record, &w.scratch)
}

// time is an instant's value for a column.
func (w *inserter) time(t time.Time, precision int) string {
	w.scratch = appendTime(w.scratch[:0], &layout.DayText{}, t, w.clock, precision)
	return string(w.scratch)
}

// appendTime adds what the clock of a place shows, cut to a number of digits of a
// second: the server would round, and move a day's last record to the next day. One
// outside of the years that MySQL knows becomes the nearest inside.
func appendTime(b []byte, day *layout.DayText, t time.Time, clock *time.Location, digits int) []byte {
	t = t.In(clock)
	switch year := t.Year(); {
	case year < layout.EarliestCheck.Year():
		t = layout.EarliestCheck
	case year > layout.LatestCheck.Year():
		t = layout.LatestCheck
	}
	b = day.Append(b, t)
	b = b[:len(b)-6+digits]
	if digits == 0 {
		return b[:len(b)-1] // without the point
	}
	return b
}
