package tykmoesifexporter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykmoesifexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// parallel is how many requests of a push are under way at once.
const parallel = 4

// Headers of Moesif's.
const (
	applicationHeader = "X-Moesif-Application-Id"
	etagHeader        = "X-Moesif-Config-Etag"
)

// moesifExporter sends events to Moesif.
type moesifExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	encoder   *encoder
	sender    batchhttp.Sender
	sampler   *sampler
	base      *url.URL
	client    *http.Client
	health    sink.Health
}

func newMoesifExporter(config *Config, set exporter.Settings) (*moesifExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	base, err := url.Parse(config.Client.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", netaddr.BareError(err))
	}
	e := &moesifExporter{config: config, set: set, telemetry: builder, encoder: newEncoder(config), sampler: newSampler(), base: base}
	e.sampler.fetch = e.fetch
	e.sender = batchhttp.Sender{
		Request: e.request, MaxItems: config.MaxRequestEvents, MaxBytes: max(config.MaxRequestBytes-len("[]"), 1), Between: len(","), Parallel: parallel,
	}
	return e, nil
}

// start makes the client. A Moesif that is away is waited for.
func (e *moesifExporter) start(ctx context.Context, host component.Host) error {
	client, err := batchhttp.NewClient(ctx, &e.config.Client, host, e.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("start the tykmoesif exporter: %w", err)
	}
	e.client = client
	e.health.Start(host, e.set.Logger)
	if e.config.Sampling {
		e.sampler.start(e.set.Logger)
	}
	return nil
}

// shutdown ends what start began. The helper calls it after the last push.
func (e *moesifExporter) shutdown(context.Context) error {
	e.health.Stop()
	e.sampler.stop()
	if e.client != nil {
		e.client.CloseIdleConnections()
	}
	return nil
}

// events are those of a push, what is refused of it, and how many records sampling leaves out.
func (e *moesifExporter) events(logs plog.Logs) (items []batchhttp.Item, requests sink.Requests, sampledOut int64) {
	rates := e.sampler.rates.Load()
	requests.Each(logs, func(entry int32, r *analytics.Record, uid string) {
		event, taken, err := e.encoder.append(nil, r, uid, rates)
		switch {
		case err != nil:
			requests.Refuse(entry, batchhttp.ReasonInvalid, err.Error())
		case taken:
			items = append(items, batchhttp.Item{Entry: entry, Body: event})
		default:
			sampledOut++
		}
	})
	return items, requests, sampledOut
}

// pushLogs sends records. Its error is either permanent and names the records that are refused, everything else
// being accepted, or it asks for another attempt with those that were not.
func (e *moesifExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	if e.config.Sampling {
		e.sampler.wait(ctx)
	}
	items, requests, sampledOut := e.events(logs)
	if len(items) > 0 { // else nothing is learned of Moesif
		accepted, err := e.sender.Push(ctx, logs, &requests, items)
		e.health.Report(err)
		e.telemetry.ExporterTykmoesifEvents.Add(ctx, int64(accepted))
		if err != nil {
			return err
		}
	}
	e.telemetry.ExporterTykmoesifSampledOutRecords.Add(ctx, sampledOut)
	requests.CountRefused(ctx, e.telemetry.ExporterTykmoesifRefusedRecords)
	return requests.Err(e.set.ID.String())
}

// remedies say what to do about an answer that only people can change.
var remedies = map[int]string{
	http.StatusOK:              "is endpoint another server's, or a proxy's page?",
	http.StatusUnauthorized:    "check application_id",
	http.StatusPaymentRequired: "look at the plan and its quota in Moesif",
	http.StatusForbidden:       "check application_id",
	http.StatusNotFound:        "endpoint must be Moesif's address without a path, such as https://api.moesif.net",
}

// newRequest makes a request to Moesif.
func (e *moesifExporter) newRequest(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, e.base.JoinPath(path).String(), body)
	if err != nil {
		return nil, fmt.Errorf("ask Moesif: %w", err)
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set(applicationHeader, string(e.config.ApplicationID))
	return request, nil
}

// request sends one request.
func (e *moesifExporter) request(ctx context.Context, items []batchhttp.Item) []batchhttp.Verdict {
	body := []byte{'['}
	for i := range items {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, items[i].Body...)
	}
	request, err := e.newRequest(ctx, http.MethodPost, "/v1/events/batch", bytes.NewReader(append(body, ']')))
	if err != nil {
		return []batchhttp.Verdict{{Err: err}}
	}
	answer, err := batchhttp.Post(e.client, request)
	if err != nil {
		return []batchhttp.Verdict{{Err: fmt.Errorf("ask Moesif: %w", err)}}
	}
	outcome := answer.Outcome()
	if outcome == batchhttp.Accepted {
		e.sampler.saw(answer.Header.Get(etagHeader))
	}
	return answer.Verdicts(outcome, "Moesif", remedies)
}

// maxSettings bounds what is read of an application's settings, which may name many users.
const maxSettings = 16 << 20

// fetch asks for the application's settings.
func (e *moesifExporter) fetch(ctx context.Context) (settings []byte, etag string, err error) {
	request, err := e.newRequest(ctx, http.MethodGet, "/v1/config", http.NoBody)
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("Content-Encoding", "identity") // else the client compresses nothing to something
	answer, err := batchhttp.PostAndRead(e.client, request, maxSettings)
	if err != nil {
		return nil, "", fmt.Errorf("ask Moesif: %w", err)
	}
	if answer.Code != http.StatusOK {
		return nil, "", answer.Err("Moesif", batchhttp.Shortened(string(answer.Body)), remedies[answer.Code])
	}
	return answer.Body, answer.Header.Get(etagHeader), nil
}
