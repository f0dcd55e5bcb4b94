package rollups

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Hours begin where a clock on the wall of the zone shows them to.
func TestHoursBeginInTheirZone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "minutes"))
		at := time.Unix(rapid.Int64Range(-1e11, 1e11).Draw(t, "seconds"), 0).In(zone)
		hour := time.Unix(hourOf(at), 0).In(zone)
		if hour.Minute() != 0 || hour.Second() != 0 || at.Before(hour) || at.Sub(hour) >= time.Hour {
			t.Fatal(at, hour)
		}
	})
}
