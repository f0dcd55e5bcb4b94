package tykfilterprocessor

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadatatest"
)

// The organisations of testdata/gateway.
const (
	shopOrg = "5e9d9544a1dcd60001d0ed20"
	bankOrg = "6a1f0c2be4b0c7a1d2e3f405"
)

func startTraces(tb testing.TB, cfg *Config, set processor.Settings) (processor.Traces, *consumertest.TracesSink) {
	tb.Helper()
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(tb.Context(), set, cfg, sink)
	require.NoError(tb, err)
	require.NoError(tb, p.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { require.NoError(tb, p.Shutdown(context.WithoutCancel(tb.Context()))) })
	return p, sink
}

// filterTraces gives the spans that come out, of all batches.
func filterTraces(tb testing.TB, cfg *Config, batches ...ptrace.Traces) []ptrace.Span {
	tb.Helper()
	p, sink := startTraces(tb, cfg, processortest.NewNopSettings(metadata.Type))
	require.False(tb, p.Capabilities().MutatesData)
	for _, td := range batches {
		td.MarkReadOnly()
		require.NoError(tb, p.ConsumeTraces(tb.Context(), td))
	}
	var out []ptrace.Span
	for _, td := range sink.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			require.NotZero(tb, rs.ScopeSpans().Len(), "an empty resource")
			for _, ss := range rs.ScopeSpans().All() {
				require.NotZero(tb, ss.Spans().Len(), "an empty scope")
				for _, span := range ss.Spans().All() {
					out = append(out, span)
				}
			}
		}
	}
	return out
}

func gatewayFile(tb testing.TB, name string) []byte {
	tb.Helper()
	packed, err := os.ReadFile("testdata/gateway/" + name)
	require.NoError(tb, err)
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(tb, err)
	content, err := io.ReadAll(reader)
	require.NoError(tb, err)
	return content
}

// gatewayTraces are the exports of a real gateway, a batch each.
func gatewayTraces(tb testing.TB) []ptrace.Traces {
	tb.Helper()
	var batches []ptrace.Traces
	for line := range bytes.Lines(gatewayFile(tb, "traces.jsonl.gz")) {
		td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(line)
		require.NoError(tb, err)
		batches = append(batches, td)
	}
	return batches
}

func TestSpansOfAGatewayFollowTheirRequest(t *testing.T) {
	const all = 547
	for name, test := range map[string]struct {
		cfg  Config
		want int
	}{
		"all pass":               {Config{}, all},
		"one organisation":       {Config{Lists: selection.Lists{OrgIDs: []string{shopOrg}}}, 502},
		"the other organisation": {Config{Lists: selection.Lists{OrgIDs: []string{bankOrg}}}, 44},
		"without one organisation, a stray span included": {Config{Lists: selection.Lists{SkipOrgIDs: []string{shopOrg}}}, 45},
		"one API":          {Config{Lists: selection.Lists{APIIDs: []string{"slow-upstream"}}}, 14},
		"without one API":  {Config{Lists: selection.Lists{SkipAPIIDs: []string{"petstore-open"}}}, all - 40},
		"nothing is left":  {Config{Lists: selection.Lists{OrgIDs: []string{"nobody"}}}, 0},
		"skip lists win":   {Config{Lists: selection.Lists{OrgIDs: []string{bankOrg}, SkipAPIIDs: []string{"slow-upstream"}}}, 30},
		"an ignored field": {Config{Fields: FieldsConfig{Ignore: []string{"user_agent"}}}, all},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Len(t, filterTraces(t, &test.cfg, gatewayTraces(t)...), test.want)
		})
	}
}

func TestEachSpanOfAGatewayGoesToOneOrganisation(t *testing.T) {
	seen := map[pcommon.SpanID]int{}
	traces := map[pcommon.TraceID]string{}
	for _, org := range []string{shopOrg, bankOrg} {
		for _, span := range filterTraces(t, &Config{Lists: selection.Lists{OrgIDs: []string{org}}}, gatewayTraces(t)...) {
			seen[span.SpanID()]++
			assert.Contains(t, []string{"", org}, traces[span.TraceID()], "a trace was split")
			traces[span.TraceID()] = org
		}
	}
	assert.Len(t, traces, 114)
	assert.Equal(t, []int{1}, slices.Compact(slices.Collect(maps.Values(seen))))
}

