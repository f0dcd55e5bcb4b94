package sqlstore

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// database is an empty one for one test.
type database struct{ driver, datasource string }

// databases make empty databases of each kind.
var databases map[string]func(testing.TB) database

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	ctx := context.Background()
	postgres, err := peers.NewPostgres(ctx)
	if err != nil {
		panic(err)
	}
	defer postgres.Close()
	mariadb, err := peers.NewMariaDB(ctx)
	if err != nil {
		panic(err)
	}
	defer mariadb.Close()
	databases = map[string]func(testing.TB) database{
		postgresDriver: func(tb testing.TB) database { return database{postgresDriver, postgres.FreshDatabase(tb)} },
		mysqlDriver:    func(tb testing.TB) database { return database{mysqlDriver, mariadb.FreshDatabase(tb)} },
		sqliteDriver:   func(tb testing.TB) database { return database{sqliteDriver, filepath.Join(tb.TempDir(), "tyk.db")} },
	}
	return m.Run()
}

// onEach runs a test on each kind of database.
func onEach(t *testing.T, do func(*testing.T, database)) {
	t.Helper()
	for name, fresh := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do(t, fresh(t))
		})
	}
}

// contents says what a test's database holds.
type contents struct {
	records  []analytics.Record
	rollups  bool
	minutes  int // of a bucket; 60 where it is 0
	sharded  bool
	plain    bool // without indexes
	covering bool // with those that cover what pages ask, too
	mcp      bool // with the table of MCP requests
}

// fill stores records by the exporter.
func (d database) fill(tb testing.TB, c contents) {
	tb.Helper()
	e := d.exporter(tb, c)
	const chunk = 500
	a := sinktest.Aggregator(tb.(*testing.T), func(s *rollup.Settings) {
		s.TrackAllPaths, s.Latencies = true, true
		if c.minutes > 0 {
			s.Minutes = c.minutes
		}
	})
	for i, records := 0, c.records; len(records) > 0; i++ {
		n := min(len(records), chunk)
		logs := sinktest.Push("seg-"+string(rune('a'+i%26))+string(rune('a'+i/26)), 0, slices.Clone(records[:n])...)
		require.NoError(tb, e.ConsumeLogs(tb.Context(), logs))
		if c.rollups {
			groups, _ := a.Aggregate(logs, nil)
			rolled := plog.NewLogs()
			rollup.AppendLogs(rolled, "test", groups)
			require.NoError(tb, e.ConsumeLogs(tb.Context(), rolled))
		}
		records = records[n:]
	}
}

func (d database) exporter(tb testing.TB, c contents) exporter.Logs {
	tb.Helper()
	factory := tyksqlexporter.NewFactory()
	config := factory.CreateDefaultConfig().(*tyksqlexporter.Config)
	config.Driver, config.Datasource = d.driver, configopaque.String(d.datasource)
	config.Indexes, config.TableSharding = !c.sharded && !c.plain, c.sharded
	config.Retry.Enabled = false
	config.Tables.MCP.Enabled = c.mcp
	if c.rollups {
		config.Tables.Aggregated.Enabled, config.Tables.GraphAggregated.Enabled = true, true
		config.Tables.MCPAggregated.Enabled, config.Tables.Latency.Enabled = true, true
	}
	require.NoError(tb, config.Validate())
	e, err := factory.CreateLogs(tb.Context(), exportertest.NewNopSettings(factory.Type()), config)
	require.NoError(tb, err)
	require.NoError(tb, e.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { require.NoError(tb, e.Shutdown(context.Background())) })
	return e
}

// open opens the store that reads it, at a time.
func (d database) open(tb testing.TB, c contents, now time.Time, change func(*Config)) *Store {
	tb.Helper()
	config := Config{Driver: d.driver, Datasource: configopaque.String(d.datasource), Sharded: c.sharded, Limits: DefaultLimits()}
	config.Tables.Requests = "tyk_analytics"
	if c.rollups {
		config.Tables = Tables{"tyk_analytics", "tyk_aggregated", "tyk_graph_aggregated", "tyk_mcp_aggregated", "otelcol_tyk_latency", ""}
	}
	if c.mcp {
		config.Tables.MCP = "tyk_analytics_mcp"
	}
	config.StatementTimeout = 30 * time.Second
	if change != nil {
		change(&config)
	}
	s, err := Open(config)
	require.NoError(tb, err)
	s.now = func() time.Time { return now }
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// golden are records of a real gateway, of one day, without those of TCP APIs and of MCP, which have tables of their own.
func golden(t testing.TB) []analytics.Record {
	t.Helper()
	all := sinktest.GoldenRecords(t)
	return slices.DeleteFunc(all, func(r analytics.Record) bool {
		return r.MCP.IsMCP || r.OrgID == "" || r.TimeStamp.Year() < 2020
	})
}

// bounds are the whole days around records.
func bounds(records []analytics.Record) (from, to time.Time) {
	for i := range records {
		at := records[i].TimeStamp
		if from.IsZero() || at.Before(from) {
			from = at
		}
		if at.After(to) {
			to = at
		}
	}
	const day = 24 * time.Hour
	return from.UTC().Truncate(day), to.UTC().Truncate(day).Add(day)
}

// counted counts records in Go, as the figures of a scope must be.
func counted(records []analytics.Record, keep func(*analytics.Record) bool) query.Counts {
	var sum query.Counts
	for i := range records {
		r := &records[i]
		if r.ResponseCode == -1 || keep != nil && !keep(r) {
			continue
		}
		c := query.Counts{Requests: 1, LatencySum: r.Latency.Total, UpstreamSum: r.Latency.Upstream, MaxLatency: r.Latency.Total}
		switch {
		case r.ResponseCode >= 500:
			c.ServerErrors = 1
		case r.ResponseCode >= 400:
			c.ClientErrors = 1
		case r.ResponseCode >= 200 && r.ResponseCode < 300:
			c.Success = 1
		default:
			c.Other = 1
		}
		sum.Add(c)
	}
	return sum
}
