package metrics

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/health"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/pace"
)

// Pusher hands the metrics on as they are, every interval.
type Pusher struct {
	// Counter counts what is pushed.
	Counter *Counter

	next     consumer.Metrics
	interval time.Duration
	meter    *measure.Meter
	obsrep   *receiverhelper.ObsReport
	health   *health.Health
	logger   *zap.Logger
	resource pcommon.Map
	version  string
}

// New makes the metrics that a configuration asks for, without any record yet.
func New(cfg *Config, next consumer.Metrics, set receiver.Settings, obsrep *receiverhelper.ObsReport, h *health.Health) (*Pusher, error) {
	meter := cfg.newMeter(time.Now())
	counter, err := newCounter(meter)
	return &Pusher{
		Counter: counter, next: next, interval: cfg.Interval, meter: meter, obsrep: obsrep, health: h, logger: set.Logger,
		resource: resourceOf(set), version: set.BuildInfo.Version,
	}, err
}

// Run pushes until ctx is done.
func (p *Pusher) Run(ctx context.Context) {
	for pace.Pause(ctx, p.interval) {
		p.Push(ctx)
	}
}

// Push hands on all series. What is not taken is not lost: the next push holds it too.
func (p *Pusher) Push(ctx context.Context) {
	all := pmetric.NewMetrics()
	rm := all.ResourceMetrics().AppendEmpty()
	p.resource.CopyTo(rm.Resource().Attributes())
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(analytics.ScopeName)
	sm.Scope().SetVersion(p.version)
	for _, o := range p.meter.Collect(time.Now(), sm.Metrics()) {
		p.logger.Warn("A metric has reached its limit of series; records with other attributes are counted together from now on",
			zap.String("metric", o.Metric), zap.Int("series", o.Series), zap.String("label", o.Label), zap.Int("values", o.Values),
			zap.String("remedy", "leave the label out, or raise metrics::series_limit"))
	}
	if sm.Metrics().Len() == 0 {
		return
	}
	points := all.DataPointCount()
	op := p.obsrep.StartMetricsOp(ctx)
	err := p.next.ConsumeMetrics(op, all)
	p.obsrep.EndMetricsOp(op, metadata.Type.String(), points, err)
	if err == nil {
		p.meter.Taken()
	} else {
		err = fmt.Errorf("pipelines did not take metrics: %w", err)
	}
	p.health.Note(health.Metrics, nil, err)
}

// Observe offers how full the metrics are, for a group.
func (p *Pusher) Observe(t *metadata.TelemetryBuilder, group string) error {
	each := func(of func(measure.Usage) int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			for _, u := range p.meter.Usage() {
				o.Observe(of(u), metric.WithAttributes(attribute.String("metric", u.Metric), attribute.String("group", group)))
			}
			return nil
		}
	}
	return errors.Join(
		t.RegisterTykredisMetricSeriesCallback(each(func(u measure.Usage) int64 { return int64(u.Series) })),
		t.RegisterTykredisMetricOverflowsCallback(each(func(u measure.Usage) int64 { return u.Overflowed })),
	)
}

// resourceOf tells where metrics come from: the gateway's name, as with log
// records, and which collector's receiver has counted, since each counts its share.
func resourceOf(set receiver.Settings) pcommon.Map {
	const instance = "service.instance.id"
	attributes := pcommon.NewMap()
	attributes.PutStr("service.name", analytics.ServiceName)
	id := ""
	if given, ok := set.Resource.Attributes().Get(instance); ok {
		id = given.Str()
	}
	// A collector whose configuration gives none makes a random one at each start, with
	// which each restart would begin all series anew.
	if id == "" || isRandomUUID(id) {
		if host, err := os.Hostname(); err == nil {
			id = host
		}
	}
	if id != "" {
		attributes.PutStr(instance, id+"/"+set.ID.String())
	}
	return attributes
}

// isRandomUUID tells the UUIDs that are drawn, version 4, from those made of names.
func isRandomUUID(id string) bool {
	const length, version = 36, 14
	if len(id) != length || id[version] != '4' {
		return false
	}
	_, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	return err == nil
}
