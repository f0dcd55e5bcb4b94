package push

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func TestSplitKeepsEachEntryInTheTableOfItsDay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := layout.Calendar{Zone: time.FixedZone("", 60*rapid.IntRange(-12*60, 14*60).Draw(t, "minutes")), Sharded: true}
		seconds := rapid.SliceOfN(rapid.Int64Range(-62_135_596_800, 253_402_300_799), 1, 50).Draw(t, "seconds")
		records := make([]analytics.Record, len(seconds))
		for i, s := range seconds {
			records[i].TimeStamp = time.Unix(s, 0)
		}
		b := NewBatch(sinktest.Push("seg", 0, records...), requests...)
		defer b.Release()
		var days []string
		n := 0
		for _, d := range b.Split(c, b.Parts[0].Pending()) {
			days = append(days, d.Day)
			n += len(d.List)
			if len(d.Day) != 8 || !slices.IsSorted(d.List) {
				t.Fatal(d)
			}
			for _, i := range d.List {
				if got := c.Day(time.Unix(seconds[i], 0)); got != d.Day {
					t.Fatal(got, d.Day)
				}
			}
		}
		if n != len(seconds) || !slices.IsSorted(days) || len(slices.Compact(slices.Clone(days))) != len(days) {
			t.Fatal(n, days)
		}
	})
}
