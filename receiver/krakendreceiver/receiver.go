package krakendreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	scraperapi "go.opentelemetry.io/collector/scraper"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/krakendreceiver/internal/metadata"
)

// shutdownGrace is how long a delivery may still take once the receiver is shut down.
const shutdownGrace = 5 * time.Second

// scraper asks one KrakenD.
type scraper struct {
	config    *Config
	set       receiver.Settings
	telemetry *metadata.TelemetryBuilder
	address   *url.URL
	host      component.Host
	client    *http.Client
	tracker   tracker
	// failing is whether the last status that was reported is an error.
	failing bool
}

func newScraper(config *Config, set receiver.Settings) (*scraper, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	address, err := url.Parse(config.Client.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", netaddr.BareError(err))
	}
	return &scraper{config: config, set: set, telemetry: builder, address: address}, nil
}

func (s *scraper) start(ctx context.Context, host component.Host) error {
	client, err := s.config.Client.ToClient(ctx, host.GetExtensions(), s.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("start the krakend receiver: %w", err)
	}
	s.client, s.host = client, host
	s.set.Logger.Info("reading statistics of a KrakenD", zap.String("endpoint", s.place()))
	return nil
}

func (s *scraper) shutdown(context.Context) error {
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
	return nil
}

// scrape asks once. A KrakenD that does not answer is a status, and asked again.
func (s *scraper) scrape(ctx context.Context) (pmetric.Metrics, error) {
	body, err := s.get(ctx)
	var now *snapshot
	if err == nil {
		now, err = decode(body, time.Now())
	}
	s.report(err)
	if err != nil {
		return pmetric.NewMetrics(), fmt.Errorf("read the statistics of KrakenD: %w", err)
	}
	if now.unreadable > 0 {
		s.telemetry.ReceiverKrakendUnreadableValues.Add(ctx, int64(now.unreadable))
	}
	t := s.tracker.next(now, s.config.Window == windowScrape)
	if t.missed > 0 {
		s.telemetry.ReceiverKrakendMissedWindows.Add(ctx, t.missed)
	}
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	attributes := resource.Resource().Attributes()
	attributes.PutStr("service.name", s.config.ServiceName)
	attributes.PutStr("service.instance.id", s.address.Host)
	hostName := s.config.HostName
	if hostName == "" {
		hostName = s.address.Hostname()
	}
	attributes.PutStr("host.name", hostName)
	scope := resource.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	scope.Scope().SetVersion(s.set.BuildInfo.Version)
	write(s.config, t, scope.Metrics())
	return metrics, nil
}

// place is the address for messages.
func (s *scraper) place() string {
	place, _ := netaddr.Bare(s.config.Client.Endpoint)
	return place
}

// get reads the answer, which may be that of a redirection.
func (s *scraper) get(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.config.Client.Endpoint, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, netaddr.BareError(err)
	}
	defer func() { _ = response.Body.Close() }() // after it was read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", s.place(), response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, s.config.MaxBodyBytes+1))
	if err == nil && int64(len(body)) > s.config.MaxBodyBytes {
		err = fmt.Errorf("the answer is larger than max_body_bytes: %d: raise it if this is a KrakenD with many endpoints", s.config.MaxBodyBytes)
	}
	return body, err
}

// report tells when KrakenD stops to answer, and when it answers again, once each.
func (s *scraper) report(err error) {
	if errors.Is(err, context.Canceled) || s.failing == (err != nil) {
		return
	}
	s.failing = err != nil
	if err != nil {
		componentstatus.ReportStatus(s.host, componentstatus.NewRecoverableErrorEvent(err))
		return
	}
	s.set.Logger.Info("KrakenD answers again")
	componentstatus.ReportStatus(s.host, componentstatus.NewEvent(componentstatus.StatusOK))
}

// krakendReceiver is the helper's receiver, which ends in time: what it delivers is
// cancelled once the receiver was told to end, and the grace is over.
type krakendReceiver struct {
	receiver.Metrics
	ctx    context.Context
	cancel context.CancelFunc
	// asking ends at once when the receiver is told to end.
	asking     context.Context
	stopAsking context.CancelFunc

	mu      sync.Mutex // guards the fields below
	running bool
}

// Start begins to ask.
func (r *krakendReceiver) Start(ctx context.Context, host component.Host) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.Metrics.Start(ctx, host); err != nil {
		return err
	}
	r.running = true
	return nil
}

// Shutdown ends asking and delivering.
func (r *krakendReceiver) Shutdown(ctx context.Context) error {
	defer r.cancel()
	r.stopAsking()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.running {
		return nil
	}
	r.running = false
	timer := time.AfterFunc(shutdownGrace, r.cancel)
	defer timer.Stop()
	return r.Metrics.Shutdown(ctx)
}

// ask is a request under a context that ends when the receiver is told to end.
func (r *krakendReceiver) ask(scrape scraperapi.ScrapeMetricsFunc) scraperapi.ScrapeMetricsFunc {
	return func(ctx context.Context) (pmetric.Metrics, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(r.asking, cancel)()
		return scrape(ctx)
	}
}

// deliver is next under a context that ends with the receiver's.
func (r *krakendReceiver) deliver(next consumer.Metrics) (consumer.Metrics, error) {
	return consumer.NewMetrics(func(ctx context.Context, metrics pmetric.Metrics) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(r.ctx, cancel)()
		if metrics.DataPointCount() == 0 {
			return nil // a request that failed
		}
		return next.ConsumeMetrics(ctx, metrics)
	}, consumer.WithCapabilities(next.Capabilities()))
}
