//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/zipkincore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// TestOldGatewaysSpansReachTheTraceStore sends a datagram first that would end a collector whose
// stock jaeger receiver has a UDP port.
func TestOldGatewaysSpansReachTheTraceStore(t *testing.T) {
	t.Parallel()
	store := startOTLPStore(t)
	ports, err := peers.FreePorts(3)
	require.NoError(t, err)
	udp := peers.Address(ports[0])
	c := newExample(t, []string{"opentracing.yaml"}, object{},
		"JAEGER_UDP_ENDPOINT="+udp, "JAEGER_HTTP_ENDPOINT="+peers.Address(ports[1]), "ZIPKIN_ENDPOINT="+peers.Address(ports[2]),
		"TRACES_ENDPOINT="+store.address, "PETSTORE_API_ID=pets", "PETSTORE_ORG_ID=acme")
	c.start()
	sender, err := (&net.Dialer{}).DialContext(t.Context(), "udp", udp)
	require.NoError(t, err)
	defer func() { _ = sender.Close() }()
	send := func(call func(*agent.AgentClient) error) {
		buffer := thrift.NewTMemoryBuffer()
		require.NoError(t, call(agent.NewAgentClientFactory(buffer, thrift.NewTCompactProtocolFactoryConf(&thrift.TConfiguration{}))))
		_, err := sender.Write(buffer.Bytes())
		require.NoError(t, err)
	}
	send(func(a *agent.AgentClient) error { return a.EmitZipkinBatch(context.Background(), []*zipkincore.Span{}) })
	address := "/pets/1?full=true"
	send(func(a *agent.AgentClient) error {
		return a.EmitBatch(context.Background(), &jaeger.Batch{
			Process: &jaeger.Process{ServiceName: "Petstore API"},
			Spans: []*jaeger.Span{{
				TraceIdLow: 7, SpanId: 1, OperationName: "Petstore API", StartTime: 1_700_000_000_000_000, Duration: 5000,
				Tags: []*jaeger.Tag{{Key: "raw_url", VType: jaeger.TagType_STRING, VStr: &address}},
			}},
		})
	})
	body := []byte(`[{"traceId":"00000000000000aa","id":"00000000000000bb","name":"zipkin api","timestamp":1700000000000000,"duration":5,"localEndpoint":{"serviceName":"zipkin api"}}]`)
	status, answer := request(t, "POST", "http://"+peers.Address(ports[2])+"/api/v2/spans", body)
	require.Equal(t, 202, status, answer)
	eventually(t, drainTimeout, func() string {
		if len(store.storedSpans()) == 2 {
			return ""
		}
		return "the spans have not come"
	})
	for _, span := range store.storedSpans() {
		if span.Name() == "Petstore API" {
			assert.Equal(t, "acme", attribute(span.Attributes(), analytics.AttrOrgID))
			assert.Equal(t, "pets", attribute(span.Attributes(), analytics.AttrAPIID))
			assert.Equal(t, "/pets/1", attribute(span.Attributes(), analytics.AttrPath))
		}
	}
	c.stop()
}

// TestARequestsSpansAndItsRecordHaveOneTraceID takes what a real gateway exported and pushed, and looks for both
// in one store: a second collector, and the file that it writes.
func TestARequestsSpansAndItsRecordHaveOneTraceID(t *testing.T) {
	t.Parallel()
	redis := peers.StartRedis(t)
	ports, err := peers.FreePorts(1)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "store.jsonl")
	both := object{"receivers": []string{"otlp"}, "exporters": []string{"file"}}
	store := newCollector(t, object{
		"receivers": object{"otlp": object{"protocols": object{"grpc": object{"endpoint": peers.Address(ports[0])}}}},
		"exporters": object{"file": object{"path": file}},
		"service": object{
			"pipelines": object{"traces": both, "logs": both},
			"telemetry": object{"metrics": object{"level": "none"}},
		},
	})
	store.start()
	overGRPC, _, env := otlpPorts(t)
	c := newExample(t, []string{"traces-and-records.yaml"}, object{},
		append(env, "TYK_REDIS_ADDRESS="+redis.Addr(), "TRACES_ENDPOINT="+peers.Address(ports[0]))...)
	c.start()
	exportTraces(t, overGRPC, gatewayTraces(t))
	pushSome(t, redis.Client())
	waitDrained(t, redis.Client(), drainTimeout)
	c.stop()
	store.stop()

	spans, records := storedInFile(t, file)
	traces, found := requests(spans), 0
	for _, record := range records {
		api := attribute(record.Attributes(), analytics.AttrAPIID)
		for _, span := range traces[record.TraceID()] {
			if attribute(span.Attributes(), analytics.AttrAPIID) == api {
				found++
				break
			}
		}
	}
	assert.Len(t, records, 109)
	assert.Equal(t, 72, found, "the gateway wrote no trace-id- tag for the others")
}

// storedInFile reads what a collector's file exporter has written.
func storedInFile(t *testing.T, file string) (spans []ptrace.Span, records []plog.LogRecord) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range bytes.Lines(content) {
		traces, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(line)
		require.NoError(t, err)
		spans = append(spans, spansOf(traces)...)
		logs, err := new(plog.JSONUnmarshaler).UnmarshalLogs(line)
		require.NoError(t, err)
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					records = append(records, record)
				}
			}
		}
	}
	return spans, records
}
