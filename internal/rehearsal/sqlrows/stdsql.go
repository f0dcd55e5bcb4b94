package sqlrows

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// standard is a database behind database/sql.
type standard struct {
	db      *sql.DB
	place   string
	dialect dialect
	catalog string
}

func question(int) string { return "?" }

func openMySQL(ctx context.Context, text string) (rows.Store, error) {
	config, err := datasource.MySQL(text, datasource.TLS{})
	if err != nil {
		return nil, err
	}
	config.Loc, config.Timeout = time.UTC, cmp.Or(config.Timeout, patience)
	db, err := datasource.OpenMySQL(config, datasource.TLS{}, func(...any) {}, inUTC)
	if err != nil {
		return nil, err
	}
	s := &standard{
		db: db, place: fmt.Sprintf("MySQL %s, database %s", config.Addr, config.DBName),
		catalog: "select table_name, column_name, column_type from information_schema.columns where table_schema = database() and table_name not like 'otelcol_tyk%' order by table_name, ordinal_position",
		dialect: dialect{
			quote: datasource.QuoteMySQL, parameter: question,
			column: func(c rows.Column) string { return datasource.QuoteMySQL(c.Name) },
			instant: func(at time.Time, c rows.Column) any {
				if n, whole := seconds(at, c); whole {
					return n
				}
				return at.UTC().Format("2006-01-02 15:04:05.000000")
			},
		},
	}
	return s.open(ctx)
}

// inUTC has times read and written as they are stored.
func inUTC(exec func(string) error) error { return exec("set session time_zone = '+00:00'") }

func openSQLite(ctx context.Context, text string) (rows.Store, error) {
	file := datasource.FileOf(text)
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("datasource: %w: give the path of a file that is there", err)
	}
	uri, err := datasource.SQLite(text, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}})
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	s := &standard{
		db: db, place: "SQLite " + file,
		catalog: "select m.name, c.name, c.type from sqlite_master m join pragma_table_info(m.name) c where m.type in ('table', 'view') and m.name not like 'otelcol_tyk%' order by m.name, c.cid",
		dialect: dialect{
			quote: datasource.QuoteSQLite, parameter: question,
			// The plus takes away the declared type, by which the driver would convert.
			column: func(c rows.Column) string { return "+" + datasource.QuoteSQLite(c.Name) },
			instant: func(at time.Time, c rows.Column) any {
				if n, whole := seconds(at, c); whole {
					return n
				}
				return at.UTC().Format("2006-01-02 15:04:05.000000+00:00")
			},
		},
	}
	return s.open(ctx)
}

func (s *standard) open(ctx context.Context) (rows.Store, error) {
	s.db.SetMaxOpenConns(1)
	if err := s.db.PingContext(ctx); err != nil {
		_ = s.db.Close()
		return nil, fmt.Errorf("connect to %s: %w", s.place, err)
	}
	return s, nil
}

func (s *standard) Describe() string { return s.place }

func (s *standard) Close() error { return s.db.Close() }

func (s *standard) Tables(ctx context.Context) (tables []rows.Table, err error) {
	found, err := s.db.QueryContext(ctx, s.catalog)
	if err != nil {
		return nil, fmt.Errorf("%s: list tables: %w", s.place, err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	var list []definition
	for found.Next() {
		var d definition
		if err := found.Scan(&d.relation, &d.column, &d.kind); err != nil {
			return nil, fmt.Errorf("%s: list tables: %w", s.place, err)
		}
		list = append(list, d)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("%s: list tables: %w", s.place, err)
	}
	return assemble(list), nil
}

func (s *standard) Scan(ctx context.Context, scan rows.Scan, visit func([]rows.Value) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: read %s: %w", s.place, scan.Table.Name, err)
		}
	}()
	statement, args, err := s.dialect.statement(scan)
	if err != nil {
		return err
	}
	found, err := s.db.QueryContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	names, err := found.Columns()
	if err != nil {
		return err
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range names {
		into[i] = &values[i]
	}
	texts, reader := make([][]byte, len(scan.Columns)), newReader(scan.Columns)
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return err
		}
		for i := range texts {
			if values[i] == nil {
				texts[i] = nil
				continue
			}
			texts[i] = textOf(texts[i][:0], values[i])
			if texts[i] == nil {
				texts[i] = []byte{}
			}
		}
		if err := visit(reader.read(texts)); err != nil {
			return err
		}
	}
	return found.Err()
}

// Count counts the rows.
func (s *standard) Count(ctx context.Context, table *rows.Table) (n int64, err error) {
	if err := s.db.QueryRowContext(ctx, s.dialect.count(table)).Scan(&n); err != nil {
		return 0, fmt.Errorf("%s: count %s: %w", s.place, table.Name, err)
	}
	return n, nil
}
