package mysql

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

func TestMySQLTimesAreCutAndKeptInItsYears(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 20, 10, 11, 12, 987_654_321, time.UTC)
	for digits, want := range map[int]string{0: "2026-08-20 10:11:12", 1: "2026-08-20 10:11:12.9", 3: "2026-08-20 10:11:12.987", 6: "2026-08-20 10:11:12.987654"} {
		assert.Equal(t, want, string(appendTime(nil, &layout.DayText{}, at, time.UTC, digits)))
	}
	assert.Equal(t, "2026-08-20 12:11:12.987", string(appendTime(nil, &layout.DayText{}, at, time.FixedZone("", 7200), 3)))
	assert.Equal(t, "0001-01-01 00:00:00.000", string(appendTime(nil, &layout.DayText{}, time.Time{}, time.FixedZone("", -7200), 3)))
	assert.Equal(t, "9999-12-31 23:59:59.999", string(appendTime(nil, &layout.DayText{}, time.Date(400_000, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC, 3)))
}

func TestLongIDsEndInAChecksumAndTextsAtACharacter(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "abc", shortID("abc", 191))
	one, other := shortID(strings.Repeat("a", 300)+"1", 191), shortID(strings.Repeat("a", 300)+"2", 191)
	assert.Len(t, one, 191)
	assert.Len(t, other, 191)
	assert.NotEqual(t, one, other)
	assert.Equal(t, strings.Repeat("a", 127), one[:127])
	assert.Len(t, shortID(strings.Repeat("a", 300), shortestID), shortestID)
	for text, want := range map[string]string{"abcd": "abc", "äöüß": "äöü", "äöü": "äöü", "": ""} {
		assert.Equal(t, want, cutText(text, 3))
	}
}
