package measure

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

func TestFaultsOfCustomMetricsAreNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		custom Custom
		want   string
	}{
		"no name":           {Custom{Type: "counter"}, `name: "": use 1 to 255 letters`},
		"bad name":          {Custom{Name: "a b", Type: "counter"}, `name: "a b"`},
		"type":              {Custom{Name: "a", Type: "gauge"}, `metric_type: "gauge": use "counter" or "histogram"`},
		"label":             {Custom{Name: "a", Type: "counter", Labels: []string{"tags"}}, `labels: "tags" has no value: use some of alias, api, api_id,`},
		"type of a counter": {Custom{Name: "a", Type: "counter", Labels: []string{"type"}}, `labels: "type" has no value`},
		"twice":             {Custom{Name: "a", Type: "counter", Labels: []string{"api", "api"}}, `labels: "api" is there twice`},
		"falling buckets":   {Custom{Name: "a", Type: "histogram", Buckets: []float64{1, 1}}, `buckets: 1 comes after 1: use rising numbers`},
		"infinite bucket":   {Custom{Name: "a", Type: "histogram", Buckets: []float64{1, math.Inf(1)}}, `buckets: +Inf: use finite numbers`},
		"counter's buckets": {Custom{Name: "a", Type: "counter", Buckets: []float64{1}}, `buckets: a counter has none`},
		"mask":              {Custom{Name: "a", Type: "counter", MaskLength: -1}, `obfuscate_api_keys_length: -1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tc.custom.Instrument(TrackedPaths)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestEveryLabelOfTykPumpHasItsValue(t *testing.T) {
	t.Parallel()
	r := analytics.Record{
		Method: "GET", Host: "h:1", Path: "/p", ResponseCode: 201, APIKey: "key", APIVersion: "v", APIName: "n", APIID: "i", OrgID: "o",
		OauthID: "oauth", RequestTime: 7, IPAddress: "ip", Alias: "alias", TimeStamp: epoch,
		Latency: analytics.Latency{Total: 1, Upstream: 2, Gateway: 3},
		MCP:     analytics.MCPStats{JSONRPCMethod: "m", PrimitiveType: "t", PrimitiveName: "pn"},
	}
	want := map[string]string{
		"host": "h:1", "method": "GET", "path": "unknown", "code": "201", "response_code": "201", "key": "key", "api_key": "key",
		"time_stamp": "2026-03-28 10:00:00 +0000 UTC", "api_version": "v", "api_name": "n", "api": "i", "api_id": "i", "org_id": "o",
		"client_id": "oauth", "oauth_id": "oauth", "request_time": "7", "latency_total": "1", "latency_upstream": "2",
		"latency_gateway": "3", "ip_address": "ip", "alias": "alias", "mcp_method": "m", "mcp_primitive_type": "t", "mcp_primitive_name": "pn",
	}
	assert.Len(t, want, len(texts)+len(numbers)+1, "every label")
	for name, value := range want {
		l, err := pumpLabel(name, TrackedPaths)
		require.NoError(t, err)
		assert.Equal(t, value, string(l.append(nil, &r)), name)
	}
	r.TrackPath = true
	l, err := pumpLabel("path", TrackedPaths)
	require.NoError(t, err)
	assert.Equal(t, "/p", string(l.append(nil, &r)))
	assert.Less(t, len(want)+1, maxLabels)
}

func TestBucketsOfCustomHistogramsAreTheOnesAskedFor(t *testing.T) {
	t.Parallel()
	in, err := Custom{Name: "my_hist", Type: "histogram", Labels: []string{"type"}, Buckets: []float64{10, 100.5}}.Instrument(TrackedPaths)
	require.NoError(t, err)
	all, _ := collect(count([]Instrument{in}, roomy(), []analytics.Record{{RequestTime: 10}, {RequestTime: 100}, {RequestTime: 101}}), epoch)
	dp := all.At(0).Histogram().DataPoints().At(0)
	assert.Equal(t, []float64{10, 100.5}, dp.ExplicitBounds().AsRaw())
	assert.Equal(t, []uint64{1, 1, 1}, dp.BucketCounts().AsRaw())
	assert.Equal(t, map[string]any{"type": "total"}, dp.Attributes().AsRaw())
}

func TestACustomLatencyShowsAllThreeTimes(t *testing.T) {
	t.Parallel()
	in, err := Custom{Name: "tyk_latency", Type: "histogram", Labels: []string{"org_id"}}.Instrument(TrackedPaths)
	require.NoError(t, err)
	all, _ := collect(count([]Instrument{in}, roomy(), []analytics.Record{{OrgID: "o", RequestTime: 10, Latency: analytics.Latency{Upstream: 7, Gateway: 3}}}), epoch)
	sums := map[string]float64{}
	for _, dp := range all.At(0).Histogram().DataPoints().All() {
		sums[labelText(dp.Attributes())] = dp.Sum()
	}
	assert.Equal(t, map[string]float64{
		`{org_id="o",type="total"}`: 10, `{org_id="o",type="upstream"}`: 7, `{org_id="o",type="gateway"}`: 3,
	}, sums)
}

func TestMaskedKeysShowTheirEnds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		key    string
		length int
		want   string
	}{
		{"0123456789", 0, "****6789"}, {"0123456789", 6, "****456789"}, {"0123", 0, "--"}, {"", 0, "--"}, {"01234", 5, "--"}, {"ключи", 2, "****чи"}, {"ключ", 0, "--"},
	} {
		labels, err := Custom{Labels: []string{"api_key"}, MaskKeys: true, MaskLength: tc.length}.labels(TrackedPaths)
		require.NoError(t, err)
		assert.Equal(t, tc.want, string(labels[0].append(nil, &analytics.Record{APIKey: tc.key})))
	}
}

func TestMetricsAreLeftOutByName(t *testing.T) {
	t.Parallel()
	left, err := Without(TykPump(TrackedPaths), []string{"tyk_latency", "tyk_http_status_per_path"})
	require.NoError(t, err)
	assert.Len(t, left, 3)
	_, err = Without(TykPump(TrackedPaths), []string{"tyk_latencies"})
	require.ErrorContains(t, err, `"tyk_latencies" is none of the metrics tyk_http_status,`)
}
