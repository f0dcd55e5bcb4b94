package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

const traceTag = "trace-id-0af7651916cd43dd8448eb211c80319c"

func TestSampledRecordsBecomeSpansOfTheSameTrace(t *testing.T) {
	t.Parallel()
	received := make(chan ptrace.Traces, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "application/x-protobuf", r.Header.Get("Content-Type"))
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		traces, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
		assert.NoError(t, err)
		received <- traces
	}))
	defer server.Close()

	end := time.Date(2026, 8, 20, 10, 0, 0, 0, time.UTC)
	tr := newTracer(server.URL)
	tr.observe(&analytics.Record{Method: "GET", Tags: []string{"key-1"}})
	tr.observe(&analytics.Record{Method: "GET", Tags: []string{"trace-id-zz"}})
	tr.observe(&analytics.Record{
		Method: "GET", OriginalPath: "/orders/1", ResponseCode: 503, RequestTime: 250, TimeStamp: end,
		Tags: []string{"gold", traceTag, "key-1"},
	})
	require.NoError(t, tr.send(t.Context()))
	assert.Equal(t, 1, tr.sent)

	spans := (<-received).ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	require.Equal(t, 1, spans.Len())
	span := spans.At(0)
	assert.Equal(t, traceTag, "trace-id-"+span.TraceID().String())
	assert.False(t, span.SpanID().IsEmpty())
	assert.Equal(t, "GET /orders/1", span.Name())
	assert.Equal(t, ptrace.StatusCodeError, span.Status().Code())
	assert.Equal(t, end, span.EndTimestamp().AsTime())
	assert.Equal(t, 250*time.Millisecond, span.EndTimestamp().AsTime().Sub(span.StartTimestamp().AsTime()))
}

func TestSamplingNeverWaits(t *testing.T) {
	t.Parallel()
	tr := newTracer("")
	for range 1000 {
		tr.observe(&analytics.Record{Tags: []string{traceTag}})
	}
	assert.Len(t, tr.sampled, cap(tr.sampled))
}

func TestSpansThatAreRefusedAreAnError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	tr := newTracer(server.URL)
	tr.observe(&analytics.Record{Tags: []string{traceTag}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.ErrorContains(t, tr.run(ctx), "404")
	assert.Zero(t, tr.sent)
}
