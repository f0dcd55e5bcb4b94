package sqlrows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// postgres is one read-only connection.
type postgres struct {
	conn  *pgx.Conn
	place string
}

var postgresDialect = dialect{
	quote:     func(name string) string { return pgx.Identifier{name}.Sanitize() },
	parameter: func(n int) string { return "$" + strconv.Itoa(n) },
	column:    func(c rows.Column) string { return pgx.Identifier{c.Name}.Sanitize() },
	instant: func(at time.Time, c rows.Column) any {
		if n, whole := seconds(at, c); whole {
			return n
		}
		return at
	},
}

func openPostgres(ctx context.Context, datasource string) (rows.Store, error) {
	config, err := pgx.ParseConfig(datasource)
	if err != nil {
		return nil, errors.New(`datasource: the value (not shown, it may hold a password) is not a PostgreSQL DSN such as "host=localhost dbname=tyk_analytics user=tyk" nor a URL`)
	}
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, patience)
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["datestyle"] = "ISO"
	config.RuntimeParams["default_transaction_read_only"] = "on"
	config.RuntimeParams["work_mem"] = "64MB" // sorts fewer times on disk
	place := fmt.Sprintf("PostgreSQL %s, database %s", config.Host, config.Database)
	if path := config.RuntimeParams["search_path"]; path != "" {
		place += ", schema " + path
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", place, err)
	}
	return &postgres{conn: conn, place: place}, nil
}

func (p *postgres) Describe() string { return p.place }

func (p *postgres) Close() error { return p.conn.Close(context.Background()) }

func (p *postgres) Tables(ctx context.Context) ([]rows.Table, error) {
	found, err := p.conn.Query(ctx, `
		select c.relname, a.attname, format_type(a.atttypid, null)
		from pg_class c join pg_attribute a on a.attrelid = c.oid
		where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition and pg_table_is_visible(c.oid) and c.relnamespace <> 'pg_catalog'::regnamespace
			and c.relname not like 'otelcol_tyk%' and a.attnum > 0 and not a.attisdropped
		order by c.relname, a.attnum`)
	if err != nil {
		return nil, fmt.Errorf("%s: list tables: %w", p.place, err)
	}
	list, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (definition, error) {
		var d definition
		err := row.Scan(&d.relation, &d.column, &d.kind)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: list tables: %w", p.place, err)
	}
	return assemble(list), nil
}

// Scan reads values in their text form, which costs no conversion here.
func (p *postgres) Scan(ctx context.Context, scan rows.Scan, visit func([]rows.Value) error) error {
	statement, args, err := postgresDialect.statement(scan)
	if err != nil {
		return err
	}
	found, err := p.conn.Query(ctx, statement, append([]any{pgx.QueryExecModeExec, pgx.QueryResultFormats{pgx.TextFormatCode}}, args...)...)
	if err != nil {
		return fmt.Errorf("%s: read %s: %w", p.place, scan.Table.Name, err)
	}
	defer found.Close()
	r := newReader(scan.Columns)
	for found.Next() {
		if err := visit(r.read(found.RawValues()[:len(scan.Columns)])); err != nil {
			return err
		}
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("%s: read %s: %w", p.place, scan.Table.Name, err)
	}
	return nil
}

// Count counts the rows.
func (p *postgres) Count(ctx context.Context, table *rows.Table) (n int64, err error) {
	if err := p.conn.QueryRow(ctx, postgresDialect.count(table)).Scan(&n); err != nil {
		return 0, fmt.Errorf("%s: count %s: %w", p.place, table.Name, err)
	}
	return n, nil
}
