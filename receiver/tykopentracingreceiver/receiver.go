package tykopentracingreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykopentracingreceiver/internal/metadata"
)

const (
	// shutdownGrace is how long what waits may still take to be delivered.
	shutdownGrace = 5 * time.Second
	// readPause lies between two reads that failed, so that a port that fails for a while costs little.
	readPause = 10 * time.Millisecond
	// A pipeline that cannot take spans now is asked again after pauses that double, for retryFor in all.
	retryPause = 10 * time.Millisecond
	retryMost  = 100 * time.Millisecond
	retryFor   = time.Minute
	// logEvery bounds how often strange datagrams are told.
	logEvery = time.Minute
)

// The values of the attribute outcome.
const (
	outcomeAccepted    = "accepted"
	outcomeDropped     = "dropped"
	outcomeMalformed   = "malformed"
	outcomeRefused     = "refused"
	outcomeUnsupported = "unsupported"
)

// udpReceiver takes datagrams of gateways.
type udpReceiver struct {
	config    *Config
	logger    *zap.Logger
	next      consumer.Traces
	reports   *receiverhelper.ObsReport
	telemetry *metadata.TelemetryBuilder
	queue     chan []byte
	told      time.Time // when a strange datagram was logged last; the worker's

	conn    net.PacketConn // nil unless started
	cancel  context.CancelFunc
	reading sync.WaitGroup
	working sync.WaitGroup
}

func newReceiver(config *Config, set receiver.Settings, next consumer.Traces) (*udpReceiver, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	reports, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: "udp", ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the receiver's reports: %w", err)
	}
	return &udpReceiver{
		config: config, logger: set.Logger, next: next, reports: reports, telemetry: builder,
		queue: make(chan []byte, config.QueueSize),
	}, nil
}

// Start opens the port.
func (r *udpReceiver) Start(ctx context.Context, _ component.Host) error {
	var listen net.ListenConfig
	conn, err := listen.ListenPacket(ctx, "udp", r.config.Endpoint)
	if err != nil {
		return fmt.Errorf("start the tykopentracing receiver: endpoint %q: %w", r.config.Endpoint, err)
	}
	if udp, ok := conn.(*net.UDPConn); ok && r.config.ReadBufferBytes > 0 {
		if err := udp.SetReadBuffer(r.config.ReadBufferBytes); err != nil {
			r.logger.Warn("the operating system does not give the read buffer that read_buffer_bytes asks for", zap.Error(err))
		}
	}
	r.conn = conn
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	r.reading.Go(func() { r.read(working, conn) })
	r.working.Go(func() { r.work(working) })
	r.logger.Info("taking spans of gateways; UDP acknowledges nothing, so what is dropped is lost", zap.Stringer("endpoint", conn.LocalAddr()))
	return nil
}

// Shutdown closes the port, and delivers what waits.
func (r *udpReceiver) Shutdown(context.Context) error {
	if r.conn == nil {
		return nil
	}
	err := r.conn.Close()
	r.conn = nil
	r.reading.Wait()
	close(r.queue) // nobody writes any more
	timer := time.AfterFunc(shutdownGrace, r.cancel)
	r.working.Wait()
	timer.Stop()
	r.cancel()
	return err
}

// read takes datagrams in, and drops those for which there is no room.
func (r *udpReceiver) read(ctx context.Context, conn net.PacketConn) {
	buffer := make([]byte, maxDatagram)
	for {
		n, _, err := conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(readPause)
			continue
		}
		select {
		case r.queue <- append([]byte(nil), buffer[:n]...):
		default:
			r.count(ctx, outcomeDropped)
		}
	}
}

// work delivers what was taken in.
func (r *udpReceiver) work(ctx context.Context) {
	for datagram := range r.queue {
		r.count(ctx, r.deliver(ctx, datagram))
	}
}

// deliver hands one datagram's spans on, and tells what became of it.
func (r *udpReceiver) deliver(ctx context.Context, datagram []byte) string {
	traces, err := decode(ctx, datagram)
	if err != nil {
		if now := time.Now(); now.Sub(r.told) >= logEvery {
			r.told = now
			r.logger.Warn("a datagram is no batch of spans; the metric otelcol_receiver_tykopentracing_datagrams counts those like it", zap.Error(err))
		}
		if errors.Is(err, errUnsupported) {
			return outcomeUnsupported
		}
		return outcomeMalformed
	}
	spans := traces.SpanCount()
	if spans == 0 {
		return outcomeAccepted
	}
	rewrite(traces, r.config.APIs)
	ctx = r.reports.StartTracesOp(ctx)
	err = r.push(ctx, traces)
	r.reports.EndTracesOp(ctx, "jaeger", spans, err)
	if err != nil {
		return outcomeRefused
	}
	return outcomeAccepted
}

// push hands spans on until they are taken or refused for good, since the gateway will not send them
// again. What comes in between waits in the queue.
func (r *udpReceiver) push(ctx context.Context, traces ptrace.Traces) error {
	end := time.Now().Add(retryFor)
	for pause := retryPause; ; pause = min(2*pause, retryMost) {
		attempt := ptrace.NewTraces() // what is handed on is not ours any more
		traces.CopyTo(attempt)
		err := r.next.ConsumeTraces(ctx, attempt)
		if err == nil || consumererror.IsPermanent(err) || time.Now().Add(pause).After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func (r *udpReceiver) count(ctx context.Context, outcome string) {
	r.telemetry.ReceiverTykopentracingDatagrams.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}
