package main

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor"
)

// redactor takes credentials out of entries by the rules of tykfilter, which it asks.
type redactor struct {
	ctx    context.Context //nolint:containedctx // of the one command
	filter processor.Logs
	record analytics.Record
	passed plog.LogRecord
}

func newRedactor(ctx context.Context) (*redactor, error) {
	r := &redactor{ctx: ctx}
	next, err := consumer.NewLogs(func(_ context.Context, logs plog.Logs) error {
		r.passed = logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	factory := tykfilterprocessor.NewFactory()
	r.filter, err = factory.CreateLogs(ctx, processor.Settings{
		ID: component.NewID(factory.Type()), TelemetrySettings: quiet(),
	}, factory.CreateDefaultConfig(), next)
	if err != nil {
		return nil, fmt.Errorf("prepare redaction: %w", err)
	}
	return r, nil
}

// quiet is the telemetry of a component whose telemetry nobody sees.
func quiet() component.TelemetrySettings {
	return component.TelemetrySettings{Logger: zap.NewNop(), TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: metricnoop.NewMeterProvider()}
}

// redact gives an entry without credentials. One that cannot be decoded is left out: nobody knows what it holds.
func (r *redactor) redact(list string, entry []byte) ([]byte, bool) {
	if list == uptimeInFile {
		return entry, true // there are no requests in it
	}
	protobuf := strings.HasSuffix(list, "_protobuf")
	decode := analytics.DecodeMsgpack
	if protobuf {
		decode = analytics.DecodeProtobuf
	}
	if decode(entry, &r.record) != nil {
		return nil, false
	}
	logs := plog.NewLogs()
	r.record.ToLog(analytics.AppendScope(logs).AppendEmpty(), "")
	r.passed = plog.NewLogRecord()
	if r.filter.ConsumeLogs(r.ctx, logs) != nil {
		return nil, false
	}
	r.record.FromLog(r.passed)
	if protobuf {
		return analytics.AppendProtobuf(nil, &r.record), true
	}
	return analytics.AppendMsgpack(nil, &r.record), true
}
