package mysql

import (
	"context"
	"database/sql/driver"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/sqltest"
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
	of := layout.Shard{Table: requests[0]}
	table := newTable(of, false)
	logs := sqltest.Samples("segment", 0, 5000-1)
	b.ReportAllocs()
	for b.Loop() {
		batch := push.NewBatch(logs, requests...)
		p := &batch.Parts[0]
		w, err := newInserter(nowhere{}, table, engine.Portion{Shard: of, Part: p, List: p.Pending()}, time.UTC)
		require.NoError(b, err)
		_, err = w.store(b.Context())
		require.NoError(b, err)
		require.NoError(b, w.close())
		p.Applied()
		batch.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5000, "ns/record")
}

// requests is the default: one table.
var requests = []layout.Table{{Layout: layout.RequestLayout, Name: "tyk_analytics"}}
