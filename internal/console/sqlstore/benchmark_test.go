package sqlstore

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// benchEnd is the time of the newest record of a benchmark.
var benchEnd = time.Date(2026, 11, 27, 14, 39, 58, 0, time.UTC)

// benchRows is how many records of a week a benchmark reads: CONSOLE_ROWS of the environment.
func benchRows(b *testing.B) int {
	b.Helper()
	text := os.Getenv("CONSOLE_ROWS")
	if text == "" {
		return 20_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err)
	return n
}

// generate stores a week's traffic.
func (d database) generate(b *testing.B, rows int, c contents) {
	b.Helper()
	const week, chunk = 7 * 24 * time.Hour, 4000
	settings := traffic.DefaultSettings()
	settings.OmitMCP = true
	g, err := traffic.New(settings)
	require.NoError(b, err)
	a, err := rollup.NewAggregator(rollup.Settings{Minutes: 15, Zone: "UTC", TrackAllPaths: true, Latencies: true})
	require.NoError(b, err)
	e := d.exporter(b, c)
	step := week / time.Duration(rows)
	for made := 0; made < rows; {
		logs := plog.NewLogs()
		scope := analytics.AppendScope(logs)
		for i := 0; i < chunk && made < rows; i++ {
			made++
			g.Next(benchEnd.Add(-week+time.Duration(made)*step)).ToLog(scope.AppendEmpty(), analytics.UID{Segment: "bench" + strconv.Itoa(made/chunk), Index: int64(i)}.String())
		}
		require.NoError(b, e.ConsumeLogs(b.Context(), logs))
		if c.rollups {
			groups, _ := a.Aggregate(logs, nil)
			rolled := plog.NewLogs()
			rollup.AppendLogs(rolled, "bench", groups)
			require.NoError(b, e.ConsumeLogs(b.Context(), rolled))
		}
	}
}

// overview asks all that Overview shows at once, as the page does.
func overview(ctx context.Context, s *Store, last time.Duration) error {
	r, err := s.Resolve(ctx, benchEnd.Add(-last), benchEnd, query.Filter{})
	if err != nil {
		return err
	}
	now, before := query.Scope{Range: r}, query.Scope{Range: r.Before(24 * time.Hour)}
	list := func(scope query.Scope, o query.ListOptions) func() error {
		return func() error { _, err := s.List(ctx, scope, o); return err }
	}
	apis, codes := query.ListOptions{By: query.ByAPI, Courses: true, Percentiles: true, Limit: 200}, query.ListOptions{By: query.ByCode, Limit: 200}
	blocks := []func() error{
		list(now, query.ListOptions{By: query.ByKey, Limit: 16, Percentiles: true}), list(now, query.ListOptions{By: query.ByEndpoint, Limit: 8, Percentiles: true}),
		func() error { _, err := s.Traffic(ctx, now); return err }, func() error { _, err := s.Traffic(ctx, before); return err },
		func() error { _, err := s.Latency(ctx, now); return err }, func() error { _, err := s.Latency(ctx, before); return err },
		list(now, apis), list(before, apis), list(now, codes), list(before, codes),
		list(now, query.ListOptions{By: query.ByCountry, Limit: 200}),
	}
	errs := make([]error, len(blocks))
	var all sync.WaitGroup
	for i, block := range blocks {
		all.Go(func() { errs[i] = block() })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkPages times what pages ask, with a cache that is empty each time.
//
//	CONSOLE_ROWS=1000000 go test -run '^$' -bench Pages -benchtime 5x ./internal/console/sqlstore
func BenchmarkPages(b *testing.B) {
	rows := benchRows(b)
	for _, driver := range []string{sqliteDriver, postgresDriver, mysqlDriver} {
		for source, c := range map[string]contents{"rollups": {rollups: true}, "rollups with the indexes of Settings": {rollups: true, covering: true}, "records": {}} {
			b.Run(driver+"/"+source, func(b *testing.B) {
				d := databases[driver](b)
				d.generate(b, rows, c)
				s := d.open(b, c, benchEnd.Add(time.Second), func(c *Config) { c.StatementTimeout = time.Minute })
				if c.covering {
					d.cover(b, s)
				}
				slow := func(b *testing.B) {
					b.Helper()
					for _, st := range s.Stats().Slowest[:3] {
						b.Logf("%7.1f ms %s", st.TookMS, fmt.Sprintf("%.300s", st.Text))
					}
				}
				for _, last := range []time.Duration{24 * time.Hour, 7 * 24 * time.Hour} {
					b.Run(fmt.Sprintf("overview of %s", last), func(b *testing.B) {
						for b.Loop() {
							s.cache = newCache()
							require.NoError(b, overview(b.Context(), s, last))
						}
						slow(b)
					})
				}
				for name, search := range map[string]query.Search{
					"newest": {}, "newest of an API": {Filter: query.Filter{APIs: []string{"orders"}}},
					"a status that none has": {Filter: query.Filter{Status: []query.StatusRange{{First: 418, Last: 418}}}}, "a text that none has": {Text: "nothing of this kind"},
				} {
					b.Run("logs, "+name, func(b *testing.B) {
						search.From, search.To = benchEnd.Add(-24*time.Hour), benchEnd
						for b.Loop() {
							s.cache = newCache()
							_, err := s.Logs(b.Context(), search)
							require.NoError(b, err)
						}
					})
				}
			})
		}
	}
}
