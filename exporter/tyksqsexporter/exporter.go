package tyksqsexporter

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqsexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

const (
	service = "SQS"
	// parallel is how many requests of a push are under way at once to a standard queue: one has few messages.
	parallel = 8
)

// sqsExporter sends messages to one queue.
type sqsExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	health    sink.Health
	client    *sqs.Client
	sender    *batchhttp.Sender
	url       atomic.Pointer[string] // of the queue, once it is known
}

func newSQSExporter(config *Config, set exporter.Settings) (*sqsExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	e := &sqsExporter{config: config, set: set, telemetry: builder}
	e.sender = &batchhttp.Sender{Request: e.request, MaxItems: maxEntries, MaxBytes: config.MaxBytes, Parallel: parallel}
	if config.isFIFO() {
		e.sender.Parallel = 1 // which keeps the order
	}
	return e, nil
}

// start makes the client. A queue that is away is waited for.
func (e *sqsExporter) start(ctx context.Context, host component.Host) error {
	settings, err := e.config.Client.Load(ctx)
	if err != nil {
		return fmt.Errorf("start the tyksqs exporter: %w", err)
	}
	e.client = sqs.NewFromConfig(settings, func(o *sqs.Options) {
		o.BaseEndpoint = cmp.Or(e.config.Client.Base(), o.BaseEndpoint)
	})
	e.health.Start(host, e.set.Logger)
	return nil
}

// shutdown ends what was begun. The helper calls it after the last push.
func (e *sqsExporter) shutdown(context.Context) error {
	e.health.Stop()
	return nil
}

// items are the messages of a push, and what is refused of it.
func (e *sqsExporter) items(logs plog.Logs) (items []batchhttp.Item, requests sink.Requests) {
	requests.Each(logs, func(entry int32, r *analytics.Record, uid string) {
		body, err := appendBody(nil, r)
		if err != nil {
			requests.Refuse(entry, sink.ReasonRange, err.Error())
			return
		}
		attributes, more := e.config.attributes(r, uid)
		fits := func() bool { return len(body)+more <= e.config.MaxBytes }
		if !fits() && e.config.Truncate {
			sink.Shorten(r, func() bool {
				body, err = appendBody(nil, r)
				return err == nil && fits()
			})
		}
		if !fits() {
			requests.Refuse(entry, batchhttp.ReasonTooLarge, fmt.Sprintf("a message of %d bytes is longer than max_bytes, %d: %s", len(body)+more, e.config.MaxBytes,
				"raise it as far as the queue allows, record less, or set truncate"))
			return
		}
		message := types.SendMessageBatchRequestEntry{MessageAttributes: attributes, DelaySeconds: e.config.DelaySeconds}
		if group := e.config.group(r); group != "" {
			message.MessageGroupId = &group
		}
		if e.config.isFIFO() {
			message.MessageDeduplicationId = aws.String(identity(uid))
		}
		items = append(items, batchhttp.Item{Entry: entry, Body: body, Data: message, More: more})
	})
	return items, requests
}

// pushLogs sends records. Its error is either permanent and names the records that are
// refused, everything else being sent, or it asks for another attempt with those that were not accepted.
func (e *sqsExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	items, requests := e.items(logs)
	if len(items) > 0 { // else nothing is learned of the queue
		sent := 0
		err := e.lookUp(ctx)
		if err == nil {
			sent, err = e.sender.Push(ctx, logs, &requests, items)
		}
		e.health.Report(err)
		e.telemetry.ExporterTyksqsMessages.Add(ctx, int64(sent))
		if err != nil {
			return err
		}
	}
	requests.CountRefused(ctx, e.telemetry.ExporterTyksqsRefusedRecords)
	return requests.Err(e.set.ID.String())
}

// lookUp asks for the queue's URL, once.
func (e *sqsExporter) lookUp(ctx context.Context) error {
	if e.url.Load() != nil {
		return nil
	}
	if e.config.QueueURL != "" {
		e.url.Store(&e.config.QueueURL)
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, e.config.Timeout.Timeout)
	defer cancel()
	out, err := e.client.GetQueueUrl(bounded, &sqs.GetQueueUrlInput{QueueName: &e.config.QueueName})
	if err != nil {
		return awsclient.Failed(service, err).Err
	}
	e.url.Store(out.QueueUrl)
	return nil
}

// request sends messages in one request.
func (e *sqsExporter) request(ctx context.Context, items []batchhttp.Item) []batchhttp.Verdict {
	ctx, cancel := context.WithTimeout(ctx, e.config.Timeout.Timeout)
	defer cancel()
	entries := make([]types.SendMessageBatchRequestEntry, len(items))
	verdicts := make([]batchhttp.Verdict, len(items))
	for i := range items {
		entries[i] = items[i].Data.(types.SendMessageBatchRequestEntry) //nolint:forcetypeassert // which items have
		entries[i].Id, entries[i].MessageBody = aws.String(strconv.Itoa(i)), aws.String(string(items[i].Body))
		verdicts[i] = awsclient.NoResult(service)
	}
	out, err := e.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: e.url.Load(), Entries: entries})
	if err != nil {
		return []batchhttp.Verdict{awsclient.Failed(service, err)}
	}
	of := func(id *string) *batchhttp.Verdict {
		if i, err := strconv.Atoi(aws.ToString(id)); err == nil && i >= 0 && i < len(verdicts) {
			return &verdicts[i]
		}
		return new(batchhttp.Verdict) // of something that was not sent
	}
	for i := range out.Successful {
		*of(out.Successful[i].Id) = batchhttp.Verdict{Outcome: batchhttp.Accepted}
	}
	for i := range out.Failed {
		f := &out.Failed[i]
		*of(f.Id) = awsclient.Verdict(service, aws.ToString(f.Code), aws.ToString(f.Message), f.SenderFault)
	}
	return verdicts
}
