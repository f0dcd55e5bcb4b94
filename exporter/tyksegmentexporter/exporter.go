package tyksegmentexporter

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksegmentexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// parallel is how many requests of a push are under way at once.
const parallel = 4

// What stands before, between and behind the events of a request; the time is that of sending.
const (
	requestBegin = `{"context":{"library":{"name":"otelcol-tyk"}},"batch":[`
	requestSent  = `],"sentAt":"`
	requestEnd   = `"}`
)

// segmentExporter sends events to Segment.
type segmentExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	encoder   *encoder
	sender    batchhttp.Sender
	client    *http.Client
	health    sink.Health
}

func newSegmentExporter(config *Config, set exporter.Settings) (*segmentExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	e := &segmentExporter{config: config, set: set, telemetry: builder, encoder: newEncoder(config)}
	around := len(requestBegin) + len(requestSent) + len(timeFormat) + len(requestEnd)
	e.sender = batchhttp.Sender{
		Request: e.request, MaxItems: config.MaxRequestEvents, MaxBytes: max(config.MaxRequestBytes-around, 1), Between: len(","), Parallel: parallel,
	}
	return e, nil
}

// start makes the client. A Segment that is away is waited for.
func (e *segmentExporter) start(ctx context.Context, host component.Host) error {
	client, err := batchhttp.NewClient(ctx, &e.config.Client, host, e.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("start the tyksegment exporter: %w", err)
	}
	e.client = client
	e.health.Start(host, e.set.Logger)
	return nil
}

// shutdown ends what start began. The helper calls it after the last push.
func (e *segmentExporter) shutdown(context.Context) error {
	e.health.Stop()
	if e.client != nil {
		e.client.CloseIdleConnections()
	}
	return nil
}

// events are those of a push, and what is refused of it.
func (e *segmentExporter) events(logs plog.Logs) (items []batchhttp.Item, requests sink.Requests) {
	requests.Each(logs, func(entry int32, r *analytics.Record, uid string) {
		rest := e.encoder.take(r, uid)
		event, err := appendEvent(nil, r, rest)
		if err != nil {
			requests.Refuse(entry, batchhttp.ReasonInvalid, err.Error())
			return
		}
		fits := func() bool {
			event, _ = appendEvent(nil, r, rest) // for which there is a form
			return len(event) <= e.config.MaxEventBytes
		}
		if len(event) > e.config.MaxEventBytes && e.config.Truncate {
			if r.APISchema = ""; !fits() {
				sink.Shorten(r, fits)
			}
		}
		if len(event) > e.config.MaxEventBytes {
			requests.Refuse(entry, batchhttp.ReasonTooLarge, fmt.Sprintf("an event of %d bytes is longer than max_event_bytes, %d, and Segment refuses it: "+
				"leave more fields out with ignore_fields, or set truncate: true", len(event), e.config.MaxEventBytes))
			return
		}
		items = append(items, batchhttp.Item{Entry: entry, Body: event})
	})
	return items, requests
}

// pushLogs sends records. Its error is either permanent and names the records that are refused, everything else
// being received, or it asks for another attempt with those that were not.
func (e *segmentExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	items, requests := e.events(logs)
	if len(items) > 0 { // else nothing is learned of Segment
		received, err := e.sender.Push(ctx, logs, &requests, items)
		e.health.Report(err)
		e.telemetry.ExporterTyksegmentEvents.Add(ctx, int64(received))
		if err != nil {
			return err
		}
	}
	requests.CountRefused(ctx, e.telemetry.ExporterTyksegmentRefusedRecords)
	return requests.Err(e.set.ID.String())
}

// remedies say what to do about an answer that only people can change.
var remedies = map[int]string{
	http.StatusOK:           "is endpoint another server's, or a proxy's page?",
	http.StatusUnauthorized: "check segment_write_key",
	http.StatusForbidden:    "check segment_write_key, and whether the source is enabled",
	http.StatusNotFound:     "does endpoint end in /v1/batch?",
}

// request sends one request.
func (e *segmentExporter) request(ctx context.Context, items []batchhttp.Item) []batchhttp.Verdict {
	var body bytes.Buffer
	body.WriteString(requestBegin)
	for i := range items {
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(items[i].Body)
	}
	body.WriteString(requestSent + time.Now().UTC().Format(timeFormat) + requestEnd)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.config.Client.Endpoint, &body)
	if err != nil {
		return []batchhttp.Verdict{{Err: fmt.Errorf("ask Segment: %w", err)}}
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(string(e.config.WriteKey), "")
	answer, err := batchhttp.Post(e.client, request)
	if err != nil {
		return []batchhttp.Verdict{{Err: fmt.Errorf("ask Segment: %w", err)}}
	}
	return answer.Verdicts(answer.Outcome(), "Segment", remedies)
}
