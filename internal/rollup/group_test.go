package rollup

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// ledgerOf is what a store remembers: records by family, settings and segment.
type ledgerOf map[string]map[int64]bool

// apply stores groups as the package's comment asks of a store, and tells what it
// cannot take as it is.
func (l ledgerOf) apply(groups []Group, stored map[valueKey]*Counter) []Overlap {
	var overlaps []Overlap
	var fresh []Group
	for _, g := range groups {
		applied := l[fmt.Sprint(g.Family, g.Settings, g.Segment)]
		switch how, known := g.Overlap(func(index int64) bool { return applied[index] }); how {
		case Mixed:
			overlaps = append(overlaps, Overlap{Family: g.Family, Segment: g.Segment, Applied: known})
		case New:
			fresh = append(fresh, g)
		case Known:
		}
	}
	if len(overlaps) > 0 {
		return overlaps
	}
	for _, g := range fresh {
		at := fmt.Sprint(g.Family, g.Settings, g.Segment)
		if l[at] == nil {
			l[at] = map[int64]bool{}
		}
		for index := range g.Records.All() {
			l[at][index] = true
		}
	}
	for k, c := range sum(fresh, byBucket) {
		if stored[k] == nil {
			stored[k] = &Counter{}
		}
		stored[k].Add(c, k.dimension)
	}
	return nil
}

// However a segment is cut again and again, whatever of it several stores had
// stored before, each ends with every record counted once.
func TestAnyCutIsStoredOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		records := drawRecords(rt)
		settings := drawSettings(rt)
		a := newAggregator(t, settings)
		const stores = 2
		var ledgers [stores]ledgerOf
		var stored [stores]map[valueKey]*Counter
		for i := range stores {
			ledgers[i], stored[i] = ledgerOf{}, map[valueKey]*Counter{}
		}
		deliver := func(from, to int, to0, to1 bool) {
			logs := logsOf("seg", from, records[from:to]...)
			var cut Cut
			for {
				groups, _ := a.Aggregate(logs, cut)
				var overlaps []Overlap
				for i, reached := range []bool{to0, to1} {
					if reached {
						overlaps = append(overlaps, ledgers[i].apply(groups, stored[i])...)
					}
				}
				if len(overlaps) == 0 {
					return
				}
				var err error
				cut, err = cut.With(overlaps)
				require.NoError(rt, err)
			}
		}
		for range rapid.IntRange(0, 5).Draw(rt, "deliveries cut short") {
			from := rapid.IntRange(0, len(records)-1).Draw(rt, "from")
			to := rapid.IntRange(from+1, len(records)).Draw(rt, "to")
			deliver(from, to, rapid.Bool().Draw(rt, "reaches the first"), rapid.Bool().Draw(rt, "reaches the second"))
		}
		deliver(0, len(records), true, true)
		whole, _ := newAggregator(t, settings).Aggregate(logsOf("", 0, records...), nil)
		want := describeAll(sum(whole, byBucket))
		for i := range stores {
			require.Equal(rt, want, describeAll(stored[i]))
		}
	})
}

func TestARecordTwiceInAChunkCountsOnce(t *testing.T) {
	t.Parallel()
	logs := logsOf("seg", 0, vector(200, 1))
	logsOf("seg", 0, vector(200, 1), vector(200, 1)).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	groups, tally := newAggregator(t, hourly()).Aggregate(logs, nil)
	require.Len(t, groups, 1)
	assert.Equal(t, int64(2), groups[0].Rollups[0].Counter.Hits)
	assert.Equal(t, int64(2), tally.Records)
	assert.Equal(t, []Range{{0, 1}}, groups[0].Records.Ranges())
}

