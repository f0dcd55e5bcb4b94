// Package health turns what goes wrong, and ends, into the component's status and few lines of log.
package health

import (
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// Health keeps what is in trouble, and reports it when that changes.
type Health struct {
	host    component.Host
	logger  *zap.Logger
	explain func(error) error

	mu       sync.Mutex // guards the rest
	troubles map[trouble]error
	warning  error  // shown while there is no trouble
	said     string // of the status reported last
	outages  map[Side]outage
}

// New reports to a host; explain adds remedies to what Redis answers.
func New(host component.Host, logger *zap.Logger, explain func(error) error) *Health {
	return &Health{host: host, logger: logger, explain: explain, troubles: map[trouble]error{}, outages: map[Side]outage{}}
}

// Side is where trouble comes from. Of several, the first is reported.
type Side int

// The sides. The first three are Redis.
const (
	Claiming Side = iota
	Reading
	Acknowledging
	Destination
	slow
	Metrics
)

// trouble is one thing that may be in trouble: who, of those on a side.
type trouble struct {
	side Side
	who  any
}

// OfRedis says that an error is of Redis, and the remedy where one is known.
func (h *Health) OfRedis(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redis: %w", h.explain(err))
}

// Note takes over the state of one thing on a side; nil is that all is well with it. The log
// tells the first trouble of a side, and the end of the last.
func (h *Health) Note(at Side, who any, err error) {
	if at <= Acknowledging {
		err = h.OfRedis(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.worst(at)
	if err == nil {
		delete(h.troubles, trouble{at, who})
	} else {
		h.troubles[trouble{at, who}] = Brief(err)
	}
	now := h.worst(at)
	switch {
	case before == nil && now != nil:
		began := time.Now()
		h.outages[at] = outage{since: began, told: began}
		h.logger.Warn(firstWords(at), zap.Error(now))
	case before != nil && now == nil:
		delete(h.outages, at)
		h.logger.Info("Working again", zap.NamedError("after", before))
	}
	h.say()
}

// Abandon is the end of a delivery that was given up, and of its trouble, which proves nothing.
func (h *Health) Abandon(delivery any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.troubles, trouble{Destination, delivery})
	if h.worst(Destination) == nil {
		delete(h.outages, Destination)
	}
	h.say()
}

// Warn notes what is probably a mistake; it shows in the status, which stays OK: a process that
// replaces one of another configuration must become ready beside it.
func (h *Health) Warn(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.warning = err
	if err != nil {
		h.logger.Warn("Probably a mistake", zap.Error(err))
	}
	h.say()
}

// Away tells whether Redis cannot be read.
func (h *Health) Away() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.worst(Claiming) != nil
}

// worst is the trouble of a side that is reported first.
func (h *Health) worst(of Side) (first error) {
	for at, err := range h.troubles {
		if at.side == of && (first == nil || err.Error() < first.Error()) {
			first = err
		}
	}
	return first
}

// say reports a status that is not the last one.
func (h *Health) say() {
	event := componentstatus.NewEvent(componentstatus.StatusOK, componentstatus.WithError(h.warning))
	for of := Claiming; of <= Metrics; of++ {
		if err := h.worst(of); err != nil {
			event = componentstatus.NewRecoverableErrorEvent(err)
			break
		}
	}
	saying := event.Status().String()
	if event.Err() != nil {
		saying += event.Err().Error()
	}
	if !sameCause(saying, h.said) {
		h.said = saying
		componentstatus.ReportStatus(h.host, event)
	}
}
