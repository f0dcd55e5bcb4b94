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
// check each of 52 values a record once more. Values travel in the binary protocol of
// prepared statements, which spares the server to read them as SQL.
type mysqlInsert struct {
	conn     driver.ConnPrepareContext
	table    *mysqlTable
	portion  portion
	clock    *time.Location
	record   analytics.Record
	scratch  []byte              // of one value
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
	return &mysqlInsert{conn: preparer, table: t, portion: p, clock: clock}, nil
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
	statement, err := w.conn.PrepareContext(ctx, w.table.insert+w.table.row+strings.Repeat(","+w.table.row, rows-1)+w.table.update)
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
	rows := len(w.args) / len(w.table.columns)
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
	w.args = slices.Grow(w.args, min(len(list), 2*mysqlRows)*len(w.table.columns))
	for at, i := range list {
		if !w.bind(i) {
			continue
		}
		w.group = append(w.group, at)
		if len(w.group) < mysqlRows || len(list)-at <= mysqlRows {
			continue
		}
		if err := w.flush(ctx); err != nil {
			return w.refusedPlace(err), err
		}
		w.group = w.group[:0]
	}
	if err := w.flush(ctx); err != nil {
		return w.refusedPlace(err), err
	}
	return -1, nil
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
		w.add(w.value(&p.layout.columns[at], w.table.columns[at].precision))
	}
	return true
}

// value is the record's value for a column as MySQL keeps it.
func (w *mysqlInsert) value(c *column, precision int) driver.Value {
	r := &w.record
	switch c.class {
	case classText:
		return cleanText(c.text(r))
	case classJSON:
		w.scratch = c.json(w.scratch[:0], r)
		return string(w.scratch)
	case classInteger:
		return c.integer(r)
	case classUnsigned:
		if v := c.unsigned(r); v > math.MaxInt64 {
			return v
		}
		return int64(c.unsigned(r)) //nolint:gosec // checked
	case classFloat:
		if v := c.float(r); !math.IsInf(v, 0) && !math.IsNaN(v) {
			return v
		}
		return nil // MySQL has no such numbers
	case classBool:
		return c.boolean(r)
	case classTime:
	}
	return w.time(c.instant(r), precision)
}

// time is an instant's value for a column.
func (w *mysqlInsert) time(t time.Time, precision int) string {
	w.scratch = appendMySQLTime(w.scratch[:0], t, w.clock, precision)
	return string(w.scratch)
}

// appendMySQLTime adds what the clock of a place shows, cut to a number of digits of a
// second: the server would round, and move a day's last record to the next day. One
// outside of the years that MySQL knows becomes the nearest inside.
func appendMySQLTime(b []byte, t time.Time, clock *time.Location, digits int) []byte {
	t = t.In(clock)
	switch year := t.Year(); {
	case year < earliestCheck.Year():
		t = earliestCheck
	case year > latestCheck.Year():
		t = latestCheck
	}
	const form = "2006-01-02 15:04:05.000000"
	b = t.AppendFormat(b, form)
	b = b[:len(b)-6+digits]
	if digits == 0 {
		return b[:len(b)-1] // without the point
	}
	return b
}
