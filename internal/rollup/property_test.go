package rollup

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// drawSettings draws settings without a budget, which depends on the order of chunks.
func drawSettings(t *rapid.T) Settings {
	return Settings{
		Minutes:       rapid.IntRange(1, 60).Draw(t, "minutes"),
		Zone:          rapid.SampledFrom([]string{"UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"}).Draw(t, "zone"),
		TrackAllPaths: rapid.Bool().Draw(t, "track all paths"),
		Ignore:        rapid.SliceOfN(rapid.SampledFrom([]Dimension{APIID, Tags, Geo, Types}), 0, 2).Draw(t, "ignore"),
		Latencies:     rapid.Bool().Draw(t, "latencies"),
		TraceTags:     rapid.Bool().Draw(t, "trace tags"),
	}
}

// drawRecords draws from a few values, so that records share values in all dimensions and
// the times, names and statuses that decide ties occur.
func drawRecords(t *rapid.T) []analytics.Record {
	word := func(name string) string {
		return rapid.SampledFrom([]string{"", "a", "b.c", "a:b", "trace-id-1", OtherValue}).Draw(t, name)
	}
	number := func(name string) int64 { return rapid.SampledFrom([]int64{-5, 0, 1, 7, 250, 90_000}).Draw(t, name) }
	return rapid.SliceOfN(rapid.Custom(func(*rapid.T) analytics.Record {
		r := analytics.Record{
			OrgID: word("org"), APIID: word("api"), APIName: word("name"), APIVersion: word("version"), APIKey: word("key"),
			Alias: word("alias"), OauthID: word("oauth"), Path: "/" + word("path"), TrackPath: rapid.Bool().Draw(t, "track"),
			ResponseCode: rapid.SampledFrom([]int64{-1, 0, 200, 299, 302, 404, 500, 4040}).Draw(t, "code"),
			RequestTime:  number("time"), Latency: analytics.Latency{Total: number("total"), Upstream: number("upstream")},
			TimeStamp: vectorTime.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "minute")) * 13 * time.Minute),
			ExpireAt:  vectorTime.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "expiry")) * time.Hour),
			Tags:      []string{word("tag"), word("tag")},
			Geo:       analytics.Geo{CountryISOCode: word("country")},
			Network:   analytics.Network{OpenConnections: number("open"), BytesIn: number("in")},
			MCP:       analytics.MCPStats{IsMCP: rapid.Bool().Draw(t, "mcp"), PrimitiveType: word("type"), PrimitiveName: word("primitive")},
		}
		r.GraphQL = analytics.GraphQLStats{
			IsGraphQL: rapid.Bool().Draw(t, "graph"), HasErrors: rapid.Bool().Draw(t, "errors"), RootFields: []string{word("root")},
			Types: map[string][]string{word("type"): {word("field")}},
		}
		return r
	}), 1, 25).Draw(t, "records")
}

// Whatever chunks records come in and in which order, a store ends with the same.
func TestAnySplitInAnyOrderGivesTheSameRollups(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		settings, records := drawSettings(rt), drawRecords(rt)
		whole, _ := newAggregator(t, settings).Aggregate(logsOf("seg", 0, records...), nil)

		shuffled := rapid.Permutation(records).Draw(rt, "order")
		a := newAggregator(t, settings)
		var pieces []Group
		for len(shuffled) > 0 {
			n := rapid.IntRange(1, len(shuffled)).Draw(rt, "chunk")
			made, _ := a.Aggregate(logsOf("", 0, shuffled[:n]...), nil)
			pieces = append(pieces, made...)
			shuffled = shuffled[n:]
		}
		pieces = rapid.Permutation(pieces).Draw(rt, "order of groups")
		require.Equal(rt, describeAll(sum(whole, byBucket)), describeAll(sum(pieces, byBucket)))
	})
}

// countersOf counts records for one value of a dimension, alone and together.
func countersOf(d Dimension, records []analytics.Record) (whole Counter, each []Counter) {
	var sum counter
	sum.open(key{dimension: d})
	for i := range records {
		lr := plog.NewLogRecord()
		records[i].ToLog(lr, "")
		var r analytics.Countable
		r.FromLog(lr)
		var h sample
		h.of(&r)
		var one counter
		one.open(key{dimension: d})
		for _, a := range []*counter{&sum, &one} {
			switch {
			case r.ResponseCode == networkCode:
				a.addNetwork(r.Network)
			case d == Total:
				a.add(&h, int(h.success))
			default:
				a.add(&h, succeeded-int(h.errors))
			}
			if a.key.named() {
				a.observeNamed(h.at, r.APIName)
			} else {
				a.observe(h.at)
			}
		}
		each = append(each, one.result())
	}
	return sum.result(), each
}

