//go:build e2e || chaos

package chaos

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// double is a store that stands for a destination, and counts what it takes.
type double interface {
	store
	faults() []fault
	// account tells what came of requests and records so far.
	account() account
	close()
}

// account is what a destination has seen.
type account struct {
	Requests int // that came, or messages where the protocol has no requests
	Failed   int // that were refused for now, cut, or taken in part
	Withheld int // that were taken without an answer
	Records  int64
	// Records that came again although the destination had them, by why.
	Unanswered, Disturbed int
}

// add sums up what a destination has seen in several runs.
func (a *account) add(b account) {
	a.Requests += b.Requests
	a.Failed += b.Failed
	a.Withheld += b.Withheld
	a.Records += b.Records
	a.Unanswered += b.Unanswered
	a.Disturbed += b.Disturbed
}

// counter counts each time that a destination takes a record.
type counter struct {
	name      string
	refusing  bool // forbidden records
	chronicle *chronicle
	// lanes are those after whose faults a record may come again, because an answer or an
	// acknowledgement is lost. That a destination refuses something for now is no such fault.
	lanes []string

	writing sync.Mutex // held by who writes, and by block

	mu     sync.Mutex          // guards the fields below
	copies map[string][]copied // by alias
	known  map[string]bool     // ids
	seen   account
	faulty []string // what could not be read
}

// copied is one time that a record was taken.
type copied struct {
	at      time.Time
	unknown bool // no answer told of it
}

func newCounter(name string, refusing bool, c *chronicle, lanes ...string) *counter {
	return &counter{name: name, refusing: refusing, chronicle: c, lanes: lanes, copies: map[string][]copied{}, known: map[string]bool{}}
}

// take stores records, but those that it has by their ids.
func (c *counter) take(at time.Time, unknown bool, items ...item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range items {
		id, alias := items[i].id, items[i].alias
		if id != "" {
			if c.known[id] {
				continue
			}
			c.known[id] = true
		}
		c.copies[alias] = append(c.copies[alias], copied{at, unknown})
		c.seen.Records++
	}
}

// came counts a request.
func (c *counter) came(failed, withheld bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.Requests++
	if failed {
		c.seen.Failed++
	}
	if withheld {
		c.seen.Withheld++
	}
}

// unreadable notes what is not as the destination must get it.
func (c *counter) unreadable(err error, what []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faulty = append(c.faulty, fmt.Sprintf("%s cannot read %.300q: %v", c.name, what, err))
}

func (c *counter) product() string { return c.name }

func (c *counter) refuses(kind poison) bool { return c.refusing && kind == forbidden }

func (c *counter) holds(kind poison) bool { return !c.refuses(kind) }

func (*counter) counts(of rollupOf) (rollupOf, bool) { return of, false }

// tally counts a record once, and once more for each time that it came again without a reason.
func (c *counter) tally(context.Context) (*tally, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := newTally()
	t.sums, t.faults = nil, c.faulty
	c.seen.Unanswered, c.seen.Disturbed = 0, 0
	for alias, copies := range c.copies {
		t.add(alias)
		for i := range copies[1:] {
			switch before, after := copies[i], copies[i+1]; {
			case before.unknown:
				c.seen.Unanswered++
			case c.chronicle.disturbed(before.at, after.at, c.lanes):
				c.seen.Disturbed++
			default:
				t.add(alias)
			}
		}
	}
	return t, nil
}

func (c *counter) account() account {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

func (c *counter) count(context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen.Records, nil
}

func (c *counter) block(context.Context) (func(), error) {
	c.writing.Lock()
	return c.writing.Unlock, nil
}

func (c *counter) explain(_ context.Context, record int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var times []string
	for _, one := range c.copies[strconv.Itoa(record)] {
		times = append(times, fmt.Sprintf("%s, answer lost: %t", strings.TrimSpace(c.chronicle.stamp(one.at)), one.unknown))
	}
	return strings.Join(times, "; ")
}

// isForbidden tells of a record that some destinations never take.
func isForbidden(alias string) bool { return strings.HasPrefix(alias, string(forbidden)) }
