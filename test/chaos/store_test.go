//go:build e2e || chaos

package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// tally is what a store holds.
type tally struct {
	times   map[int]int    // rows by the record's number, which is its alias
	others  map[string]int // rows by an alias that is no number
	sums    sums           // of the rows whose alias is a number, nil where the store has none
	rollups []counted
	faults  []string // what does not fit together in the store itself
}

// counted are the rollups of a table, or of collections.
type counted struct {
	in string // which
	rollups
}

// sums are over records of an API with the same response code.
type sums map[sumsOf]sum

type sumsOf struct {
	api          string
	responseCode int64
}

type sum struct{ records, requestTime, contentLength int64 }

// add counts one record, or several with what they add up to.
func (s sums) add(of sumsOf, more sum) {
	total := s[of]
	s[of] = sum{total.records + more.records, total.requestTime + more.requestTime, total.contentLength + more.contentLength}
}

// What a tally is made of, in either kind of store.
const (
	countQuery = "select count(*) from " + table
	aliasQuery = "select alias from " + table
	sumsQuery  = "select apiid, responsecode, count(*), cast(sum(requesttime) as bigint), cast(sum(contentlength) as bigint) from " +
		table + " where alias not like '% of %' group by apiid, responsecode"
)

// rollups are what rollups count. Every record is in them, also one that the table of
// records refuses.
type rollups map[rollupOf]rollup

// rollupOf is an API of an organisation in a bucket, or the organisation's total.
type rollupOf struct {
	graph    bool
	org, api string // no API is the total
	bucket   int64  // when it begins, in s
}

type rollup struct{ hits, requestTime int64 }

func (r rollups) add(of rollupOf, more rollup) {
	total := r[of]
	r[of] = rollup{total.hits + more.hits, total.requestTime + more.requestTime}
}

// as gives the rollups as a store has them.
func (r rollups) as(s store) rollups {
	seen := rollups{}
	for of, n := range r {
		if of, ok := s.counts(of); ok {
			seen.add(of, n)
		}
	}
	return seen
}

// hits are those of all totals.
func (r rollups) hits() int64 {
	var n int64
	for of, counted := range r {
		if of.api == "" {
			n += counted.hits
		}
	}
	return n
}

// Per organisation and bucket, the totals must be those of the APIs.
const (
	rollupFields = "org_id, dimension, dimension_value, timestamp, counter_hits, counter_total_request_time"
	rollupTables = "(select 0 as graph, " + rollupFields + " from tyk_aggregated union all " +
		"select 1, " + rollupFields + " from tyk_graph_aggregated) as counted"
	rollupsQuery = "select graph, org_id, case when dimension = '' then '' else dimension_value end, cast(timestamp as bigint), " +
		"cast(sum(counter_hits) as bigint), cast(sum(counter_total_request_time) as bigint) from " + rollupTables +
		" where dimension in ('', 'apiid') group by 1, 2, 3, 4"
)

// hourly gives what SQL's rollups count something as: their buckets have an hour.
func hourly(of rollupOf) (rollupOf, bool) {
	const hour = 60 * 60
	of.bucket -= of.bucket % hour
	return of, true
}

func newTally() *tally { return &tally{times: map[int]int{}, others: map[string]int{}, sums: sums{}} }

// add counts a row, and tells whether its alias is a number.
func (t *tally) add(alias string) bool {
	n, err := strconv.Atoi(alias)
	if err != nil {
		t.others[alias]++
		return false
	}
	t.times[n]++
	return true
}

// store is where a group's records go.
type store interface {
	// product is what it is, for reports.
	product() string
	// exporter is its configuration; way gives the address at which a server at
	// another one is reached.
	exporter(way func(addr string) (string, error)) (destination, error)
	// refuses is whether a kind of poison becomes a dead letter, and holds whether it
	// is stored, in a part of the store at least.
	refuses(kind poison) bool
	holds(kind poison) bool
	// counts gives what the store's rollups count something as, if they do.
	counts(of rollupOf) (rollupOf, bool)
	tally(ctx context.Context) (*tally, error)
	// count is the number of rows.
	count(ctx context.Context) (int64, error)
	// block keeps everybody from writing until unblock is called.
	block(ctx context.Context) (unblock func(), err error)
	// explain tells what the store knows about the rows of a record.
	explain(ctx context.Context, record int) string
}

// destination is where the pipelines of a group end.
type destination struct {
	component string // the exporter's type
	config    object
	aggregate object // the settings of the processor of rollups, nil without
	document  object // those of documents in the filter, nil without
}

// exporter gives up an attempt soon, because a server that is frozen does not answer.
func exporter(driver, datasource string) object {
	return object{
		"driver": driver, "datasource": datasource, "timeout": "5s",
		"retry_on_failure": object{"initial_interval": "100ms", "max_interval": "1s"},
	}
}

// tables is an SQL database for records and their rollups.
func tables(driver, datasource string) destination {
	config := exporter(driver, datasource)
	config["tables"] = object{"aggregated": object{"enabled": true}, "graph_aggregated": object{"enabled": true}}
	// The distribution sets it where no other pipeline has the records. Here it is true of some groups, beside
	// pipelines of records, for which each then costs a copy.
	return destination{component: "tyksql", config: config, aggregate: object{"release_records": driver != "sqlite"}}
}

func (p *database) product() string { return "PostgreSQL" }

func (p *database) exporter(way func(addr string) (string, error)) (destination, error) {
	at, err := way(p.postgres.Addr())
	return tables("postgres", strings.Replace(p.dsn, p.postgres.Addr(), at, 1)), err
}

