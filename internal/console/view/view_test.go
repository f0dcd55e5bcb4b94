package view

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJSONIsVisible(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"plain", "\u202eab\u0085", "\u2066ü\ufeff", "a\x7fb", "\u061c\u200e"} {
		encoded, err := json.MarshalIndent([]string{text}, "", "  ")
		require.NoError(t, err)
		shown := VisibleJSON(encoded)
		var back []string
		require.NoError(t, json.Unmarshal(shown, &back))
		assert.Equal(t, []string{text}, back)
		assert.Equal(t, Visible(text) == text, bytes.Equal(shown, encoded))
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"5,482,631": Count(5_482_631), "1.28 G": Count(1_280_000_000), "−1,234": Full(-1234), "0": Full(0), "999": Full(999), "12.4 k": Short(12_400), "50 k": Short(50_000), "5.48 M": Short(5_482_631),
		"4.86": Percent(4.861), "14.1": Percent(14.12), "10.0": Percent(9.999), "<0.01": Percent(0.001), "0 ": Percent(0) + " ", "–": Share(1, 0), "93.6": Share(936, 1000),
		"+28 %": Change(128, 100), "−3 %": Change(97, 100), "0 %": Change(100.2, 100), "new": Change(1, 0), "+1,300 %": Change(1400, 100), "+0.21 pp": Points(4.86, 4.65), "−0.50 pp": Points(1, 1.5), "0 pp": Points(1, 1.001),
		"1,614": Millis(1614.4), "2.5": Millis(2.5), "10": Millis(9.97), "227 ms": LatencyText(227), "1.55 s": LatencyText(1550), "1 s": LatencyTick(1000),
		"64/s": Rate(640, 10*time.Second), "40/min": Rate(40, time.Minute), "3/h": Rate(3, time.Hour),
		"0.3 s": Age(300 * time.Millisecond), "41 s": Age(41 * time.Second), "3 min 41 s": Age(221 * time.Second), "3 h 12 min": Age(192 * time.Minute), "2 d 4 h": Age(52 * time.Hour), "9 d": Age(9 * 24 * time.Hour), "0 s": Age(-time.Second),
		"118 B": Size(118), "4.6 kB": Size(4618), "1,340 MB": Size(1_340_000_000), "23.4 MB": Size(23_400_000), "1 letter": Plural(1, "letter", "letters"), "31 letters": Plural(31, "letter", "letters"),
		"3f1c…a907": Middle("3f1c00000000a907", 4, 4), "short": Middle("short", 4, 4), `a\x00b\u202ec`: Visible("a\x00b\u202ec"), "ümlaut": Visible("ümlaut"),
	} {
		assert.Equal(t, strings.TrimSpace(want), strings.TrimSpace(strings.ReplaceAll(got, narrow, " ")))
	}
}

func TestPathsHaveGapsWhereNothingIsKnown(t *testing.T) {
	t.Parallel()
	c := NewChart("x", 4, 100, PlotShare)
	c.Line(Linear(10), "l", []float64{0, 5, math.NaN(), 10})
	assert.Equal(t, "M0.5 100L1.5 50M3.5 0", c.Paths[0].D)
	c.Bars(Linear(10), []string{"a", "b"}, [][]float64{{5, 0, 1, 1}, {5, 0, 1, 1}}, 0.2, true)
	assert.Equal(t, []string{"ln l", "a", "b", "a f-open", "b f-open"}, []string{c.Paths[0].Class, c.Paths[1].Class, c.Paths[2].Class, c.Paths[3].Class, c.Paths[4].Class})
	assert.Equal(t, "M0.1 50V0h0.8V50zM2.1 90V80h0.8V90z", c.Paths[2].D, "columns stand on each other")
	c.Band(Linear(10), "f", []float64{0, 0, 0, 0}, []float64{10, math.NaN(), 10, 10})
	assert.Len(t, c.Paths, 7)
}

func TestTicks(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []float64{50_000, 100_000}, NiceTicks(130_000))
	assert.Equal(t, []float64{2, 4, 6}, NiceTicks(7))
	assert.Nil(t, NiceTicks(0))
	for most := 0.01; most < 1e9; most *= 1.37 {
		n := len(NiceTicks(most))
		assert.True(t, n >= 1 && n <= 3, "%v has %d", most, n)
	}
	assert.Equal(t, []float64{10, 100, 1000}, LogTicks(8, 6000))
	from := time.Date(2026, 11, 26, 14, 45, 0, 0, time.UTC)
	var texts []string
	for _, tick := range TimeTicks(from, from.Add(24*time.Hour), 15*time.Minute, time.UTC, 5) {
		texts = append(texts, tick.Text)
	}
	assert.Equal(t, []string{"18:00", "Fri 27", "06:00", "12:00"}, texts)
}

// FuzzVisible holds that nothing that hides is left, and that what shows stays.
func FuzzVisible(f *testing.F) {
	for _, seed := range []string{"", "a", "\u202e", "\x00\x1b[2J", "\xff", "日本"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shown := Visible(text)
		for _, r := range shown {
			if r < ' ' || r == '\u202e' || r == '\u2066' || r == 0x7f {
				t.Errorf("%q shows as %q", text, shown)
			}
		}
	})
}
