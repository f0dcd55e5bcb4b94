package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// stored makes a store with these records.
func stored(t *testing.T, records []analytics.Record) *store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "store?%20.db")
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f").Replace(file))
	require.NoError(t, err)
	require.NoError(t, createTable(t.Context(), db))
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	for i := range records {
		require.NoError(t, insertRecord(tx, &records[i]))
	}
	require.NoError(t, tx.Commit())
	require.NoError(t, db.Close())
	s, err := openStore(file, true)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.close()) })
	return s
}

// known is traffic of which the summary can be worked out by hand: a hundred
// requests of 1 to 100 ms to one API, of which every tenth fails, and three
// requests to another.
func known() []analytics.Record {
	start := time.Date(2026, 8, 20, 10, 0, 0, 0, time.UTC)
	var records []analytics.Record
	for i := range 100 {
		r := analytics.Record{
			Method: "GET", Path: "/orders", ResponseCode: 200, APIKey: "k1", Alias: "shop", APIName: "Orders", APIID: "o",
			OrgID: "acme", RequestTime: int64(i + 1), TimeStamp: start.Add(time.Duration(i) * time.Second),
		}
		if i%10 == 9 {
			r.ResponseCode = 404
		}
		records = append(records, r)
	}
	for i, status := range []int64{201, 503, 404} {
		records = append(records, analytics.Record{
			Method: "POST", Path: "/pay\x1b[31m", ResponseCode: status, APIKey: "k2", APIName: "Payments", APIID: "p",
			OrgID: "globex", RequestTime: 1000 * int64(i+1), TimeStamp: start.Add(2 * time.Minute),
		})
	}
	return records
}

func TestSummaryOfKnownTraffic(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(filepath.Join("testdata", "summary.txt"))
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, stored(t, known()).summarise(t.Context(), &out))
	assert.Equal(t, string(want), out.String())
}

func TestSummaryOfNothing(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, stored(t, nil).summarise(t.Context(), &out))
	assert.Contains(t, out.String(), "0 requests to 0 APIs")
	assert.Equal(t, 4, strings.Count(out.String(), "  none\n"))
}

func TestStoreThatIsNotThereYetIsEmpty(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "later.db")
	s, err := openStore(file, false)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.close()) }()
	n, err := s.records(t.Context())
	require.NoError(t, err)
	assert.Zero(t, n)

	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), `CREATE TABLE something_else (x)`)
	require.NoError(t, err)
	n, err = s.records(t.Context())
	require.NoError(t, err)
	assert.Zero(t, n, "the file is there before the table")

	require.NoError(t, createTable(t.Context(), db))
	_, err = db.ExecContext(t.Context(), `INSERT INTO tyk_analytics DEFAULT VALUES`)
	require.NoError(t, err)
	n, err = s.records(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 1, n)
}

func TestNumbersAreGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -12: "-12", 1234567: "1,234,567", 100000: "100,000"} {
		assert.Equal(t, want, group(n))
	}
}

func TestLongCellsAreCut(t *testing.T) {
	t.Parallel()
	tab := newTable([]string{"path"})
	tab.add([]cell{{text: strings.Repeat("ü", 60)}})
	assert.Equal(t, "  path\n  "+strings.Repeat("ü", 45)+"...\n", tab.String())
}
