package tykkinesisexporter

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykkinesisexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

const (
	service = "Kinesis"
	// parallel is how many requests of a push are under way at once: one has many records, and shards bound them.
	parallel = 2
)

// kinesisExporter sends records to one stream.
type kinesisExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	encoder   *encoder
	health    sink.Health
	client    *kinesis.Client
	sender    *batchhttp.Sender
}

func newKinesisExporter(config *Config, set exporter.Settings) (*kinesisExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	e := &kinesisExporter{config: config, set: set, telemetry: builder}
	e.sender = &batchhttp.Sender{Request: e.request, MaxItems: maxEntries, MaxBytes: config.MaxBytes, Parallel: parallel}
	e.encoder, err = newEncoder(config)
	return e, err
}

// start makes the client. A stream that is away is waited for.
func (e *kinesisExporter) start(ctx context.Context, host component.Host) error {
	settings, err := e.config.Client.Load(ctx)
	if err != nil {
		return fmt.Errorf("start the tykkinesis exporter: %w", err)
	}
	e.client = kinesis.NewFromConfig(settings, func(o *kinesis.Options) {
		o.BaseEndpoint = cmp.Or(e.config.Client.Base(), o.BaseEndpoint)
	})
	e.health.Start(host, e.set.Logger)
	return nil
}

// shutdown ends what was begun. The helper calls it after the last push.
func (e *kinesisExporter) shutdown(context.Context) error {
	e.health.Stop()
	return nil
}

// items are the records of a push as Kinesis gets them, and what is refused of it.
func (e *kinesisExporter) items(logs plog.Logs) (items []batchhttp.Item, requests sink.Requests) {
	requests.Each(logs, func(entry int32, r *analytics.Record, uid string) {
		data, err := e.encoder.append(nil, r)
		if err != nil {
			requests.Refuse(entry, sink.ReasonRange, err.Error())
			return
		}
		key := partition(e.config.PartitionKey, r, uid)
		fits := func() bool { return len(data)+len(key) <= e.config.MaxRecordBytes }
		if !fits() && e.config.Truncate {
			sink.Shorten(r, func() bool {
				data, err = e.encoder.append(nil, r)
				return err == nil && fits()
			})
		}
		if !fits() {
			requests.Refuse(entry, batchhttp.ReasonTooLarge, fmt.Sprintf("%d bytes are more than max_record_bytes, %d: %s", len(data)+len(key), e.config.MaxRecordBytes,
				"raise it as far as the stream allows, record less, or set truncate"))
			return
		}
		items = append(items, batchhttp.Item{Entry: entry, Key: key, Body: data, More: len(key)})
	})
	return items, requests
}

// pushLogs sends records. Its error is either permanent and names the records that are
// refused, everything else being sent, or it asks for another attempt with those that were not accepted.
func (e *kinesisExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	items, requests := e.items(logs)
	if len(items) > 0 { // else nothing is learned of the stream
		sent, err := e.sender.Push(ctx, logs, &requests, items)
		e.health.Report(err)
		e.telemetry.ExporterTykkinesisRecords.Add(ctx, int64(sent))
		if err != nil {
			return err
		}
	}
	requests.CountRefused(ctx, e.telemetry.ExporterTykkinesisRefusedRecords)
	return requests.Err(e.set.ID.String())
}

// request makes one request.
func (e *kinesisExporter) request(ctx context.Context, items []batchhttp.Item) []batchhttp.Verdict {
	ctx, cancel := context.WithTimeout(ctx, e.config.Timeout.Timeout)
	defer cancel()
	in := &kinesis.PutRecordsInput{Records: make([]types.PutRecordsRequestEntry, len(items))}
	if e.config.StreamARN != "" {
		in.StreamARN = &e.config.StreamARN
	} else {
		in.StreamName = &e.config.StreamName
	}
	for i := range items {
		in.Records[i] = types.PutRecordsRequestEntry{Data: items[i].Body, PartitionKey: &items[i].Key}
	}
	out, err := e.client.PutRecords(ctx, in)
	if err != nil {
		return []batchhttp.Verdict{awsclient.Failed(service, err)}
	}
	verdicts := make([]batchhttp.Verdict, len(items))
	for i := range verdicts {
		switch {
		case i >= len(out.Records):
			verdicts[i] = awsclient.NoResult(service)
		case aws.ToString(out.Records[i].ErrorCode) != "":
			verdicts[i] = awsclient.Verdict(service, *out.Records[i].ErrorCode, aws.ToString(out.Records[i].ErrorMessage), false)
		case aws.ToString(out.Records[i].SequenceNumber) == "":
			verdicts[i] = awsclient.NoResult(service)
		default:
			verdicts[i].Outcome = batchhttp.Accepted
		}
	}
	return verdicts
}
