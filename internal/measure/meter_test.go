package measure

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// everything is every kind of instrument at once.
func everything() []Instrument {
	all := append(TykPump(AllPaths), Gateway()...)
	for _, in := range Exponential(Gateway()[2:]) {
		in.Name += ".exponential"
		all = append(all, in)
	}
	return all
}

// drawRecord makes a record of few values, so that series meet again.
func drawRecord(t *rapid.T) analytics.Record {
	r := analytics.Record{
		Method:       rapid.SampledFrom([]string{"GET", "POST", "\xff", "�"}).Draw(t, "method"),
		Path:         rapid.SampledFrom([]string{"", "/", "/a", "a\x00b"}).Draw(t, "path"),
		APIID:        rapid.SampledFrom([]string{"a", "b", "ab", ""}).Draw(t, "api"),
		APIKey:       rapid.SampledFrom([]string{"b", "", "ab"}).Draw(t, "key"),
		ResponseCode: rapid.SampledFrom([]int64{200, 404, -1, 0}).Draw(t, "code"),
		RequestTime:  rapid.Int64Range(-5, 100_000).Draw(t, "time"),
		TimeStamp:    epoch.Add(time.Duration(rapid.Int64Range(0, 5).Draw(t, "at")) * time.Second),
	}
	r.Latency.Upstream = rapid.Int64Range(0, 3).Draw(t, "upstream")
	r.Latency.Gateway = r.RequestTime - r.Latency.Upstream
	if n := rapid.IntRange(0, 3).Draw(t, "trace"); n > 0 {
		r.Tags = []string{fmt.Sprintf("trace-id-%032x", n)}
	}
	return r
}

func TestSumsAreTheSameHoweverRecordsAreSplit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(drawRecord), 1, 40).Draw(t, "records")
		whole, _ := collect(count(everything(), roomy(), all), epoch.Add(time.Minute))

		m := NewMeter(everything(), roomy(), epoch)
		batches := []*Batch{m.NewBatch(), m.NewBatch(), m.NewBatch()}
		for _, i := range rapid.Permutation(indices(len(all))).Draw(t, "order") {
			b := batches[rapid.IntRange(0, len(batches)-1).Draw(t, "batch")]
			b.Add(&all[i])
			if rapid.Bool().Draw(t, "merge") {
				m.Merge(epoch, b)
				assert.Zero(t, b.Len())
			}
		}
		for _, b := range batches {
			m.Merge(epoch, b)
		}
		parts, _ := collect(m, epoch.Add(time.Minute))
		assert.Empty(t, difference(whole, parts))
	})
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestSumsAreTheSameInParallel(t *testing.T) {
	t.Parallel()
	all := pumpRecords(t)
	want, _ := collect(count(everything(), roomy(), all), epoch.Add(time.Minute))

	m := NewMeter(everything(), roomy(), epoch)
	const workers = 8
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(w)))
			b := m.NewBatch()
			for i := w; i < len(all); i += workers {
				b.Add(&all[i])
				if random.IntN(10) == 0 {
					m.Merge(epoch, b)
				}
			}
			m.Merge(epoch, b)
		})
	}
	wg.Go(func() {
		for range 20 {
			_ = m.Usage()
		}
	})
	wg.Wait()
	got, _ := collect(m, epoch.Add(time.Minute))
	assert.Empty(t, difference(want, got))
}

func TestABatchThatIsResetDoesNotCount(t *testing.T) {
	t.Parallel()
	m := NewMeter(everything(), roomy(), epoch)
	b := m.NewBatch()
	b.Add(&analytics.Record{APIID: "never"})
	b.Reset()
	b.Add(&analytics.Record{APIID: "once"})
	m.Merge(epoch, b)
	got, _ := collect(m, epoch)
	want, _ := collect(count(everything(), roomy(), []analytics.Record{{APIID: "once"}}), epoch)
	assert.Empty(t, difference(want, got))
}

// perKey counts requests by key and by code.
func perKey(settings Settings) *Meter {
	return NewMeter([]Instrument{TykPump(TrackedPaths)[2]}, settings, epoch)
}

func add(m *Meter, at time.Time, keys ...string) {
	b := m.NewBatch()
	for _, key := range keys {
		b.Add(&analytics.Record{APIKey: key, ResponseCode: 200})
	}
	m.Merge(at, b)
}

