package tykredisreceiver

import (
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// health turns trouble and its end into component status and one log line each.
type health struct {
	host   component.Host
	logger *zap.Logger
	// explain, if set, adds remedies to what Redis answers.
	explain func(error) error

	mu       sync.Mutex // guards the rest
	troubles map[trouble]error
	warning  error  // shown while there is no trouble
	said     string // of the status reported last
	outages  map[side]outage
}

// side is where trouble comes from. Of several, the first is reported.
type side int

const (
	claimingSide side = iota
	readingSide
	acknowledgingSide
	destinationSide
	slowSide
	pushSide
)

// trouble is one thing that may be in trouble: who, of those on a side.
type trouble struct {
	side side
	who  any
}

// redis notes whether lists could be looked at and claimed.
func (h *health) redis(err error) { h.note(claimingSide, nil, h.ofRedis(err)) }

// reading notes whether claimed entries could be read.
func (h *health) reading(err error) { h.note(readingSide, nil, h.ofRedis(err)) }

// acknowledging notes whether a segment's progress could be recorded.
func (h *health) acknowledging(of *holding, err error) { h.note(acknowledgingSide, of, h.ofRedis(err)) }

// delivery notes why a delivery waits.
func (h *health) delivery(of *delivery, err error) { h.note(destinationSide, of, err) }

// forget is the end of a delivery, and of its trouble. One that is given up proves nothing.
func (h *health) forget(of *delivery, isEnded bool) {
	if isEnded {
		h.note(destinationSide, of, nil)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.troubles, trouble{destinationSide, of})
	if h.worst(destinationSide) == nil {
		delete(h.outages, destinationSide)
	}
	h.say()
}

// slow notes whether a delivery takes suspiciously long.
func (h *health) slow(err error) { h.note(slowSide, nil, err) }

// push notes whether the pipelines took the last push of metrics.
func (h *health) push(err error) {
	if err != nil {
		err = fmt.Errorf("pipelines did not take metrics: %w", err)
	}
	h.note(pushSide, nil, err)
}

// ofRedis says that an error is of Redis, and the remedy where one is known.
func (h *health) ofRedis(err error) error {
	if err == nil {
		return nil
	}
	if h.explain != nil {
		err = h.explain(err)
	}
	return fmt.Errorf("redis: %w", err)
}

// report passes an event on as it is.
func (h *health) report(event *componentstatus.Event) {
	componentstatus.ReportStatus(h.host, event)
}

// note takes over the state of one thing. The log tells the first trouble of a side, and
// the end of the last.
func (h *health) note(at side, who any, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.worst(at)
	if err == nil {
		delete(h.troubles, trouble{at, who})
	} else {
		if h.troubles == nil {
			h.troubles = map[trouble]error{}
		}
		h.troubles[trouble{at, who}] = brief(err)
	}
	now := h.worst(at)
	switch {
	case before == nil && now != nil:
		h.begin(at, time.Now())
		h.logger.Warn(firstWords(at), zap.Error(now))
	case before != nil && now == nil:
		delete(h.outages, at)
		h.logger.Info("Working again", zap.NamedError("after", before))
	}
	h.say()
}

// warn notes what is probably a mistake; it shows in the status, which stays OK: a process that
// replaces one of another configuration must become ready beside it.
func (h *health) warn(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.warning = err
	if err != nil {
		h.logger.Warn("Probably a mistake", zap.Error(err))
	}
	h.say()
}

// worst is the trouble of a side that is reported first.
func (h *health) worst(of side) (first error) {
	for at, err := range h.troubles {
		if at.side == of && (first == nil || err.Error() < first.Error()) {
			first = err
		}
	}
	return first
}

// say reports a status that is not the last one.
func (h *health) say() {
	event := componentstatus.NewEvent(componentstatus.StatusOK, componentstatus.WithError(h.warning))
	for of := claimingSide; of <= pushSide; of++ {
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
