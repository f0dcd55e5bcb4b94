package tykredisreceiver

import (
	"context"
	"encoding/hex"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

// pusher hands the metrics on as they are, every interval.
type pusher struct {
	next     consumer.Metrics
	meter    *measure.Meter
	obsrep   *receiverhelper.ObsReport
	health   *health
	logger   *zap.Logger
	resource pcommon.Map
	version  string
}

// run pushes until ctx is done.
func (p *pusher) run(ctx context.Context, interval time.Duration) {
	for {
		pause(ctx, interval)
		if ctx.Err() != nil {
			return
		}
		p.push(ctx)
	}
}

// push hands on all series. What is not taken is not lost: the next push holds it too.
func (p *pusher) push(ctx context.Context) {
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
	}
	p.health.push(err)
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
