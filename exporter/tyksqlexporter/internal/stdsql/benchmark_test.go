package stdsql

import (
	"context"
	"database/sql/driver"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
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

// BenchmarkInsert is all that the exporter does for a record before the driver:
// identity, pdata to record, record to values.
func BenchmarkInsert(b *testing.B) {
	of := layout.Shard{Table: requests[0]}
	table := NewTable(of, plain, nil)
	table.Time = func(b []byte, day *layout.DayText, at time.Time, _ int) []byte { return day.Append(b, at) }
	logs := sinktest.Samples("segment", 0, 5000-1)
	b.ReportAllocs()
	for b.Loop() {
		batch := push.NewBatch(logs, requests...)
		p := &batch.Parts[0]
		w, err := newInserter(nowhere{}, table, &Dialect{Rows: 64})
		require.NoError(b, err)
		_, err = w.records(b.Context(), engine.Portion{Shard: of, Part: p, List: p.Pending()})
		require.NoError(b, err)
		require.NoError(b, w.close())
		batch.Ledger()
		batch.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5000, "ns/record")
}

// requests is the default: one table.
var requests = []layout.Table{{Layout: layout.RequestLayout, Name: "tyk_analytics"}}

// plain quotes nothing.
var plain = &Dialect{Quote: func(name string) string { return name }}
