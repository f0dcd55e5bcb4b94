package tyksqlexporter

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

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// mysqlRows is how many rows one statement inserts, the last one up to twice as
// many. More do not make it faster, fewer cost round trips.
const mysqlRows = 64

// mysqlInsert inserts rows into one table, beside database/sql, which would copy and
// check each value of a record once more. Values travel in the binary protocol of
// prepared statements, which spares the server to read them as SQL.
type mysqlInsert struct {
	conn     driver.ConnPrepareContext
	table    *mysqlTable
	portion  portion
	clock    *time.Location
	record   analytics.Record
	days     []dayText           // by column
	values   []driver.Value      // of the records that are to be sent, all columns of each
	shape    shape               // the columns that the statement takes values for
	used     shape               // those that are not blank in one of the records to be sent
	seen     shape               // nor in one of those before
	scratch  []byte              // of one value
	row      string              // how the statement spells a row
	width    int                 // how many values that takes
	args     []driver.NamedValue // of the rows that are to be sent
	group    []int               // the places in the portion's list whose values are in args
	prepared preparedInsert      // for rows rows
	rows     int
}

func newMySQLInsert(conn any, t *mysqlTable, p portion, clock *time.Location) (*mysqlInsert, error) {
	preparer, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the MySQL driver cannot prepare statements")
	}
	return &mysqlInsert{conn: preparer, table: t, portion: p, clock: clock, row: t.row, width: len(t.columns)}, nil
}

// close lets go of the statement.
func (w *mysqlInsert) close() error {
	if w.prepared == nil {
		return nil
	}
	return w.prepared.Close()
}

// prepare makes the statement for a number of rows, unless it is there already.
func (w *mysqlInsert) prepare(ctx context.Context, rows int) error {
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
	prepared, ok := statement.(preparedInsert)
	if !ok {
		return errors.Join(errors.New("the MySQL driver cannot execute prepared statements"), statement.Close())
	}
	w.prepared, w.rows = prepared, rows
	return nil
}

// flush sends the rows that are in args.
func (w *mysqlInsert) flush(ctx context.Context) error {
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
func (w *mysqlInsert) add(v driver.Value) {
	w.args = append(w.args, driver.NamedValue{Ordinal: len(w.args) + 1, Value: v})
}

// store inserts the portion's entries. Where the server refuses a record, it gives
// the place in the list that the server names, or -1.
func (w *mysqlInsert) store(ctx context.Context) (int, error) {
	list := w.portion.list
	places := min(len(list), 2*mysqlRows) * len(w.table.columns)
	w.values, w.days = make([]driver.Value, 0, places), make([]dayText, len(w.table.columns))
	w.reshape(shapeOf(shape(w.table.shape.Load()), w.table.blanks))
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
func (w *mysqlInsert) reshape(to shape) {
	w.shape, w.row, w.width = to, to.row(w.table.blanks), to.size()
	w.rows = 0
}

// send sends the records that are in values.
func (w *mysqlInsert) send(ctx context.Context) error {
	w.seen |= w.used
	if w.used&^w.shape != 0 {
		w.reshape(w.shape | w.used)
	}
	w.args = slices.Grow(w.args, len(w.group)*w.width)
	for row := range slices.Chunk(w.values, len(w.table.columns)) {
		for at, value := range row {
			if w.shape.has(at) {
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
func (w *mysqlInsert) refusedPlace(err error) int {
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
func (w *mysqlInsert) bind(i int32) bool {
	p := w.portion.part
	e := &p.batch.entries[i]
	w.record.FromLog(e.log)
	e.kind = kindOf(&w.record)
	if !p.takes(i) {
		return false
	}
	for at := range p.layout.columns {
		value, blank := w.value(&p.layout.columns[at], at)
		if !blank {
			w.used = w.used.with(at)
		}
		w.values = append(w.values, value)
	}
	return true
}

// value is the record's value for a column as MySQL keeps it, and whether it is blank.
func (w *mysqlInsert) value(c *column, at int) (driver.Value, bool) {
	switch c.class {
	case classTime:
		w.scratch = appendMySQLTime(w.scratch[:0], &w.days[at], c.instant(&w.record), w.clock, w.table.columns[at].precision)
		return string(w.scratch), false
	case classUnsigned:
		if v := c.unsigned(&w.record); v > math.MaxInt64 {
			return v, false
		}
	case classText, classJSON, classInteger, classFloat, classBool:
	}
	return c.value(&w.record, &w.scratch)
}

// time is an instant's value for a column.
func (w *mysqlInsert) time(t time.Time, precision int) string {
	w.scratch = appendMySQLTime(w.scratch[:0], &dayText{}, t, w.clock, precision)
	return string(w.scratch)
}

// appendMySQLTime adds what the clock of a place shows, cut to a number of digits of a
// second: the server would round, and move a day's last record to the next day. One
// outside of the years that MySQL knows becomes the nearest inside.
func appendMySQLTime(b []byte, day *dayText, t time.Time, clock *time.Location, digits int) []byte {
	t = t.In(clock)
	switch year := t.Year(); {
	case year < earliestCheck.Year():
		t = earliestCheck
	case year > latestCheck.Year():
		t = latestCheck
	}
	b = day.append(b, t)
	b = b[:len(b)-6+digits]
	if digits == 0 {
		return b[:len(b)-1] // without the point
	}
	return b
}