func TestIgnoredFieldsLeaveTheSpans(t *testing.T) {
	cfg := &Config{Fields: FieldsConfig{Ignore: []string{"api_key", "alias", "ip_address", "user_agent"}}}
	spans := filterTraces(t, cfg, gatewayTraces(t)...)
	kept := map[string]int{}
	for _, span := range spans {
		for key := range span.Attributes().All() {
			kept[key]++
		}
	}
	for _, gone := range []string{analytics.AttrAPIKey, analytics.AttrAlias, analytics.AttrClientAddress, analytics.AttrUserAgent} {
		assert.NotContains(t, kept, gone)
	}
	assert.Equal(t, 126, kept[analytics.AttrAPIID])
}

// spanOf is a span of trace 1, unless given another; parent 0 is none.
type spanOf struct {
	trace, id, parent byte
	kind              ptrace.SpanKind
	api, org          string
	code              int64
}

func traceBatch(spans ...spanOf) ptrace.Traces {
	td := ptrace.NewTraces()
	out := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, s := range spans {
		span := out.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{15: max(s.trace, 1)})
		span.SetSpanID(spanID(s.id))
		span.SetParentSpanID(spanID(s.parent))
		span.SetKind(s.kind)
		if s.api != "" {
			span.Attributes().PutStr(analytics.AttrAPIID, s.api)
		}
		if s.org != "" {
			span.Attributes().PutStr(analytics.AttrOrgID, s.org)
		}
		if s.code != 0 {
			span.Attributes().PutInt(analytics.AttrResponseCode, s.code)
		}
	}
	return td
}

func spanID(n byte) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

func ids(spans []ptrace.Span) string {
	out := make([]string, len(spans))
	for i, span := range spans {
		id := span.SpanID()
		out[i] = string('a' - 1 + rune(id[7]))
	}
	return strings.Join(out, "")
}

func TestWhichSpanASpanFollows(t *testing.T) {
	const (
		a, b, c, d, e = 1, 2, 3, 4, 5
		server        = ptrace.SpanKindServer
		client        = ptrace.SpanKindClient
	)
	acme := &Config{Lists: selection.Lists{OrgIDs: []string{"acme"}}}
	for name, test := range map[string]struct {
		cfg   *Config
		spans []spanOf
		want  string
	}{
		"children before and after their request": {acme, []spanOf{
			{id: a, parent: b}, {id: b, parent: c}, {id: c, kind: server, org: "acme"}, {id: d, parent: c, kind: client},
		}, "abcd"},
		"children of a request that is kept back": {acme, []spanOf{
			{id: a, kind: server, org: "globex"}, {id: b, parent: a}, {id: c, parent: b, kind: client},
		}, ""},
		"a gateway that calls another organisation's API": {acme, []spanOf{
			{id: a, kind: server, org: "acme"}, {id: b, parent: a, kind: client}, {id: c, parent: b, kind: server, org: "globex"}, {id: d, parent: c},
		}, "ab"},
		"the caller of the gateway": {acme, []spanOf{
			{id: a, kind: client}, {id: b, parent: a, kind: server, org: "acme"},
		}, "ab"},
		"a server that is no gateway": {acme, []spanOf{
			{id: a, kind: server, org: "acme"}, {id: b, parent: a, kind: client}, {id: c, parent: b, kind: server},
		}, "abc"},
		"a span whose parent came in another batch": {acme, []spanOf{
			{id: a, kind: server, org: "acme"}, {id: c, parent: b, kind: client},
		}, "ac"},
		"spans without their request": {acme, []spanOf{{id: b, parent: a}, {id: c, parent: b, kind: client}}, ""},
		"spans without their request, where nothing speaks against them": {
			&Config{Lists: selection.Lists{SkipOrgIDs: []string{"acme"}}}, []spanOf{{id: b, parent: a}, {id: c, parent: b}}, "bc",
		},
		"other traces": {acme, []spanOf{
			{id: a, kind: server, org: "acme"}, {trace: 2, id: b, parent: a}, {trace: 2, id: c, kind: server, org: "globex"}, {trace: 3, id: d},
		}, "a"},
		"the same span id in two traces": {acme, []spanOf{
			{id: a, kind: server, org: "globex"}, {trace: 2, id: a, kind: server, org: "acme"}, {id: b, parent: a}, {trace: 2, id: c, parent: a},
		}, "ac"},
		"what the upstream answered does not matter": {&Config{Lists: selection.Lists{SkipResponseCodes: []int64{500}}}, []spanOf{
			{id: a, kind: server, org: "acme", code: 502}, {id: b, parent: a, kind: client, code: 500},
		}, "ab"},
		"parents that form a circle": {acme, []spanOf{{id: a, parent: b}, {id: b, parent: c}, {id: c, parent: a}, {id: d, parent: d}, {id: e, parent: a}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, ids(filterTraces(t, test.cfg, traceBatch(test.spans...))))
		})
	}
}

