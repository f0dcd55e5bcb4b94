package query

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Search chooses records for Logs.
type Search struct {
	From, To time.Time
	Filter
	// Text is looked for in path, raw path, original path, agent, address, alias and tags, whatever
	// the case of its letters.
	Text string
	// InBodies looks for Text in recorded bodies instead.
	InBodies bool
	// Trace is a trace's id, 32 hex digits.
	Trace string
	// Slower wants a total latency of at least so much.
	Slower time.Duration
	// TCP wants the records of TCP APIs, which are left out otherwise.
	TCP bool
	// Limit is the page's length, from 1 to 200; 50 where it is 0.
	Limit int
	// Before begins the page behind a record; After ends it before one, to look what is newer.
	Before, After *Cursor
	// Patience bounds the search; 1.5 s where it is 0.
	Patience time.Duration
}

// Cursor is a place between records: behind the record of this time and hash.
type Cursor struct {
	At   time.Time
	Hash string
}

// String writes the cursor for URLs: microseconds and the hash.
func (c Cursor) String() string {
	return strconv.FormatInt(c.At.UnixMicro(), 10) + "." + c.Hash
}

// ParseCursor reads what Cursor.String wrote.
func ParseCursor(text string) (Cursor, error) {
	micros, hash, ok := strings.Cut(text, ".")
	n, err := strconv.ParseInt(micros, 10, 64)
	if !ok || err != nil || n < minMicros || n > maxMicros || !isHash(hash) {
		return Cursor{}, fmt.Errorf("%q is no place between records: use one that a page gave", text)
	}
	return Cursor{At: time.UnixMicro(n).UTC(), Hash: hash}, nil
}

var (
	minMicros = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	maxMicros = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()
)

// HashLength is how many hex digits tell records of the same microsecond apart.
const HashLength = 10

func isHash(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == HashLength && strings.ToLower(text) == text
}

// Ref refers to a record: it holds over restores, where row numbers do not.
type Ref struct {
	Org, API string
	Cursor
}

// ParseRef reads a record's reference.
func ParseRef(org, api, record string) (Ref, error) {
	c, err := ParseCursor(record)
	return Ref{Org: org, API: api, Cursor: c}, err
}

// ParseStatus reads statuses: 429, 5xx, 200-299, several with commas between them.
func ParseStatus(text string) ([]StatusRange, error) {
	var ranges []StatusRange
	for part := range strings.SplitSeq(text, ",") {
		part = strings.ToLower(strings.TrimSpace(part))
		if part == "" {
			continue
		}
		r, ok := parseStatus(part)
		if !ok {
			return nil, fmt.Errorf("%q is no status: use one such as 429, 5xx or 200-299", part)
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

func parseStatus(part string) (StatusRange, bool) {
	const class = 100
	if digit, ok := strings.CutSuffix(part, "xx"); ok {
		n, err := strconv.ParseInt(digit, 10, 64)
		return StatusRange{n * class, n*class + class - 1}, err == nil && n >= 1 && n <= 9 && len(digit) == 1
	}
	first, last, isRange := strings.Cut(part, "-")
	if !isRange {
		last = first
	}
	a, errA := parseCode(first)
	b, errB := parseCode(last)
	return StatusRange{a, b}, errors.Join(errA, errB) == nil && a <= b
}

func parseCode(text string) (int64, error) {
	const greatest = 999
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && (n < 0 || n > greatest) {
		err = strconv.ErrRange
	}
	return n, err
}

// Matches tells whether a search finds a record, as far as the record says: bodies are not looked at.
// Live filters with it.
func (s *Search) Matches(r *Record) bool {
	const networkCode = -1
	switch {
	case !s.From.IsZero() && r.TimeStamp.Before(s.From), !s.To.IsZero() && !r.TimeStamp.Before(s.To):
		return false
	case s.TCP != (r.ResponseCode == networkCode):
		return false
	case s.Slower > 0 && r.Latency.Total < s.Slower.Milliseconds():
		return false
	case s.Trace != "" && !slices.ContainsFunc(r.Tags, func(t string) bool { return strings.EqualFold(t, "trace-id-"+s.Trace) }):
		return false
	case s.Text != "" && !s.InBodies && !s.textIn(r):
		return false
	}
	return s.matches(r, s.TCP)
}

func (s *Search) textIn(r *Record) bool {
	text := strings.ToLower(s.Text)
	in := func(of string) bool { return strings.Contains(strings.ToLower(of), text) }
	return in(r.Path) || in(r.RawPath) || in(r.OriginalPath) || in(r.UserAgent) || in(r.IPAddress) || in(r.Alias) || slices.ContainsFunc(r.Tags, in)
}

func (f *Filter) matches(r *Record, anyStatus bool) bool {
	return oneOf(f.Orgs, r.OrgID) && oneOf(f.APIs, r.APIID) && oneOf(f.Keys, r.APIKey) && oneOf(f.Methods, r.Method) &&
		oneOf(f.Countries, r.Geo.CountryISOCode) && oneOf(f.OAuth, r.OauthID) && oneOf(f.Versions, r.APIVersion) &&
		(anyStatus || statusIn(f.Status, r.ResponseCode)) &&
		(len(f.Paths) == 0 || slices.ContainsFunc(f.Paths, func(p string) bool { return MatchPath(p, r.Path) || MatchPath(p, r.OriginalPath) })) &&
		(len(f.Tags) == 0 || slices.ContainsFunc(f.Tags, func(t string) bool { return slices.Contains(r.Tags, t) }))
}

func oneOf(values []string, value string) bool {
	return len(values) == 0 || slices.Contains(values, value)
}

// MatchPath tells whether a path is that of a pattern, in which * stands for any characters.
func MatchPath(pattern, path string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == path
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(path, first) {
		return false
	}
	path = path[len(first):]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(path, part)
		if at < 0 {
			return false
		}
		path = path[at+len(part):]
	}
	return strings.HasSuffix(path, last)
}

// Compare orders records as pages show them: the newest first, those of one time by their hash.
func (c Cursor) Compare(o Cursor) int {
	return cmp.Or(o.At.Compare(c.At), cmp.Compare(o.Hash, c.Hash))
}
