package sqlite

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

func TestSQLiteTimeIsWithinWhatSorts(t *testing.T) {
	t.Parallel()
	sqliteTime := func(at time.Time) string { return string(appendTime(nil, &layout.DayText{}, at, 0)) }
	assert.Equal(t, "0001-01-01 00:00:00.000000+00:00", sqliteTime(time.Time{}))
	assert.Equal(t, "0000-01-01 00:00:00.000000+00:00", sqliteTime(time.Unix(math.MinInt64/2, 0)))
	assert.Equal(t, "9999-12-31 23:59:59.999999+00:00", sqliteTime(time.Unix(math.MaxInt64/2, 0)))
	assert.Equal(t, "2026-08-20 08:11:12.000001+00:00", sqliteTime(time.Date(2026, 8, 20, 10, 11, 12, 1999, time.FixedZone("", 7200))))
}
