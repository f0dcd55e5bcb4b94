package mysql

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
	"unicode/utf8"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// appendTime adds what the clock of a place shows, cut to a number of digits of a
// second: the server would round, and move a day's last record to the next day. One
// outside of the years that MySQL knows becomes the nearest inside.
func appendTime(b []byte, day *layout.DayText, t time.Time, clock *time.Location, digits int) []byte {
	b = day.Append(b, layout.WithinYears(t.In(clock)))
	b = b[:len(b)-6+digits]
	if digits == 0 {
		return b[:len(b)-1] // without the point
	}
	return b
}

// shortestID is how many characters an id has at least room for: a checksum's.
const shortestID = 2 * sha256.Size

// shortID is an id of at most so many characters, which are not fewer than those of a
// checksum.
func shortID(id string, length int) string {
	if len(id) <= length {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return id[:length-shortestID] + hex.EncodeToString(sum[:])
}

// cutText is the beginning of a text, at most so many characters of it.
func cutText(text string, length int) string {
	if len(text) <= length || utf8.RuneCountInString(text) <= length {
		return text
	}
	runes := 0
	for at := range text {
		if runes == length {
			return text[:at]
		}
		runes++
	}
	return text
}
