package logging

import (
	"hash/maphash"
	"maps"
	"regexp"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
)

const (
	// quiet is how long a line is not said again. What is said once a minute has a minute that is
	// never quite one.
	quiet = 50 * time.Second
	// mostVariants of a line are told apart by their fields; more of them count as one.
	mostVariants = 5
	// facts is how often a line of our own, or of another receiver, is said meanwhile. They tell changes,
	// such as the end of an outage, and with numbers what becomes of records: how many are dead letters, or
	// which offset of Kafka is left out.
	facts = 100
	// ownCode is what the names of our own functions begin with.
	ownCode = "github.com/otelcol-tyk/otelcol-tyk/"
	// mostLines bounds what is remembered.
	mostLines = 1000
)

var seed = maphash.MakeSeed()

// fingerprint tells fields apart by what is not a number: ports, times and counts differ each time.
func fingerprint(fields []zapcore.Field) uint64 {
	if len(fields) == 0 {
		return 0
	}
	return maphash.String(seed, numberless(encode(fields...)))
}

// durations differ in their units, too: 563.3ms, 1m2s.
var durations = regexp.MustCompile(`(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+\b`)

func numberless(text string) string {
	text = durations.ReplaceAllString(text, "")
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
}

// repeats counts what is said again and again.
type repeats struct {
	mu    sync.Mutex
	lines map[line]*variants
}

// line is a message of a component.
type line struct {
	component, message string
	level              zapcore.Level
}

// variants are when a line was said, by the fingerprint of its fields.
type variants struct {
	each   map[uint64]*mention
	others mention
}

// mention is one time that something was said, and what followed.
type mention struct {
	at             time.Time
	said, repeated int
}

func newRepeats() *repeats { return &repeats{lines: map[line]*variants{}} }

// say tells whether a line is to be said, and how often it was not since it last was.
func (r *repeats) say(component string, entry zapcore.Entry, fields uint64) (repeated int, isSaid bool) {
	burst := 1
	if strings.HasPrefix(entry.Caller.Function, ownCode) || strings.HasPrefix(component, "receiver ") {
		burst = facts
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.of(line{component + " " + entry.LoggerName, numberless(entry.Message), entry.Level}, entry.Time).of(fields, entry.Time)
	switch {
	case !m.isFresh(entry.Time):
		repeated = m.repeated
		*m = mention{at: entry.Time, said: 1}
		return repeated, true
	case m.said < burst:
		m.said++
		return 0, true
	}
	m.repeated++
	return 0, false
}

// of finds a line, and forgets others when there are too many.
func (r *repeats) of(l line, now time.Time) *variants {
	v := r.lines[l]
	if v != nil {
		return v
	}
	if len(r.lines) >= mostLines {
		maps.DeleteFunc(r.lines, func(_ line, v *variants) bool { return !v.isFresh(now) })
	}
	if len(r.lines) >= mostLines {
		clear(r.lines)
	}
	v = &variants{each: map[uint64]*mention{}}
	r.lines[l] = v
	return v
}

// of finds a variant, or the place of all that are too many.
func (v *variants) of(fields uint64, now time.Time) *mention {
	m := v.each[fields]
	if m != nil {
		return m
	}
	if len(v.each) >= mostVariants {
		maps.DeleteFunc(v.each, func(_ uint64, m *mention) bool { return !m.isFresh(now) })
	}
	if len(v.each) >= mostVariants {
		return &v.others
	}
	m = &mention{}
	v.each[fields] = m
	return m
}

func (v *variants) isFresh(now time.Time) bool {
	for _, m := range v.each {
		if m.isFresh(now) {
			return true
		}
	}
	return v.others.isFresh(now)
}

func (m *mention) isFresh(now time.Time) bool { return now.Sub(m.at) < quiet }