func (p *database) refuses(kind poison) bool { return kind == unholdable || kind == forbidden }

func (p *database) holds(kind poison) bool { return !p.refuses(kind) }

func (p *database) counts(of rollupOf) (rollupOf, bool) { return hourly(of) }

func (p *database) tally(ctx context.Context) (*tally, error) {
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	t := newTally()
	rows, err := conn.Query(ctx, aliasQuery)
	if err != nil {
		return nil, err
	}
	var alias string
	if _, err := pgx.ForEachRow(rows, []any{&alias}, func() error { t.add(alias); return nil }); err != nil {
		return nil, err
	}
	if rows, err = conn.Query(ctx, sumsQuery); err != nil {
		return nil, err
	}
	var of sumsOf
	var total sum
	_, err = pgx.ForEachRow(rows, []any{&of.api, &of.responseCode, &total.records, &total.requestTime, &total.contentLength},
		func() error { t.sums.add(of, total); return nil })
	if err != nil {
		return t, err
	}
	if rows, err = conn.Query(ctx, rollupsQuery); err != nil {
		return nil, err
	}
	found := newRollupRow()
	_, err = pgx.ForEachRow(rows, found.fields(), found.add)
	t.rollups = found.tables()
	return t, err
}

// rollupRow is a row of rollupsQuery, and all before.
type rollupRow struct {
	graph int64
	of    rollupOf
	rollup
	all rollups
}

func newRollupRow() *rollupRow { return &rollupRow{all: rollups{}} }

func (r *rollupRow) fields() []any {
	return []any{&r.graph, &r.of.org, &r.of.api, &r.of.bucket, &r.hits, &r.requestTime}
}

func (r *rollupRow) add() error {
	r.of.graph = r.graph != 0
	r.all.add(r.of, r.rollup)
	return nil
}

func (r *rollupRow) tables() []counted {
	return []counted{{"tyk_aggregated and tyk_graph_aggregated", r.all}}
}

// explain shows which ledger rows were written in the transactions of the rows.
func (p *database) explain(ctx context.Context, record int) string {
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, `select format('row %s of transaction %s: segment %s, %s to %s, applied %s', t.ctid, t.xmin, l.segment, l.first_index, l.last_index, l.applied_at)
		from `+table+` t left join `+ledger+` l on l.xmin = t.xmin where t.alias = $1 order by 1`, strconv.Itoa(record))
	if err != nil {
		return err.Error()
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return fmt.Sprint(lines, err)
}

// file is an SQLite file.
type file struct{ path string }

func (f *file) product() string { return "SQLite" }

func (f *file) exporter(func(string) (string, error)) (destination, error) {
	return tables("sqlite", f.path), nil
}

func (f *file) refuses(kind poison) bool { return kind == unholdable }

func (f *file) holds(kind poison) bool { return !f.refuses(kind) }

func (f *file) counts(of rollupOf) (rollupOf, bool) { return hourly(of) }

func (f *file) open() (*sql.DB, error) {
	if _, err := os.Stat(f.path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(f.path)+"?_pragma=busy_timeout(10000)")
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

func (f *file) tally(ctx context.Context) (*tally, error) {
	t := newTally()
	db, err := f.open()
	if errors.Is(err, os.ErrNotExist) {
		return t, nil // its collector has not come so far yet
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	err = each(ctx, db, aliasQuery, func(rows *sql.Rows) error {
		var alias string
		err := rows.Scan(&alias)
		t.add(alias)
		return err
	})
	if err != nil {
		return nil, err
	}
	found := newRollupRow()
	err = each(ctx, db, rollupsQuery, func(rows *sql.Rows) error {
		return errors.Join(rows.Scan(found.fields()...), found.add())
	})
	if err != nil {
		return nil, err
	}
	t.rollups = found.tables()
	return t, each(ctx, db, sumsQuery, func(rows *sql.Rows) error {
		var of sumsOf
		var total sum
		err := rows.Scan(&of.api, &of.responseCode, &total.records, &total.requestTime, &total.contentLength)
		t.sums.add(of, total)
		return err
	})
}

// each calls do for each row of a query's result.
func each(ctx context.Context, db *sql.DB, query string, do func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (f *file) explain(ctx context.Context, record int) string {
	db, err := f.open()
	if err != nil {
		return err.Error()
	}
	defer func() { _ = db.Close() }()
	var ids string
	err = db.QueryRowContext(ctx, "select group_concat(rowid) from "+table+" where alias = ?", strconv.Itoa(record)).Scan(&ids)
	return fmt.Sprint("rows ", ids, err)
}

func (f *file) count(ctx context.Context) (int64, error) {
	db, err := f.open()
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	var n int64
	err = db.QueryRowContext(ctx, countQuery).Scan(&n)
	return n, err
}

func (f *file) block(ctx context.Context) (func(), error) {
	db, err := f.open()
	if err != nil {
		return nil, err
	}
	unblock := func() { _ = db.Close() } // which rolls back
	if _, err := db.ExecContext(ctx, "begin immediate"); err != nil {
		unblock()
		return nil, err
	}
	return unblock, nil
}

// lock keeps the collectors from writing to the file for a while, as a backup or
// somebody's shell would.
func (f *file) lock(ctx context.Context, d *dice) error {
	return retry(ctx, "lock "+f.path, func(ctx context.Context) error {
		unblock, err := f.block(ctx)
		if err != nil {
			return err
		}
		time.Sleep(d.between(500*time.Millisecond, 8*time.Second))
		unblock()
		return nil
	})
}
