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
	causes []string
}

func (r *reports) Report(event *componentstatus.Event) {
	if event.Err() != nil {
		r.causes = append(r.causes, event.Err().Error())
		return
	}
	r.causes = append(r.causes, event.Status().String())
}

func TestStatusIsReportedOnceEachWay(t *testing.T) {
	t.Parallel()
	host := &reports{Host: componenttest.NewNopHost()}
	var h sink.Health
	h.Report(errors.New("before the start nobody listens"))
	h.Start(host, zap.NewNop())
	for _, err := range []error{
		nil, nil, errors.New("store 7 records: down"), errors.New("store 8 records: down"), context.Canceled,
		errors.New("store 8 records: no rights"), errors.New("store 12 records: no rights"), nil, nil,
		errors.New("blocked: ray 8f2ac41b, request c0ffee00-beef-4bad-9dad-feedfacecafe"),
		errors.New("blocked: ray a03be9f7, request deadbeef-cafe-4dab-8add-decafbadf00d"), nil,
	} {
		h.Report(err)
		if !errors.Is(err, context.Canceled) {
			assert.Equal(t, err != nil, h.Failing(), "%v", err)
		}
	}
	h.Stop()
	h.Report(errors.New("after the stop nobody listens"))
	assert.Equal(t, []string{
		"store 7 records: down", "store 8 records: no rights", "StatusOK",
		"blocked: ray 8f2ac41b, request c0ffee00-beef-4bad-9dad-feedfacecafe", "StatusOK",
	}, host.causes, "the latest cause")
}
