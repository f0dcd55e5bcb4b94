package krakendreceiver

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/krakendreceiver/internal/metadata"
)

// gateway answers as a KrakenD does, of which each call of Generate has an endpoint more answered.
type gateway struct {
	mu    sync.Mutex // guards the field below
	count int
}

// Start begins with a KrakenD that has answered nothing.
func (g *gateway) Start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count = 0
}

// Stop does nothing.
func (*gateway) Stop() {}

// Generate has one more endpoint answered.
func (g *gateway) Generate() []receivertest.UniqueIDAttrVal {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count++
	return []receivertest.UniqueIDAttrVal{receivertest.UniqueIDAttrVal(fmt.Sprintf("/%d", g.count))}
}

// ServeHTTP answers with the statistics.
func (g *gateway) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _ = fmt.Fprintf(w, `{"krakend.service.debug.ReadGCStats.count": 1`)
	for i := range g.count {
		_, _ = fmt.Fprintf(w, `, "krakend.router.response./%d.status.200.count": 1`, i+1)
	}
	_, _ = fmt.Fprint(w, "}")
}

// once hands each counter on until it is taken, or refused for good: they come with each answer.
type once struct {
	consumer.Metrics
	done map[string]bool
}

// ConsumeMetrics hands on what is new.
func (o *once) ConsumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	m, ok := named(metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics(), krakend.Responses)
	if !ok {
		return nil
	}
	var routes []string
	m.Sum().DataPoints().RemoveIf(func(point pmetric.NumberDataPoint) bool {
		route, _ := point.Attributes().Get(krakend.AttrRoute)
		if !o.done[route.Str()] {
			routes = append(routes, route.Str())
			point.Attributes().PutStr(receivertest.UniqueIDAttrName, route.Str())
		}
		return o.done[route.Str()]
	})
	if len(routes) == 0 {
		return nil
	}
	news := pmetric.NewMetrics()
	m.CopyTo(news.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty())
	err := o.Metrics.ConsumeMetrics(ctx, news)
	if err == nil || consumererror.IsPermanent(err) {
		for _, route := range routes {
			o.done[route] = true
		}
	}
	return err
}

// The collector's own check: what a pipeline could not take comes again, with the next answer.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	kraken := &gateway{}
	server := httptest.NewServer(kraken)
	defer server.Close()
	config := defaultConfig()
	config.Client.Endpoint = server.URL
	config.Controller.InitialDelay, config.Controller.CollectionInterval = 0, 2*time.Millisecond
	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T: t,
		Factory: receiver.NewFactory(metadata.Type, createDefaultConfig, receiver.WithMetrics(
			func(ctx context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
				return createMetrics(ctx, set, cfg, &once{Metrics: next, done: map[string]bool{}})
			}, metadata.MetricsStability)),
		Signal: pipeline.SignalMetrics, Config: config, Generator: kraken, GenerateCount: 60,
	})
}
