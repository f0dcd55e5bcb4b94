package analytics

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxIndex is the greatest index of a record; sets of them have room for no greater one.
const MaxIndex = 1<<62 - 1

// UID is a record's identity for ever: the Redis segment it was claimed in and
// its place there. Stores use it to apply each record once.
type UID struct {
	// Segment is the segment's id, unique for ever, without "-".
	Segment string
	// Index is the record's place in the segment, from 0 to MaxIndex.
	Index int64
}

// String gives the form that travels in the attribute log.record.uid.
func (u UID) String() string {
	return u.Segment + "-" + strconv.FormatInt(u.Index, 10)
}

// ParseUID reads what String wrote. The Segment shares memory with s.
func ParseUID(s string) (UID, error) {
	dash := strings.LastIndexByte(s, '-')
	if dash <= 0 {
		return UID{}, fmt.Errorf("record uid %q: want <segment>-<index>", s)
	}
	digits := s[dash+1:]
	index, err := strconv.ParseInt(digits, 10, 64)
	// Another spelling of an index would be another identity to who compares text.
	if err != nil || digits[0] < '0' || digits[0] == '0' && len(digits) > 1 || index > MaxIndex {
		return UID{}, fmt.Errorf("record uid %q: the index after the last '-' must be a number from 0", s)
	}
	return UID{Segment: s[:dash], Index: index}, nil
}
