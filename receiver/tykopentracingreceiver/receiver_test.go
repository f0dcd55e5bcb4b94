package tykopentracingreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/zipkincore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykopentracingreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykopentracingreceiver/internal/metadatatest"
)

// hangs is how long a test waits for what takes no time.
const hangs = time.Minute

func text(key, value string) *jaeger.Tag {
	return &jaeger.Tag{Key: key, VType: jaeger.TagType_STRING, VStr: &value}
}

// batch is what a gateway sends of a request: the request, a middleware, and the call upstream.
func batch(api string) *jaeger.Batch {
	return &jaeger.Batch{
		Process: &jaeger.Process{ServiceName: api, Tags: []*jaeger.Tag{
			text("hostname", "gw-1"), text("ip", "192.0.2.9"), text("client-uuid", "3f1c"), text("jaeger.version", "Go-2.30.0"),
		}},
		Spans: []*jaeger.Span{
			{TraceIdLow: 7, TraceIdHigh: 9, SpanId: 1, OperationName: api, StartTime: 1_700_000_000_000_000, Duration: 5000, Tags: []*jaeger.Tag{
				text("from_ip", "198.51.100.7"), text("method", "GET"), text("endpoint", "/pets/1"), text("raw_url", "/pets/1?full=true"),
				text("size", "-1"), text("sampler.type", "const"),
			}},
			{TraceIdLow: 7, TraceIdHigh: 9, SpanId: 2, ParentSpanId: 1, OperationName: "RateLimitAndQuotaCheck", StartTime: 1_700_000_000_001_000, Duration: 10},
			{TraceIdLow: 7, TraceIdHigh: 9, SpanId: 3, ParentSpanId: 1, OperationName: "/pets/1", StartTime: 1_700_000_000_002_000, Duration: 3000, Tags: []*jaeger.Tag{text("span.kind", "client")}},
		},
	}
}

// datagram is a call as Jaeger's client sends it.
func datagram(tb testing.TB, call func(*agent.AgentClient) error) []byte {
	tb.Helper()
	buffer := thrift.NewTMemoryBuffer()
	client := agent.NewAgentClientFactory(buffer, thrift.NewTCompactProtocolFactoryConf(&thrift.TConfiguration{}))
	require.NoError(tb, call(client))
	return buffer.Bytes()
}

func emitBatch(tb testing.TB, b *jaeger.Batch) []byte {
	tb.Helper()
	return datagram(tb, func(c *agent.AgentClient) error { return c.EmitBatch(context.Background(), b) })
}

func emitZipkinBatch(tb testing.TB) []byte {
	tb.Helper()
	return datagram(tb, func(c *agent.AgentClient) error {
		return c.EmitZipkinBatch(context.Background(), []*zipkincore.Span{})
	})
}

func testConfig() *Config {
	config := createDefaultConfig().(*Config)
	config.Endpoint = "127.0.0.1:0"
	config.APIs = map[string]APIConfig{"Petstore API": {ID: "pets", Org: "acme"}}
	return config
}

// started is a receiver with somebody who sends to it.
type started struct {
	*udpReceiver
	telemetry *componenttest.Telemetry
	sender    net.Conn
}

func start(tb testing.TB, config *Config, next consumer.Traces) *started {
	tb.Helper()
	s := &started{telemetry: componenttest.NewTelemetry()}
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = s.telemetry.NewTelemetrySettings()
	var err error
	s.udpReceiver, err = newReceiver(config, set, next)
	require.NoError(tb, err)
	require.NoError(tb, s.Start(tb.Context(), componenttest.NewNopHost()))
	s.sender, err = (&net.Dialer{}).DialContext(tb.Context(), "udp", s.conn.LocalAddr().String())
	require.NoError(tb, err)
	tb.Cleanup(func() {
		ctx := context.WithoutCancel(tb.Context())
		require.NoError(tb, s.Shutdown(ctx))
		require.NoError(tb, s.sender.Close())
		require.NoError(tb, s.telemetry.Shutdown(ctx))
	})
	return s
}

func (s *started) send(tb testing.TB, datagram []byte) {
	tb.Helper()
	_, err := s.sender.Write(datagram)
	require.NoError(tb, err)
}

// counts is how many datagrams had which outcome.
func (s *started) counts(tb testing.TB) map[string]int64 {
	tb.Helper()
	counts := map[string]int64{}
	got, err := s.telemetry.GetMetric("otelcol_receiver_tykopentracing_datagrams")
	if err != nil {
		return counts
	}
	for _, point := range got.Data.(metricdata.Sum[int64]).DataPoints {
		outcome, _ := point.Attributes.Value("outcome")
		counts[outcome.AsString()] = point.Value
	}
	return counts
}

