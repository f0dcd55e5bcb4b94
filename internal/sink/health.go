package sink

import (
	"context"
	"errors"
	"regexp"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// Health tells the collector's status when the destination starts to fail, when it
// fails for another cause than before, and when it works again, once each. All
// failures are reported as recoverable: each heals as soon as somebody makes the
// destination right again. Its zero value reports nothing until Start.
type Health struct {
	mu     sync.Mutex // guards the fields below
	host   component.Host
	logger *zap.Logger
	cause  string // of the failure that was reported last, empty while all is well
}

// Start begins reporting, for the component that host was given to.
func (h *Health) Start(host component.Host, logger *zap.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host, h.logger = host, logger
}

// Stop ends reporting; a failure after it is of no interest.
func (h *Health) Stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host = nil
}

// Failing tells whether the last report was of a failure.
func (h *Health) Failing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cause != ""
}

// Report takes the outcome of the last use of the destination.
func (h *Health) Report(err error) {
	if errors.Is(err, context.Canceled) {
		return // says nothing about the destination
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.host == nil || h.cause == causeOf(err) {
		return
	}
	h.cause = causeOf(err)
	if err != nil {
		h.logger.Warn("the destination does not take records; they wait until it does", zap.Error(err))
		componentstatus.ReportStatus(h.host, componentstatus.NewRecoverableErrorEvent(err))
		return
	}
	h.logger.Info("the destination takes records again")
	componentstatus.ReportStatus(h.host, componentstatus.NewEvent(componentstatus.StatusOK))
}

// numbered is a word with a digit in it: a number, or the identity of a request or of an incident.
var numbered = regexp.MustCompile(`[\p{L}_-]*\d[\p{L}\d_-]*`)

// causeOf is an error's text without its numbers and identities, which differ from push to push.
func causeOf(err error) string {
	if err == nil {
		return ""
	}
	return "failed: " + numbered.ReplaceAllString(err.Error(), "0")
}
