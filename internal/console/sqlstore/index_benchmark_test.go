package sqlstore

import (
	"database/sql"
	"strconv"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// coveringIndexes are those that answer pages without reading the table, by what they are for.
var coveringIndexes = map[string][]string{
	"latency": {
		`drop index if exists "otelcol_tyk_latency_idx_dimension"`,
		`create index idx_bins on otelcol_tyk_latency (dimension, "timestamp", org_id, dimension_value, bin, hits)`,
	},
	"hits": {`create index idx_hits on tyk_aggregated (dimension, "timestamp", org_id, dimension_value, counter_hits, counter_success, counter_error)`},
}

// BenchmarkIndexCost writes the same to two databases in turn, one of which has a covering index, and tells the
// share of the write rate that the index costs.
//
//	CONSOLE_ROWS=200000 go test -run '^$' -bench IndexCost -benchtime 1x ./internal/console/sqlstore
func BenchmarkIndexCost(b *testing.B) {
	rows := benchRows(b)
	for _, driver := range []string{sqliteDriver, postgresDriver} {
		for of, statements := range coveringIndexes {
			b.Run(driver+"/"+of, func(b *testing.B) {
				for b.Loop() {
					without, with := databases[driver](b), databases[driver](b)
					a, c := compareWrites(b, without, with, rows, func() { with.execute(b, statements) })
					b.ReportMetric(float64(rows)/a.Seconds(), "records/s-without")
					b.ReportMetric(float64(rows)/c.Seconds(), "records/s-with")
					b.ReportMetric(100*(1-a.Seconds()/c.Seconds()), "%-slower")
				}
			})
		}
	}
}

// cover makes the indexes that Settings lists.
func (d database) cover(b *testing.B, s *Store) {
	b.Helper()
	storage, err := s.Storage(b.Context())
	require.NoError(b, err)
	require.NotEmpty(b, storage.Missing)
	var statements []string
	for _, m := range storage.Missing {
		statements = append(statements, m.Statement)
	}
	d.execute(b, statements)
}

func (d database) execute(b *testing.B, statements []string) {
	b.Helper()
	name := d.driver
	if name == postgresDriver {
		name = "pgx"
	}
	db, err := sql.Open(name, d.datasource)
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	for _, statement := range statements {
		_, err := db.ExecContext(b.Context(), statement)
		require.NoError(b, err)
	}
}

// compareWrites stores chunks of records and their rollups in two databases, in turn, and gives how long each took.
func compareWrites(b *testing.B, one, other database, rows int, prepare func()) (first, second time.Duration) {
	b.Helper()
	const chunk = 4000
	settings := traffic.DefaultSettings()
	settings.OmitMCP = true
	g, err := traffic.New(settings)
	require.NoError(b, err)
	a, err := rollup.NewAggregator(rollup.Settings{Minutes: 15, Zone: "UTC", TrackAllPaths: true, Latencies: true})
	require.NoError(b, err)
	x, y := one.exporter(b, contents{rollups: true}), other.exporter(b, contents{rollups: true})
	for made, n := 0, 0; made < rows; n++ {
		var took [2]time.Duration
		logs := plog.NewLogs()
		scope := analytics.AppendScope(logs)
		for i := range chunk {
			made++ // a thousand requests a second
			g.Next(benchEnd.Add(time.Duration(made)*time.Millisecond)).ToLog(scope.AppendEmpty(), analytics.UID{Segment: "bench" + strconv.Itoa(n), Index: int64(i)}.String())
		}
		groups, _ := a.Aggregate(logs, nil)
		rolled := plog.NewLogs()
		rollup.AppendLogs(rolled, "bench", groups)
		for i := range 2 {
			e, at := x, 0
			if (i+n)%2 == 1 {
				e, at = y, 1
			}
			began := time.Now()
			require.NoError(b, e.ConsumeLogs(b.Context(), logs))
			require.NoError(b, e.ConsumeLogs(b.Context(), rolled))
			took[at] = time.Since(began)
		}
		if n == 0 {
			prepare()
			continue
		}
		first, second = first+took[0], second+took[1]
	}
	return first, second
}