func TestSpansAreThoseThatNewerGatewaysSend(t *testing.T) {
	t.Parallel()
	sink := &consumertest.TracesSink{}
	r := start(t, testConfig(), sink)
	r.send(t, emitBatch(t, batch("Petstore API")))
	require.Eventually(t, func() bool { return sink.SpanCount() == 3 }, hangs, time.Millisecond)

	resource := sink.AllTraces()[0].ResourceSpans().At(0)
	got := resource.Resource().Attributes().AsRaw()
	assert.Equal(t, "tyk-gateway", got["service.name"])
	assert.Equal(t, "gw-1", got["service.instance.id"])
	assert.NotContains(t, got, "client-uuid")

	spans := map[string]ptrace.Span{}
	for _, span := range resource.ScopeSpans().At(0).Spans().All() {
		spans[span.Name()] = span
		assert.Equal(t, "00000000000000090000000000000007", span.TraceID().String())
	}
	api := map[string]any{"tyk.api.name": "Petstore API", "tyk.api.id": "pets", "tyk.api.orgid": "acme"}
	request := spans["Petstore API"]
	assert.Equal(t, ptrace.SpanKindServer, request.Kind())
	assert.Equal(t, with(api, map[string]any{
		"http.request.method": "GET", "url.path": "/pets/1", "url.query": "full=true", "client.address": "198.51.100.7", "sampler.type": "const",
	}), request.Attributes().AsRaw())
	middleware := spans["RateLimitAndQuotaCheck"]
	assert.Equal(t, ptrace.SpanKindInternal, middleware.Kind())
	assert.Equal(t, api, middleware.Attributes().AsRaw())
	assert.Equal(t, request.SpanID(), middleware.ParentSpanID())
	r.send(t, emitBatch(t, batch("Pet\xff")))
	require.Eventually(t, func() bool { return sink.SpanCount() == 6 }, hangs, time.Millisecond)
	odd := sink.AllTraces()[1].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	assert.Equal(t, "Pet\uFFFD", odd.Attributes().AsRaw()["tyk.api.name"], "an OTLP hop takes it")
	upstream := spans["/pets/1"]
	assert.Equal(t, ptrace.SpanKindClient, upstream.Kind())
	assert.Equal(t, with(api, map[string]any{"url.path": "/pets/1"}), upstream.Attributes().AsRaw())
}

func with(base, more map[string]any) map[string]any {
	all := map[string]any{}
	for _, from := range []map[string]any{base, more} {
		for key, value := range from {
			all[key] = value
		}
	}
	return all
}

func TestARequestMayLackAnything(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tags map[string]string
		want map[string]any
	}{
		"a method of its own": {
			map[string]string{"raw_url": "/a", "method": "PURGE", "size": "12"},
			map[string]any{"url.path": "/a", "http.request.method": "_OTHER", "http.request.method_original": "PURGE", "http.request.body.size": int64(12)},
		},
		"a whole address": {map[string]string{"raw_url": "http://host/a%20b?c"}, map[string]any{"url.path": "/a%20b", "url.query": "c"}},
		"an empty one":    {map[string]string{"raw_url": "", "endpoint": "/b", "size": "many"}, map[string]any{"url.path": "/b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			span := ptrace.NewSpan()
			for key, value := range c.tags {
				span.Attributes().PutStr(key, value)
			}
			rewriteSpan(span)
			assert.Equal(t, c.want, span.Attributes().AsRaw())
		})
	}
}

func TestStrangeDatagramsAreCountedAndHarmNobody(t *testing.T) {
	t.Parallel()
	sink := &consumertest.TracesSink{}
	r := start(t, testConfig(), sink)
	good := emitBatch(t, batch("Petstore API"))
	huge := append([]byte(nil), good[:len(good)/2]...)
	strange := [][]byte{
		{},
		[]byte("GET / HTTP/1.1"), good[:len(good)-1], good[:20], append(huge, 0xff, 0xff, 0xff, 0xff, 0x07),
		{0x82, 0x21, 0x01, 0x09, 'e', 'm', 'i', 't', 'B', 'a', 't', 'c', 'h', 0x00},
		make([]byte, 65_000),
	}
	for _, one := range strange {
		r.send(t, one)
	}
	r.send(t, emitZipkinBatch(t))
	r.send(t, good)
	require.Eventually(t, func() bool { return r.counts(t)["accepted"] == 1 }, hangs, time.Millisecond)
	assert.Equal(t, map[string]int64{"accepted": 1, "unsupported": 1, "malformed": int64(len(strange))}, r.counts(t))
	assert.Equal(t, 3, sink.SpanCount())
}

func TestAFullQueueDropsAndCounts(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	next, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error {
		<-release
		return consumererror.NewPermanent(errors.New("refused"))
	})
	require.NoError(t, err)
	config := testConfig()
	config.QueueSize = 2
	r := start(t, config, next)
	good := emitBatch(t, batch("a"))
	require.Eventually(t, func() bool {
		r.send(t, good)
		return r.counts(t)["dropped"] >= 3
	}, hangs, time.Millisecond)
	close(release)
	require.Eventually(t, func() bool { return r.counts(t)["refused"] >= 3 }, hangs, time.Millisecond)
}