func TestWhatIsBeyondTheLimitIsCountedTogetherAndBlamed(t *testing.T) {
	t.Parallel()
	m := perKey(Settings{SeriesLimit: 4})
	add(m, epoch, "a", "b", "c")
	all, overflows := collect(m, epoch)
	assert.Empty(t, overflows, "the limit is not passed yet")
	assert.Len(t, counters(t, all, "tyk_http_status_per_key"), 3)

	add(m, epoch, "d", "e", "a", "d")
	all, overflows = collect(m, epoch)
	assert.Equal(t, map[string]int64{
		`{code="200",key="a"}`: 2, `{code="200",key="b"}`: 1, `{code="200",key="c"}`: 1, `{otel.metric.overflow="true"}`: 3,
	}, counters(t, all, "tyk_http_status_per_key"))
	assert.Equal(t, []Overflow{{Metric: "tyk_http_status_per_key", Label: "key", Values: 3, Series: 4}}, overflows)
	assert.Equal(t, []Usage{{Metric: "tyk_http_status_per_key", Series: 4, Overflowed: 3}}, m.Usage())

	add(m, epoch, "f")
	_, overflows = collect(m, epoch)
	assert.Empty(t, overflows, "it is said once")
}

// points gives a counter's points by key.
func points(all pmetric.MetricSlice) map[string]pmetric.NumberDataPoint {
	out := map[string]pmetric.NumberDataPoint{}
	for _, m := range all.All() {
		for _, dp := range m.Sum().DataPoints().All() {
			name := "overflow"
			if key, ok := dp.Attributes().Get("key"); ok {
				name = key.Str()
			}
			out[name] = dp
		}
	}
	return out
}

func TestIdleSeriesExpireAndComeBackWithALaterStart(t *testing.T) {
	t.Parallel()
	minute := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }
	stamp := func(n int) pcommon.Timestamp { return pcommon.NewTimestampFromTime(minute(n)) }
	m := perKey(Settings{SeriesLimit: 3, Expiry: 10 * time.Minute})
	add(m, minute(1), "a", "a", "b", "c")
	all, _ := collect(m, minute(2))
	first := points(all)
	assert.EqualValues(t, 2, first["a"].IntValue())
	assert.Equal(t, stamp(0), first["a"].StartTimestamp())
	assert.Equal(t, stamp(2), first["a"].Timestamp())

	add(m, minute(5), "a")
	all, _ = collect(m, minute(11))
	later := points(all)
	assert.EqualValues(t, 3, later["a"].IntValue())
	assert.Equal(t, stamp(0), later["a"].StartTimestamp(), "the start stays")
	for _, gone := range []string{"b", "overflow"} {
		assert.True(t, later[gone].Flags().NoRecordedValue(), gone)
		assert.Equal(t, stamp(0), later[gone].StartTimestamp())
	}
	assert.Equal(t, 3, all.Len(), "each end is a metric of its own")
	m.Taken()
	all, _ = collect(m, minute(12))
	assert.Len(t, points(all), 1)

	add(m, minute(13), "b", "c")
	all, overflows := collect(m, minute(14))
	again := points(all)
	assert.EqualValues(t, 1, again["b"].IntValue())
	assert.Equal(t, stamp(12), again["b"].StartTimestamp(), "not before the end of its first life")
	assert.EqualValues(t, 1, again["overflow"].IntValue())
	assert.Len(t, overflows, 1, "after there was room, passing the limit is said again")
}

