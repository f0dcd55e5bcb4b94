//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// The organisations of testdata/gateway.
const (
	shopOrg = "5e9d9544a1dcd60001d0ed20"
	bankOrg = "6a1f0c2be4b0c7a1d2e3f405"
)

// attribute is the text of an attribute, empty where there is none.
func attribute(attrs pcommon.Map, key string) string {
	value, ok := attrs.Get(key)
	if !ok {
		return ""
	}
	return value.AsString()
}

// requests are the SERVER spans of the gateway itself, by trace.
func requests(spans []ptrace.Span) map[pcommon.TraceID][]ptrace.Span {
	all := map[pcommon.TraceID][]ptrace.Span{}
	for _, span := range spans {
		if span.Kind() == ptrace.SpanKindServer && attribute(span.Attributes(), analytics.AttrAPIID) != "" {
			all[span.TraceID()] = append(all[span.TraceID()], span)
		}
	}
	return all
}

// TestSpansOfOneOrganisationReachTheTraceStore replays a gateway's export over both protocols.
func TestSpansOfOneOrganisationReachTheTraceStore(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"gRPC", "HTTP"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			store := startOTLPStore(t)
			overGRPC, overHTTP, env := otlpPorts(t)
			c := newExample(t, []string{"traces.yaml"}, object{}, append(env, "TYK_ORG_ID="+bankOrg, "TRACES_ENDPOINT="+store.address)...)
			c.start()
			if protocol == "gRPC" {
				exportTraces(t, overGRPC, gatewayTraces(t))
			} else {
				body, err := new(ptrace.JSONMarshaler).MarshalTraces(gatewayTraces(t))
				require.NoError(t, err)
				status, answer := request(t, http.MethodPost, "http://"+overHTTP+"/v1/traces", body)
				require.Equal(t, http.StatusOK, status, answer)
			}
			// Without a queue the gateway is answered once the store has the spans.
			got := store.storedSpans()
			c.stop()

			want := map[pcommon.TraceID]bool{}
			for trace, spans := range requests(spansOf(gatewayTraces(t))) {
				if attribute(spans[0].Attributes(), analytics.AttrOrgID) == bankOrg {
					want[trace] = true
				}
			}
			assert.Len(t, got, 44)
			for _, span := range got {
				assert.True(t, want[span.TraceID()], span.Name())
				assert.Empty(t, attribute(span.Attributes(), analytics.AttrAPIKey), "an ignored field")
			}
		})
	}
}

// TestRecordsAndSpansOfARequestShareItsTrace takes the records and the spans of the
// same traffic of a real gateway through one collector.
func TestRecordsAndSpansOfARequestShareItsTrace(t *testing.T) {
	t.Parallel()
	redis, store := peers.StartRedis(t), startOTLPStore(t)
	overGRPC, _, env := otlpPorts(t)
	both := []string{shopOrg, bankOrg}
	c := newExample(t, []string{"otlp.yaml", "traces.yaml"}, object{
		"processors": object{"tykfilter/traces": object{"org_ids": both}},
	}, append(env, "TYK_REDIS_ADDRESS="+redis.Addr(), "OTLP_ENDPOINT="+store.address, "TRACES_ENDPOINT="+store.address)...)
	pushSome(t, redis.Client())
	c.start()
	exportTraces(t, overGRPC, gatewayTraces(t))
	waitDrained(t, redis.Client(), drainTimeout)
	c.stop()

	traces, joined, untraced := requests(store.storedSpans()), 0, 0
	records := store.storedLogs()
	for _, record := range records {
		if record.TraceID().IsEmpty() {
			untraced++
			continue
		}
		api, code := attribute(record.Attributes(), analytics.AttrAPIID), attribute(record.Attributes(), analytics.AttrResponseCode)
		for _, span := range traces[record.TraceID()] {
			if attribute(span.Attributes(), analytics.AttrAPIID) == api && attribute(span.Attributes(), analytics.AttrResponseCode) == code {
				joined++
				break
			}
		}
	}
	assert.Len(t, records, 109)
	assert.Equal(t, 37, untraced, "the gateway wrote no trace-id- tag")
	assert.Equal(t, 72, joined, "each other has the span of its request, of the same API and status")
}

