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

	mu       sync.Mutex // guards the rest
	troubles [2]error   // by side
	said     string     // of the status reported last
}

// The sides from which trouble comes.
const (
	redisSide = iota
	destinationSide
)

// redis notes whether Redis could be worked with.
func (h *health) redis(err error) {
	if err != nil {
		err = fmt.Errorf("redis: %w", err)
	}
	h.note(redisSide, err)
}

// destination notes whether the pipelines took the last delivery.
func (h *health) destination(err error) {
	if err != nil {
		err = fmt.Errorf("pipelines did not take a delivery: %w", err)
	}
	h.note(destinationSide, err)
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

	event := componentstatus.NewEvent(componentstatus.StatusOK)
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
