package rollup

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// What is kept gives the same groups as the log records, in any cut.
func TestKeptRecordsCountAsTheirLogRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		settings, records := drawSettings(rt), drawRecords(rt)
		logs := logsOf("seg", 3, records...)
		if rapid.Bool().Draw(rt, "replayed") {
			analytics.StampGivenUp(logs.ResourceLogs().At(0).ScopeLogs().At(0).Scope(), vectorTime)
			logsOf("other", 0, records...).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
		}
		a := newAggregator(t, settings)
		whole, tally := a.Aggregate(logs, nil)
		groups, keptTally, kept := a.AggregateAndKeep(logs)
		require.Equal(rt, whole, groups)
		tally.Alerts, keptTally.Alerts = nil, nil // told once
		require.Equal(rt, tally, keptTally)

		var applied Indices
		for range rapid.IntRange(0, 5).Draw(rt, "applied") {
			applied.Add(rapid.Int64Range(0, 30).Draw(rt, "index"))
		}
		cut, err := Cut(nil).With([]Overlap{{Family: rapid.SampledFrom([]Family{Requests, Graph, MCP}).Draw(rt, "family"), Segment: "seg", Applied: applied}})
		require.NoError(rt, err)
		again, _ := a.Aggregate(logs, cut)
		require.Equal(rt, again, a.AggregateKept(kept, cut))
	})
}

// The groups, and what is kept, hold none of the memory that log records share with entries.
func TestWhatIsKeptFreesTheLogRecords(t *testing.T) {
	const entry = 1 << 20
	make32 := func() ([]Group, Kept) {
		logs := plog.NewLogs()
		slice := analytics.AppendScope(logs)
		for i := range 32 {
			whole := strings.Repeat("-", entry) + fmt.Sprint("value", i)
			text := whole[entry:] // as texts of an entry are a part of it
			r := analytics.Record{
				OrgID: text, APIID: text, APIName: text + "n", APIVersion: text, APIKey: text, Alias: text, OauthID: text, Path: text,
				TrackPath: true, Tags: []string{text}, ResponseCode: 500, TimeStamp: vectorTime,
				GraphQL: analytics.GraphQLStats{IsGraphQL: i%3 == 1, RootFields: []string{text}, Types: map[string][]string{text: {text}}},
				MCP:     analytics.MCPStats{IsMCP: i%3 == 2, JSONRPCMethod: text, PrimitiveType: text, PrimitiveName: text},
			}
			r.Geo.CountryISOCode = text
			ids := strings.Repeat("-", entry) + fmt.Sprintf("seg-%d", i)
			r.ToLog(slice.AppendEmpty(), ids[entry:])
		}
		groups, _, kept := newAggregator(t, Settings{Minutes: 60, Zone: "UTC"}).AggregateAndKeep(logs)
		return groups, kept
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	groups, kept := make32()
	after := heap()
	assert.NotEmpty(t, groups)
	assert.NotEmpty(t, kept.records)
	assert.Less(t, after, before+12*entry, "of 32 entries")
	runtime.KeepAlive(groups)
}

// Room is made by what records took before, but not for as many as huge as the last one.
func TestAHugeRecordMakesLittleRoomForOthers(t *testing.T) {
	t.Parallel()
	a := newAggregator(t, Settings{Minutes: 60, Zone: "UTC"})
	record := analytics.Record{OrgID: "org", APIID: "api", Path: strings.Repeat("/", 1<<20), TimeStamp: vectorTime}
	_, _, huge := a.AggregateAndKeep(logsOf("seg", 0, record))
	assert.Greater(t, len(huge.records), 1<<20)
	const others = 1000
	record.Path = "/"
	_, _, kept := a.AggregateAndKeep(logsOf("seg", 1, slices.Repeat([]analytics.Record{record}, others)...))
	assert.LessOrEqual(t, cap(kept.records), others*mostKeptSize)
	_, _, kept = a.AggregateAndKeep(logsOf("seg", others+1, slices.Repeat([]analytics.Record{record}, others)...))
	assert.LessOrEqual(t, cap(kept.records), len(kept.records)*5/4)
}
