package measure

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// family is a metric as a scrape shows it.
type family struct {
	help, kind string
	samples    map[string]float64
}

func scrapes(tb testing.TB, name string) map[string]family {
	tb.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	parsed, err := parser.TextToMetricFamilies(bytes.NewReader(unzip(tb, "testdata", "pump", name+".txt.gz")))
	require.NoError(tb, err)
	families := map[string]family{}
	for name, f := range parsed {
		out := family{help: f.GetHelp(), kind: f.GetType().String(), samples: map[string]float64{}}
		for _, m := range f.GetMetric() {
			labels := pcommon.NewMap()
			for _, l := range m.GetLabel() {
				labels.PutStr(l.GetName(), l.GetValue())
			}
			at := labelText(labels)
			if f.GetType() == dto.MetricType_COUNTER {
				out.samples[at] = m.GetCounter().GetValue()
				continue
			}
			h := m.GetHistogram()
			out.samples["sum"+at], out.samples["count"+at] = h.GetSampleSum(), float64(h.GetSampleCount())
			for _, b := range h.GetBucket() {
				out.samples[at+bound(b.GetUpperBound())] = float64(b.GetCumulativeCount())
			}
		}
		families[name] = out
	}
	return families
}

func bound(b float64) string { return " up to " + strconv.FormatFloat(b, 'g', -1, 64) }

// scraped shows metrics as a scrape would.
func scraped(all pmetric.MetricSlice) map[string]family {
	families := map[string]family{}
	for _, m := range all.All() {
		f := family{help: m.Description(), kind: "COUNTER", samples: map[string]float64{}}
		if m.Type() == pmetric.MetricTypeSum {
			for _, dp := range m.Sum().DataPoints().All() {
				f.samples[labelText(dp.Attributes())] = float64(dp.IntValue())
			}
		} else {
			f.kind = "HISTOGRAM"
			for _, dp := range m.Histogram().DataPoints().All() {
				at := labelText(dp.Attributes())
				f.samples["sum"+at], f.samples["count"+at] = dp.Sum(), float64(dp.Count())
				upTo := uint64(0)
				for i, n := range dp.BucketCounts().All() {
					upTo += n
					limit := math.Inf(1)
					if i < dp.ExplicitBounds().Len() {
						limit = dp.ExplicitBounds().At(i)
					}
					f.samples[at+bound(limit)] = float64(upTo)
				}
			}
		}
		families[m.Name()] = f
	}
	return families
}

// The custom metrics of the configurations that the real pump was run with. Its
// histogram ignored the buckets it was given and took its own.
func customMetrics(tb testing.TB) []Instrument {
	tb.Helper()
	var all []Instrument
	for _, c := range []Custom{
		{Name: "my_status_per_api", Help: "h1", Type: "counter", Labels: []string{"response_code", "api_name", "method", "api_key", "alias"}},
		{Name: "my_hist", Help: "h2", Type: "histogram", Labels: []string{"type", "api_id", "org_id"}},
		{Name: "my_mcp", Help: "h3", Type: "counter", Labels: []string{"mcp_method", "mcp_primitive_type", "mcp_primitive_name"}, MCPOnly: true},
		{Name: "my_net", Help: "h4", Type: "counter", Labels: []string{"host", "ip_address", "oauth_id", "api_version"}},
	} {
		in, err := c.Instrument(TrackedPaths)
		require.NoError(tb, err)
		all = append(all, in)
	}
	return all
}

func TestTheScrapeIsTykPumps(t *testing.T) {
	t.Parallel()
	withoutKeys, err := Without(TykPump(AllPaths), []string{"tyk_http_status_per_key"})
	require.NoError(t, err)
	masked, err := Custom{
		Name: "my_status_per_key", Help: "h1", Type: "counter", Labels: []string{"response_code", "api_key"}, MaskKeys: true,
	}.Instrument(TrackedPaths)
	require.NoError(t, err)
	for name, instruments := range map[string][]Instrument{
		"prometheus":                   TykPump(TrackedPaths),
		"prometheus-track-all-paths":   withoutKeys,
		"prometheus-custom":            append(TykPump(TrackedPaths), customMetrics(t)...),
		"prometheus-custom-obfuscated": append(TykPump(TrackedPaths), masked),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, overflows := collect(count(instruments, roomy(), pumpRecords(t)), epoch.Add(time.Minute))
			assert.Empty(t, overflows)
			assert.Equal(t, scrapes(t, name), scraped(all))
		})
	}
}

// nativeMetrics are the gateway's own of the requests that the capture's records tell of.
func nativeMetrics(tb testing.TB) map[string]pmetric.Metric {
	tb.Helper()
	var decoder pmetric.JSONUnmarshaler
	exported, err := decoder.UnmarshalMetrics(unzip(tb, "testdata", "gateway", "metrics.json.gz"))
	require.NoError(tb, err)
	metrics := map[string]pmetric.Metric{}
	for _, rm := range exported.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				metrics[m.Name()] = m
			}
		}
	}
	return metrics
}

