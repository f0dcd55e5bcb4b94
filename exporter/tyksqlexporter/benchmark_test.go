package tyksqlexporter

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// benchmarkChunk is the receiver's default chunk.
const benchmarkChunk = 5000

// BenchmarkPostgres pushes chunks into a real server, and then has psql copy the same
// rows.
func BenchmarkPostgres(b *testing.B) {
	server := peers.StartPostgres(b, peers.PostgresDurable(), peers.PostgresConfig("max_wal_size=4GB"))
	d := postgresTarget(server)(b)
	pushChunks(b, d)
	b.ReportMetric(psqlCopy(b, server, d), "psql-rows/s")
}

// BenchmarkMySQL pushes chunks into a real server.
func BenchmarkMySQL(b *testing.B) {
	server := peers.StartMariaDB(b, peers.MariaDBDurable(), peers.MariaDBConfig("innodb-log-file-size=1G"))
	pushChunks(b, mysqlTarget(server)(b))
}

// pushChunks pushes chunks of 5000 records, two at a time.
func pushChunks(b *testing.B, d target) {
	b.Helper()
	n := pushAtOnce(b, d, 2, benchmarkChunk, func() func(push int) plog.Logs {
		chunk := sinktest.Samples("", 0, benchmarkChunk-1)
		return func(push int) plog.Logs {
			identifyAll(chunk, fmt.Sprintf("segment%d", push))
			return chunk
		}
	})
	require.EqualValues(b, n*benchmarkChunk, d.rows(b))
}

// pushAtOnce has several pushers push at a time, each with data of its own, which stand
// for so many records a push. It tells how often they did. CPU is this process' own.
func pushAtOnce(b *testing.B, d target, pushers, records int, own func() func(push int) plog.Logs) (n int) {
	b.Helper()
	e, pushes, done := d.start(b), make(chan int), make(chan error, pushers)
	for range pushers {
		next := own()
		go func() {
			for push := range pushes {
				if err := e.ConsumeLogs(context.Background(), next(push)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	began, cpu := time.Now(), processTime(b)
	for b.Loop() {
		pushes <- n
		n++
	}
	close(pushes)
	for range pushers {
		require.NoError(b, <-done)
	}
	all := float64(n * records)
	b.ReportMetric(all/time.Since(began).Seconds(), "records/s")
	b.ReportMetric(float64((processTime(b)-cpu).Nanoseconds())/all, "cpu-ns/record")
	return n
}

// BenchmarkSQLite pushes chunks of 5000 records into a file.
func BenchmarkSQLite(b *testing.B) {
	d := sqliteTarget(b)
	e := d.start(b)
	n := 0
	for b.Loop() {
		require.NoError(b, e.ConsumeLogs(b.Context(), sinktest.Samples(fmt.Sprintf("segment%d", n), 0, benchmarkChunk-1)))
		n++
	}
	b.ReportMetric(float64(n*benchmarkChunk)/b.Elapsed().Seconds(), "records/s")
}

// identifyAll numbers the records of a push anew; that costs some 100 ns a record.
func identifyAll(logs plog.Logs, segment string) {
	for i, log := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		log.Attributes().PutStr(analytics.AttrUID, analytics.UID{Segment: segment, Index: int64(i)}.String())
	}
}

// psqlCopy is the speed at which psql copies 100,000 of the rows into another table.
func psqlCopy(b *testing.B, server *peers.Postgres, d target) float64 {
	b.Helper()
	file := filepath.Join(b.TempDir(), "rows")
	psql := func(command string) {
		cmd := exec.Command(server.Program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", command, string(d.config.Datasource))
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		output, err := cmd.CombinedOutput()
		require.NoError(b, err, string(output))
	}
	rows := min(100_000, d.rows(b))
	psql(fmt.Sprintf(`\copy (select * from tyk_analytics limit %d) to '%s' (format binary)`, rows, file))
	psql("create table copied (like tyk_analytics)")
	began := time.Now()
	psql(fmt.Sprintf(`\copy copied from '%s' (format binary)`, file))
	return float64(rows) / time.Since(began).Seconds()
}

// processTime is the CPU time that this process has used.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	runtime.Gosched()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkPostgresDays pushes chunks that span 30 days into tables of days.
func BenchmarkPostgresDays(b *testing.B) {
	server := peers.StartPostgres(b, peers.PostgresDurable(), peers.PostgresConfig("max_wal_size=4GB"))
	pushDays(b, sharded(postgresTarget(server)(b)))
}

// BenchmarkMySQLDays does the same in MariaDB.
func BenchmarkMySQLDays(b *testing.B) {
	server := peers.StartMariaDB(b, peers.MariaDBDurable(), peers.MariaDBConfig("innodb-log-file-size=1G"))
	pushDays(b, sharded(mysqlTarget(server)(b)))
}

func pushDays(b *testing.B, d target) {
	b.Helper()
	e := d.start(b)
	const days = 30
	chunk := onDays("segment", days, benchmarkChunk/days)
	const first = 10 // which make the tables, and let the files of MariaDB's grow to where it reserves space in larger steps
	n := 0
	for ; n < first; n++ {
		identifyAll(chunk, fmt.Sprintf("segment%d", n))
		require.NoError(b, e.ConsumeLogs(b.Context(), chunk))
	}
	for b.Loop() {
		identifyAll(chunk, fmt.Sprintf("segment%d", n))
		require.NoError(b, e.ConsumeLogs(b.Context(), chunk))
		n++
	}
	b.ReportMetric(float64((n-first)*chunk.LogRecordCount())/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkPostgresUptime pushes chunks of uptime checks of 100 addresses.
func BenchmarkPostgresUptime(b *testing.B) {
	pushChecks(b, withUptime(postgresTarget(peers.StartPostgres(b, peers.PostgresDurable()))(b)))
}

// BenchmarkMySQLUptime does the same in MariaDB.
func BenchmarkMySQLUptime(b *testing.B) {
	pushChecks(b, withUptime(mysqlTarget(peers.StartMariaDB(b, peers.MariaDBDurable()))(b)))
}

func pushChecks(b *testing.B, d target) {
	b.Helper()
	e := d.start(b)
	checks := make([]analytics.Uptime, benchmarkChunk)
	for i := range checks {
		checks[i] = aCheck(i % 60)
		checks[i].URL = fmt.Sprintf("http://upstream-%d.example/", i%100)
	}
	n := 0
	for b.Loop() {
		require.NoError(b, e.ConsumeLogs(b.Context(), checksOf(fmt.Sprintf("segment%d", n), 0, checks...)))
		n++
	}
	b.ReportMetric(float64(n*benchmarkChunk)/b.Elapsed().Seconds(), "checks/s")
}

// BenchmarkLedgerRow is the space of a ledger row with its indexes.
func BenchmarkLedgerRow(b *testing.B) {
	server := peers.StartPostgres(b)
	d := postgresTarget(server)(b)
	s := openStore(b, d.config)
	n := 0
	for b.Loop() {
		push := push.NewBatch(sinktest.Samples(fmt.Sprintf("%032x", n), 0, 0), requests...)
		require.NoError(b, s.Write(b.Context(), push))
		push.Release()
		n++
	}
	b.ReportMetric(float64(d.number(b, "select pg_total_relation_size('otelcol_tyk_ledger')"))/float64(n), "B/row")
}
