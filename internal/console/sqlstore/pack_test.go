package sqlstore

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type packedRow struct {
	n    [2]int64
	text [2]string
}

// What SQLite joins is taken apart as it was, whatever is in the texts.
func TestJoinedRowsComeApart(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "pack.db"))
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), "create table t (place integer primary key, a integer, b integer, c text, d text)")
	require.NoError(t, err)
	s := &Store{dialect: sqliteDialect{}}
	rapid.Check(t, func(r *rapid.T) {
		_, err := db.ExecContext(t.Context(), "delete from t")
		require.NoError(t, err)
		var want []packedRow
		for i := range rapid.IntRange(1, 20).Draw(r, "rows") {
			row := packedRow{text: [2]string{rapid.String().Draw(r, "c"), rapid.StringMatching(`[0-9 ,\x00é]*`).Draw(r, "d")}}
			for j := range row.n {
				row.n[j] = rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(-1<<31, 1<<40)).Draw(r, "n")
			}
			want = append(want, row)
			_, err := db.ExecContext(t.Context(), "insert into t values (?, ?, ?, ?, ?)", i, row.n[0], row.n[1], row.text[0], row.text[1])
			require.NoError(t, err)
		}
		var joined []byte
		require.NoError(t, db.QueryRowContext(t.Context(), "select "+s.pack([]string{"a", "b"}, []string{"c", "d"})+" from (select * from t order by place)").Scan(&joined))
		var got []packedRow
		numbers, texts := make([]int64, 2), make([][]byte, 2)
		require.NoError(t, unpack(joined, numbers, texts, func() {
			got = append(got, packedRow{[2]int64{numbers[0], numbers[1]}, [2]string{string(texts[0]), string(texts[1])}})
		}))
		assert.Equal(t, want, got)
	})
}

// A null counts as nothing, and does not take its row away.
func TestJoinedNullsAreNothing(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	s := &Store{dialect: sqliteDialect{}}
	var joined []byte
	require.NoError(t, db.QueryRowContext(t.Context(), "select "+s.pack([]string{"null", "2.0"}, []string{"null", "'x'"})).Scan(&joined))
	assert.Equal(t, "0 2.0 0 1 x", string(joined))
	numbers, texts, rows := make([]int64, 2), make([][]byte, 2), 0
	require.NoError(t, unpack(joined, numbers, texts, func() {
		rows++
		assert.Equal(t, []int64{0, 2}, numbers)
		assert.Empty(t, texts[0])
		assert.Equal(t, "x", string(texts[1]))
	}))
	assert.Equal(t, 1, rows)
}

// FuzzUnpack holds that nothing that a file may contain makes it fail but with an error.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("1 2 3 abc4 5 0 "))
	f.Add([]byte("1 2 99999999999999999999 x"))
	f.Add([]byte("-2147483648 2 -1 "))
	f.Fuzz(func(t *testing.T, from []byte) {
		taken := 0
		texts := make([][]byte, 1)
		err := unpack(from, make([]int64, 2), texts, func() { taken += len(texts[0]) })
		if err == nil && taken > len(from) {
			t.Fatalf("%q gives %d bytes", from, taken)
		}
	})
}