func TestTheEndOfASeriesIsToldUntilItIsTaken(t *testing.T) {
	t.Parallel()
	minute := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }
	ended := func(all pmetric.MetricSlice) (keys []string) {
		for key, dp := range points(all) {
			if dp.Flags().NoRecordedValue() {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		return keys
	}
	m := perKey(Settings{SeriesLimit: 3, Expiry: 10 * time.Minute})
	add(m, minute(0), "a", "b", "c")
	for n := range 3 { // pushes that are lost
		all, _ := collect(m, minute(10+n))
		assert.Equal(t, []string{"a", "b", "overflow"}, ended(all))
	}
	add(m, minute(13), "b")
	all, _ := collect(m, minute(13))
	assert.Equal(t, []string{"a", "overflow"}, ended(all), "what came back has no end")
	assert.EqualValues(t, 1, points(all)["b"].IntValue())
	m.Taken()
	all, _ = collect(m, minute(14))
	assert.Empty(t, ended(all))

	m = perKey(Settings{SeriesLimit: 3, Expiry: time.Minute})
	for n := range 100 {
		add(m, minute(n), strconv.Itoa(n))
		all, _ = collect(m, minute(n+1))
	}
	assert.Len(t, ended(all), 3, "no more than there may be series")
}

func TestNegativeTimesCountAsZero(t *testing.T) {
	t.Parallel()
	negative := []analytics.Record{{RequestTime: -5, Latency: analytics.Latency{Gateway: -7, Upstream: -1}}, {RequestTime: 3, Latency: analytics.Latency{Gateway: 2, Upstream: 1}}}
	zero := []analytics.Record{{}, {RequestTime: 3, Latency: analytics.Latency{Gateway: 2, Upstream: 1}}}
	got, _ := collect(count(everything(), roomy(), negative), epoch)
	want, _ := collect(count(everything(), roomy(), zero), epoch)
	assert.Empty(t, difference(want, got))
}

func TestLabelValuesAreBounded(t *testing.T) {
	t.Parallel()
	const two = 2 << 20
	long := strings.Repeat("/ä", two/3)
	m := NewMeter([]Instrument{TykPump(AllPaths)[1]}, roomy(), epoch)
	b := m.NewBatch()
	for _, path := range []string{long, long + "/other", "x" + long, strings.Repeat("\xff", two), strings.Repeat("a", maxValueBytes)} {
		b.Add(&analytics.Record{Path: path, TrackPath: true})
	}
	m.Merge(epoch, b)
	all, _ := collect(m, epoch)
	dps := all.At(0).Sum().DataPoints()
	assert.Equal(t, 4, dps.Len(), "values that are cut to the same are the same")
	for _, dp := range dps.All() {
		path, _ := dp.Attributes().Get("path")
		assert.LessOrEqual(t, len(path.Str()), maxValueBytes)
		assert.True(t, utf8.ValidString(path.Str()))
		assert.Equal(t, path.Str() != strings.Repeat("a", maxValueBytes), strings.HasSuffix(path.Str(), cutMark))
	}
}

func TestExponentialHistogramsHoldTheSameTimes(t *testing.T) {
	t.Parallel()
	all, _ := collect(count(Exponential(Gateway()), roomy(), gatewayRecords(t)), epoch.Add(time.Minute))
	explicit, _ := collect(count(Gateway(), roomy(), gatewayRecords(t)), epoch.Add(time.Minute))
	require.Equal(t, pmetric.MetricTypeSum, all.At(0).Type(), "counters stay counters")
	want := map[string]pmetric.HistogramDataPoint{}
	for _, dp := range explicit.At(2).Histogram().DataPoints().All() {
		want[labelText(dp.Attributes())] = dp
	}
	require.Equal(t, len(want), all.At(2).ExponentialHistogram().DataPoints().Len())
	for _, dp := range all.At(2).ExponentialHistogram().DataPoints().All() {
		of := want[labelText(dp.Attributes())]
		assert.Equal(t, of.Count(), dp.Count())
		assert.InDelta(t, of.Sum(), dp.Sum(), 0)
		n := dp.ZeroCount()
		for _, bucket := range dp.Positive().BucketCounts().All() {
			n += bucket
		}
		assert.Equal(t, dp.Count(), n)
	}
}

func TestExemplarsNameTheNewestTraceOfEachBucket(t *testing.T) {
	t.Parallel()
	record := func(trace int, at, ms int64) analytics.Record {
		return analytics.Record{
			TimeStamp: epoch.Add(time.Duration(at) * time.Second), RequestTime: ms, ResponseCode: 200,
			Tags: []string{"other", fmt.Sprintf("trace-id-%032x", trace)},
		}
	}
	requests := []analytics.Record{record(1, 5, 2), record(2, 9, 3), record(3, 7, 4), record(4, 1, 9000), {RequestTime: 1}}
	all, _ := collect(count(Gateway(), roomy(), requests), epoch)
	dp := all.At(2).Histogram().DataPoints().At(0)
	if dp.Count() == 1 {
		dp = all.At(2).Histogram().DataPoints().At(1)
	}
	require.Equal(t, 2, dp.Exemplars().Len())
	e := dp.Exemplars().At(0)
	assert.Equal(t, pcommon.TraceID{15: 2}, e.TraceID())
	assert.InDelta(t, 0.003, e.DoubleValue(), 0)
	assert.Equal(t, pcommon.NewTimestampFromTime(epoch.Add(9*time.Second)), e.Timestamp())
	assert.Equal(t, pcommon.TraceID{15: 4}, dp.Exemplars().At(1).TraceID())
	assert.Equal(t, pcommon.TraceID{15: 2}, all.At(0).Sum().DataPoints().At(0).Exemplars().At(0).TraceID())

	silent := roomy()
	silent.Exemplars = false
	all, _ = collect(count(Gateway(), silent, requests), epoch)
	assert.Zero(t, all.At(2).Histogram().DataPoints().At(0).Exemplars().Len())
}

func TestKeysOfDifferentValuesDiffer(t *testing.T) {
	t.Parallel()
	in := TykPump(AllPaths)[1] // code, api, path, method
	prepared := prepare(in)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) analytics.Record {
			return analytics.Record{
				ResponseCode: rapid.Int64().Draw(t, name+" code"), APIID: rapid.String().Draw(t, name+" api"),
				Path: rapid.String().Draw(t, name+" path"), Method: rapid.String().Draw(t, name+" method"),
			}
		}
		a, b := draw("a"), draw("b")
		key := string(appendKey(nil, "", false, in.Labels, &a))
		assert.Equal(t, []string{strconv.FormatInt(a.ResponseCode, 10), a.APIID, a.Path, a.Method}, values(key, len(prepared.names)))
		same := a.ResponseCode == b.ResponseCode && a.APIID == b.APIID && a.Path == b.Path && a.Method == b.Method
		assert.Equal(t, same, key == string(appendKey(nil, "", false, in.Labels, &b)))
	})
}
