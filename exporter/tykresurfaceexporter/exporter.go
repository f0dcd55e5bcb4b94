package tykresurfaceexporter

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/klauspost/compress/zlib"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykresurfaceexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// parallel is how many requests of a push are under way at once.
const parallel = 4

// resurfaceExporter sends messages to Resurface.
type resurfaceExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	encoder   *encoder
	sender    batchhttp.Sender
	client    *http.Client
	health    sink.Health
}

func newResurfaceExporter(config *Config, set exporter.Settings) (*resurfaceExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	rules, err := parseRules(config.Rules)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	name := config.Host
	if name == "" {
		if name, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("host: find out this machine's name: %w", err)
		}
	}
	e := &resurfaceExporter{
		config: config, set: set, telemetry: builder,
		encoder: &encoder{rules: rules, scheme: config.Scheme, host: name, maxBody: config.MaxBodyBytes},
	}
	e.sender = batchhttp.Sender{Request: e.request, MaxBytes: config.MaxRequestBytes, Parallel: parallel}
	return e, nil
}

// start makes the client. A Resurface that is away is waited for.
func (e *resurfaceExporter) start(ctx context.Context, host component.Host) error {
	client, err := batchhttp.NewClient(ctx, &e.config.Client, host, e.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("start the tykresurface exporter: %w", err)
	}
	e.client = client
	e.health.Start(host, e.set.Logger)
	return nil
}

// shutdown ends what start began. The helper calls it after the last push.
func (e *resurfaceExporter) shutdown(context.Context) error {
	e.health.Stop()
	if e.client != nil {
		e.client.CloseIdleConnections()
	}
	return nil
}

// messages are those of a push, what is refused of it, and how many records rules leave out.
func (e *resurfaceExporter) messages(logs plog.Logs) (items []batchhttp.Item, requests sink.Requests, leftOut int64) {
	requests.Each(logs, func(entry int32, r *analytics.Record, uid string) {
		if message, taken := e.encoder.append(nil, r, uid); taken {
			items = append(items, batchhttp.Item{Entry: entry, Body: message})
		} else {
			leftOut++
		}
	})
	return items, requests, leftOut
}

// pushLogs sends records. Its error is either permanent and names the records that are refused, everything else
// being captured, or it asks for another attempt with those that were not.
func (e *resurfaceExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	items, requests, leftOut := e.messages(logs)
	if len(items) > 0 { // else nothing is learned of Resurface
		captured, err := e.sender.Push(ctx, logs, &requests, items)
		e.health.Report(err)
		e.telemetry.ExporterTykresurfaceMessages.Add(ctx, int64(captured))
		if err != nil {
			return err
		}
	}
	e.telemetry.ExporterTykresurfaceLeftOutRecords.Add(ctx, leftOut)
	requests.CountRefused(ctx, e.telemetry.ExporterTykresurfaceRefusedRecords)
	return requests.Err(e.set.ID.String())
}

// remedies say what to do about an answer that only people can change.
var remedies = map[int]string{
	http.StatusOK:           "is endpoint another server's, or a proxy's page?",
	http.StatusUnauthorized: "check endpoint, headers and auth",
	http.StatusForbidden:    "check endpoint, headers and auth",
	http.StatusNotFound:     "is endpoint the whole capture URL, such as https://resurface:7701/message?",
}

// request sends one request.
func (e *resurfaceExporter) request(ctx context.Context, items []batchhttp.Item) []batchhttp.Verdict {
	answer, err := e.post(ctx, items)
	if err != nil {
		return []batchhttp.Verdict{{Err: fmt.Errorf("ask Resurface: %w", err)}}
	}
	return answer.Verdicts(answer.Outcome(), "Resurface", remedies)
}

// post posts messages. Resurface's loggers name zlib's form deflated.
func (e *resurfaceExporter) post(ctx context.Context, items []batchhttp.Item) (*batchhttp.Answer, error) {
	var body bytes.Buffer
	coding := ""
	if e.encoder.rules.has(verbSkipCompression) {
		for i := range items {
			body.Write(items[i].Body)
		}
	} else {
		coding = "deflated"
		writer := zlib.NewWriter(&body)
		for i := range items {
			_, _ = writer.Write(items[i].Body) // into memory
		}
		_ = writer.Close() // as above
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.config.Client.Endpoint, &body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/ndjson; charset=UTF-8")
	if coding != "" {
		request.Header.Set("Content-Encoding", coding)
	}
	return batchhttp.Post(e.client, request)
}
