//go:build e2e

package e2e

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // what the exporter sends

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// otlpStore takes logs and traces over OTLP/gRPC.
type otlpStore struct {
	address string

	mu    sync.Mutex // guards the fields below
	logs  []plog.LogRecord
	spans []ptrace.Span
}

type logsService struct {
	plogotlp.UnimplementedGRPCServer
	*otlpStore
}

type tracesService struct {
	ptraceotlp.UnimplementedGRPCServer
	*otlpStore
}

func (s *logsService) Export(_ context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rl := range request.Logs().ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				s.logs = append(s.logs, lr)
			}
		}
	}
	return plogotlp.NewExportResponse(), nil
}

func (s *tracesService) Export(_ context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spans = append(s.spans, spansOf(request.Traces())...)
	return ptraceotlp.NewExportResponse(), nil
}

func spansOf(td ptrace.Traces) []ptrace.Span {
	var all []ptrace.Span
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				all = append(all, span)
			}
		}
	}
	return all
}

func startOTLPStore(tb testing.TB) *otlpStore {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", peers.Address(0))
	require.NoError(tb, err)
	s := &otlpStore{address: listener.Addr().String()}
	server := grpc.NewServer()
	plogotlp.RegisterGRPCServer(server, &logsService{otlpStore: s})
	ptraceotlp.RegisterGRPCServer(server, &tracesService{otlpStore: s})
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	tb.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return s
}

func (s *otlpStore) storedSpans() []ptrace.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.spans)
}

func (s *otlpStore) storedLogs() []plog.LogRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.logs)
}

// exportTraces hands traces to a collector as a gateway does over gRPC.
func exportTraces(tb testing.TB, address string, td ptrace.Traces) {
	tb.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(tb, err)
	defer func() { require.NoError(tb, connection.Close()) }()
	_, err = ptraceotlp.NewGRPCClient(connection).Export(tb.Context(), ptraceotlp.NewExportRequestFromTraces(td))
	require.NoError(tb, err)
}

// gatewayTraces are the spans that a real gateway exported, in two requests.
func gatewayTraces(tb testing.TB) ptrace.Traces {
	tb.Helper()
	all := ptrace.NewTraces()
	for _, name := range []string{"gateway/traces.json.gz", "gateway/traces-rest.json.gz"} {
		td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(testdata(tb, name))
		require.NoError(tb, err)
		td.ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
	}
	return all
}

// otlpPorts are where a collector is to listen, and the environment that says so.
func otlpPorts(tb testing.TB) (overGRPC, overHTTP string, env []string) {
	tb.Helper()
	ports, err := peers.FreePorts(2)
	require.NoError(tb, err)
	overGRPC, overHTTP = peers.Address(ports[0]), peers.Address(ports[1])
	return overGRPC, overHTTP, []string{"TYK_OTLP_GRPC_ENDPOINT=" + overGRPC, "TYK_OTLP_HTTP_ENDPOINT=" + overHTTP}
}
