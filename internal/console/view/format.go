package view

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// narrow stands between a figure and its unit, and does not break.
	narrow = "\u202f"
	minus  = "\u2212"
	// Unknown is a figure that is not known, which is never 0.
	Unknown = "–"
)

// Count is a number in full, with commas, up to nine digits; above, in three digits.
func Count(v int64) string {
	if v > 999_999_999 || v < -999_999_999 {
		return Short(float64(v))
	}
	return Full(v)
}

// Full is a number with commas.
func Full(v int64) string {
	s := strconv.FormatInt(v, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = minus, s[1:]
	}
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return sign + s
}

// Short is a number in three digits, such as 12.4 k, for axes and narrow places.
func Short(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.size {
			return digits(v/unit.size) + narrow + unit.name
		}
	}
	return digits(v)
}

// digits are three digits without zeroes behind the point.
func digits(v float64) string {
	places := 2
	switch a := math.Abs(v); {
	case a >= 100:
		places = 0
	case a >= 10:
		places = 1
	}
	s := strconv.FormatFloat(v, 'f', places, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// Share is a part in per cent, without the unit: two places below 10, one above.
func Share(part, whole int64) string {
	switch {
	case whole == 0:
		return Unknown
	case part == 0:
		return "0"
	}
	return Percent(100 * float64(part) / float64(whole))
}

// Percent is a number of per cent, without the unit.
func Percent(x float64) string {
	switch {
	case math.IsNaN(x):
		return Unknown
	case x == 0:
		return "0"
	case x < 0.01:
		return "<0.01"
	case x < 9.995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	default:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
}

// Unit is a figure with its unit behind a narrow space.
func Unit(figure, unit string) string { return figure + narrow + unit }

// Change is how much a figure grew, in per cent; "new" where there was nothing before.
func Change(now, before float64) string {
	switch {
	case math.IsNaN(now) || math.IsNaN(before):
		return Unknown
	case before == 0 && now == 0:
		return "0" + narrow + "%"
	case before == 0:
		return "new"
	}
	x := 100 * (now/before - 1)
	if math.Abs(x) < 0.5 {
		return "0" + narrow + "%"
	}
	return sign(x) + Full(int64(math.Round(math.Abs(x)))) + narrow + "%"
}

// Points is the difference of two shares, in points of per cent.
func Points(now, before float64) string {
	x := now - before
	if math.Abs(x) < 0.005 {
		return "0" + narrow + "pp"
	}
	return sign(x) + strconv.FormatFloat(math.Abs(x), 'f', 2, 64) + narrow + "pp"
}

func sign(x float64) string {
	if x < 0 {
		return minus
	}
	return "+"
}

// Millis is a latency for a column that is in milliseconds.
func Millis(ms float64) string {
	if math.IsNaN(ms) {
		return Unknown
	}
	if ms > 0 && ms < 9.95 && ms != math.Trunc(ms) {
		return strconv.FormatFloat(ms, 'f', 1, 64)
	}
	return Full(int64(math.Round(ms)))
}

// Latency is a latency as a headline: its figure and its unit.
func Latency(ms float64) (figure, unit string) {
	switch {
	case math.IsNaN(ms):
		return Unknown, ""
	case ms < 1000:
		return Millis(ms), "ms"
	default:
		return strconv.FormatFloat(ms/1000, 'f', 2, 64), "s"
	}
}

// LatencyText is a latency with its unit.
func LatencyText(ms float64) string {
	figure, unit := Latency(ms)
	if unit == "" {
		return figure
	}
	return figure + narrow + unit
}

// LatencyTick is a round latency for an axis.
func LatencyTick(ms float64) string {
	if ms < 1000 {
		return digits(ms) + narrow + "ms"
	}
	return digits(ms/1000) + narrow + "s"
}

// Rate is how often something happens.
func Rate(count float64, in time.Duration) string {
	figure, unit := RateParts(count, in)
	return figure + unit
}

// RateParts is a rate's figure and its unit.
func RateParts(count float64, in time.Duration) (figure, unit string) {
	if in <= 0 || math.IsNaN(count) {
		return Unknown, ""
	}
	second := count / in.Seconds()
	switch {
	case second == 0:
		return "0", "/s"
	case second >= 1:
		return Short(math.Round(second)), "/s"
	case second*60 >= 1:
		return Full(int64(math.Round(second * 60))), "/min"
	default:
		return digits(second * 3600), "/h"
	}
}

// Age is a stretch of time in two parts at most, such as 3 min 41 s.
func Age(d time.Duration) string {
	switch {
	case d < 0:
		return "0" + narrow + "s"
	case d < 10*time.Second:
		return digits(math.Round(d.Seconds()*10)/10) + narrow + "s"
	}
	s := int64(d / time.Second)
	two := func(big, small int64, bigUnit, smallUnit string) string {
		text := strconv.FormatInt(big, 10) + narrow + bigUnit
		if small > 0 {
			text += " " + strconv.FormatInt(small, 10) + narrow + smallUnit
		}
		return text
	}
	switch {
	case s < 60:
		return strconv.FormatInt(s, 10) + narrow + "s"
	case s < 3600:
		return two(s/60, s%60, "min", "s")
	case s < 86400:
		return two(s/3600, s%3600/60, "h", "min")
	case s < 7*86400:
		return two(s/86400, s%86400/3600, "d", "h")
	default:
		return strconv.FormatInt(s/86400, 10) + narrow + "d"
	}
}

// Size is a number of bytes, in decimal units as tykctl writes them.
func Size(bytes int64) string {
	switch {
	case bytes < 1000:
		return strconv.FormatInt(bytes, 10) + narrow + "B"
	case bytes < 1_000_000:
		return fmt.Sprintf("%.1f%skB", float64(bytes)/1e3, narrow)
	case bytes < 100_000_000:
		return fmt.Sprintf("%.1f%sMB", float64(bytes)/1e6, narrow)
	case bytes < 10_000_000_000:
		return Full(int64(math.Round(float64(bytes)/1e6))) + narrow + "MB"
	default:
		return fmt.Sprintf("%.1f%sGB", float64(bytes)/1e9, narrow)
	}
}

// Plural is a number of things, in the right form.
func Plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Middle cuts a text in its middle, such as 3f1c…a907.
func Middle(text string, head, tail int) string {
	runes := []rune(text)
	if len(runes) <= head+tail+1 {
		return text
	}
	return string(runes[:head]) + "…" + string(runes[len(runes)-tail:])
}

// hidden tells control and direction characters, which could make a text look like another.
func hidden(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e ||
		r >= 0x2066 && r <= 0x2069 || r == 0xfeff || r == '\u2028' || r == '\u2029' || r == '\ufffd'
}

// VisibleJSON is JSON with the same value, in which such characters are escapes.
func VisibleJSON(text []byte) []byte {
	shown := func(r rune) bool { return !hidden(r) || r < 0x20 || r == '\ufffd' } // the first are white space between values
	if bytes.IndexFunc(text, func(r rune) bool { return !shown(r) }) < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if shown(r) {
			out = utf8.AppendRune(out, r)
		} else {
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// Visible shows control and direction characters as escapes.
func Visible(text string) string {
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
