package metrics

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/health"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

// A restart must not begin all series anew, so the collector's id of one run is not used.
func TestInstanceIsTheSameAfterARestart(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	for given, want := range map[string]string{
		"": host, "0b8a6d4e-9f5c-4c62-8f0e-0c1d2e3f4a5b": host,
		"gateway-eu-1": "gateway-eu-1", "0b8a6d4e-9f5c-5c62-8f0e-0c1d2e3f4a5b": "0b8a6d4e-9f5c-5c62-8f0e-0c1d2e3f4a5b",
	} {
		set := receivertest.NewNopSettings(metadata.Type)
		set.ID = component.NewIDWithName(metadata.Type, "eu")
		if given != "" {
			set.Resource.Attributes().PutStr("service.instance.id", given)
		}
		got, _ := resourceOf(set).Get("service.instance.id")
		assert.Equal(t, want+"/tykredis/eu", got.Str())
	}
}

// A consumer that lost the end of a series would show its last value for ever.
func TestPushTellsTheEndOfASeriesUntilItIsTaken(t *testing.T) {
	set := receivertest.NewNopSettings(metadata.Type)
	obsrep, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: set.ID, ReceiverCreateSettings: set})
	require.NoError(t, err)
	long := time.Now().Add(-time.Hour)
	meter := measure.NewMeter(measure.TykPump(measure.AllPaths)[:1], measure.Settings{SeriesLimit: 2, Expiry: time.Minute}, long)
	b := meter.NewBatch()
	b.Add(&analytics.Record{APIID: "a"})
	meter.Merge(long, b)

	sink := new(consumertest.MetricsSink)
	p := &Pusher{
		next: consumertest.NewErr(errors.New("down")), meter: meter, obsrep: obsrep,
		health: health.New(componenttest.NewNopHost(), set.Logger, func(err error) error { return err }),
		logger: set.Logger, resource: resourceOf(set),
	}
	p.Push(t.Context())
	p.next = sink
	p.Push(t.Context())
	p.Push(t.Context())
	require.Len(t, sink.AllMetrics(), 1, "it is told once it was taken")
	point := sink.AllMetrics()[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0)
	assert.Equal(t, pmetric.DefaultDataPointFlags.WithNoRecordedValue(true), point.Flags())
}
