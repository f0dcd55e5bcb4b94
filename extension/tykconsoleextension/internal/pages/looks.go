package pages

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
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

// looks surveys Redis for all pages: one look every 5 s while somebody watches.
type looks struct {
	site *Site
	ctx  context.Context //nolint:containedctx // the life of what looks in the background
	end  context.CancelFunc
	done sync.WaitGroup

	mu      sync.Mutex
	last    *Look
	seen    time.Time
	err     error
	failed  time.Time
	count   int
	course  map[string][]float64 // waiting entries by group
	wanted  time.Time
	running bool
	first   chan struct{}
	again   chan struct{}
}

func newLooks(s *Site) *looks {
	ctx, end := context.WithCancel(context.Background())
	return &looks{site: s, ctx: ctx, end: end, course: map[string][]float64{}, first: make(chan struct{}), again: make(chan struct{}, 1)}
}

func (l *looks) close() {
	l.end()
	l.done.Wait()
}

// want says that somebody watches, and begins to look.
func (l *looks) want() {
	redis := l.site.backend.Redis()
	if redis == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted = l.site.Now()
	if l.running || l.ctx.Err() != nil {
		return
	}
	l.running = true
	l.done.Go(func() { l.run(redis) })
}

func (l *looks) run(redis Redis) {
	for {
		l.look(redis)
		pause := lookEvery
		l.mu.Lock()
		if l.count == 1 {
			pause = secondLook
		}
		l.mu.Unlock()
		timer := time.NewTimer(pause)
		select {
		case <-l.ctx.Done():
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

func (l *looks) look(redis Redis) {
	l.mu.Lock()
	before := l.last
	if before != nil && l.site.Now().Sub(l.seen) > 12*lookEvery {
		before = nil // movement since so long ago says nothing of now
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.ctx, lookTime)
	defer cancel()
	now, err := redis.Look(ctx, before)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.last, l.seen, l.err = now, l.site.Now(), nil
		l.count++
		for _, g := range now.Groups {
			course := append(l.course[g.Name], float64(g.Waiting))
			l.course[g.Name] = course[max(0, len(course)-keptLooks):]
		}
	case l.ctx.Err() != nil:
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
}

func (l *looks) snapshot() snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := snapshot{look: l.last, seen: l.seen, err: l.err, failed: l.failed, count: l.count, course: map[string][]float64{}}
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

func (l *looks) address() string {
	if r := l.site.backend.Redis(); r != nil {
		return r.Address()
	}
	return ""
}

// storeWait is how much waits for the group of the store, and since when.
func (l *looks) storeWait(look *Look) (entries int64, oldest time.Duration, found bool) {
	if look == nil {
		return 0, 0, false
	}
	group := l.site.backend.Process().StoreGroup
	for _, g := range look.Groups {
		if g.Name == group {
			entries, oldest, found = g.Waiting, g.Oldest, true
		}
	}
	if !found {
		return 0, 0, false
	}
	for _, list := range look.Lists {
		if list.ReplayTo == "" || list.ReplayTo == group {
			entries += list.Unclaimed
		}
	}
	return entries, oldest, true
}

// waiting is how many records wait for the store.
func (l *looks) waiting() int64 {
	n, _, _ := l.storeWait(l.snapshot().look)
	return n
}

// completeTo is the moment to which everything pushed is stored; zero where that is not known.
func (l *looks) completeTo() time.Time {
	s := l.snapshot()
	_, oldest, ok := l.storeWait(s.look)
	if !ok {
		return time.Time{}
	}
	return s.look.At.Add(-oldest).UTC()
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

const (
	behindWarn = 10 * time.Second
	behindBad  = 5 * time.Minute
)

// glance is what every page shows of the pipeline.
func (l *looks) glance() (int, *freshness) {
	l.want()
	s := l.snapshot()
	if s.look == nil {
		return 0, nil
	}
	n := troubles(s.look)
	if s.err != nil {
		n++
	}
	_, oldest, ok := l.storeWait(s.look)
	if !ok {
		return n, nil
	}
	f := &freshness{Class: "ok"}
	at := s.look.At.Add(-oldest).In(l.site.Zone)
	f.Long, f.Short = "Stored to "+at.Format("15:04:05 MST")+", ", view.Age(oldest)+" behind"
	switch {
	case oldest >= behindBad || s.err != nil:
		f.Class = "bad"
	case oldest >= behindWarn:
		f.Class = "warn"
	}
	if s.err != nil {
		f.Long, f.Short = "", "Redis does not answer"
	}
	return n, f
}

// strips say what is wrong with all numbers of a page.
func (q *request) behindStrips() []Strip {
	s := q.site.looks.snapshot()
	entries, oldest, ok := q.site.looks.storeWait(s.look)
	if !ok || oldest < behindBad {
		return nil
	}
	return []Strip{{
		Kind: "trouble", Text: fmt.Sprintf("Numbers end at %s: %s for the store.", s.look.At.Add(-oldest).In(q.site.Zone).Format("15:04"), view.Plural(entries, "record waits", "records wait")),
		Links: []Link{{"Pipeline", q.site.Base + "pipeline"}},
	}}
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