func TestACutGroupIsRefused(t *testing.T) {
	t.Parallel()
	groups, _ := newAggregator(t, hourly()).Aggregate(logsOf("seg", 0, vector(200, 1)), nil)
	damage := map[string]func(plog.ResourceLogs){
		"it has 11 of 12 rollups": func(r plog.ResourceLogs) {
			r.ScopeLogs().At(0).LogRecords().RemoveIf(func(lr plog.LogRecord) bool {
				value, _ := lr.Attributes().Get(AttrDimension)
				return value.Str() == "geo"
			})
		},
		"the set of records is damaged": func(r plog.ResourceLogs) { r.Resource().Attributes().PutEmptyBytes(AttrRecords).Append(0x80) },
		`its family "x" is not known`:   func(r plog.ResourceLogs) { r.Resource().Attributes().PutStr(AttrFamily, "x") },
		"the dimension": func(r plog.ResourceLogs) {
			r.ScopeLogs().At(0).LogRecords().At(1).Attributes().PutStr(AttrDimension, "x")
		},
		"has the event name": func(r plog.ResourceLogs) { r.ScopeLogs().At(0).LogRecords().At(1).SetEventName("x") },
		"sketch is damaged": func(r plog.ResourceLogs) {
			r.ScopeLogs().At(0).LogRecords().At(1).Attributes().PutEmptyBytes(AttrLatencies).Append(0xff)
		},
		"is not a number": func(r plog.ResourceLogs) {
			r.ScopeLogs().At(0).LogRecords().At(1).Attributes().PutEmptyMap(AttrCodes).PutInt("x", 1)
		},
	}
	for want, do := range damage {
		logs := plog.NewLogs()
		AppendLogs(logs, "", groups)
		do(logs.ResourceLogs().At(0))
		_, err := FromLogs(logs)
		require.ErrorContains(t, err, want, want)
		require.ErrorContains(t, err, `organisation "org1"`)
	}
}

func TestOtherLogRecordsAreLeftOut(t *testing.T) {
	t.Parallel()
	logs := logsOf("seg", 0, vector(200, 1))
	slice := analytics.AppendScope(logs)
	(&analytics.Uptime{OrgID: "o"}).ToLog(slice.AppendEmpty(), "")
	slice.AppendEmpty().SetEventName("else")
	_, tally := newAggregator(t, hourly()).Aggregate(logs, nil)
	assert.Equal(t, []int64{1, 1, 1}, []int64{tally.Records, tally.Uptime, tally.Foreign})
	groups, err := FromLogs(logs)
	require.NoError(t, err)
	assert.Empty(t, groups)
}

func TestBucketsBeginByTheClocksOfTheirZone(t *testing.T) {
	t.Parallel()
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	require.NoError(t, err)
	at := time.Date(2026, 3, 5, 12, 34, 56, 7, time.UTC)
	for minutes, want := range map[int]string{60: "12:00", 15: "12:30", 7: "12:28", 1: "12:34", 45: "12:00", 31: "12:31"} {
		assert.Equal(t, want, Bucket(at, minutes).Format("15:04"), minutes)
	}
	assert.Equal(t, "2026-03-05T18:00:00+05:30", Bucket(at.In(kolkata), 60).Format(time.RFC3339))
	rapid.Check(t, func(t *rapid.T) {
		minutes := rapid.IntRange(1, 60).Draw(t, "minutes")
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "offset"))
		at := time.Unix(rapid.Int64Range(-1e11, 1e11).Draw(t, "seconds"), 0).In(zone)
		start := Bucket(at, minutes)
		if b := bucketOf(at, minutes); b.start != start || at.Unix() < b.from || at.Unix() >= b.to {
			t.Fatal(at, b)
		}
		if at.Before(start) || at.Sub(start) >= time.Duration(minutes)*time.Minute || start.Minute()%minutes != 0 || start.Second() != 0 {
			t.Fatal(at, start)
		}
	})
}

// A budget keeps a dimension small over all chunks, and loses no count.
func TestABudgetFoldsWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	settings := hourly()
	settings.MaxValues, settings.TagAlert = 3, 2
	a := newAggregator(t, settings)
	var groups []Group
	folded := map[Dimension]int64{}
	var alerts []TagAlert
	for chunk := range 4 {
		var records []analytics.Record
		for i := range 5 {
			r := vector(200, 1)
			r.APIKey, r.Tags = fmt.Sprintf("key%d", chunk*2+i), []string{fmt.Sprintf("scan-%d", chunk*5+i)}
			records = append(records, r)
		}
		made, tally := a.Aggregate(logsOf("seg", chunk*5, records...), nil)
		groups = append(groups, made...)
		alerts = append(alerts, tally.Alerts...)
		for d, n := range tally.FoldedBy {
			folded[d] += n
		}
	}
	hits := map[Dimension]int64{}
	values := map[Dimension]int{}
	for k, c := range sum(groups, byBucket) {
		hits[k.dimension] += c.Hits
		values[k.dimension]++
	}
	for _, d := range []Dimension{Total, APIKeys, Tags, KeyEndpoints} {
		assert.Equal(t, int64(20), hits[d], d)
		assert.LessOrEqual(t, values[d], 4, d)
	}
	assert.Equal(t, 4, values[Tags])
	other := sum(groups, byBucket)[valueKey{org: "org1", bucket: 1772712000, dimension: KeyEndpoints, value: OtherValue + "." + OtherValue}]
	assert.Equal(t, folded[KeyEndpoints], other.Hits)
	assert.Equal(t, int64(17), folded[Tags])
	assert.Equal(t, []TagAlert{{Org: "org1", Bucket: Bucket(vectorTime, 60), Prefixes: []string{"scan-"}}}, alerts)
}

