//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rehearsaltest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/report"
)

// tykctl runs the built command, and gives what it printed and its exit status.
func tykctl(tb testing.TB, env []string, args ...string) (string, int) {
	tb.Helper()
	return startTykctl(tb, env, args...).end(tb)
}

// runningTykctl is one that has been started.
type runningTykctl struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	err  error         // readable once done is closed
	done chan struct{} // closed when it has ended
}

func startTykctl(tb testing.TB, env []string, args ...string) *runningTykctl {
	tb.Helper()
	r := &runningTykctl{done: make(chan struct{})}
	r.cmd = exec.CommandContext(tb.Context(), repository(tb, "bin", "tykctl"), args...) //nolint:gosec // the program under test
	r.cmd.Env = append(r.cmd.Environ(), env...)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, testWriter{tb}
	require.NoError(tb, r.cmd.Start())
	go func() {
		r.err = r.cmd.Wait()
		close(r.done)
	}()
	tb.Cleanup(func() { <-r.done }) // nothing may be logged after the test
	return r
}

// end waits, and gives what it printed and its status.
func (r *runningTykctl) end(tb testing.TB) (string, int) {
	tb.Helper()
	<-r.done
	var exit *exec.ExitError
	if r.err != nil {
		require.ErrorAs(tb, r.err, &exit)
	}
	return r.out.String(), r.cmd.ProcessState.ExitCode()
}

// testWriter shows what a command complains of.
type testWriter struct{ tb testing.TB }

func (w testWriter) Write(text []byte) (int, error) {
	w.tb.Logf("%s", text)
	return len(text), nil
}

// rehearsals are what Tyk Pump stored of the same entries, by table.
var rehearsals = map[encoding]map[string][]string{
	msgpack: {
		"tyk_analytics":        {"test", "e2e", "testdata", "pump", "sql-postgres.jsonl.gz"},
		"tyk_analytics_graph":  {"test", "e2e", "testdata", "pump", "sql-graph-postgres.jsonl.gz"},
		"tyk_analytics_mcp":    {"test", "e2e", "testdata", "pump", "sql-mcp-postgres.jsonl.gz"},
		"tyk_aggregated":       {"internal", "rollup", "testdata", "golden", "sql", "sql_aggregate-postgres-by-hour.jsonl.gz"},
		"tyk_graph_aggregated": {"internal", "rollup", "testdata", "golden", "sql", "sql-graph-aggregate-postgres.jsonl.gz"},
		"tyk_mcp_aggregated":   {"internal", "rollup", "testdata", "golden", "sql", "sql-mcp-aggregate-postgres.jsonl.gz"},
		"tyk_uptime_analytics": {"test", "e2e", "testdata", "pump", "uptime-sql-postgres.jsonl.gz"},
	},
	protobuf: {
		"tyk_analytics":       {"test", "e2e", "testdata", "pump", "sql-postgres-protobuf.jsonl.gz"},
		"tyk_analytics_graph": {"exporter", "tyksqlexporter", "testdata", "golden", "rows-graph-protobuf.jsonl.gz"},
		"tyk_analytics_mcp":   {"exporter", "tyksqlexporter", "testdata", "golden", "rows-mcp-protobuf.jsonl.gz"},
		"tyk_aggregated":      {"internal", "rollup", "testdata", "golden", "sql", "sql_aggregate-postgres-protobuf.jsonl.gz"},
	},
}

// rehearsalRuns are the pumps that filled them.
var rehearsalRuns = map[encoding][]string{
	msgpack:  {"sql-postgres", "sql-graph-postgres", "sql-mcp-postgres", "sql_aggregate-postgres-by-hour", "sql-graph-aggregate-postgres", "sql-mcp-aggregate-postgres"},
	protobuf: {"sql-postgres-protobuf", "sql-graph-postgres-protobuf", "sql-mcp-postgres-protobuf", "sql_aggregate-postgres-protobuf"},
}

