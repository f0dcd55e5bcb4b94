package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

// sqliteDialect reads a file, beside its writer.
type sqliteDialect struct{}

// open makes two connections at most: what reads keeps the log of writes from being taken up.
func (sqliteDialect) open(c *Config) (*sql.DB, string, []string, error) {
	source := string(c.Datasource)
	uri, err := datasource.SQLite(source, url.Values{"mode": {"ro"}, "_txlock": nil, "_pragma": {"query_only(1)", "busy_timeout(2000)"}})
	if err != nil {
		return nil, "", nil, err
	}
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return nil, "", nil, err
	}
	const readers = 2
	db.SetMaxOpenConns(min(c.MaxQueries, readers))
	db.SetMaxIdleConns(readers)
	db.SetConnMaxIdleTime(time.Minute)
	return db, filepath.Clean(datasource.FileOf(source)), nil, nil
}

func (sqliteDialect) begin(time.Duration) []string { return []string{"begin"} }

func (sqliteDialect) quote(name string) string { return datasource.QuoteSQLite(name) }

func (sqliteDialect) packs() bool { return true }

func (sqliteDialect) sets() bool { return false }

func (sqliteDialect) locates() bool { return true }

func (sqliteDialect) among(st *statement, column string, numbers []int64) {
	st.add(" and " + column + " in (" + joined(numbers) + ")")
}

func (sqliteDialect) join(text string) string { return "group_concat(" + text + ", '')" }

func (sqliteDialect) numbered() bool { return false }

// bind has no zeros at its end and no zone, so that it sorts before all texts of its instant,
// however many digits those have.
func (sqliteDialect) bind(t time.Time) any { return t.UTC().Format("2006-01-02 15:04:05.999999") }

// instant has the driver give the text that is stored: it would make a time of a column that is declared as one.
func (sqliteDialect) instant(column string) string { return "cast(" + column + " as text)" }

func (sqliteDialect) exact(column string) string { return column }

func (sqliteDialect) size(column string) string { return "octet_length(" + column + ")" }

func (sqliteDialect) version(ctx context.Context, s *session) (string, error) {
	var v string
	err := s.row(ctx, newStatement("select sqlite_version()"), &v)
	return "SQLite " + v, err
}

func (sqliteDialect) catalogue(ctx context.Context, s *session, names []string, prefix string) (catalogue, error) {
	found := catalogue{}
	st := newStatement("select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c where m.type in ('table', 'view') and (1 = 0")
	matching(st, "m.name", names, prefix)
	err := s.rows(ctx, st.add(")"), func(rows *sql.Rows) error {
		var name, column string
		err := rows.Scan(&name, &column)
		found.table(name).columns[strings.ToLower(column)] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	for name, t := range found {
		indexes := map[string]int{}
		err := s.rows(ctx, newStatement("select l.name, i.name from pragma_index_list(?) l, pragma_index_info(l.name) i where not l.partial order by l.name, i.seqno", name), func(rows *sql.Rows) error {
			var index, column string
			if err := rows.Scan(&index, text{&column}); err != nil {
				return err
			}
			addIndexed(t, indexes, index, column)
			return nil
		})
		if err != nil {
			return nil, err
		}
		// Views, and tables without row numbers, have no greatest one.
		if err := s.row(ctx, newStatement("select coalesce(max(rowid), 0) from "+sqliteDialect{}.quote(name)), &t.rows); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			t.rows = -1
		}
	}
	return found, nil
}

// matching adds that a name is one of some, or that of a day's table.
func matching(st *statement, column string, names []string, prefix string) {
	for _, n := range names {
		st.add(" or "+column+" = ?", n)
	}
	if prefix != "" {
		st.add(" or "+column+" like ? escape '!'", escapeLike(prefix)+"!_________")
	}
}

// addIndexed adds a column to an index of a table.
func addIndexed(t *table, places map[string]int, index, column string) {
	at, ok := places[index]
	if !ok {
		at = len(t.indexes)
		places[index] = at
		t.indexes = append(t.indexes, nil)
	}
	t.indexes[at] = append(t.indexes[at], strings.ToLower(column))
}

// smallFile is the size up to which each page of a file is counted for its table.
const smallFile = 1_000_000_000

func (d sqliteDialect) sizes(ctx context.Context, s *session, names []string) (map[string]query.TableSize, error) {
	sizes := map[string]query.TableSize{}
	var pages, page int64
	if err := s.row(ctx, newStatement("select page_count, page_size from pragma_page_count(), pragma_page_size()"), &pages, &page); err != nil {
		return nil, err
	}
	for _, name := range names {
		size := query.TableSize{Name: name, Rows: -1, Bytes: -1, PerDay: -1}
		_ = s.row(ctx, newStatement("select coalesce(max(rowid), 0) from "+d.quote(name)), &size.Rows) // -1 where that is not known
		if pages*page < smallFile {
			st := newStatement("select coalesce(sum(pgsize), 0) from dbstat where aggregate = true and name in (select name from sqlite_master where tbl_name = ?)", name)
			_ = s.row(ctx, st, &size.Bytes) // as above: not every build of SQLite has it
		}
		sizes[name] = size
	}
	return sizes, nil
}

func (sqliteDialect) classify(err error) query.Code {
	var sqliteErr *sqlite.Error
	if !errors.As(err, &sqliteErr) {
		if errors.Is(err, os.ErrNotExist) {
			return query.Away
		}
		return ""
	}
	switch sqliteErr.Code() & 0xff {
	case sqlite3.SQLITE_INTERRUPT:
		return query.Timeout
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT:
		return query.Away
	}
	if message := sqliteErr.Error(); strings.Contains(message, "no such table") || strings.Contains(message, "no such column") {
		return query.Missing
	}
	return ""
}

func (d sqliteDialect) index(name, on string, columns []string) string {
	return createIndex(d, name, on, columns)
}

func createIndex(d dialect, name, on string, columns []string) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = d.quote(c)
	}
	return "create index " + d.quote(name) + " on " + d.quote(on) + " (" + strings.Join(quoted, ", ") + ")"
}

// escapeLike makes a text stand for itself in a pattern of like with escape '!'.
func escapeLike(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}