func TestABudgetForgetsOldBuckets(t *testing.T) {
	t.Parallel()
	settings := hourly()
	settings.MaxValues = 2
	a := newAggregator(t, settings)
	for hour := range 500 {
		r := vector(200, 1)
		r.TimeStamp = vectorTime.Add(time.Duration(hour) * time.Hour)
		a.Aggregate(logsOf("", 0, r), nil)
	}
	assert.LessOrEqual(t, a.budget.size, rememberedBuckets*settings.MaxValues)
	assert.LessOrEqual(t, len(a.budget.known), rememberedBuckets*settings.MaxValues)
}

func TestFingerprintsTellSettingsApart(t *testing.T) {
	t.Parallel()
	same := Settings{Minutes: 60, Zone: "UTC", MaxValues: 7, TagAlert: 1, Latencies: true}
	assert.Equal(t, Settings{Minutes: 60, Zone: "UTC"}.Fingerprint(), same.Fingerprint(), "these change no row of Tyk's")
	assert.Equal(t, Settings{Ignore: []Dimension{Geo, Tags}}.Fingerprint(), Settings{Ignore: []Dimension{Tags, Geo, Tags}}.Fingerprint())
	seen := map[string]bool{}
	for _, s := range []Settings{
		{Minutes: 60},
		{Minutes: 1},
		{Minutes: 60, Zone: "UTC"},
		{Minutes: 60, TrackAllPaths: true},
		{Minutes: 60, TraceTags: true},
		{Minutes: 60, IgnoreTagPrefixes: []string{"a"}},
		{Minutes: 60, IgnoreTagPrefixes: []string{"a", "b"}},
		{Minutes: 60, Ignore: []Dimension{Geo}},
	} {
		seen[s.Fingerprint()] = true
	}
	assert.Len(t, seen, 8)
}

func TestSketchesTellPercentiles(t *testing.T) {
	t.Parallel()
	settings := hourly()
	settings.Latencies = true
	var records []analytics.Record
	for i := range 1000 {
		records = append(records, vector(200, int64(i+1)))
	}
	groups, _ := newAggregator(t, settings).Aggregate(logsOf("seg", 0, records...), nil)
	found := 0
	for i := range groups[0].Rollups {
		r := &groups[0].Rollups[i]
		if r.Counter.Latencies == nil {
			continue
		}
		found++
		for _, q := range []float64{0.5, 0.95, 0.99} {
			value, err := r.Counter.Latencies.Quantile(q)
			require.NoError(t, err)
			assert.InEpsilon(t, 1000*q, value, SketchAccuracy*1.05, r.Dimension)
		}
	}
	assert.Equal(t, 3, found, "API, key and endpoint")
	zero := NewSketch()
	zero.Add(-3)
	for bin, n := range zero.Bins() {
		assert.Equal(t, []int64{ZeroBin, 1}, []int64{int64(bin), n})
	}
	assert.Zero(t, BinValue(ZeroBin))
}

func TestDimensionsAreParsedByEitherName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Dimension{"APIID": APIID, "apiid": APIID, "KeyEndpoint": KeyEndpoints, "keyendpoints": KeyEndpoints, "rootfields": RootFields} {
		got, err := ParseDimension(name)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, name := range []string{"", "total", "Apiid"} {
		_, err := ParseDimension(name)
		require.Error(t, err, name)
	}
	_, err := NewAggregator(Settings{Zone: "Nowhere/At/All"})
	assert.Error(t, err)
}

// A search among the types before for each type would take minutes.
func TestManyTypesOfOneRecordAreCountedQuickly(t *testing.T) {
	t.Parallel()
	const types = 300_000
	r := analytics.Record{APIID: "graph", OrgID: "org", TimeStamp: time.Unix(0, 0)}
	r.GraphQL.IsGraphQL, r.GraphQL.Types = true, make(map[string][]string, types)
	for i := range types {
		r.GraphQL.Types[fmt.Sprintf("Type%d", i)] = nil
	}
	ld := plog.NewLogs()
	r.ToLog(analytics.AppendScope(ld).AppendEmpty(), "")
	a, err := NewAggregator(Settings{Minutes: 60, Zone: "UTC"})
	require.NoError(t, err)
	began := time.Now()
	groups, _ := a.Aggregate(ld, nil)
	assert.Less(t, time.Since(began), time.Minute)
	assert.Greater(t, len(groups[0].Rollups), types)
}
