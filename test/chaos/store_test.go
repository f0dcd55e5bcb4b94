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
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// tally is what a store holds.
type tally struct {
	times     map[int]int // rows by the record's number, which is its alias
	strangers []string    // aliases that are no number
	sums      sums        // over all rows
}

// sums are over columns of which every record has another value.
type sums struct{ requestTime, responseCode, contentLength int64 }

// What a tally is made of, in either kind of store.
const (
	aliasQuery = "select alias from " + table
	sumsQuery  = "select coalesce(sum(requesttime), 0), coalesce(sum(responsecode), 0), coalesce(sum(contentlength), 0) from " + table
)

func (t *tally) add(alias string) {
	n, err := strconv.Atoi(alias)
	if err != nil {
		t.strangers = append(t.strangers, alias)
		return
	}
	t.times[n]++
}

// store is where a group's records go.
type store interface {
	// exporter is its configuration.
	exporter() object
	tally(ctx context.Context) (*tally, error)
	// explain tells what the store knows about the rows of a record.
	explain(ctx context.Context, record int) string
}

// exporter gives up an attempt soon, because a server that is frozen does not answer.
func exporter(driver, datasource string) object {
	return object{
		"driver": driver, "datasource": datasource, "timeout": "5s",
		"retry_on_failure": object{"initial_interval": "100ms", "max_interval": "1s"},
	}
}

func (p *database) exporter() object { return exporter("postgres", p.dsn) }

func (p *database) tally(ctx context.Context) (*tally, error) {
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	t := &tally{times: map[int]int{}}
	rows, err := conn.Query(ctx, aliasQuery)
	if err != nil {
		return nil, err
	}
	var alias string
	if _, err := pgx.ForEachRow(rows, []any{&alias}, func() error { t.add(alias); return nil }); err != nil {
		return nil, err
	}
	return t, conn.QueryRow(ctx, sumsQuery).Scan(&t.sums.requestTime, &t.sums.responseCode, &t.sums.contentLength)
}

// explain shows which ledger rows were written in the transactions of the rows.
func (p *database) explain(ctx context.Context, record int) string {
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, `select format('row %s of transaction %s: segment %s, %s to %s, applied %s', t.ctid, t.xmin, l.segment, l.first, l.last, l.applied_at)
		from `+table+` t left join `+ledger+` l on l.xmin = t.xmin where t.alias = $1 order by 1`, strconv.Itoa(record))
	if err != nil {
		return err.Error()
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return fmt.Sprint(lines, err)
}

// file is an SQLite file.
type file struct{ path string }

func (f *file) exporter() object { return exporter("sqlite", f.path) }

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
	t := &tally{times: map[int]int{}}
	db, err := f.open()
	if errors.Is(err, os.ErrNotExist) {
		return t, nil // its collector has not come so far yet
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, aliasQuery)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var alias string
		if err := rows.Scan(&alias); err != nil {
			return nil, err
		}
		t.add(alias)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return t, db.QueryRowContext(ctx, sumsQuery).Scan(&t.sums.requestTime, &t.sums.responseCode, &t.sums.contentLength)
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

// lock keeps the collectors from writing to the file, as a backup or somebody's
// shell would.
func (f *file) lock(ctx context.Context, d *dice) error {
	return retry(ctx, "lock "+f.path, func(ctx context.Context) error {
		db, err := f.open()
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		if _, err := db.ExecContext(ctx, "begin "+oneOf(d, "immediate", "exclusive")); err != nil {
			return err
		}
		time.Sleep(d.between(500*time.Millisecond, 8*time.Second))
		_, err = db.ExecContext(ctx, "rollback")
		return err
	})
}
