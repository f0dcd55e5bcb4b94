package tyksqlexporter

import (
	"context"
	"database/sql"
	"flag"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	_ "modernc.org/sqlite"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// More tests run at once than there are processors, since they mostly wait for servers, and
// properties are checked less often, since each check writes to one. Both can be set to
// something else as always.
func init() {
	testing.Init()
	for name, value := range map[string]string{"test.parallel": "8", "rapid.checks": "40"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}

// target is an empty database for one test: the exporter's configuration for it,
// and a connection of the test's own.
type target struct {
	config *Config
	db     *sql.DB
}

// requests is the default: one table.
var requests = createDefaultConfig().(*Config).enabledTables()

// newTarget makes an empty database of a driver.
type newTarget func(t testing.TB) target

func postgresTarget(server *peers.Postgres) newTarget {
	return func(t testing.TB) target {
		return openTarget(t, driverPostgres, "pgx", server.FreshDatabase(t))
	}
}

// mysqlTarget gives the test a connection that reads SQL as the others do.
func mysqlTarget(server *peers.MariaDB) newTarget {
	return func(t testing.TB) target {
		datasource := server.FreshDatabase(t)
		config, err := mysql.ParseDSN(datasource)
		require.NoError(t, err)
		config.Params = map[string]string{"sql_mode": "'ANSI'"}
		d := openTarget(t, driverMySQL, "mysql", config.FormatDSN())
		d.config.Datasource = configopaque.String(datasource)
		return d
	}
}

func sqliteTarget(t testing.TB) target {
	return openTarget(t, driverSQLite, "sqlite", filepath.Join(t.TempDir(), "tyk.db"))
}

func openTarget(t testing.TB, driver, sqlDriver, datasource string) target {
	t.Helper()
	db, err := sql.Open(sqlDriver, datasource)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	if driver == driverSQLite {
		_, err := db.Exec("pragma busy_timeout = 10000")
		require.NoError(t, err)
		db.SetMaxOpenConns(1)
	}
	return target{config: testConfig(driver, datasource), db: db}
}

// testConfig is the default one without retries, so that a push is one attempt
// unless the test turns on retries.
func testConfig(driver, datasource string) *Config {
	config := createDefaultConfig().(*Config)
	config.Driver = driver
	config.Datasource = configopaque.String(datasource)
	config.Retry.Enabled = false
	config.Timeout.Timeout = 5 * time.Minute // which only what hangs meets
	return config
}

// exec runs a statement that must not fail.
func (d target) exec(t testing.TB, statement string) {
	t.Helper()
	_, err := d.db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

// number reads one number.
func (d target) number(t testing.TB, query string) int64 {
	t.Helper()
	var n int64
	require.NoError(t, d.db.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

// texts reads one column of texts.
func (d target) texts(t testing.TB, query string) []string {
	t.Helper()
	rows, err := d.db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var texts []string
	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		texts = append(texts, text)
	}
	require.NoError(t, rows.Err())
	return texts
}

// rows is the number of records stored.
func (d target) rows(t testing.TB) int64 {
	t.Helper()
	return d.number(t, "select count(*) from tyk_analytics")
}

// ofDriver chooses what a test needs for the target's driver.
func ofDriver[T any](d target, postgres, mysql, sqlite T) T {
	switch d.config.Driver {
	case driverPostgres:
		return postgres
	case driverMySQL:
		return mysql
	}
	return sqlite
}

// start makes an exporter and ends it with the test.
func (d target) start(t testing.TB) exporter.Logs {
	t.Helper()
	return startExporter(t, d.config, exportertest.NewNopSettings(metadata.Type), componenttest.NewNopHost())
}

func startExporter(t testing.TB, config *Config, set exporter.Settings, host component.Host) exporter.Logs {
	t.Helper()
	require.NoError(t, config.Validate())
	e, err := NewFactory().CreateLogs(t.Context(), set, config)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), host))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e
}

// statusHost remembers the statuses that a component reports.
type statusHost struct {
	component.Host
	mu     sync.Mutex // guards events
	events []*componentstatus.Event
}

func newStatusHost() *statusHost { return &statusHost{Host: componenttest.NewNopHost()} }

func (h *statusHost) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

func (h *statusHost) statuses() []componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	var statuses []componentstatus.Status
	for _, event := range h.events {
		statuses = append(statuses, event.Status())
	}
	return statuses
}

// picked keeps the records of a push whose place satisfies keep.
func picked(logs plog.Logs, keep func(place int) bool) plog.Logs {
	place := -1
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().RemoveIf(func(plog.LogRecord) bool {
		place++
		return !keep(place)
	})
	return logs
}

// newTestExporter makes an exporter without the helper around it.
func newTestExporter(t testing.TB, config *Config) *sqlExporter {
	t.Helper()
	e, err := newSQLExporter(config, exportertest.NewNopSettings(metadata.Type))
	require.NoError(t, err)
	return e
}

// goldenLines reads the lines of a gzipped file of testdata.
func goldenLines(t testing.TB, name string) []string {
	t.Helper()
	return strings.Split(strings.TrimSuffix(string(sinktest.Unzip(t, "testdata", "golden", name)), "\n"), "\n")
}
