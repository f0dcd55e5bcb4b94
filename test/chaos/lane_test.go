//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// fault is a kind of fault. inflict does it and makes good again before it
// returns; it never leaves anything stopped.
type fault struct {
	name    string // as reports name it
	inflict func(ctx context.Context, d *dice) error
}

// lane inflicts faults on one thing, one after the other. Several lanes work at
// the same time, so that faults coincide.
type lane struct {
	name string
	dice *dice
	// The time between two faults.
	least, most time.Duration
	first       []fault // come first, in this order
	faults      []fault // then these, in any
}

// run inflicts faults until the end, which a fault that has begun may outlast.
func (l *lane) run(ctx context.Context, end time.Time, c *chronicle) error {
	kinds := bag[fault]{dice: l.dice, all: l.faults}
	for n := 0; ; n++ {
		rest := l.dice.between(l.least, l.most)
		if time.Now().Add(rest).After(end) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rest):
		}
		var kind fault
		if n < len(l.first) {
			kind = l.first[n]
		} else {
			kind = kinds.next()
		}
		c.note("%s: %s", l.name, kind.name)
		began := time.Now()
		if err := kind.inflict(ctx, l.dice); err != nil {
			return fmt.Errorf("%s: %s: %w", l.name, kind.name, err)
		}
		c.span(l.name, began)
		c.note("%s: over after %.1f s: %s", l.name, time.Since(began).Seconds(), kind.name)
		c.inflicted(kind.name)
	}
}

// chronicle is what happened in a run, and when.
type chronicle struct {
	mu     sync.Mutex // guards the fields below
	began  time.Time
	lines  []string
	faults map[string]int
	again  int64 // records stored and not acknowledged when their collector was killed
	wrong  error // what was seen that must not be
	spans  map[string][]span
}

// span is when a fault was there.
type span struct{ from, to time.Time }

// aftermath is how long a fault that is over may still have consequences: a lease that is lost, or an exporter's attempt.
const aftermath = 6 * time.Second

// span notes that a fault of a lane is over.
func (c *chronicle) span(lane string, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans[lane] = append(c.spans[lane], span{began, time.Now()})
}

// disturbed tells whether a fault of one of the lanes, or its aftermath, lies between two times.
func (c *chronicle) disturbed(from, to time.Time, lanes []string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, lane := range lanes {
		for _, s := range c.spans[lane] {
			if s.from.Before(to) && s.to.Add(aftermath).After(from) {
				return true
			}
		}
	}
	return false
}

func newChronicle() *chronicle {
	return &chronicle{began: time.Now(), faults: map[string]int{}, spans: map[string][]span{}}
}

func (c *chronicle) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, c.stamp(time.Now())+" "+fmt.Sprintf(format, args...))
}

// stamp is a time as the chronicle writes it: s since the beginning, and the
// clock's, by which logs can be compared.
func (c *chronicle) stamp(at time.Time) string {
	return fmt.Sprintf("%7.2f s (%s)", at.Sub(c.began).Seconds(), at.Format("15:04:05.000"))
}

func (c *chronicle) inflicted(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults[name]++
}

// exposed notes that so many records will be delivered again.
func (c *chronicle) exposed(records int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.again += records
}

// violated notes what must not be.
func (c *chronicle) violated(err error) {
	c.note("%v", err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = errors.Join(c.wrong, err)
}

func (c *chronicle) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines, "\n")
}
