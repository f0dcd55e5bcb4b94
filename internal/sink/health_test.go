package sink_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// reports remembers the statuses that a component reports.
type reports struct {
	component.Host
	statuses []componentstatus.Status
}

func (r *reports) Report(event *componentstatus.Event) {
	r.statuses = append(r.statuses, event.Status())
}

func TestStatusIsReportedOnceEachWay(t *testing.T) {
	t.Parallel()
	host := &reports{Host: componenttest.NewNopHost()}
	var h sink.Health
	h.Report(errors.New("before the start nobody listens"))
	h.Start(host, zap.NewNop())
	for _, err := range []error{nil, nil, errors.New("down"), errors.New("still down"), context.Canceled, nil, nil} {
		h.Report(err)
	}
	h.Stop()
	h.Report(errors.New("after the stop nobody listens"))
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, host.statuses)
}