// TestLeadersAreThoseOfAPlainSearch compares with a search that remembers nothing.
func TestLeadersAreThoseOfAPlainSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := make([]spanOf, rapid.IntRange(0, 30).Draw(t, "spans"))
		for i := range spans {
			spans[i] = spanOf{trace: rapid.ByteRange(1, 3).Draw(t, "trace"), id: byte(i + 1)}
			// Parents lie before their children here, in the numbers: no circles.
			spans[i].parent = rapid.ByteRange(0, byte(i)).Draw(t, "parent")
			if rapid.IntRange(0, 3).Draw(t, "gateway") == 0 {
				spans[i].kind, spans[i].api = ptrace.SpanKindServer, "api"
			}
		}
		order := rapid.Permutation(spans).Draw(t, "order")
		plain := func(i int) int {
			at := func(id byte) int {
				return slices.IndexFunc(order, func(s spanOf) bool { return s.id == id && s.trace == order[i].trace })
			}
			last := i
			for n := i; n >= 0; n = at(order[n].parent) {
				if order[n].api != "" {
					return n
				}
				last = n
			}
			if first := slices.IndexFunc(order, func(s spanOf) bool { return s.api != "" && s.trace == order[i].trace }); first >= 0 {
				return first
			}
			return last
		}
		pl := newTracePlan()
		pl.read(traceBatch(order...))
		for i := range order {
			assert.Equal(t, plain(i), pl.leader(i))
		}
	})
}

func TestMetricsCountDroppedSpans(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.WithoutCancel(t.Context()))) })
	p, _ := startTraces(t, &Config{Lists: selection.Lists{OrgIDs: []string{shopOrg}, SkipAPIIDs: []string{"petstore-open"}}}, metadatatest.NewSettings(telemetry))
	for _, td := range gatewayTraces(t) {
		require.NoError(t, p.ConsumeTraces(t.Context(), td))
	}
	metadatatest.AssertEqualTykfilterDroppedSpans(t, telemetry, []metricdata.DataPoint[int64]{
		{Attributes: attribute.NewSet(attribute.String("reason", "skip_api_ids")), Value: 40},
		{Attributes: attribute.NewSet(attribute.String("reason", "org_ids")), Value: 45},
	}, metricdatatest.IgnoreTimestamp())
}

func BenchmarkTraces(b *testing.B) {
	for name, cfg := range map[string]*Config{
		"all pass":     {Lists: selection.Lists{SkipOrgIDs: []string{"nobody"}}},
		"none passes":  {Lists: selection.Lists{OrgIDs: []string{"nobody"}}},
		"a tenth pass": {Lists: selection.Lists{OrgIDs: []string{bankOrg}}},
	} {
		b.Run(name, func(b *testing.B) {
			p, sink := startTraces(b, cfg, processortest.NewNopSettings(metadata.Type))
			td := gatewayTraces(b)[0]
			td.MarkReadOnly()
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, p.ConsumeTraces(b.Context(), td))
				sink.Reset()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*td.SpanCount()), "ns/span")
		})
	}
}
