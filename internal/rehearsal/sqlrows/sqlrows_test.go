package sqlrows

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// database is one of each kind, with what Tyk Pump's types are there.
type database struct {
	driver, datasource string
	db                 *sql.DB
	records, rollups   string // definitions
}

func databases(t *testing.T) []database {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.db")
	all := []database{
		{
			driver: Postgres, datasource: peers.StartPostgres(t).FreshDatabase(t),
			records: `(path text, orgid text, responsecode bigint, "timestamp" timestamptz, trackpath boolean, geo_location_latitude numeric, tags text, "expireAt" timestamptz)`,
			rollups: `(id text primary key, counter_hits bigint, counter_request_time numeric, counter_last_time timestamptz, "timestamp" bigint, org_id text, dimension text, dimension_value text)`,
		},
		{
			driver: MySQL, datasource: peers.StartMariaDB(t).FreshDatabase(t),
			records: "(path longtext, orgid longtext, responsecode bigint, `timestamp` datetime(3) null, trackpath boolean, geo_location_latitude double, tags longtext, `expireAt` datetime(3) null)",
			rollups: "(id varchar(191) primary key, counter_hits bigint, counter_request_time double, counter_last_time datetime(3) null, `timestamp` bigint, org_id longtext, dimension longtext, dimension_value longtext)",
		},
		{
			driver: SQLite, datasource: file,
			records: `(path text, orgid text, responsecode integer, "timestamp" datetime, trackpath numeric, geo_location_latitude real, tags text, "expireAt" datetime)`,
			rollups: `(id text primary key, counter_hits integer, counter_request_time real, counter_last_time datetime, "timestamp" integer, org_id text, dimension text, dimension_value text)`,
		},
	}
	for i := range all {
		name := map[string]string{Postgres: "pgx", MySQL: "mysql", SQLite: "sqlite"}[all[i].driver]
		db, err := sql.Open(name, all[i].datasource)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		all[i].db = db
	}
	return all
}

func (d *database) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := d.db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

func read(t *testing.T, s rows.Store, scan rows.Scan) [][]string {
	t.Helper()
	var all [][]string
	require.NoError(t, s.Scan(t.Context(), scan, func(row []rows.Value) error {
		texts := make([]string, len(row))
		for i, v := range row {
			texts[i] = string(v)
			if v == nil {
				texts[i] = "null"
			}
		}
		all = append(all, texts)
		return nil
	}))
	return all
}

// Every database gives the same text for a value.
func TestValuesHaveOneForm(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.driver, func(t *testing.T) {
			// Days have tables of their own, and their rows are one table's in order of time.
			d.exec(t,
				"create table tyk_analytics_20260328 "+d.records, "create table tyk_analytics_20260329 "+d.records, "create table other (a int)", "create table otelcol_tyk_ledger "+d.records,
				`insert into tyk_analytics_20260329 values ('/b', 'o', 404, '2026-03-29 10:00:00.5', true, 1.25, '["x"]', null)`,
				`insert into tyk_analytics_20260328 values ('', 'o', -1, '2026-03-28 10:00:00', false, 100, '[]', '2126-03-28 10:00:00.125')`)
			if d.driver == SQLite {
				d.exec(t, `update tyk_analytics_20260329 set "timestamp" = '2026-03-29 10:00:00.500000+00:00'`,
					`update tyk_analytics_20260328 set "timestamp" = '2026-03-28 10:00:00.000000+00:00', "expireAt" = '2126-03-28 10:00:00.125000+00:00'`)
			}
			s, err := Open(t.Context(), d.driver, d.datasource)
			require.NoError(t, err)
			defer s.Close()
			tables, err := s.Tables(t.Context())
			require.NoError(t, err)
			require.Len(t, tables, 1)
			table := &tables[0]
			assert.Equal(t, "tyk_analytics", table.Name)
			assert.Equal(t, rows.Records, table.Kind)
			assert.Equal(t, []string{"tyk_analytics_20260328", "tyk_analytics_20260329"}, table.Relations)
			n, err := s.Count(t.Context(), table)
			require.NoError(t, err)
			assert.EqualValues(t, 2, n)
			early := []string{"", "o", "-1", "2026-03-28T10:00:00.000000Z", "false", "100", "[]", "2126-03-28T10:00:00.125000Z"}
			late := []string{"/b", "o", "404", "2026-03-29T10:00:00.500000Z", "true", "1.25", `["x"]`, "null"}
			assert.Equal(t, [][]string{early, late}, read(t, s, rows.Scan{Table: table, Columns: table.Columns, Sorted: true}))
			day := time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)
			assert.Equal(t, [][]string{late}, read(t, s, rows.Scan{Table: table, Columns: table.Columns, Window: rows.Window{From: day}}))
			assert.Equal(t, [][]string{early}, read(t, s, rows.Scan{Table: table, Columns: table.Columns, Window: rows.Window{To: day}}))
		})
	}
}

// All rows of a bucket are written, or none.
func TestABucketIsWrittenAsAWhole(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.driver, func(t *testing.T) {
			d.exec(t, "create table tyk_aggregated "+d.rollups)
			s, err := Open(t.Context(), d.driver, d.datasource)
			require.NoError(t, err)
			defer s.Close()
			tables, err := s.Tables(t.Context())
			require.NoError(t, err)
			require.Len(t, tables, 1)
			table := &tables[0]
			w, err := NewWriter(d.driver, d.datasource, table, time.UTC)
			require.NoError(t, err)
			defer w.Close()
			row := func(id, hits string) rows.Change {
				return rows.Change{Bucket: 3600, Columns: table.Columns, Values: []rows.Value{
					rows.Value(id), rows.Value(hits), rows.Value("1.5"), rows.Value("2026-03-28T10:00:00.125000Z"), rows.Value("3600"), rows.Value("o"), rows.Value("apiid"), rows.Value("it's"),
				}}
			}
			require.NoError(t, w.Bucket(t.Context(), []rows.Change{row("a", "1"), row("b", "2")}))
			more := row("a", "5")
			more.ID, more.Hits = rows.Value("a"), rows.Value("1")
			require.NoError(t, w.Bucket(t.Context(), []rows.Change{more}))
			require.ErrorIs(t, w.Bucket(t.Context(), []rows.Change{row("c", "9"), more}), rows.ErrChanged, "it has other hits by now")
			require.ErrorIs(t, w.Bucket(t.Context(), []rows.Change{row("d", "9"), row("a", "9")}), rows.ErrChanged, "it is there by now")
			broken := row("e", "9")
			broken.Columns = append(slices.Clone(broken.Columns[:7]), rows.Column{Name: "nowhere"})
			err = w.Bucket(t.Context(), []rows.Change{broken})
			require.Error(t, err)
			require.NotErrorIs(t, err, rows.ErrChanged)
			want := [][]string{
				{"a", "5", "1.5", "2026-03-28T10:00:00.125000Z", "3600", "o", "apiid", "it's"},
				{"b", "2", "1.5", "2026-03-28T10:00:00.125000Z", "3600", "o", "apiid", "it's"},
			}
			assert.ElementsMatch(t, want, read(t, s, rows.Scan{Table: table, Columns: table.Columns}))
		})
	}
}

func TestFaultsOfAddressesShowNoSecret(t *testing.T) {
	t.Parallel()
	for driver, datasource := range map[string]string{Postgres: "postgres://u:sekrit@host:port/db", MySQL: "u:sekrit@tcp(", SQLite: "nowhere.db", "oracle": "sekrit"} {
		_, err := Open(t.Context(), driver, datasource)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "sekrit")
	}
}