func drawDimension(t *rapid.T) Dimension {
	return rapid.SampledFrom([]Dimension{Total, APIID, Geo}).Draw(t, "dimension")
}

func TestCountersAddUpInAnyGrouping(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		d := drawDimension(rt)
		counter := func() *Counter {
			c, _ := countersOf(d, drawRecords(rt))
			return &c
		}
		plus := func(x, y *Counter) *Counter {
			var z Counter
			z.Add(x, d)
			z.Add(y, d)
			return &z
		}
		x, y, z := counter(), counter(), counter()
		require.Equal(rt, plus(plus(x, y), z).describe(), plus(x, plus(y, z)).describe())
		require.Equal(rt, plus(x, y).describe(), plus(y, x).describe())
	})
}

// A counter, to which records are added one by one, says the same as counters of
// one record each that are added up.
func TestAnAccountIsTheSumOfItsRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		d := drawDimension(rt)
		whole, each := countersOf(d, drawRecords(rt))
		var sum Counter
		for i := range each {
			sum.Add(&each[i], d)
		}
		require.Equal(rt, sum.describe(), whole.describe())
	})
}

// What is read back is what was written, also once it was on the wire.
func TestGroupsAreReadBackAsTheyWere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		a := newAggregator(t, drawSettings(rt))
		var groups []Group
		for _, segment := range []string{"", "seg"} {
			made, _ := a.Aggregate(logsOf(segment, rapid.IntRange(0, 1000).Draw(rt, "first"), drawRecords(rt)...), nil)
			groups = append(groups, made...)
		}
		logs := plog.NewLogs()
		AppendLogs(logs, "1.2.3", groups)
		wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
		require.NoError(rt, err)
		logs, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
		require.NoError(rt, err)
		back, err := FromLogs(logs)
		require.NoError(rt, err)
		require.Len(rt, back, len(groups))
		for i := range groups {
			require.Equal(rt, sum(groups[i:i+1], byBucket)[valueKey{}] == nil, sum(back[i:i+1], byBucket)[valueKey{}] == nil)
			require.Equal(rt, describeAll(sum(groups[i:i+1], byBucket)), describeAll(sum(back[i:i+1], byBucket)))
			g, b := groups[i], back[i]
			g.Rollups, b.Rollups = nil, nil
			require.Equal(rt, g.Bucket.Location().String(), b.Bucket.Location().String())
			require.True(rt, g.Bucket.Equal(b.Bucket) && g.ExpireAt.Equal(b.ExpireAt))
			g.Bucket, g.ExpireAt, b.Bucket, b.ExpireAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
			require.Equal(rt, g, b)
		}
	})
}

func TestIndicesAreASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var set Indices
		known := map[int64]bool{}
		for _, index := range rapid.SliceOfN(rapid.Int64Range(0, 40), 0, 60).Draw(rt, "indices") {
			require.Equal(rt, !known[index], set.Add(index))
			known[index] = true
		}
		for index := int64(-1); index < 42; index++ {
			require.Equal(rt, known[index], set.Contains(index))
		}
		require.EqualValues(rt, len(known), set.Len())
		require.True(rt, slices.IsSorted(slices.Collect(set.All())))
		for i, r := range set.Ranges() {
			require.True(rt, i == 0 || set.Ranges()[i-1].Last+1 < r.First, "ranges are apart")
		}
		back, err := decodeIndices(set.encode())
		require.NoError(rt, err)
		require.Equal(rt, set.Ranges(), back.Ranges())
	})
}

func FuzzDamagedRollupsAreNoPanic(f *testing.F) {
	a := newAggregator(f, Settings{Minutes: 60, Zone: "UTC", Latencies: true})
	groups, _ := a.Aggregate(logsOf("seg", 3, vector(200, 5), vector(500, 7)), nil)
	logs := plog.NewLogs()
	AppendLogs(logs, "", groups)
	wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(f, err)
	f.Add(wire)
	f.Fuzz(func(t *testing.T, wire []byte) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
		if err != nil {
			return
		}
		groups, err := FromLogs(logs)
		if err == nil {
			for i := range groups {
				assert.NotEmpty(t, groups[i].Rollups)
			}
		}
	})
}