// without drops an attribute and adds up what becomes the same.
func without(dropped string, points pmetric.HistogramDataPointSlice) map[string]string {
	type total struct {
		buckets [13]uint64
		sum     float64
	}
	totals := map[string]*total{}
	for _, dp := range points.All() {
		labels := pcommon.NewMap()
		dp.Attributes().CopyTo(labels)
		labels.Remove(dropped)
		t := totals[labelText(labels)]
		if t == nil {
			t = &total{}
			totals[labelText(labels)] = t
		}
		t.sum += dp.Sum()
		for i, n := range dp.BucketCounts().All() {
			t.buckets[i] += n
		}
	}
	out := map[string]string{}
	for at, t := range totals {
		out[at] = fmt.Sprintf("%.6f %v", t.sum, t.buckets)
	}
	return out
}

func TestTheMetricsAreTheGatewaysOwn(t *testing.T) {
	t.Parallel()
	native := nativeMetrics(t)
	// The gateway also counted two requests of a client in ignored_ips, which it does not record.
	ignored := analytics.Record{Method: "GET", ResponseCode: 200, APIID: "petstore-open"}
	all, overflows := collect(count(Gateway(), roomy(), append(gatewayRecords(t), ignored, ignored)), epoch.Add(time.Minute))
	assert.Empty(t, overflows)
	require.Equal(t, len(Gateway()), all.Len())
	for _, m := range all.All() {
		of, ok := native[m.Name()]
		require.True(t, ok, m.Name())
		assert.Equal(t, of.Unit(), m.Unit(), m.Name())
		assert.Equal(t, of.Description(), m.Description(), m.Name())
		require.Equal(t, of.Type(), m.Type(), m.Name())
		if m.Type() == pmetric.MetricTypeHistogram {
			assert.Equal(t, of.Histogram().DataPoints().At(0).ExplicitBounds().AsRaw(), m.Histogram().DataPoints().At(0).ExplicitBounds().AsRaw(), m.Name())
			assert.Equal(t, without(attrResponseFlag, of.Histogram().DataPoints()), without(attrResponseFlag, m.Histogram().DataPoints()), m.Name())
			continue
		}
		assert.True(t, m.Sum().IsMonotonic())
		counted := map[string]int64{}
		for _, dp := range of.Sum().DataPoints().All() {
			counted[labelText(dp.Attributes())] = dp.IntValue()
		}
		assert.Equal(t, counted, counters(t, all, m.Name()), m.Name())
	}
}

// TestTheResponseFlagIsTheGatewaysWhereTheUpstreamAnswered holds the one attribute
// that a record does not tell to what the gateway puts there for answers it passed on.
func TestTheResponseFlagIsTheGatewaysWhereTheUpstreamAnswered(t *testing.T) {
	t.Parallel()
	refused := map[string]bool{} // by status
	passedOn := map[string]uint64{}
	for _, dp := range nativeMetrics(t)["http.server.request.duration"].Histogram().DataPoints().All() {
		status, _ := dp.Attributes().Get(analytics.AttrResponseCode)
		flag, _ := dp.Attributes().Get(attrResponseFlag)
		if status.Str() == flag.Str() {
			passedOn[labelText(dp.Attributes())] = dp.Count()
		} else {
			refused[status.Str()] = true
		}
	}
	all, _ := collect(count(Gateway(), roomy(), gatewayRecords(t)), epoch)
	compared := 0
	for _, dp := range all.At(2).Histogram().DataPoints().All() {
		status, _ := dp.Attributes().Get(analytics.AttrResponseCode)
		if api, _ := dp.Attributes().Get(analytics.AttrAPIID); refused[status.Str()] || api.Str() == "petstore-open" && status.Str() == "200" {
			continue // which has the requests of the ignored client
		}
		assert.Equal(t, passedOn[labelText(dp.Attributes())], dp.Count(), labelText(dp.Attributes()))
		compared++
	}
	assert.Greater(t, compared, 15)
}

func TestTCPRecordsAreNoRequestsOfTheGateway(t *testing.T) {
	t.Parallel()
	all, _ := collect(count(Gateway(), roomy(), []analytics.Record{{ResponseCode: -1, APIID: "tcp"}}), epoch)
	assert.Zero(t, all.Len())
}

func TestFurtherAttributesPartTheGatewaysMetrics(t *testing.T) {
	t.Parallel()
	further, err := FurtherAttributes([]string{analytics.AttrOrgID, analytics.AttrAPIName})
	require.NoError(t, err)
	requests := []analytics.Record{{APIID: "a", OrgID: "o", APIName: "n"}, {APIID: "b", OrgID: "p", APIName: "n"}}
	all, _ := collect(count(Gateway(further...), roomy(), requests), epoch)
	assert.Equal(t, map[string]int64{
		`{tyk.api.name="n",tyk.api.orgid="o"}`: 1, `{tyk.api.name="n",tyk.api.orgid="p"}`: 1,
	}, counters(t, all, "tyk.http.requests"))
	for _, m := range all.All() {
		if m.Type() == pmetric.MetricTypeHistogram {
			for _, dp := range m.Histogram().DataPoints().All() {
				_, ok := dp.Attributes().Get(analytics.AttrOrgID)
				assert.True(t, ok, m.Name())
			}
		}
	}
	_, err = FurtherAttributes([]string{"url.path"})
	require.EqualError(t, err, `"url.path": use some of tyk.api.apikey, tyk.api.apikey.alias, tyk.api.name, tyk.api.oauthid, tyk.api.orgid, tyk.api.path, tyk.api.version`)
	_, err = FurtherAttributes([]string{analytics.AttrOrgID, analytics.AttrOrgID})
	require.EqualError(t, err, `"tyk.api.orgid" is there twice`)
}