func TestTheEndDeliversWhatWaits(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 10), make(chan struct{})
	sink := &consumertest.TracesSink{}
	next, err := consumer.NewTraces(func(ctx context.Context, traces ptrace.Traces) error {
		entered <- struct{}{}
		<-release
		return sink.ConsumeTraces(ctx, traces)
	})
	require.NoError(t, err)
	r := start(t, testConfig(), next)
	for range 4 {
		r.send(t, emitBatch(t, batch("a")))
	}
	<-entered
	require.Eventually(t, func() bool { return len(r.queue) == 3 }, hangs, time.Millisecond)
	done := make(chan error, 1)
	go func() { done <- r.Shutdown(context.WithoutCancel(t.Context())) }()
	close(release)
	require.NoError(t, <-done)
	assert.Equal(t, 12, sink.SpanCount())
	metadatatest.AssertEqualReceiverTykopentracingDatagrams(t, r.telemetry, []metricdata.DataPoint[int64]{
		{Value: 4, Attributes: attribute.NewSet(attribute.String("outcome", "accepted"))},
	}, metricdatatest.IgnoreTimestamp())
}

func TestAPortThatIsTakenFailsTheStart(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(), consumertest.NewNop())
	config := testConfig()
	config.Endpoint = r.conn.LocalAddr().String()
	other, err := NewFactory().CreateTraces(t.Context(), receivertest.NewNopSettings(metadata.Type), config, consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorContains(t, other.Start(t.Context(), componenttest.NewNopHost()), fmt.Sprintf("endpoint %q: ", config.Endpoint))
	require.NoError(t, other.Shutdown(t.Context()))
}

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	content, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	all := createDefaultConfig().(*Config)
	all.Endpoint, all.QueueSize, all.ReadBufferBytes = "0.0.0.0:16831", 50, 0
	all.APIs = map[string]APIConfig{"Petstore API": {ID: "b84fe1a04e5648927971c0557971565c", Org: "5e9d9544a1dcd60001d0ed20"}}
	for name, want := range map[string]component.Config{"": createDefaultConfig(), "all": all} {
		sub, err := content.Sub(component.NewIDWithName(metadata.Type, name).String())
		require.NoError(t, err)
		got := createDefaultConfig()
		require.NoError(t, sub.Unmarshal(got))
		require.NoError(t, confmap.Validate(got))
		assert.Equal(t, want, got)
	}
	schema, err := confmaptest.LoadConf("config.schema.yaml")
	require.NoError(t, err)
	properties := schema.ToStringMap()["properties"].(map[string]any)
	assert.Len(t, properties, 4)
	for key, want := range map[string]any{"endpoint": "localhost:6831", "queue_size": 1000, "read_buffer_bytes": 4 << 20, "apis": nil} {
		property := properties[key].(map[string]any)
		assert.Equal(t, want, property["default"], key)
		assert.NotEmpty(t, property["description"], key)
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		`endpoint: "6831" is no address: use one like host:port`: func(c *Config) { c.Endpoint = "6831" },
		"queue_size: 0 must be from 1 to 1000000":                func(c *Config) { c.QueueSize = 0 },
		"queue_size: 1000000000000000 must be from 1 to 1000000": func(c *Config) { c.QueueSize = 1e15 },
		`endpoint: "localhost:99999" is no address`:              func(c *Config) { c.Endpoint = "localhost:99999" },
		"read_buffer_bytes: -1 must be 0 or more":                func(c *Config) { c.ReadBufferBytes = -1 },
		"apis::Pets: id or org must be set":                      func(c *Config) { c.APIs = map[string]APIConfig{"Pets": {}} },
	} {
		config := createDefaultConfig().(*Config)
		change(config)
		assert.ErrorContains(t, config.Validate(), want)
	}
}

// FuzzDatagrams: whatever comes, nothing breaks, and what is read can be sent on.
func FuzzDatagrams(f *testing.F) {
	f.Add(emitBatch(f, batch("Petstore API")))
	f.Add(emitBatch(f, batch(strings.Repeat("ü", 100))))
	f.Add(emitZipkinBatch(f))
	f.Add([]byte{0x82, 0x81, 0x01, 0x09, 'e', 'm', 'i', 't', 'B', 'a', 't', 'c', 'h', 0x1c, 0x00, 0x00})
	f.Fuzz(func(t *testing.T, datagram []byte) {
		traces, err := decode(t.Context(), datagram)
		if err != nil {
			require.NotContains(t, err.Error(), "the decoder failed")
			return
		}
		rewrite(traces, map[string]APIConfig{"Petstore API": {ID: "pets"}})
		wire, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
		require.NoError(t, err)
		_, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire)
		require.NoError(t, err)
	})
}
