package tyksqlexporter

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// health tells the collector's status when the database starts to fail and when
// it works again, once each. All failures are reported as recoverable: each heals
// as soon as somebody makes the database right again.
type health struct {
	mu      sync.Mutex // guards the fields below
	host    component.Host
	logger  *zap.Logger
	failing bool
}

func (h *health) start(host component.Host, logger *zap.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host, h.logger = host, logger
}

// stop ends reporting; a failure after it is of no interest.
func (h *health) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host = nil
}

// report takes the outcome of the last use of the database.
func (h *health) report(err error) {
	if errors.Is(err, context.Canceled) {
		return // says nothing about the database
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.host == nil || h.failing == (err != nil) {
		return
	}
	h.failing = err != nil
	if err != nil {
		h.logger.Warn("the database does not take records; they wait until it does", zap.Error(err))
		componentstatus.ReportStatus(h.host, componentstatus.NewRecoverableErrorEvent(err))
		return
	}
	h.logger.Info("the database takes records again")
	componentstatus.ReportStatus(h.host, componentstatus.NewEvent(componentstatus.StatusOK))
}
