package tykredisreceiver

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/otelcol-tyk/otelcol-tyk/internal/logging"
)

const (
	// watchEvery is how often progress is looked at.
	watchEvery = 5 * time.Second
	// slowDelivery is how long a delivery may be under way before its destination
	// counts as not ready: exporters that retry without end say nothing themselves.
	slowDelivery = 30 * time.Second
	// stuckLoop is how long the lists may go without a look, successful or not,
	// before the receiver counts as dead. Every step of a look has a timeout, so
	// this never happens unless something is wrong with the process itself.
	stuckLoop = 5 * time.Minute
)

// watch tells whether the receiver makes progress.
type watch struct {
	health *health
	now    func() time.Time
	to     string // the destinations
	// exporters are those of the destinations whose complaints causes has.
	exporters []string
	causes    *logging.Causes

	mu       sync.Mutex // guards the rest
	looked   time.Time
	inFlight map[int64]time.Time
	next     int64
	dead     bool
}

func newWatch(h *health) *watch {
	return &watch{health: h, now: time.Now, looked: time.Now(), inFlight: map[int64]time.Time{}}
}

// look notes that the lists were looked at.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked = w.now()
}

// delivery notes the beginning of a delivery; the returned function its end.
func (w *watch) delivery() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	id := w.next
	w.inFlight[id] = w.now()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.inFlight, id)
	}
}

// run checks until ctx is done.
func (w *watch) run(ctx context.Context) {
	for {
		pause(ctx, watchEvery)
		if ctx.Err() != nil {
			return
		}
		w.check()
	}
}

// complaints are what exporters, which retry by themselves, have logged since a delivery began.
func (w *watch) complaints(since time.Time) string {
	var all strings.Builder
	for _, exporter := range w.exporters {
		if said := w.causes.Since(exporter, since); said != "" {
			all.WriteString("; " + exporter + ": " + said)
		}
	}
	return all.String()
}

func (w *watch) check() {
	w.mu.Lock()
	now := w.now()
	oldest := now
	for _, began := range w.inFlight {
		if began.Before(oldest) {
			oldest = began
		}
	}
	silence := now.Sub(w.looked)
	died := silence > stuckLoop && !w.dead
	w.dead = w.dead || died
	w.mu.Unlock()

	var slow error
	if waiting := now.Sub(oldest); waiting > slowDelivery {
		slow = fmt.Errorf("a delivery to %s is under way for more than %s%s", w.to, slowDelivery, w.complaints(oldest))
	}
	w.health.slow(slow)
	w.health.remind(now)
	if died {
		w.health.report(componentstatus.NewPermanentErrorEvent(
			fmt.Errorf("the lists were not looked at for %s: restart the collector", silence.Round(time.Second))))
	}
}
