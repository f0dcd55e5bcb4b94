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
	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqsexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// reasonRange is why records are refused that have no form in JSON.
const reasonRange sink.Reason = "out_of_range"

const (
	service = "SQS"
	// parallel is how many requests of a push are under way at once: one has few messages.
	parallel = 8
)

type item = awsclient.Item[types.SendMessageBatchRequestEntry]

// sqsExporter sends messages to one queue.
type sqsExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	health    sink.Health
	client    *sqs.Client
	sender    awsclient.Sender[types.SendMessageBatchRequestEntry]
	url       atomic.Pointer[string] // of the queue, once it is known
}

func newSQSExporter(config *Config, set exporter.Settings) (*sqsExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	e := &sqsExporter{config: config, set: set, telemetry: builder, sender: awsclient.Sender[types.SendMessageBatchRequestEntry]{
		Service: service, Place: config.place(), MaxItems: maxEntries, MaxBytes: config.MaxBytes, Parallel: parallel,
		Ordered: config.isFIFO(), Timeout: config.Timeout.Timeout,
	}}
	e.sender.Prepare, e.sender.Call = e.lookUp, e.call
	if config.QueueURL != "" {
		e.url.Store(&config.QueueURL)
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
func (e *sqsExporter) items(logs plog.Logs) (items []item, requests sink.Requests) {
	var memory []byte
	requests.Each(logs, func(entry int32, r *analytics.Record, uid string) {
		var made item
		encode := func() error {
			var err error
			if memory, err = appendBody(memory[:0], r); err == nil {
				made = item{Entry: entry, Name: uid}
				made.Data, made.Size = e.config.message(string(memory), r, uid)
			}
			return err
		}
		if err := encode(); err != nil {
			requests.Refuse(entry, reasonRange, err.Error())
			return
		}
		fits := func() bool { return made.Size <= e.config.MaxBytes }
		if !fits() && e.config.Truncate {
			sink.Shorten(r, func() bool { return encode() == nil && fits() })
		}
		if !fits() {
			requests.Refuse(entry, awsclient.ReasonTooLarge, fmt.Sprintf("a message of %d bytes is longer than max_bytes, %d: %s", made.Size, e.config.MaxBytes,
				"raise it as far as the queue allows, record less, or set truncate"))
			return
		}
		made.Group = aws.ToString(made.Data.MessageGroupId)
		if made.Name == "" {
			made.Name = strconv.FormatUint(xxhash.Sum64(memory), 16)
		}
		items = append(items, made)
	})
	return items, requests
}

// pushLogs sends records. Its error is either permanent and names the records that are
// refused, everything else being sent, or it asks for another attempt with those that were not accepted.
func (e *sqsExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	items, requests := e.items(logs)
	if len(items) > 0 { // else nothing is learned of the queue
		sent, err := e.sender.Push(ctx, logs, items, &requests)
		e.health.Report(err)
		e.telemetry.ExporterTyksqsMessages.Add(ctx, int64(sent))
		if err != nil {
			return err
		}
	}
	requests.CountRefused(ctx, e.telemetry.ExporterTyksqsRefusedRecords)
	return requests.Err(e.set.ID.String())
}

// call sends messages of one request.
func (e *sqsExporter) call(ctx context.Context, items []item) ([]awsclient.Answer, error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(items))
	answers := make([]awsclient.Answer, len(items))
	for i := range items {
		entries[i], answers[i] = items[i].Data, awsclient.NoResult(service)
		entries[i].Id = aws.String(strconv.Itoa(i))
	}
	out, err := e.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: e.url.Load(), Entries: entries})
	if err != nil {
		return nil, err
	}
	place := func(id *string) (int, bool) {
		i, err := strconv.Atoi(aws.ToString(id))
		return i, err == nil && i >= 0 && i < len(answers)
	}
	for i := range out.Successful {
		if at, ok := place(out.Successful[i].Id); ok {
			answers[at] = awsclient.Answer{}
		}
	}
	for i := range out.Failed {
		f := &out.Failed[i]
		if at, ok := place(f.Id); ok {
			answers[at] = awsclient.AnswerOf(service, aws.ToString(f.Code), aws.ToString(f.Message), f.SenderFault)
		}
	}
	return answers, nil
}

// lookUp asks for the queue's URL, once.
func (e *sqsExporter) lookUp(ctx context.Context) error {
	if e.url.Load() != nil {
		return nil
	}
	out, err := e.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &e.config.QueueName})
	if err == nil {
		e.url.Store(out.QueueUrl)
	}
	return err
}
