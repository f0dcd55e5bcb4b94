package tykredisexporter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykredisexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// BenchmarkPush pushes chunks of a usual size into a Redis on this machine, and tells how long each call keeps it busy.
func BenchmarkPush(b *testing.B) {
	const records = 4000
	r := peers.StartRedis(b)
	config := createDefaultConfig().(*Config)
	config.Addresses, config.KeyPrefix, config.MaxListEntries = []string{r.Addr()}, "pump-", 1_000_000
	e, err := NewFactory().CreateLogs(b.Context(), exportertest.NewNopSettings(metadata.Type), config)
	require.NoError(b, err)
	require.NoError(b, e.Start(b.Context(), componenttest.NewNopHost()))
	generator, err := traffic.New(traffic.DefaultSettings())
	require.NoError(b, err)
	entries := make([]string, records)
	for i := range entries {
		entries[i] = string(analytics.AppendMsgpack(nil, generator.Next(time.Unix(1_700_000_000, 0))))
	}
	require.NoError(b, r.Client().ConfigResetStat(b.Context()).Err())
	before := processorTime(b, r.Client())
	for segment := 0; b.Loop(); segment++ {
		b.StopTimer()
		require.NoError(b, r.Client().Del(b.Context(), list).Err())
		d := newDelivery()
		for i, entry := range entries {
			d.add(listName, fmt.Sprintf("00aa.%d.x", segment), int64(i), entry)
		}
		b.StartTimer()
		if err := d.to(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
	stats, err := r.Client().Info(b.Context(), "commandstats").Result()
	require.NoError(b, err)
	var calls int
	_, line, _ := strings.Cut(stats, "cmdstat_evalsha:")
	_, err = fmt.Sscanf(line, "calls=%d,", &calls)
	require.NoError(b, err)
	b.ReportMetric((processorTime(b, r.Client())-before)*1e6/float64(calls), "redis-cpu-us/call")
	require.NoError(b, e.Shutdown(b.Context()))
}

// processorTime is what a Redis has had of processors, in seconds: unlike the time of a call, it does not depend on what
// else the machine does.
func processorTime(b *testing.B, client *redis.Client) float64 {
	b.Helper()
	text, err := client.Info(b.Context(), "cpu").Result()
	require.NoError(b, err)
	total := 0.0
	for _, name := range []string{"used_cpu_sys:", "used_cpu_user:"} {
		_, line, _ := strings.Cut(text, name)
		var seconds float64
		_, err := fmt.Sscanf(line, "%f", &seconds)
		require.NoError(b, err)
		total += seconds
	}
	return total
}
