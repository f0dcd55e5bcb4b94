package pages

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// lookEvery is the time between two looks while somebody watches, watched for how long after the last request that is.
	lookEvery = 5 * time.Second
	watched   = 30 * time.Second
	// secondLook is how soon the first look is followed by another, which tells what moves.
	secondLook = 2 * time.Second
	lookTime   = 10 * time.Second
	// keptLooks is how many are kept for the course of 15 minutes.
	keptLooks = 180
	// firstLook is how long a page waits for the first one.
	firstLook = 2 * time.Second
)

// looks surveys one Redis for all pages: one look every 5 s while somebody watches.
type looks struct {
	site  *Site
	redis Redis

	mu      sync.Mutex
	last    *Look
	seen    time.Time
	err     error
	failed  time.Time
	count   int
	course  map[string][]float64 // waiting entries by group
	memory  []memorySample
	wanted  time.Time
	running bool
	first   chan struct{}
	again   chan struct{}
}

func newLooks(s *Site, redis Redis) *looks {
	return &looks{site: s, redis: redis, course: map[string][]float64{}, first: make(chan struct{}), again: make(chan struct{}, 1)}
}

// want says that somebody watches, and begins to look.
func (l *looks) want() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted = l.site.Now()
	if l.running {
		return
	}
	ctx, done, ok := l.site.tasks.begin(context.Background(), 0)
	if !ok {
		return
	}
	l.running = true
	go func() {
		defer done()
		l.run(ctx)
	}()
}

func (l *looks) run(ctx context.Context) {
	for {
		l.look(ctx)
		pause := lookEvery
		l.mu.Lock()
		if l.count == 1 {
			pause = secondLook
		}
		l.mu.Unlock()
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-l.again:
			timer.Stop()
		case <-timer.C:
		}
		l.mu.Lock()
		if l.site.Now().Sub(l.wanted) > watched {
			l.running = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
	}
}

func (l *looks) look(life context.Context) {
	l.mu.Lock()
	before := l.last
	if before != nil && l.site.Now().Sub(l.seen) > 12*lookEvery {
		before = nil // movement since so long ago says nothing of now
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(life, lookTime)
	defer cancel()
	now, err := l.redis.Look(ctx, before)
	l.site.backend.Measure(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.last, l.seen, l.err = now, l.site.Now(), nil
		l.count++
		l.memory = append(l.memory, memorySample{now.At, used(now)})
		l.memory = l.memory[max(0, len(l.memory)-keptLooks):]
		for _, g := range now.Groups {
			course := append(l.course[g.Name], float64(g.Waiting))
			l.course[g.Name] = course[max(0, len(course)-keptLooks):]
		}
	case life.Err() != nil:
		return
	default:
		if l.err == nil {
			l.failed = l.site.Now()
		}
		l.err = err
	}
	select {
	case <-l.first:
	default:
		close(l.first)
	}
}

// lookNow has the next look come at once, since something was done.
func (l *looks) lookNow() {
	l.want()
	select {
	case l.again <- struct{}{}:
	default:
	}
}

// snapshot is what pages show.
type snapshot struct {
	look   *Look
	seen   time.Time
	err    error
	failed time.Time
	count  int
	course map[string][]float64
	memory []memorySample
}

// memorySample is how much memory a Redis used at a moment.
type memorySample struct {
	at   time.Time
	used int64
}

func used(look *Look) int64 {
	sum := int64(0)
	for _, m := range look.Memory {
		sum += m.Used
	}
	return sum
}

func (l *looks) snapshot() snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := snapshot{look: l.last, seen: l.seen, err: l.err, failed: l.failed, count: l.count, course: map[string][]float64{}, memory: slices.Clone(l.memory)}
	for name, course := range l.course {
		s.course[name] = slices.Clone(course)
	}
	return s
}

// wait gives the last look, and waits for the first.
func (l *looks) wait(ctx context.Context) snapshot {
	l.want()
	timer := time.NewTimer(firstLook)
	defer timer.Stop()
	select {
	case <-l.first:
	case <-timer.C:
	case <-ctx.Done():
	}
	return l.snapshot()
}

func (l *looks) address() string { return l.redis.Address() }

// name is the receiver by which URLs name it.
func (l *looks) name() string { return firstOf(l.redis.Receivers()) }

// storeWait is how much waits for the groups of the store, and since when.
func (l *looks) storeWait(look *Look) (entries int64, oldest time.Duration, found bool) {
	if look == nil {
		return 0, 0, false
	}
	groups := l.redis.StoreGroups()
	for _, g := range look.Groups {
		if slices.Contains(groups, g.Name) {
			entries, oldest, found = entries+g.Waiting, max(oldest, g.Oldest), true
		}
	}
	if !found {
		return 0, 0, false
	}
	for _, list := range look.Lists {
		if list.ReplayTo == "" || slices.Contains(groups, list.ReplayTo) {
			entries += list.Unclaimed
		}
	}
	return entries, oldest, true
}

// troubles counts what is in trouble.
func troubles(look *Look) int {
	n := 0
	if look != nil {
		seen := map[string]bool{}
		for _, f := range look.Findings {
			key := f.Code + "\x00" + f.Group
			if f.Group == "" {
				key += f.Source
			}
			if f.Trouble && !seen[key] {
				seen[key] = true
				n++
			}
		}
	}
	return n
}

// incident logs what went wrong, and gives the id that finds it in the log.
func (s *Site) incident(q *request, err error) string {
	id := fmt.Sprintf("%x", s.Now().UnixNano()&0xffffffffff)
	s.Log.Error("A page of the console failed", zap.String("id", id), zap.String("path", q.URL.Path), zap.Error(err))
	return id
}

// mayAct says whether who asks may replay, drop and remove.
func (q *request) mayAct() bool {
	return q.site.Actions && q.site.MayAct(q.site.User(q.Request))
}

// checkOrigin refuses what another site has sent.
func (s *Site) checkOrigin(q *request) error {
	protection := http.NewCrossOriginProtection()
	if err := protection.Check(q.Request); err != nil {
		return &statusError{http.StatusForbidden, "forbidden", State{Kind: "trouble", Title: "This came from another site", Text: []string{"Nothing was done."}}}
	}
	return nil
}
