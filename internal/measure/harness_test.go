package measure

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

var epoch = time.Date(2026, 3, 28, 10, 0, 0, 0, time.UTC)

// roomy are settings in which nothing overflows or expires.
func roomy() Settings { return Settings{SeriesLimit: 10_000, Exemplars: true} }

func unzip(tb testing.TB, path ...string) []byte {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	require.NoError(tb, err)
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(tb, err)
	content, err = io.ReadAll(unzipped)
	require.NoError(tb, err)
	return content
}

// records decodes a capture of msgpack entries.
func records(tb testing.TB, path ...string) []analytics.Record {
	tb.Helper()
	const size = 4
	content := unzip(tb, path...)
	var all []analytics.Record
	for len(content) > 0 {
		n := binary.BigEndian.Uint32(content)
		var r analytics.Record
		require.NoError(tb, analytics.DecodeMsgpack(content[size:size+n], &r))
		all = append(all, r)
		content = content[size+n:]
	}
	require.NotEmpty(tb, all)
	return all
}

func pumpRecords(tb testing.TB) []analytics.Record {
	tb.Helper()
	return records(tb, "..", "rollup", "testdata", "golden", "records-msgpack.bin.gz")
}

func gatewayRecords(tb testing.TB) []analytics.Record {
	tb.Helper()
	return records(tb, "..", "analytics", "testdata", "gateway", "records-otel-msgpack.bin.gz")
}

// count makes a meter and counts records in one batch.
func count(instruments []Instrument, settings Settings, all []analytics.Record) *Meter {
	m := NewMeter(instruments, settings, epoch)
	b := m.NewBatch()
	for i := range all {
		b.Add(&all[i])
	}
	m.Merge(epoch.Add(time.Second), b)
	return m
}

func collect(m *Meter, at time.Time) (pmetric.MetricSlice, []Overflow) {
	all := pmetric.NewMetricSlice()
	overflows := m.Collect(at, all)
	return all, overflows
}

// lines tells each series of metrics with all that it holds, so that sets of
// metrics can be compared whatever their order.
func lines(all pmetric.MetricSlice) []string {
	var out []string
	add := func(m pmetric.Metric, attributes pcommon.Map, start, at pcommon.Timestamp, flags pmetric.DataPointFlags, value string) {
		out = append(out, fmt.Sprintf("%s [%s] %q %s since %s at %s %d: %s", m.Name(), m.Unit(), m.Description(), labelText(attributes),
			start.AsTime().Format(time.RFC3339Nano), at.AsTime().Format(time.RFC3339Nano), flags, value))
	}
	for _, m := range all.All() {
		switch m.Type() {
		case pmetric.MetricTypeSum:
			for _, dp := range m.Sum().DataPoints().All() {
				add(m, dp.Attributes(), dp.StartTimestamp(), dp.Timestamp(), dp.Flags(), fmt.Sprint(dp.IntValue(), exemplars(dp.Exemplars())))
			}
		case pmetric.MetricTypeHistogram:
			for _, dp := range m.Histogram().DataPoints().All() {
				add(m, dp.Attributes(), dp.StartTimestamp(), dp.Timestamp(), dp.Flags(), fmt.Sprint(dp.Count(), dp.Sum(), dp.Min(), dp.Max(),
					dp.ExplicitBounds().AsRaw(), dp.BucketCounts().AsRaw(), exemplars(dp.Exemplars())))
			}
		case pmetric.MetricTypeExponentialHistogram:
			for _, dp := range m.ExponentialHistogram().DataPoints().All() {
				add(m, dp.Attributes(), dp.StartTimestamp(), dp.Timestamp(), dp.Flags(), fmt.Sprint(dp.Count(), dp.Sum(), dp.Min(), dp.Max(), dp.Scale(), dp.ZeroCount(),
					dp.Positive().Offset(), dp.Positive().BucketCounts().AsRaw(), dp.Negative().Offset(), dp.Negative().BucketCounts().AsRaw(), exemplars(dp.Exemplars())))
			}
		default:
			panic(m.Type())
		}
	}
	slices.Sort(out)
	return out
}

// difference lists the series that only one of two sets of metrics has.
func difference(want, got pmetric.MetricSlice) []string {
	var out []string
	w, g := lines(want), lines(got)
	for _, line := range w {
		if !slices.Contains(g, line) {
			out = append(out, "missing: "+line)
		}
	}
	for _, line := range g {
		if !slices.Contains(w, line) {
			out = append(out, "unexpected: "+line)
		}
	}
	return out
}

func exemplars(all pmetric.ExemplarSlice) []string {
	var out []string
	for _, e := range all.All() {
		out = append(out, fmt.Sprint(e.TraceID(), e.Timestamp(), e.IntValue(), e.DoubleValue()))
	}
	return out
}

// labelText writes attributes in the order of their names.
func labelText(attributes pcommon.Map) string {
	raw := attributes.AsRaw()
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		parts = append(parts, fmt.Sprintf("%s=%q", name, fmt.Sprint(raw[name])))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// counters gives the values of a counter by attributes.
func counters(tb testing.TB, all pmetric.MetricSlice, name string) map[string]int64 {
	tb.Helper()
	values := map[string]int64{}
	for _, m := range all.All() {
		if m.Name() != name {
			continue
		}
		for _, dp := range m.Sum().DataPoints().All() {
			if !dp.Flags().NoRecordedValue() {
				values[labelText(dp.Attributes())] += dp.IntValue()
			}
		}
	}
	return values
}