// TestARehearsalIsEquivalent stores with the built binary what the real Tyk Pump stored, and lets tykctl compare the two. That
// one cannot be run here: its side is what it wrote when it was.
func TestARehearsalIsEquivalent(t *testing.T) {
	t.Parallel()
	postgres := peers.StartPostgres(t)
	for _, of := range []encoding{msgpack, protobuf} {
		t.Run(string(of), func(t *testing.T) {
			there, here := postgres.FreshDatabase(t), postgres.FreshDatabase(t)
			for table, file := range rehearsals[of] {
				rehearsaltest.LoadPostgres(t, there, table, table, rehearsaltest.Lines(t, rehearsaltest.Repository(t, file...)))
			}
			redis := peers.StartRedis(t)
			file := runsTogether(t, rehearsalRuns[of], func(_ string, meta object) { meta["connection_string"] = here })
			c := newPump(t, file, redis, nil)
			golden{encoding: of}.push(t, redis.Client())
			c.start()
			waitDrained(t, redis.Client(), drainTimeout)
			c.stop()
			if of == msgpack {
				storeUptime(t, here)
			}
			// The purges of the rollups mixed hours, except in those of requests.
			out, status := tykctl(t, nil, "compare", "-pump", "postgres:"+there, "-ours", "postgres:"+here, "-min-records", "500", "-shift", "8760h", "-json")
			var r report.Report
			require.NoError(t, json.Unmarshal([]byte(out), &r))
			assert.Zero(t, status)
			assert.Equal(t, compare.Equivalent, r.Verdict, out)
			assert.Len(t, r.Tables, len(rehearsals[of]))
			for _, table := range r.Tables {
				assert.NotZero(t, table.There, table.Name)
				assert.Empty(t, table.Unexplained, table.Name)
			}
			assert.NotEmpty(t, r.Deviations)
			if of == msgpack {
				_, status = tykctl(t, nil, "compare", "-pump", "postgres:"+there, "-ours", "postgres:"+here, "-min-records", "500", "-tables", "tyk_aggregated", "-shift", "0s")
				assert.Zero(t, status, "these purges did not mix hours")
			}
		})
	}
}

// storeUptime stores the uptime checks.
func storeUptime(t *testing.T, dsn string) {
	t.Helper()
	redis := peers.StartRedis(t)
	c := newPump(t, pumpConfigurations(t, "runs", "uptime-sql-postgres.json"), redis, []string{"tykredis/uptime"}, "TYK_PMP_UPTIMEPUMPCONFIG_CONNECTIONSTRING="+dsn)
	push(t, redis.Client(), uptimeList, entries(t, "pump/uptime-msgpack.bin.gz"))
	c.start()
	waitDrained(t, redis.Client(), drainTimeout)
	c.stop()
}

// TestARehearsalFromTheCaptureToTheReport runs the commands as an operator does. Tyk Pump's part is played: when its lists are there, they are
// taken, and what the real one stored of them is put where its configuration says.
func TestARehearsalFromTheCaptureToTheReport(t *testing.T) {
	t.Parallel()
	production, box, dsn := peers.StartRedis(t), peers.StartRedis(t), peers.StartPostgres(t).FreshDatabase(t)
	golden{encoding: msgpack}.push(t, production.Client())
	push(t, production.Client(), uptimeList, entries(t, "pump/uptime-msgpack.bin.gz"))
	file := filepath.Join(t.TempDir(), "hour.capture")
	_, status := tykctl(t, nil, "capture", "-redis", production.Addr(), "-unredacted", "-out", file)
	require.Zero(t, status)

	conf := filepath.Join(t.TempDir(), "pump.conf")
	runs := rehearsalRuns[msgpack]
	text, err := os.ReadFile(runsTogether(t, runs, func(_ string, meta object) { meta["connection_string"] = dsn }))
	require.NoError(t, err)
	var config object
	require.NoError(t, json.Unmarshal(text, &config))
	delete(config, "dont_purge_uptime_data")
	config["uptime_pump_config"] = object{"uptime_type": "sql", "type": "postgres", "connection_string": dsn}
	files := filepath.Join(t.TempDir(), "files")
	config["pumps"].(object)["csv"] = object{"type": "csv", "meta": object{"csv_dir": files}}
	config["pumps"].(object)["prometheus"] = object{"type": "prometheus", "meta": object{"listen_address": ":9090", "path": "/pump/metrics"}}
	config["pumps"].(object)["segment"] = object{"type": "segment", "meta": object{"segment_write_key": "k"}}
	config["analytics_storage_config"] = object{"type": "redis", "host": "localhost", "port": 1}
	text, err = json.Marshal(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(conf, text, 0o600))

	dir := filepath.Join(t.TempDir(), "rehearsal")
	running := startTykctl(t, nil, "rehearse", "-redis", box.Addr(), "-conf", conf, "-from", file, "-dir", dir, "-otelcol-tyk", program(t),
		"-settle", "12s", "-wait", "2m", "-min-records", "500", "-shift", "8760h", "-json", "-report", filepath.Join(t.TempDir(), "report.html"))
	playTykPump(t, running.done, dir, box.Addr())
	out, status := running.end(t)
	var r report.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r), out)
	assert.Zero(t, status)
	assert.Equal(t, compare.Equivalent, r.Verdict, out)
	assert.Len(t, r.Tables, len(rehearsals[msgpack])+1)
	for _, table := range r.Tables {
		assert.NotZero(t, table.There, table.Name)
		assert.NotZero(t, table.Here, table.Name)
		if table.Kind == "series" {
			assert.Greater(t, table.Same, int64(1000))
			assert.Empty(t, table.Explained)
		}
	}
	require.Len(t, r.Skipped, 1)
	assert.Contains(t, r.Skipped[0], "segment")
	require.Len(t, r.Stored, 1)
	assert.Contains(t, r.Stored[0], "csv")
	rows, err := filepath.Glob(files + "_shadow/*.csv")
	require.NoError(t, err)
	assert.NotEmpty(t, rows)
	assert.NoDirExists(t, files)
	assert.Len(t, r.Config, 64)
	conn := connect(t, dsn)
	var others int
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from pg_tables where schemaname = 'public'").Scan(&others))
	assert.Zero(t, others, "nothing real is touched")
	assert.EqualValues(t, 90, production.Client().LLen(t.Context(), uptimeList).Val(), "nothing is taken away")

	_, status = tykctl(t, nil, "rehearse", "-redis", box.Addr(), "-conf", conf, "-from", file, "-dir", dir, "-otelcol-tyk", program(t))
	assert.Equal(t, 2, status, "what is there already is not mixed with a new rehearsal")
	_, status = tykctl(t, nil, "rehearse", "-redis", "localhost:1", "-conf", conf, "-from", file, "-dir", dir)
	assert.Equal(t, 2, status, "the real Redis is refused")
}

