package tykfilterprocessor

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadata"
)

const benchRecords = 1000

func benchBatch(change func(i int, r *analytics.Record)) plog.Logs {
	records := make([]*analytics.Record, benchRecords)
	for i := range records {
		records[i] = typicalRecord(i)
		change(i, records[i])
	}
	return batch(records...)
}

func unchanged(int, *analytics.Record) {}

// BenchmarkProcess gives the time per record of a batch that comes in, for a
// processor that may not change it.
func BenchmarkProcess(b *testing.B) {
	defaults := func() *Config { return createDefaultConfig().(*Config) }
	for _, bench := range []struct {
		name   string
		cfg    *Config
		change func(i int, r *analytics.Record)
	}{
		{"asked for nothing", keepWhole(), unchanged},
		{"defaults, no messages", defaults(), unchanged},
		{"all pass six lists", func() *Config {
			cfg := defaults()
			for i := range 10 {
				cfg.APIIDs = append(cfg.APIIDs, fmt.Sprintf("api-%d", i))
				cfg.OrgIDs = append(cfg.OrgIDs, fmt.Sprintf("org-%d", i))
				cfg.SkipAPIIDs = append(cfg.SkipAPIIDs, fmt.Sprintf("other-%d", i))
				cfg.SkipOrgIDs = append(cfg.SkipOrgIDs, fmt.Sprintf("other-%d", i))
			}
			cfg.ResponseCodes, cfg.SkipResponseCodes = []int64{200, 201, 204}, []int64{404, -1}
			return cfg
		}(), unchanged},
		{"half pass", func() *Config {
			cfg := defaults()
			cfg.OrgIDs = []string{"org-0", "org-2"}
			return cfg
		}(), unchanged},
		{"tenth passes", func() *Config {
			cfg := defaults()
			cfg.APIIDs = []string{"api-3"}
			return cfg
		}(), unchanged},
		{"none passes", func() *Config {
			cfg := defaults()
			cfg.APIIDs = []string{"api-x"}
			return cfg
		}(), unchanged},
		{"defaults, every message with credentials", defaults(), func(_ int, r *analytics.Record) {
			r.RawRequest, r.RawResponse = recordedMessages(1000)
		}},
		{"ignore five fields", func() *Config {
			cfg := defaults()
			cfg.Fields.Ignore = []string{"api_key", "ip_address", "geo", "raw_request", "raw_response"}
			cfg.ResponseCodes = []int64{200} // else it is declared to change its input
			return cfg
		}(), unchanged},
	} {
		b.Run(bench.name, func(b *testing.B) {
			ld := benchBatch(bench.change)
			ld.MarkReadOnly()
			p, err := NewFactory().CreateLogs(b.Context(), processortest.NewNopSettings(metadata.Type), bench.cfg, consumertest.NewNop())
			require.NoError(b, err)
			require.NoError(b, p.Start(b.Context(), componenttest.NewNopHost()))
			defer func() { require.NoError(b, p.Shutdown(context.Background())) }()
			b.ReportAllocs()
			for b.Loop() {
				if err := p.ConsumeLogs(b.Context(), ld); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRecords, "ns/record")
		})
	}
}

// BenchmarkInPlace is the same in the way not taken: the collector copies the
// batch for a processor that changes it, and RemoveIf takes out what is dropped.
func BenchmarkInPlace(b *testing.B) {
	for _, bench := range []struct {
		name string
		keep func(api string) bool
	}{
		{"all pass", func(string) bool { return true }},
		{"half pass", func(api string) bool { return api < "api-5" }},
		{"tenth passes", func(api string) bool { return api == "api-3" }},
	} {
		shared := benchBatch(unchanged)
		run := func(b *testing.B, ld plog.Logs) {
			ld.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
				rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool {
					sl.LogRecords().RemoveIf(func(lr plog.LogRecord) bool {
						api, _ := lr.Attributes().Get(analytics.AttrAPIID)
						return !bench.keep(api.Str())
					})
					return sl.LogRecords().Len() == 0
				})
				return rl.ScopeLogs().Len() == 0
			})
		}
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ld := plog.NewLogs()
				shared.CopyTo(ld)
				run(b, ld)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRecords, "ns/record")
		})
	}
}

func BenchmarkRedact(b *testing.B) {
	r := defaultRedactor()
	for _, size := range []int{0, 1000, 100_000} {
		request, _ := recordedMessages(size)
		for name, text := range map[string]string{"base64": request, "plain": decode(b, request)} {
			b.Run(fmt.Sprintf("%s, body of %d bytes", name, size), func(b *testing.B) {
				var s scratch
				var t tally
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if !r.rewrite(text, &s, &t) {
						b.Fatal("found nothing")
					}
				}
			})
		}
	}
}
