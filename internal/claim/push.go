package claim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// pushPage and pushBytes bound what one call appends to a list; a larger entry travels alone.
	pushPage, pushBytes = 500, 256 << 10
	// leastMarked is for how many segments it is always known which entries of theirs were pushed.
	leastMarked = 1000
	// markedIdle is for how long that is kept at least of a list that nothing is pushed to any more.
	markedIdle = 7 * 24 * time.Hour
)

var (
	// ErrListFull says that nobody takes entries from the list that they are pushed to.
	ErrListFull = errors.New("the list has as many entries as it may, and nobody takes them")
	// ErrOwnSource says that entries were to be pushed to the list that they were claimed from.
	ErrOwnSource = errors.New("the entries were claimed from this very list, and would come again and again")
)

// PushSettings say how entries are pushed.
type PushSettings struct {
	// MaxEntries is the most that a list has for more to be pushed, from 1.
	MaxEntries int64
	// Remember is for how long it is known at least what was pushed; of the last segments it always is.
	Remember time.Duration
	// WaitForReplicas is how many of the replicas that are connected must have what was pushed, 0 for none.
	WaitForReplicas int
}

// Target is a list that entries are pushed to, each once whoever pushes them.
type Target struct {
	list     string
	base     string
	expiry   time.Duration
	settings PushSettings
}

// NewTarget describes the list at key, which expires as gateways' lists do: so long after the first entry,
// or never for 0. It does not touch Redis.
func NewTarget(key string, expiry time.Duration, settings PushSettings) *Target {
	return &Target{list: key, base: keyBase(key), expiry: expiry, settings: settings}
}

// Key is the list's name in Redis.
func (t *Target) Key() string { return t.list }

// Run are entries of one segment.
type Run struct {
	// Segment is its id.
	Segment string
	// Indices and Entries are as many.
	Indices []int64
	Entries [][]byte
}

// Pushed counts entries.
type Pushed struct {
	// New ones were appended.
	New int64
	// Known ones had been before.
	Known int64
}

// Push appends entries to a list, those that were not before, and waits until replicas have them. After an error
// some may be there; again is harmless.
func (s *Store) Push(ctx context.Context, t *Target, runs []Run) (Pushed, error) {
	var pushed Pushed
	server, err := s.server(ctx, t.list)
	if err != nil {
		return pushed, fmt.Errorf("find the server of %s: %w", t.list, err)
	}
	conn := server.Conn() // WAIT is about what its connection has written
	defer conn.Close()    //nolint:errcheck // gives the connection back
	for _, run := range runs {
		for from := 0; from < len(run.Indices); {
			n, err := t.pushPage(ctx, conn, run, from, &pushed)
			if err != nil {
				return pushed, fmt.Errorf("push to %s: %w", t.list, err)
			}
			from += n
		}
	}
	return pushed, wrap(s.pushReplicas(ctx, server, conn, t.settings.WaitForReplicas), "push to %s", t.list)
}

// pushPage makes one call, and returns for how many entries.
func (t *Target) pushPage(ctx context.Context, conn *redis.Conn, run Run, from int, pushed *Pushed) (n int, err error) {
	var runs, entries []any
	for bytes, count := 0, 0; from+n < len(run.Indices) && n < pushPage; n++ {
		at := from + n
		if bytes += len(run.Entries[at]); n > 0 && bytes > pushBytes {
			break
		}
		if count++; n == 0 || run.Indices[at] != run.Indices[at-1]+1 {
			runs, count = append(runs, run.Indices[at], 0), 1
		}
		runs[len(runs)-1] = count
		entries = append(entries, run.Entries[at])
	}
	args := []any{
		t.base + "pushed:", run.Segment, int64(t.expiry.Seconds()), t.settings.MaxEntries,
		t.settings.Remember.Milliseconds(), leastMarked, max(markedIdle, t.settings.Remember).Milliseconds(), len(runs) / 2,
	}
	args = append(append(args, runs...), entries...)
	c := &call{cmd: pushScript.Run(ctx, conn, []string{t.list, t.base + "pushed", t.base + "segments"}, args...)}
	reply, err := c.numbers(3)
	switch {
	case err != nil:
		return n, err
	case reply[1] == 1:
		return n, ErrListFull
	case reply[2] == 1:
		return n, ErrOwnSource
	}
	pushed.New += reply[0]
	pushed.Known += int64(n) - reply[0]
	return n, nil
}

func (s *Store) pushReplicas(ctx context.Context, server *redis.Client, conn *redis.Conn, most int) error {
	if most == 0 {
		return nil
	}
	want, err := s.trusted(ctx, server, conn, most)
	if err != nil {
		return err
	}
	return s.awaitReplicas(ctx, server, conn, want)
}
