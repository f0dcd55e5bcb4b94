package tykopentracingreceiver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	translator "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/jaeger"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// maxDatagram is the most that a datagram carries. Nothing in it can be larger, whatever it says
// of its lists and texts.
const maxDatagram = 65_535

// method is the one call that is understood. An agent knows another, for Zipkin's spans, which no
// gateway uses.
const method = "emitBatch"

var errUnsupported = errors.New("it calls another method than " + method)

// decode reads a datagram: a call in compact Thrift with a batch of spans.
func decode(ctx context.Context, datagram []byte) (traces ptrace.Traces, err error) {
	// The decoder is generated, and the datagram anybody's.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read a batch of spans: the decoder failed: %v", r)
		}
	}()
	config := &thrift.TConfiguration{MaxMessageSize: maxDatagram, MaxFrameSize: maxDatagram}
	transport := thrift.NewTMemoryBufferLen(len(datagram))
	if _, err := transport.Write(datagram); err != nil {
		return traces, fmt.Errorf("read a datagram: %w", err)
	}
	protocol := thrift.NewTCompactProtocolConf(transport, config)
	name, kind, _, err := protocol.ReadMessageBegin(ctx)
	if err != nil {
		return traces, fmt.Errorf("read a call: %w", err)
	}
	if name != method || (kind != thrift.CALL && kind != thrift.ONEWAY) {
		return traces, errUnsupported
	}
	var call agent.AgentEmitBatchArgs
	if err := call.Read(ctx, protocol); err != nil {
		return traces, fmt.Errorf("read a batch of spans: %w", err)
	}
	if call.Batch == nil || call.Batch.Process == nil {
		return traces, errors.New("read a batch of spans: it names no process")
	}
	for _, span := range call.Batch.Spans {
		if span == nil {
			return traces, errors.New("read a batch of spans: one is missing")
		}
	}
	clean(call.Batch)
	traces, err = translator.ThriftToTraces(call.Batch)
	if err != nil {
		return traces, fmt.Errorf("read a batch of spans: %w", err)
	}
	return traces, nil
}

// clean makes texts valid, since an OTLP hop would refuse all spans for one that is not.
func clean(batch *jaeger.Batch) {
	batch.Process.ServiceName = valid(batch.Process.ServiceName)
	cleanTags(batch.Process.Tags)
	for _, span := range batch.Spans {
		span.OperationName = valid(span.OperationName)
		cleanTags(span.Tags)
		for _, log := range span.Logs {
			cleanTags(log.Fields)
		}
	}
}

func cleanTags(tags []*jaeger.Tag) {
	for _, tag := range tags {
		tag.Key = valid(tag.Key)
		if tag.VStr != nil {
			text := valid(*tag.VStr)
			tag.VStr = &text
		}
	}
}

func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
