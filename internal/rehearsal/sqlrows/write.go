package sqlrows

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// Writer writes rollups into a table of a database.
type Writer struct {
	db       *sql.DB
	driver   string
	table    *rows.Table
	zone     *time.Location
	quote    func(string) string
	question func(int) string
}

// NewWriter opens a database for writing rollups. The zone is that of the days of its tables, if days have tables.
func NewWriter(driver, text string, table *rows.Table, zone *time.Location) (*Writer, error) {
	w := &Writer{driver: driver, table: table, zone: zone, question: question}
	switch driver {
	case Postgres:
		pool, err := datasource.Postgres(text, "tykctl", true) // the simple protocol lets the server read values by their column's type
		if err != nil {
			return nil, err
		}
		w.db, w.quote, w.question = sql.OpenDB(datasource.Clear{Connector: stdlib.GetConnector(*pool.ConnConfig)}), postgresDialect.quote, postgresDialect.parameter
	case MySQL:
		config, err := datasource.MySQL(text, datasource.TLS{})
		if err != nil {
			return nil, err
		}
		config.ClientFoundRows = true
		if w.db, err = datasource.OpenMySQL(config, datasource.TLS{}, func(...any) {}, inUTC); err != nil {
			return nil, err
		}
		w.quote = datasource.QuoteMySQL
	case SQLite:
		uri, err := datasource.SQLite(text, url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(10000)"}})
		if err != nil {
			return nil, err
		}
		if w.db, err = sql.Open("sqlite", uri); err != nil {
			return nil, err
		}
		w.quote = datasource.QuoteSQLite
	default:
		return nil, fmt.Errorf("driver: %s: use postgres, mysql or sqlite", netaddr.Shown(driver))
	}
	w.db.SetMaxOpenConns(1)
	return w, nil
}

// Close ends the connection.
func (w *Writer) Close() error { return w.db.Close() }

// Bucket writes rows of a bucket, all or none of them. It is rows.ErrChanged if somebody else wrote one meanwhile.
func (w *Writer) Bucket(ctx context.Context, changes []rows.Change) error {
	relation := w.table.Relations[0]
	if day := dayEnding.FindString(relation); day != "" {
		relation = w.table.Name + "_" + time.Unix(changes[0].Bucket, 0).In(w.zone).Format("20060102")
		if !slices.Contains(w.table.Relations, relation) {
			return fmt.Errorf("there is no table %s: make it as the others of %s are, and repair again", relation, w.table.Name)
		}
	}
	refused, err := w.transaction(ctx, relation, changes)
	if err == nil || refused == nil || refused.ID != nil {
		return err
	}
	at := slices.IndexFunc(refused.Columns, func(c rows.Column) bool { return c.Name == "id" })
	if at < 0 {
		return err
	}
	var n int
	query := "select count(*) from " + w.quote(relation) + " where id = " + w.question(1)
	if w.db.QueryRowContext(ctx, query, string(refused.Values[at])).Scan(&n) == nil && n > 0 { // each database has its own error for that
		return fmt.Errorf("%w: %w", rows.ErrChanged, err)
	}
	return err
}

// transaction writes rows, and gives the one that was refused.
func (w *Writer) transaction(ctx context.Context, relation string, changes []rows.Change) (refused *rows.Change, err error) {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	for _, c := range changes {
		if err := w.write(ctx, tx, relation, c); err != nil {
			return &c, err
		}
	}
	return nil, tx.Commit()
}

func (w *Writer) write(ctx context.Context, tx *sql.Tx, relation string, c rows.Change) error {
	names, places, args := make([]string, len(c.Columns)), make([]string, len(c.Columns)), make([]any, len(c.Columns))
	for i, column := range c.Columns {
		names[i], places[i], args[i] = w.quote(column.Name), w.question(i+1), w.value(column, c.Values[i])
	}
	if c.ID == nil {
		_, err := tx.ExecContext(ctx, "insert into "+w.quote(relation)+" ("+strings.Join(names, ", ")+") values ("+strings.Join(places, ", ")+")", args...)
		return err
	}
	for i := range names {
		names[i] += " = " + places[i]
	}
	args = append(args, string(c.ID), string(c.Hits))
	result, err := tx.ExecContext(ctx, "update "+w.quote(relation)+" set "+strings.Join(names, ", ")+
		" where id = "+w.question(len(args)-1)+" and counter_hits = "+w.question(len(args)), args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, rows.ErrChanged)
	}
	return nil
}

// value is what a driver takes for a column.
func (w *Writer) value(c rows.Column, v rows.Value) any {
	if v == nil {
		return nil
	}
	if c.Class == rows.Instant {
		if at, ok := rows.ParseTime(v); ok {
			switch w.driver {
			case MySQL:
				return at.Format("2006-01-02 15:04:05.000000")
			case SQLite:
				return at.Format("2006-01-02 15:04:05.000000+00:00")
			}
		}
	}
	return string(v)
}
