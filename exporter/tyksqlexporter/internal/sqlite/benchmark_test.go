package sqlite

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// BenchmarkSQLiteInsert is the same for SQLite, and what its driver does with values.
func BenchmarkSQLiteInsert(b *testing.B) {
	of := layout.Shard{Table: requests[0]}
	table, create := catalog{}.Table(of.Relation(), of)
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	db.SetMaxOpenConns(1)
	for _, statement := range create {
		_, err := db.Exec(statement)
		require.NoError(b, err)
	}
	conn, err := db.Conn(b.Context())
	require.NoError(b, err)
	defer func() { require.NoError(b, conn.Close()) }()
	session := stdsql.Session{Conn: conn, Dialect: dialect, Table: func(layout.Shard) (*stdsql.Table, error) { return table, nil }}
	logs := sinktest.Samples("segment", 0, 5000-1)
	b.ReportAllocs()
	for b.Loop() {
		batch := push.NewBatch(logs, requests...)
		p := &batch.Parts[0]
		_, err := conn.ExecContext(b.Context(), "begin")
		require.NoError(b, err)
		_, err = session.Send(b.Context(), engine.Portion{Shard: of, Part: p, List: p.Pending()})
		require.NoError(b, err)
		_, err = conn.ExecContext(b.Context(), "rollback")
		require.NoError(b, err)
		batch.Ledger()
		batch.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5000, "ns/record")
}

// requests is the default: one table.
var requests = []layout.Table{{Layout: layout.RequestLayout, Name: "tyk_analytics"}}