// playTykPump takes what there is once the last list has come, and stores what the real one did, where its configuration says. It shows the
// real one's page of metrics until the rehearsal has ended.
func playTykPump(t *testing.T, ended <-chan struct{}, dir, address string) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: address, DB: 1})
	defer rdb.Close()
	require.Eventually(t, func() bool { return rdb.Exists(t.Context(), uptimeList).Val() == 1 }, drainTimeout, 20*time.Millisecond)
	text, err := os.ReadFile(filepath.Join(dir, "tyk-pump.conf"))
	require.NoError(t, err)
	var config struct {
		Pumps map[string]struct {
			Meta struct {
				Address string `json:"connection_string"`
				Listen  string `json:"listen_address"`
				Path    string
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &config))
	for table, file := range rehearsals[msgpack] {
		rehearsaltest.LoadPostgres(t, config.Pumps["sql-postgres"].Meta.Address, table, table, rehearsaltest.Lines(t, rehearsaltest.Repository(t, file...)))
	}
	page := reference(t, "internal", "measure", "testdata", "pump", "prometheus.txt.gz")
	metrics := http.NewServeMux()
	metrics.HandleFunc(config.Pumps["prometheus"].Meta.Path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	listener, err := net.Listen("tcp", config.Pumps["prometheus"].Meta.Listen)
	require.NoError(t, err)
	server := &http.Server{Handler: metrics, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	require.NoError(t, rdb.FlushDB(t.Context()).Err())
	<-ended
	require.NoError(t, server.Close())
	require.ErrorIs(t, <-served, http.ErrServerClosed)
}

// rawRuns are pumps of records, whose tables Tyk Pump can fill in every database: its rollups fail in MySQL.
var rawRuns = map[string]string{"sql-postgres": "tyk_analytics", "sql-graph-postgres": "tyk_analytics_graph", "sql-mcp-postgres": "tyk_analytics_mcp"}

// TestARehearsalInOtherDatabasesIsEquivalent lets the built binary make and fill the tables of a MariaDB and a SQLite, beside those of Tyk Pump.
func TestARehearsalInOtherDatabasesIsEquivalent(t *testing.T) {
	t.Parallel()
	recorded, mariaDB := peers.StartPostgres(t).FreshDatabase(t), peers.StartMariaDB(t)
	for _, table := range rawRuns {
		rehearsaltest.LoadPostgres(t, recorded, table, table, rehearsaltest.Lines(t, rehearsaltest.Repository(t, rehearsals[msgpack][table]...)))
	}
	for driver, stores := range map[string][2]string{
		"mysql":  {mariaDB.FreshDatabase(t), mariaDB.FreshDatabase(t)},
		"sqlite": {filepath.Join(t.TempDir(), "there.db"), filepath.Join(t.TempDir(), "here.db")},
	} {
		t.Run(driver, func(t *testing.T) {
			there, here := stores[0], stores[1]
			rehearsaltest.Copy(t, recorded, driver, there)
			redis := peers.StartRedis(t)
			c := newPump(t, runsTogether(t, slices.Sorted(maps.Keys(rawRuns)), func(_ string, meta object) {
				meta["type"], meta["connection_string"] = driver, here
			}), redis, nil)
			golden{encoding: msgpack}.push(t, redis.Client())
			c.start()
			waitDrained(t, redis.Client(), 2*drainTimeout)
			c.stop()
			out, status := tykctl(t, nil, "compare", "-pump", driver+":"+there, "-ours", driver+":"+here, "-min-records", "500", "-json")
			var r report.Report
			require.NoError(t, json.Unmarshal([]byte(out), &r), out)
			assert.Zero(t, status, out)
			assert.Len(t, r.Tables, len(rawRuns))
			assert.Equal(t, driver == "mysql", len(r.Deviations) == 1, "MySQL has whole milliseconds")
			for _, table := range r.Tables {
				assert.NotZero(t, table.There, table.Name)
				assert.Equal(t, table.There, table.Here, table.Name)
				assert.Empty(t, table.Unexplained, table.Name)
			}
		})
	}
}
