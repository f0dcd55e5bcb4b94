package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

// postgresDialect reads PostgreSQL 12 or later, also behind PgBouncer.
type postgresDialect struct{}

func (postgresDialect) open(c *Config) (*sql.DB, string, []string, error) {
	pool, err := datasource.Postgres(string(c.Datasource), "", c.SimpleProtocol)
	if err != nil {
		return nil, "", nil, err
	}
	config := pool.ConnConfig
	config.RuntimeParams["application_name"] = "tykconsole"
	db := sql.OpenDB(datasource.Clear{Connector: stdlib.GetConnector(*config)})
	db.SetMaxOpenConns(c.MaxQueries)
	db.SetMaxIdleConns(c.MaxQueries)
	db.SetConnMaxIdleTime(time.Minute)
	place := net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))) + "/" + config.Database
	return db, place, []string{config.Password}, nil
}

// begin is one round trip: the settings hold for the transaction only. Compiling a statement takes longer than any of
// these takes without.
func (postgresDialect) begin(timeout time.Duration) []string {
	return []string{fmt.Sprintf("begin isolation level read committed read only; set local statement_timeout = %d; "+
		"set local lock_timeout = '250ms'; set local idle_in_transaction_session_timeout = '10s'; "+
		"set local max_parallel_workers_per_gather = 0; set local jit = off; set local work_mem = '16MB'", timeout.Milliseconds())}
}

func (postgresDialect) quote(name string) string { return datasource.QuotePostgres(name) }

func (postgresDialect) packs() bool { return false }

func (postgresDialect) sets() bool { return true }

func (postgresDialect) locates() bool { return true }

// among has one text however many numbers there are, for pg_stat_statements.
func (postgresDialect) among(st *statement, column string, numbers []int64) {
	st.add(" and "+column+" = any(cast(? as bigint[]))", "{"+joined(numbers)+"}")
}

func (postgresDialect) join(text string) string { return "string_agg(" + text + ", '')" }

func (postgresDialect) numbered() bool { return true }

func (postgresDialect) bind(t time.Time) any { return t }

func (postgresDialect) instant(column string) string { return column }

func (postgresDialect) exact(column string) string { return column }

func (postgresDialect) size(column string) string { return "octet_length(" + column + ")" }

func (postgresDialect) version(ctx context.Context, s *session) (string, error) {
	var v string
	err := s.row(ctx, newStatement("select current_setting('server_version')"), &v)
	v, _, _ = strings.Cut(v, " ")
	return "PostgreSQL " + v, err
}

func (postgresDialect) catalogue(ctx context.Context, s *session, names []string, prefix string) (catalogue, error) {
	found := catalogue{}
	st := newStatement(`select c.relname, case when c.relkind not in ('r', 'm') then -1 when c.reltuples < 0 then pg_relation_size(c.oid) / 300 else c.reltuples end::bigint, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
		where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f') and pg_table_is_visible(c.oid) and (1 = 0`)
	matching(st, "c.relname", names, prefix)
	err := s.rows(ctx, st.add(")"), func(rows *sql.Rows) error {
		var name, column string
		var tuples int64
		err := rows.Scan(&name, &tuples, &column)
		t := found.table(name)
		t.columns[strings.ToLower(column)], t.rows = true, tuples
		return err
	})
	if err != nil {
		return nil, err
	}
	places := map[string]map[string]int{}
	st = newStatement(`select c.relname, i.relname, a.attname from pg_index x join pg_class c on c.oid = x.indrelid
		join pg_class i on i.oid = x.indexrelid cross join lateral unnest(x.indkey::int2[]) with ordinality k(attnum, place)
		left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
		where x.indisvalid and x.indpred is null and pg_table_is_visible(c.oid) and (1 = 0`)
	matching(st, "c.relname", names, prefix)
	err = s.rows(ctx, st.add(") order by c.relname, i.relname, k.place"), func(rows *sql.Rows) error {
		var name, index, column string
		if err := rows.Scan(&name, &index, text{&column}); err != nil {
			return err
		}
		if places[name] == nil {
			places[name] = map[string]int{}
		}
		addIndexed(found.table(name), places[name], index, column)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (postgresDialect) sizes(ctx context.Context, s *session, names []string) (map[string]query.TableSize, error) {
	sizes := map[string]query.TableSize{}
	st := newStatement("select relname, reltuples::bigint, pg_total_relation_size(oid) from pg_class where relkind in ('r', 'p', 'm') and pg_table_is_visible(oid)").in("relname", names)
	err := s.rows(ctx, st, func(rows *sql.Rows) error {
		size := query.TableSize{PerDay: -1}
		err := rows.Scan(&size.Name, &size.Rows, &size.Bytes)
		sizes[size.Name] = size
		return err
	})
	return sizes, err
}

func (postgresDialect) classify(err error) query.Code {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case pgErr.Code == "57014":
			return query.Timeout
		case pgErr.Code == "42P01", pgErr.Code == "42703", pgErr.Code == "42501", pgErr.Code == "3F000":
			return query.Missing
		case pgErr.Code == "55P03":
			return query.Busy
		case strings.HasPrefix(pgErr.Code, "08"), strings.HasPrefix(pgErr.Code, "28"), strings.HasPrefix(pgErr.Code, "53"),
			strings.HasPrefix(pgErr.Code, "57"), pgErr.Code == "3D000":
			return query.Away
		}
		return ""
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return query.Away
	}
	return ""
}

func (d postgresDialect) index(name, on string, columns []string) string {
	return strings.Replace(createIndex(d, name, on, columns), "create index", "create index concurrently", 1)
}
