package health

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/otelcol-tyk/otelcol-tyk/internal/logging"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/pace"
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

// Watch tells whether the receiver makes progress.
type Watch struct {
	health *Health
	now    func() time.Time
	to     string
	// exporters are those of the destinations whose complaints causes has.
	exporters []string
	causes    *logging.Causes

	mu       sync.Mutex // guards the rest
	looked   time.Time
	inFlight map[any]time.Time
	dead     bool
}

// NewWatch watches deliveries to what is named so, and to these exporters, of which causes are known.
func NewWatch(h *Health, to string, exporters []string, causes *logging.Causes) *Watch {
	return &Watch{
		health: h, now: time.Now, to: to, exporters: exporters, causes: causes,
		looked: time.Now(), inFlight: map[any]time.Time{},
	}
}

// Look notes that the lists were looked at.
func (w *Watch) Look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked = w.now()
}

// Begin notes the beginning of a delivery, and End its end.
func (w *Watch) Begin(delivery any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight[delivery] = w.now()
}

// End is the end of what Begin notes.
func (w *Watch) End(delivery any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.inFlight, delivery)
}

// Run checks until ctx is done.
func (w *Watch) Run(ctx context.Context) {
	for pace.Pause(ctx, watchEvery) {
		w.check()
	}
}

// complaints are what exporters, which retry by themselves, have logged since a delivery began.
func (w *Watch) complaints(since time.Time) string {
	var all strings.Builder
	for _, exporter := range w.exporters {
		if said := w.causes.Since(exporter, since); said != "" {
			all.WriteString("; " + exporter + ": " + said)
		}
	}
	return all.String()
}

func (w *Watch) check() {
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

	var err error
	if now.Sub(oldest) > slowDelivery {
		err = fmt.Errorf("a delivery to %s is under way for more than %s%s", w.to, slowDelivery, w.complaints(oldest))
	}
	w.health.Note(slow, nil, err)
	w.health.remind(now)
	if died {
		componentstatus.ReportStatus(w.health.host, componentstatus.NewPermanentErrorEvent(
			fmt.Errorf("the lists were not looked at for %s: restart the collector", silence.Round(time.Second))))
	}
}
