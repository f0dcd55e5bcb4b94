package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

// mysqlDialect reads MySQL 8 or later and MariaDB 10.3 or later.
type mysqlDialect struct{ clock *time.Location }

func (d *mysqlDialect) open(c *Config) (*sql.DB, string, []string, error) {
	config, err := datasource.MySQL(string(c.Datasource), c.TLS)
	if err != nil {
		return nil, "", nil, err
	}
	d.clock = config.Loc
	if d.clock == nil {
		d.clock = time.UTC
	}
	db, err := datasource.OpenMySQL(config, c.TLS, func(...any) {}, func(exec func(string) error) error { return limit(exec, c.StatementTimeout) })
	if err != nil {
		return nil, "", nil, err
	}
	db.SetMaxOpenConns(c.MaxQueries)
	db.SetMaxIdleConns(c.MaxQueries)
	db.SetConnMaxIdleTime(20 * time.Second) // before the server closes it
	return db, config.Addr + "/" + config.DBName, []string{config.Passwd}, nil
}

// limit bounds a new connection's statements. How long one may take is said in MariaDB's way
// where the server knows that, else in MySQL's.
func limit(exec func(string) error, timeout time.Duration) error {
	const settings = "set session time_zone = '+00:00', sql_mode = '', lock_wait_timeout = 1, wait_timeout = 60, %[1]s_isolation = 'READ-COMMITTED', %[1]s_read_only = 1"
	if exec(fmt.Sprintf(settings, "transaction")) != nil { // servers before MariaDB 11 have older names
		if err := exec(fmt.Sprintf(settings, "tx")); err != nil {
			return err
		}
	}
	if exec(fmt.Sprintf("set session max_statement_time = %f", timeout.Seconds())) == nil {
		return nil
	}
	return exec(fmt.Sprintf("set session max_execution_time = %d", timeout.Milliseconds()))
}

func (*mysqlDialect) begin(time.Duration) []string { return []string{"start transaction read only"} }

func (*mysqlDialect) quote(name string) string { return datasource.QuoteMySQL(name) }

func (*mysqlDialect) packs() bool { return false }

func (*mysqlDialect) sets() bool { return false }

// locates is false: MySQL reads all that lies between faster than it finds one place.
func (*mysqlDialect) locates() bool { return false }

func (*mysqlDialect) among(st *statement, column string, numbers []int64) {
	st.add(" and " + column + " in (" + joined(numbers) + ")")
}

// join cannot: what MySQL joins, it cuts.
func (*mysqlDialect) join(string) string { return "" }

func (*mysqlDialect) numbered() bool { return false }

func (d *mysqlDialect) bind(t time.Time) any {
	return t.In(d.clock).Format("2006-01-02 15:04:05.000000")
}

// instant gives the time by the clock of the server's zone, which is UTC where the datasource does not say.
func (d *mysqlDialect) instant(column string) string {
	_, offset := time.Unix(0, 0).In(d.clock).Zone()
	if offset == 0 {
		return column
	}
	return fmt.Sprintf("date_sub(%s, interval %d second)", column, offset)
}

func (*mysqlDialect) exact(column string) string { return "cast(" + column + " as binary)" }

func (*mysqlDialect) size(column string) string { return "length(" + column + ")" }

func (*mysqlDialect) version(ctx context.Context, s *session) (string, error) {
	var v string
	err := s.row(ctx, newStatement("select version()"), &v)
	number, _, _ := strings.Cut(v, "-")
	if strings.Contains(v, "MariaDB") {
		return "MariaDB " + number, err
	}
	return "MySQL " + number, err
}

func (*mysqlDialect) catalogue(ctx context.Context, s *session, names []string, prefix string) (catalogue, error) {
	found := catalogue{}
	st := newStatement(`select t.table_name, coalesce(t.table_rows, -1), c.column_name from information_schema.tables t
		join information_schema.columns c on c.table_schema = t.table_schema and c.table_name = t.table_name
		where t.table_schema = database() and (1 = 0`)
	matching(st, "t.table_name", names, prefix)
	err := s.rows(ctx, st.add(")"), func(rows *sql.Rows) error {
		var name, column string
		var n int64
		err := rows.Scan(&name, number{&n}, &column)
		t := found.table(name)
		t.columns[strings.ToLower(column)], t.rows = true, n
		return err
	})
	if err != nil {
		return nil, err
	}
	places := map[string]map[string]int{}
	st = newStatement("select table_name, index_name, column_name from information_schema.statistics where table_schema = database() and (1 = 0")
	matching(st, "table_name", names, prefix)
	err = s.rows(ctx, st.add(") order by table_name, index_name, seq_in_index"), func(rows *sql.Rows) error {
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

func (*mysqlDialect) sizes(ctx context.Context, s *session, names []string) (map[string]query.TableSize, error) {
	sizes := map[string]query.TableSize{}
	st := newStatement("select table_name, coalesce(table_rows, -1), coalesce(data_length + index_length, -1) from information_schema.tables where table_schema = database()").in("table_name", names)
	err := s.rows(ctx, st, func(rows *sql.Rows) error {
		size := query.TableSize{PerDay: -1}
		err := rows.Scan(&size.Name, number{&size.Rows}, number{&size.Bytes})
		sizes[size.Name] = size
		return err
	})
	return sizes, err
}

// The numbers of MySQL's and MariaDB's errors.
var mysqlCodes = map[uint16]query.Code{
	3024: query.Timeout, 1969: query.Timeout, 1317: query.Timeout,
	1146: query.Missing, 1054: query.Missing, 1142: query.Missing, 1143: query.Missing, 1370: query.Missing,
	1205: query.Busy,
	1040: query.Away, 1044: query.Away, 1045: query.Away, 1049: query.Away, 1053: query.Away, 1129: query.Away, 1130: query.Away, 1203: query.Away,
}

func (*mysqlDialect) classify(err error) query.Code {
	if mysqlErr, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return mysqlCodes[mysqlErr.Number]
	}
	if errors.Is(err, mysql.ErrInvalidConn) {
		return query.Away
	}
	return ""
}

func (d *mysqlDialect) index(name, on string, columns []string) string {
	const key = 191
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = d.quote(c)
		if mysqlTexts[c] {
			parts[i] += fmt.Sprintf("(%d)", key)
		}
	}
	return "create index " + d.quote(name) + " on " + d.quote(on) + " (" + strings.Join(parts, ", ") + ")"
}

// mysqlTexts are the columns of texts of which an index holds the beginning.
var mysqlTexts = map[string]bool{"orgid": true, "apiid": true, "apikey": true, "dimension": true, "org_id": true, "dimension_value": true, "api_id": true, "oauthid": true}
