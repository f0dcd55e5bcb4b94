package tykredisreceiver

import (
	"fmt"
	"sync"

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
	troubles [5]error   // by side
	warning  error      // shown while there is no trouble
	said     string     // of the status reported last
}

// The sides from which trouble comes.
const (
	redisSide = iota
	destinationSide
	slowSide
	pushSide
	readingSide
)

// redis notes whether Redis could be worked with.
func (h *health) redis(err error) {
	if err != nil && h.explain != nil {
		err = h.explain(err)
	}
	if err != nil {
		err = fmt.Errorf("redis: %w", err)
	}
	h.note(redisSide, err)
}

// reading notes whether claimed entries could be read.
func (h *health) reading(err error) {
	if err != nil && h.explain != nil {
		err = h.explain(err)
	}
	if err != nil {
		err = fmt.Errorf("redis: %w", err)
	}
	h.note(readingSide, err)
}

// destination notes whether the pipelines took the last delivery.
func (h *health) destination(err error) {
	if err != nil {
		err = fmt.Errorf("pipelines did not take a delivery: %w", err)
	}
	h.note(destinationSide, err)
}

// slow notes whether a delivery takes suspiciously long.
func (h *health) slow(err error) { h.note(slowSide, err) }

// push notes whether the pipelines took the last push of metrics.
func (h *health) push(err error) {
	if err != nil {
		err = fmt.Errorf("pipelines did not take metrics: %w", err)
	}
	h.note(pushSide, err)
}

// report passes an event on as it is.
func (h *health) report(event *componentstatus.Event) {
	componentstatus.ReportStatus(h.host, event)
}

func (h *health) note(side int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.troubles[side]
	h.troubles[side] = err
	switch {
	case before == nil && err != nil:
		h.logger.Warn("Trouble; nothing is lost, trying again", zap.Error(err))
	case before != nil && err == nil:
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

// say reports the status if it has changed.
func (h *health) say() {
	event := componentstatus.NewEvent(componentstatus.StatusOK, componentstatus.WithError(h.warning))
	for _, trouble := range h.troubles {
		if trouble != nil {
			event = componentstatus.NewRecoverableErrorEvent(trouble)
			break
		}
	}
	saying := event.Status().String()
	if event.Err() != nil {
		saying += event.Err().Error()
	}
	if saying != h.said {
		h.said = saying
		componentstatus.ReportStatus(h.host, event)
	}
}
