package tykkinesisexporter

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykkinesisexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// reasonRange is why records are refused that have no form in JSON.
const reasonRange sink.Reason = "out_of_range"

const (
	service = "Kinesis"
	// parallel is how many requests of a push are under way at once: one has many records, and shards bound them.
	parallel = 2
)

type item = awsclient.Item[types.PutRecordsRequestEntry]

// kinesisExporter sends records to one stream.
type kinesisExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	encoder   *encoder
	health    sink.Health
	client    *kinesis.Client
	sender    awsclient.Sender[types.PutRecordsRequestEntry]
}

func newKinesisExporter(config *Config, set exporter.Settings) (*kinesisExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	e := &kinesisExporter{config: config, set: set, telemetry: builder, sender: awsclient.Sender[types.PutRecordsRequestEntry]{
		Service: service, Place: config.place(), MaxItems: maxEntries, MaxBytes: config.MaxBytes, Parallel: parallel,
		Timeout: config.Timeout.Timeout,
	}}
	e.sender.Call = e.call
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
func (e *kinesisExporter) items(logs plog.Logs) (items []item, requests sink.Requests) {
	requests.Each(logs, func(entry int32, r *analytics.Record, uid string) {
		data, err := e.encoder.append(nil, r)
		if err != nil {
			requests.Refuse(entry, reasonRange, err.Error())
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
			requests.Refuse(entry, awsclient.ReasonTooLarge, fmt.Sprintf("%d bytes are more than max_record_bytes, %d: %s", len(data)+len(key), e.config.MaxRecordBytes,
				"raise it as far as the stream allows, record less, or set truncate"))
			return
		}
		name := uid
		if name == "" {
			name = strconv.FormatUint(xxhash.Sum64(data), 16)
		}
		items = append(items, item{Entry: entry, Name: name, Size: len(data) + len(key), Data: types.PutRecordsRequestEntry{Data: data, PartitionKey: &key}})
	})
	return items, requests
}

// pushLogs sends records. Its error is either permanent and names the records that are
// refused, everything else being sent, or it asks for another attempt with those that were not accepted.
func (e *kinesisExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	items, requests := e.items(logs)
	if len(items) > 0 { // else nothing is learned of the stream
		sent, err := e.sender.Push(ctx, logs, items, &requests)
		e.health.Report(err)
		e.telemetry.ExporterTykkinesisRecords.Add(ctx, int64(sent))
		if err != nil {
			return err
		}
	}
	requests.CountRefused(ctx, e.telemetry.ExporterTykkinesisRefusedRecords)
	return requests.Err(e.set.ID.String())
}

// call sends records of one request.
func (e *kinesisExporter) call(ctx context.Context, items []item) ([]awsclient.Answer, error) {
	in := &kinesis.PutRecordsInput{Records: make([]types.PutRecordsRequestEntry, len(items))}
	if e.config.StreamARN != "" {
		in.StreamARN = &e.config.StreamARN
	} else {
		in.StreamName = &e.config.StreamName
	}
	for i := range items {
		in.Records[i] = items[i].Data
	}
	out, err := e.client.PutRecords(ctx, in)
	if err != nil {
		return nil, err
	}
	answers := make([]awsclient.Answer, len(out.Records))
	for i := range out.Records {
		switch r := &out.Records[i]; {
		case aws.ToString(r.ErrorCode) != "":
			answers[i] = awsclient.AnswerOf(service, *r.ErrorCode, aws.ToString(r.ErrorMessage), false)
		case aws.ToString(r.SequenceNumber) == "":
			answers[i] = awsclient.NoResult(service)
		}
	}
	return answers, nil
}