// waitCalls waits until the page of metrics counts the calls of each API so.
func waitCalls(t *testing.T, address string, want map[string]int) (page string) {
	t.Helper()
	eventually(t, drainTimeout, func() string {
		_, page = get(t, "http://"+address+"/metrics")
		if got := countByLabel(t, page, "tyk_calls_total", "tyk_api_id"); !maps.Equal(want, got) {
			return fmt.Sprintf("want %v, got %v", want, got)
		}
		return ""
	})
	return page
}

// countByLabel adds up the samples of a counter by one of their labels.
func countByLabel(t *testing.T, page, name, label string) map[string]int {
	t.Helper()
	out := map[string]int{}
	value := regexp.MustCompile(`[{,]` + label + `="([^"]*)"`)
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, name+"{") {
			continue
		}
		fields := strings.Fields(line)
		n, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		require.NoError(t, err, line)
		out[value.FindStringSubmatch(line)[1]] += int(n)
	}
	return out
}

func TestSpanMetricsCountTheGatewaysRequests(t *testing.T) {
	t.Parallel()
	ports, err := peers.FreePorts(1)
	require.NoError(t, err)
	overGRPC, _, env := otlpPorts(t)
	c := newExample(t, []string{"spanmetrics.yaml"}, object{},
		append(env, "SKIP_API_ID=slow-upstream", "PROMETHEUS_ENDPOINT="+peers.Address(ports[0]), "FLUSH_INTERVAL=200ms")...)
	c.start()
	exportTraces(t, overGRPC, gatewayTraces(t))
	want := map[string]int{}
	for _, spans := range requests(spansOf(gatewayTraces(t))) {
		for _, span := range spans {
			want[attribute(span.Attributes(), analytics.AttrAPIID)]++
		}
	}
	delete(want, "slow-upstream")
	text := waitCalls(t, peers.Address(ports[0]), want)
	c.stop()
	assert.Contains(t, text, "tyk_duration_milliseconds_bucket{")
}

func TestTailSamplingKeepsFailedTracesWhole(t *testing.T) {
	t.Parallel()
	store := startOTLPStore(t)
	overGRPC, _, env := otlpPorts(t)
	c := newExample(t, []string{"tail-sampling.yaml"}, object{},
		append(env, "TRACES_ENDPOINT="+store.address, "SAMPLING_PERCENTAGE=0", "DECISION_WAIT=1s", "SKIP_API_ID=broken-upstream")...)
	c.start()
	exportTraces(t, overGRPC, gatewayTraces(t))

	all, want := spansOf(gatewayTraces(t)), map[pcommon.TraceID]int{}
	starts, ends := map[pcommon.TraceID]time.Time{}, map[pcommon.TraceID]time.Time{}
	failed, skipped := map[pcommon.TraceID]bool{}, map[pcommon.TraceID]bool{}
	for _, span := range all {
		id := span.TraceID()
		if at := span.StartTimestamp().AsTime(); starts[id].IsZero() || at.Before(starts[id]) {
			starts[id] = at
		}
		if at := span.EndTimestamp().AsTime(); at.After(ends[id]) {
			ends[id] = at
		}
		code, _ := strconv.Atoi(attribute(span.Attributes(), analytics.AttrResponseCode))
		failed[id] = failed[id] || code >= 500 && code <= 599
		skipped[id] = skipped[id] || attribute(span.Attributes(), analytics.AttrAPIID) == "broken-upstream"
	}
	n := 0
	for _, span := range all {
		id := span.TraceID()
		if !skipped[id] && (failed[id] || ends[id].Sub(starts[id]) >= time.Second) {
			want[id]++
			n++
		}
	}
	require.NotEmpty(t, want)
	eventually(t, drainTimeout, func() string {
		if got := len(store.storedSpans()); got != n {
			return strconv.Itoa(got) + " of " + strconv.Itoa(n) + " spans"
		}
		return ""
	})
	c.stop()
	got := map[pcommon.TraceID]int{}
	for _, span := range store.storedSpans() {
		got[span.TraceID()]++
	}
	assert.Equal(t, want, got)
}
