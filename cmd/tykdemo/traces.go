package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// tracer sends a few of the requests as the spans that a gateway with
// OpenTelemetry emits beside its records.
type tracer struct {
	url     string
	sampled chan span
	sent    int
}

// span is what a server span takes from a record.
type span struct {
	trace                 pcommon.TraceID
	end                   time.Time
	ms                    int64
	method, path, route   string
	api, apiName, org, ip string
	status                int64
}

const tracePeriod = 500 * time.Millisecond

func newTracer(url string) *tracer {
	const perPeriod = 5
	return &tracer{url: url, sampled: make(chan span, perPeriod)}
}

// observe keeps some of the records that carry a trace id; it never waits.
func (t *tracer) observe(r *analytics.Record) {
	for _, tag := range r.Tags {
		id, found := strings.CutPrefix(tag, "trace-id-")
		if !found {
			continue
		}
		s := span{
			end: r.TimeStamp, ms: r.RequestTime, method: r.Method, path: r.OriginalPath, route: r.ListenPath,
			api: r.APIID, apiName: r.APIName, org: r.OrgID, ip: r.IPAddress, status: r.ResponseCode,
		}
		if n, err := hex.Decode(s.trace[:], []byte(id)); err != nil || n != len(s.trace) {
			return
		}
		select {
		case t.sampled <- s:
		default: // enough for this period
		}
		return
	}
}

// run sends what was sampled, period by period, until ctx is done.
func (t *tracer) run(ctx context.Context) error {
	ticker := time.NewTicker(tracePeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := t.send(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *tracer) send(ctx context.Context) error {
	n := len(t.sampled)
	if n == 0 {
		return nil
	}
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", analytics.ServiceName)
	scope := resource.ScopeSpans().AppendEmpty()
	scope.Scope().SetName(analytics.ServiceName)
	for range n {
		(<-t.sampled).write(scope.Spans().AppendEmpty())
	}
	// The data and the export request have the same wire form.
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // nothing is written to it
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("send spans to %s: it answered %s", t.url, answer.Status)
	}
	t.sent += n
	return nil
}

// write fills a span as a gateway's server span is (names as in its own traces).
func (s span) write(to ptrace.Span) {
	to.SetTraceID(s.trace)
	var id pcommon.SpanID
	for i := range id {
		id[i] = byte(rand.Uint64() | 1)
	}
	to.SetSpanID(id)
	to.SetName(s.method + " " + s.path)
	to.SetKind(ptrace.SpanKindServer)
	to.SetStartTimestamp(pcommon.NewTimestampFromTime(s.end.Add(-time.Duration(s.ms) * time.Millisecond)))
	to.SetEndTimestamp(pcommon.NewTimestampFromTime(s.end))
	attributes := to.Attributes()
	attributes.PutStr(analytics.AttrMethod, s.method)
	attributes.PutInt(analytics.AttrResponseCode, s.status)
	attributes.PutStr(analytics.AttrPath, s.path)
	attributes.PutStr(analytics.AttrListenPath, s.route)
	attributes.PutStr(analytics.AttrAPIID, s.api)
	attributes.PutStr(analytics.AttrAPIName, s.apiName)
	attributes.PutStr(analytics.AttrOrgID, s.org)
	attributes.PutStr(analytics.AttrClientAddress, s.ip)
	if s.status >= http.StatusInternalServerError {
		to.Status().SetCode(ptrace.StatusCodeError)
	}
}
