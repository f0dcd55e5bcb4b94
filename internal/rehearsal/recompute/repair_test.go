package recompute

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/sqlrows"
)

// bench is two databases: one with rollups that lack something, and one with those made anew.
type bench struct {
	t           *testing.T
	file        string
	db          *sql.DB
	there, anew rows.Store
	repair      *Repair
}

const (
	series, buckets = 5, 6
	definition      = `create table tyk_aggregated (id text primary key, "timestamp" integer, org_id text, dimension text, dimension_value text, counter_hits integer, counter_success integer)`
)

func fill(t *testing.T, db *sql.DB, hits func(series, bucket int) int) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), definition)
	require.NoError(t, err)
	for s := range series {
		for b := range buckets {
			if n := hits(s, b); n > 0 {
				_, err := db.ExecContext(t.Context(), "insert into tyk_aggregated values (?, ?, 'o', 'apiid', ?, ?, ?)", fmt.Sprintf("%d-%d", s, b), 3600*b, strconv.Itoa(s), n, n)
				require.NoError(t, err)
			}
		}
	}
}

func newBench(t *testing.T, hits func(series, bucket int) int) *bench {
	t.Helper()
	b := &bench{t: t, file: filepath.Join(t.TempDir(), "there.db")}
	other := filepath.Join(t.TempDir(), "anew.db")
	open := func(file string, hits func(series, bucket int) int) (*sql.DB, rows.Store, *rows.Table) {
		db, err := sql.Open("sqlite", file+"?_pragma=busy_timeout(10000)")
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		fill(t, db, hits)
		store, err := sqlrows.Open(t.Context(), sqlrows.SQLite, file)
		require.NoError(t, err)
		t.Cleanup(func() { _ = store.Close() })
		tables, err := store.Tables(t.Context())
		require.NoError(t, err)
		require.Len(t, tables, 1)
		return db, store, &tables[0]
	}
	b.repair = &Repair{}
	b.db, b.there, b.repair.ThereTable = open(b.file, hits)
	_, b.anew, b.repair.AnewTable = open(other, func(int, int) int { return 10 })
	b.repair.There, b.repair.Anew = b.there, b.anew
	w, err := sqlrows.NewWriter(sqlrows.SQLite, b.file, b.repair.ThereTable, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Close() })
	b.repair.Writer = w
	return b
}

func (b *bench) hits() (n int) {
	b.t.Helper()
	require.NoError(b.t, b.db.QueryRowContext(b.t.Context(), "select sum(counter_hits) from tyk_aggregated").Scan(&n))
	return n
}

// before does something in front of each bucket.
type before struct {
	Writer
	do func(bucket int64) error
}

func (w before) Bucket(ctx context.Context, changes []rows.Change) error {
	if err := w.do(changes[0].Bucket); err != nil {
		return err
	}
	return w.Writer.Bucket(ctx, changes)
}

func TestARepairThatIsInterruptedGoesOnWithoutCountingTwice(t *testing.T) {
	t.Parallel()
	for at := range int64(buckets) {
		b := newBench(t, func(s, bucket int) int { return (s + bucket) % 3 * 5 }) // nothing, half, or all
		errKilled := errors.New("killed")
		w := b.repair.Writer
		b.repair.Writer = before{w, func(bucket int64) error {
			if bucket == 3600*at {
				return errKilled
			}
			return nil
		}}
		_, err := b.repair.Run(t.Context())
		require.ErrorIs(t, err, errKilled)
		assert.Less(t, b.hits(), 10*series*buckets)
		b.repair.Writer = w
		_, err = b.repair.Run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 10*series*buckets, b.hits())
		done, err := b.repair.Run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, Done{}, done, "there is nothing left to do")
	}
}

func TestBucketsThatOthersWriteAreLeftAsTheyAre(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"a row grows":  `update tyk_aggregated set counter_hits = counter_hits + 1 where id = '1-2'`,
		"a row is new": `insert into tyk_aggregated values ('0-2', 7200, 'o', 'apiid', '0', 3, 3)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(s, _ int) int { return 5 * min(s, 1) }) // series 0 is missing, the others have half
			b.repair.Writer = before{b.repair.Writer, func(bucket int64) error {
				if bucket != 7200 {
					return nil
				}
				_, err := b.db.ExecContext(t.Context(), statement)
				return err
			}}
			done, err := b.repair.Run(t.Context())
			require.NoError(t, err)
			assert.EqualValues(t, 1, done.Busy)
			assert.EqualValues(t, buckets-1, done.Buckets)
			var n int
			require.NoError(t, b.db.QueryRowContext(t.Context(), "select sum(counter_hits) from tyk_aggregated where timestamp = 7200").Scan(&n))
			assert.Less(t, n, 30, "nothing of the bucket is written")
			assert.Equal(t, 10*series*(buckets-1)+n, b.hits())
		})
	}
}

func TestASeriesThatHasMoreIsLeft(t *testing.T) {
	t.Parallel()
	hits := func(s, bucket int) int { // series 0 has in bucket 1 what bucket 0 lacks
		switch {
		case s == 0 && bucket == 0, s == 1 && bucket == 3:
			return 0
		case s == 0 && bucket == 1:
			return 20
		}
		return 10
	}
	b := newBench(t, hits)
	done, err := b.repair.Run(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 1, done.Inserted)
	assert.Positive(t, done.Left)
	assert.Equal(t, 10*series*buckets, b.hits())
	b.repair.Overwrite = true
	_, err = b.repair.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 10*series*buckets, b.hits())
}
