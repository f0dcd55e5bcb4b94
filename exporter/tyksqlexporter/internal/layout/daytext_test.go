package layout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// One dayText writes what the standard library does, whatever it wrote before.
func TestDayText(t *testing.T) {
	t.Parallel()
	const half = 12 * time.Hour
	day := &DayText{}
	for _, place := range []*time.Location{time.UTC, time.FixedZone("", -3600), time.FixedZone("", 20_700)} {
		for i := range 9 {
			for _, start := range []time.Time{{}, time.Unix(0, 0), sinktest.Time, time.Date(9999, 12, 25, 0, 0, 0, 0, time.UTC)} {
				at := start.Add(2*half + time.Duration(i)*half + time.Duration(i)*time.Microsecond - 1).In(place)
				assert.Equal(t, at.Format("2006-01-02 15:04:05.000000"), string(day.Append(nil, at)))
			}
		}
	}
}
