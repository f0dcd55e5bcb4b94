package sqlrows

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// postgres is one read-only connection.
type postgres struct {
	conn  *pgx.Conn
	place string
}

var postgresDialect = dialect{
	quote:     func(name string) string { return datasource.QuotePostgres(name) },
	parameter: func(n int) string { return "$" + strconv.Itoa(n) },
	column:    func(c rows.Column) string { return datasource.QuotePostgres(c.Name) },
	instant: func(at time.Time, c rows.Column) any {
		if n, whole := seconds(at, c); whole {
			return n
		}
		return at
	},
}

func openPostgres(ctx context.Context, text string) (rows.Store, error) {
	pool, err := datasource.Postgres(text, "tykctl", false)
	if err != nil {
		return nil, err
	}
	config := pool.ConnConfig
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, patience)
	place := fmt.Sprintf("PostgreSQL %s, database %s", config.Host, config.Database)
	if path := config.RuntimeParams["search_path"]; path != "" {
		place += ", schema " + path
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", place, datasource.LastCauseFirst(err))
	}
	return &postgres{conn: conn, place: place}, nil
}

// reading runs a function in a transaction that only reads. Settings are of the transaction, since a pooler takes none at the start, and
// hands a session's on to others.
func (p *postgres) reading(ctx context.Context, run func(pgx.Tx) error) error {
	tx, err := p.conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()                                          // there is nothing to commit
	const settings = "set local timezone = 'UTC'; set local datestyle = 'ISO'; set local work_mem = '64MB'" // which sorts fewer times on disk
	if _, err := tx.Exec(ctx, settings, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	return run(tx)
}

func (p *postgres) Describe() string { return p.place }

func (p *postgres) Close() error { return p.conn.Close(context.Background()) }

func (p *postgres) Tables(ctx context.Context) ([]rows.Table, error) {
	var list []definition
	err := p.reading(ctx, func(tx pgx.Tx) error {
		found, err := tx.Query(ctx, catalog)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (definition, error) {
			var d definition
			err := row.Scan(&d.relation, &d.column, &d.kind)
			return d, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: list tables: %w", p.place, err)
	}
	return assemble(list), nil
}

// catalog lists the columns of all relations.
const catalog = `
		select c.relname, a.attname, format_type(a.atttypid, null)
		from pg_class c join pg_attribute a on a.attrelid = c.oid
		where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition and pg_table_is_visible(c.oid) and c.relnamespace <> 'pg_catalog'::regnamespace
			and c.relname not like 'otelcol_tyk%' and a.attnum > 0 and not a.attisdropped
		order by c.relname, a.attnum`

// Scan reads values in their text form, which costs no conversion here.
func (p *postgres) Scan(ctx context.Context, scan rows.Scan, visit func([]rows.Value) error) error {
	statement, args, err := postgresDialect.statement(scan)
	if err != nil {
		return err
	}
	r := newReader(scan.Columns)
	var refused error // of who visits, which is not the database's
	err = p.reading(ctx, func(tx pgx.Tx) error {
		found, err := tx.Query(ctx, statement, append([]any{pgx.QueryExecModeExec, pgx.QueryResultFormats{pgx.TextFormatCode}}, args...)...)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			refused = visit(r.read(found.RawValues()[:len(scan.Columns)]))
			if refused != nil {
				return refused
			}
		}
		return found.Err()
	})
	if err != nil && refused == nil {
		return fmt.Errorf("%s: read %s: %w", p.place, scan.Table.Name, err)
	}
	return err
}

// Count counts the rows.
func (p *postgres) Count(ctx context.Context, table *rows.Table) (n int64, err error) {
	err = p.reading(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, postgresDialect.count(table)).Scan(&n) })
	if err != nil {
		return 0, fmt.Errorf("%s: count %s: %w", p.place, table.Name, err)
	}
	return n, nil
}
