package layout

import (
	"time"
)

// DayText writes instants. It remembers the last date, which is nearly always that of
// the next record too.
type DayText struct {
	date []byte // with the blank after it
	day  int64  // since 1970
}

// Append adds what a clock shows whose place is known: "2006-01-02 15:04:05.000000",
// cut to microseconds. The year has four digits.
func (d *DayText) Append(b []byte, t time.Time) []byte {
	const daySeconds = 24 * 60 * 60
	_, offset := t.Zone()
	second := t.Unix() + int64(offset)
	day, second := second/daySeconds, second%daySeconds
	if second < 0 {
		day, second = day-1, second+daySeconds
	}
	if day != d.day || len(d.date) == 0 {
		d.day, d.date = day, t.AppendFormat(d.date[:0], "2006-01-02 ")
	}
	b = append(b, d.date...)
	b = append(b, "00:00:00.000000"...)
	digits := b[len(b)-len("00:00:00.000000"):]
	putDigits(digits[0:2], second/3600)
	putDigits(digits[3:5], second/60%60)
	putDigits(digits[6:8], second%60)
	putDigits(digits[9:], int64(t.Nanosecond()/int(time.Microsecond)))
	return b
}

// putDigits writes a number that is not negative over as many digits.
func putDigits(digits []byte, n int64) {
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
}
