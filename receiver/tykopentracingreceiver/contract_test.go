package tykopentracingreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykopentracingreceiver/internal/metadata"
)

// gateway sends a span a datagram, whose name is its id.
type gateway struct {
	t      *testing.T
	sender net.Conn
	count  atomic.Int64
}

// Start does nothing.
func (*gateway) Start() {}

// Stop does nothing.
func (*gateway) Stop() {}

// Generate sends one span.
func (g *gateway) Generate() []receivertest.UniqueIDAttrVal {
	id := fmt.Sprintf("span %d", g.count.Add(1))
	_, err := g.sender.Write(emitBatch(g.t, &jaeger.Batch{
		Process: &jaeger.Process{ServiceName: "Petstore API"}, Spans: []*jaeger.Span{{SpanId: 1, OperationName: id}},
	}))
	require.NoError(g.t, err)
	return []receivertest.UniqueIDAttrVal{receivertest.UniqueIDAttrVal(id)}
}

// The collector's own check: what a pipeline cannot take now is handed on again.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	ports, err := peers.FreePorts(1)
	require.NoError(t, err)
	config := testConfig()
	config.Endpoint = peers.Address(ports[0])
	sender, err := (&net.Dialer{}).DialContext(t.Context(), "udp", config.Endpoint)
	require.NoError(t, err)
	defer func() { require.NoError(t, sender.Close()) }()
	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T: t,
		Factory: receiver.NewFactory(metadata.Type, createDefaultConfig, receiver.WithTraces(
			func(ctx context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
				named, err := consumer.NewTraces(func(ctx context.Context, traces ptrace.Traces) error {
					for _, span := range traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
						span.Attributes().PutStr(receivertest.UniqueIDAttrName, span.Name())
					}
					return next.ConsumeTraces(ctx, traces)
				})
				require.NoError(t, err)
				return createTraces(ctx, set, cfg, named)
			}, metadata.TracesStability)),
		Signal: pipeline.SignalTraces, Config: config, Generator: &gateway{t: t, sender: sender}, GenerateCount: 20,
	})
}

// TestAPipelineThatFailsHoldsUpTheEndNoLongerThanTheGrace: nothing that waits for another attempt does.
func TestAPipelineThatFailsHoldsUpTheEndNoLongerThanTheGrace(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1000)
	next, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error {
		asked <- struct{}{}
		return errors.New("not now")
	})
	require.NoError(t, err)
	r := start(t, testConfig(), next)
	for range 5 {
		r.send(t, emitBatch(t, batch("a")))
	}
	<-asked
	<-asked
	require.Eventually(t, func() bool { return len(r.queue) == 4 }, hangs, time.Millisecond)
	require.NoError(t, r.Shutdown(context.WithoutCancel(t.Context())))
	assert.Equal(t, map[string]int64{"refused": 5}, r.counts(t))
}

// TestAFloodIsBounded: each datagram that is read is counted once, and what waits is what the queue holds.
func TestAFloodIsBounded(t *testing.T) {
	t.Parallel()
	var taken atomic.Int64
	next, err := consumer.NewTraces(func(_ context.Context, traces ptrace.Traces) error {
		taken.Add(int64(traces.SpanCount()))
		time.Sleep(time.Millisecond)
		return nil
	})
	require.NoError(t, err)
	config := testConfig()
	config.QueueSize = 10
	r := start(t, config, next)
	good, strange, empty := emitBatch(t, batch("a")), make([]byte, 60_000), emitBatch(t, &jaeger.Batch{Process: &jaeger.Process{ServiceName: "a"}})
	for i := range 5000 {
		// A system whose buffers are full refuses a datagram, or loses it.
		_, _ = r.sender.Write([][]byte{good, strange, empty}[i%3])
		assert.LessOrEqual(t, len(r.queue), 10)
	}
	require.Eventually(t, func() bool { r.send(t, good); return taken.Load() > 0 && r.counts(t)["dropped"] > 0 }, hangs, time.Millisecond)
	require.NoError(t, r.Shutdown(context.WithoutCancel(t.Context())))
	assert.Empty(t, r.queue)
	assert.Zero(t, taken.Load()%3, "of whole batches")
}
