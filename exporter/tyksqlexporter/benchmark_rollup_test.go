package tyksqlexporter

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// BenchmarkPostgresRollups pushes rollups of chunks of realistic records into a real
// server. The CPU times are this process' own and that of the server's sessions.
func BenchmarkPostgresRollups(b *testing.B) {
	server := peers.StartPostgres(b, peers.PostgresDurable(), peers.PostgresConfig("max_wal_size=4GB"))
	for _, form := range []struct{ chunk, pushers int }{{5000, 1}, {5000, 4}, {2500, 8}} {
		b.Run(fmt.Sprintf("chunk=%d/pushers=%d", form.chunk, form.pushers), func(b *testing.B) {
			pushRollups(b, onlyRollups(postgresTarget(server)(b)), form.chunk, form.pushers)
		})
	}
}

// realisticRollups makes rollups of chunks of realistic records of one hour.
func realisticRollups(b *testing.B, chunks, size int) []plog.Logs {
	b.Helper()
	settings := traffic.DefaultSettings()
	settings.APIs, settings.PathVariants = 20, 52
	generator, err := traffic.New(settings)
	require.NoError(b, err)
	a, made := sinktest.Aggregator(b, nil), make([]plog.Logs, chunks)
	for i := range made {
		records := make([]analytics.Record, size)
		for j := range records {
			records[j] = *generator.Next(sinktest.Time.Truncate(time.Hour).Add(time.Hour * time.Duration(i*size+j) / time.Duration(chunks*size)))
			records[j].Tags = append([]string(nil), records[j].Tags...) // the generator's own
		}
		groups, _ := a.Aggregate(sinktest.Push("segment", 0, records...), nil)
		made[i] = plog.NewLogs()
		rollup.AppendLogs(made[i], "", groups)
	}
	return made
}

// pushRollups has several pushers push at a time, each push as a segment of its own.
func pushRollups(b *testing.B, d target, size, pushers int) {
	b.Helper()
	const chunks = 16
	n := pushAtOnce(b, d, pushers, size, func() func(push int) plog.Logs {
		made := realisticRollups(b, chunks, size)
		return func(push int) plog.Logs {
			logs := made[push%chunks]
			for _, resource := range logs.ResourceLogs().All() {
				resource.Resource().Attributes().PutStr(rollup.AttrSegment, fmt.Sprintf("segment%d", push))
			}
			return logs
		}
	})
	b.ReportMetric(float64(sessionsTime(b, d).Nanoseconds())/float64(n*size), "server-ns/record")
	b.ReportMetric(float64(d.number(b, "select xact_commit from pg_stat_database where datname = current_database()"))/float64(n), "commits/push")
}

// sessionsTime is the CPU time of the exporter's sessions in a server on this machine.
func sessionsTime(b *testing.B, d target) time.Duration {
	b.Helper()
	const ticks = 100 // a second, as Linux shows them
	var sum int64
	for _, pid := range d.texts(b, "select pid::text from pg_stat_activity where application_name = 'otelcol-tyk' and datname = current_database()") {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		require.NoError(b, err)
		_, after, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after)
		for _, field := range fields[11:13] { // utime and stime
			n, err := strconv.ParseInt(field, 10, 64)
			require.NoError(b, err)
			sum += n
		}
	}
	return time.Duration(sum) * time.Second / ticks
}
