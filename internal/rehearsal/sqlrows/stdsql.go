package sqlrows

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // the driver "sqlite"

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

func openMySQL(ctx context.Context, datasource string) (rows.Store, error) {
	config, err := mysql.ParseDSN(datasource)
	if err != nil || config.DBName == "" {
		return nil, errors.New(`datasource: the value (not shown, it may hold a password) is not a MySQL DSN with a database, such as "tyk:password@tcp(localhost:3306)/tyk_analytics"`)
	}
	config.ParseTime, config.InterpolateParams, config.Loc = false, true, time.UTC
	config.Timeout = cmp.Or(config.Timeout, patience)
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	config.Params["time_zone"] = "'+00:00'"
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, errors.New("datasource: the value (not shown, it may hold a password) is not what MySQL's driver takes")
	}
	quote := func(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
	s := &standard{
		db: sql.OpenDB(connector), place: fmt.Sprintf("MySQL %s, database %s", config.Addr, config.DBName),
		catalog: "select table_name, column_name, column_type from information_schema.columns where table_schema = database() and table_name not like 'otelcol_tyk%' order by table_name, ordinal_position",
		dialect: dialect{
			quote: quote, parameter: question,
			column: func(c rows.Column) string { return quote(c.Name) },
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

func openSQLite(ctx context.Context, datasource string) (rows.Store, error) {
	file := strings.TrimPrefix(datasource, "file:")
	file, _, _ = strings.Cut(file, "?")
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("datasource: %w: give the path of a file that is there", err)
	}
	uri := url.URL{Scheme: "file", Opaque: filepath.ToSlash(file), RawQuery: "mode=ro&_pragma=busy_timeout(10000)"}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	quote := func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
	s := &standard{
		db: db, place: "SQLite " + file,
		catalog: "select m.name, c.name, c.type from sqlite_master m join pragma_table_info(m.name) c where m.type in ('table', 'view') and m.name not like 'otelcol_tyk%' order by m.name, c.cid",
		dialect: dialect{
			quote: quote, parameter: question,
			// The plus takes away the declared type, by which the driver would convert.
			column: func(c rows.Column) string { return "+" + quote(c.Name) },
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
