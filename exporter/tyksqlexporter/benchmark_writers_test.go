package tyksqlexporter

import (
	"context"
	"errors"
	"database/sql/driver"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nowhere is a connection whose statements take values and do nothing, so that what
// remains is the exporter's own work.
type nowhere struct{}

func (nowhere) PrepareContext(context.Context, string) (driver.Stmt, error) { return nowhere{}, nil }

func (nowhere) ExecContext(context.Context, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}

func (nowhere) Exec([]driver.Value) (driver.Result, error) { return driver.ResultNoRows, nil }

func (nowhere) Query([]driver.Value) (driver.Rows, error) { return nil, driver.ErrSkip }

func (nowhere) NumInput() int { return -1 }

func (nowhere) Close() error { return nil }

// BenchmarkMySQLInsert is all that the exporter does for a record before the driver:
// identity, pdata to record, record to values.
func BenchmarkMySQLInsert(b *testing.B) {
	of := shard{table: requests[0]}
	table := newMySQLTable(of, false)
	logs := samples("segment", 0, benchmarkChunk-1)
	b.ReportAllocs()
	for b.Loop() {
		batch := newBatch(logs, requests...)
		p := &batch.parts[0]
		w, err := newMySQLInsert(nowhere{}, table, portion{shard: of, part: p, list: p.pending()}, time.UTC)
		require.NoError(b, err)
		_, err = w.store(b.Context())
		require.NoError(b, err)
		require.NoError(b, w.close())
		p.applied()
		batch.release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchmarkChunk, "ns/record")
}

// BenchmarkSQLiteInsert is the same for SQLite, and what its driver does with values.
func BenchmarkSQLiteInsert(b *testing.B) {
	table := newSQLiteTable(shard{table: requests[0]}, false)
	d := openTarget(b, driverSQLite, "sqlite", ":memory:")
	for _, statement := range table.create {
		_, err := d.db.Exec(statement)
		require.NoError(b, err)
	}
	conn, err := d.db.Conn(b.Context())
	require.NoError(b, err)
	defer func() { require.NoError(b, conn.Close()) }()
	logs := samples("segment", 0, benchmarkChunk-1)
	b.ReportAllocs()
	for b.Loop() {
		batch := newBatch(logs, requests...)
		p := &batch.parts[0]
		_, err := conn.ExecContext(b.Context(), "begin")
		require.NoError(b, err)
		require.NoError(b, conn.Raw(func(raw any) error {
			w, err := newSQLiteInsert(raw, table, p)
			require.NoError(b, err)
			return errors.Join(w.insert(b.Context(), p.pending()), w.close())
		}))
		_, err = conn.ExecContext(b.Context(), "rollback")
		require.NoError(b, err)
		p.applied()
		batch.release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchmarkChunk, "ns/record")
}
