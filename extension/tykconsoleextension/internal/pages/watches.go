package pages

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// watches are the looks at each Redis of the configuration.
type watches struct {
	site *Site
	// newest is the newest record that the store was seen to have, in Unix nanoseconds.
	newest atomic.Int64

	mu  sync.Mutex
	all []*looks
}

// each gives the looks at each Redis, in the configuration's order.
func (w *watches) each() []*looks {
	redises := w.site.backend.Redises()
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*looks
	for _, r := range redises {
		i := slices.IndexFunc(w.all, func(l *looks) bool { return l.name() == firstOf(r.Receivers()) })
		if i < 0 {
			i = len(w.all)
			w.all = append(w.all, newLooks(w.site, r))
		}
		all = append(all, w.all[i])
	}
	return all
}

// remember keeps the time of the store's newest record, which pages tell where Redis does not say how far all is stored.
func (w *watches) remember(info query.Info) {
	if !info.NewestRecord.IsZero() {
		w.newest.Store(info.NewestRecord.UnixNano())
	}
}

// named is the looks at the Redis that a receiver reads, the first where no receiver is named; nil where there is none.
func (w *watches) named(receiver string) *looks {
	all := w.each()
	for _, l := range all {
		if receiver == "" || slices.Contains(l.redis.Receivers(), receiver) {
			return l
		}
	}
	return nil
}

// looks are those at the Redis that the page is of; nil where there is none.
func (q *request) looks() *looks {
	name := q.one("redis")
	if l := q.site.watches.named(name); l != nil || name == "" {
		return l
	}
	var known []string
	for _, l := range q.site.watches.each() {
		known = append(known, l.redis.Receivers()...)
	}
	q.fault("redis", "%q reads no lists here: use one of %s", short(name), strings.Join(known, ", "))
	return q.site.watches.named("")
}

// addresses are where lists are.
func (w *watches) addresses() string {
	var all []string
	for _, l := range w.each() {
		all = append(all, l.address())
	}
	return strings.Join(all, ", ")
}

// waiting is how many records wait for the store.
func (w *watches) waiting() int64 {
	sum := int64(0)
	for _, l := range w.each() {
		n, _, _ := l.storeWait(l.snapshot().look)
		sum += n
	}
	return sum
}

// completeTo is the moment to which everything pushed is stored; zero where that is not known.
func (w *watches) completeTo() time.Time {
	var at time.Time
	for _, l := range w.each() {
		s := l.snapshot()
		if _, oldest, ok := l.storeWait(s.look); ok {
			if to := s.look.At.Add(-oldest).UTC(); at.IsZero() || to.Before(at) {
				at = to
			}
		}
	}
	return at
}

const (
	behindWarn = 10 * time.Second
	behindBad  = 5 * time.Minute
)

// glance is what every page shows of the pipeline: how much is in trouble, and how far everything is stored. Of several
// Redis servers the one that is most behind tells that.
func (w *watches) glance() (int, *freshness) {
	troubled := 0
	var worst *freshness
	behind := time.Duration(-1)
	for _, l := range w.each() {
		l.want()
		s := l.snapshot()
		if s.look == nil {
			if s.err != nil {
				troubled++
			}
			continue
		}
		troubled += troubles(s.look)
		if s.err != nil {
			troubled++
		}
		_, oldest, ok := l.storeWait(s.look)
		switch {
		case !ok:
		case s.err != nil:
			worst, behind = &freshness{Class: "bad", Short: "Redis does not answer"}, 1<<62
		case oldest > behind:
			worst, behind = w.fresh(s.look.At.Add(-oldest), oldest), oldest
		}
	}
	if worst == nil {
		if at := w.newest.Load(); at != 0 {
			worst = &freshness{Class: "off", Long: "Newest record of ", Short: time.Unix(0, at).In(w.site.Zone).Format("2 Jan 15:04:05 MST")}
		}
	}
	return troubled, worst
}

func (w *watches) fresh(at time.Time, behind time.Duration) *freshness {
	f := &freshness{Class: "ok", Long: "Stored to " + at.In(w.site.Zone).Format("15:04:05 MST") + ", ", Short: view.Age(behind) + " behind"}
	switch {
	case behind >= behindBad:
		f.Class = "bad"
	case behind >= behindWarn:
		f.Class = "warn"
	}
	return f
}

// behindStrips say what is wrong with all numbers of a page.
func (q *request) behindStrips() []Strip {
	for _, l := range q.site.watches.each() {
		s := l.snapshot()
		entries, oldest, ok := l.storeWait(s.look)
		if ok && oldest >= behindBad {
			return []Strip{{
				Kind: "trouble", Text: fmt.Sprintf("Numbers end at %s: %s for the store.", s.look.At.Add(-oldest).In(q.site.Zone).Format("15:04"), view.Plural(entries, "record waits", "records wait")),
				Links: []Link{{"Pipeline", q.linkWith("pipeline", map[string]string{"redis": l.name()})}},
			}}
		}
	}
	return nil
}
