package tykinfluxexporter

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykinfluxexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func second(n int) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(time.Unix(1_700_000_000+int64(n), 0))
}

// counters makes metrics with one counter of responses for each name.
func counters(at, start int, values map[string]int64) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	resource := metrics.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr(krakend.AttrHost, "gw1")
	metric := resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName(krakend.Responses)
	sum := metric.SetEmptySum()
	for name, value := range values {
		point := sum.DataPoints().AppendEmpty()
		point.SetTimestamp(second(at))
		point.SetStartTimestamp(second(start))
		point.SetIntValue(value)
		point.Attributes().PutStr(krakend.AttrRoute, name)
		point.Attributes().PutInt(krakend.AttrStatus, 200)
	}
	return metrics
}

// noted is what is sent of counters, without the time.
func noted(c *countingExporter, metrics pmetric.Metrics) string {
	c.note(metrics)
	lines, _ := krakendLines(metrics)
	texts := make([]string, len(lines))
	for i := range lines {
		texts[i] = strings.TrimPrefix(withoutTime(string(lines[i].Body)), "responses,host=gw1,")
	}
	return strings.Join(texts, "; ")
}

func TestCountsAreWhatWasCountedSince(t *testing.T) {
	t.Parallel()
	c := newCounting(nil)
	for i, step := range []struct {
		at, start int
		values    map[string]int64
		want      string
	}{
		{10, 10, map[string]int64{"/a": 7}, "name=/a,status=200 total=7i"}, // since when, nobody knows
		{15, 10, map[string]int64{"/a": 9}, "name=/a,status=200 count=2i,total=9i"},
		{15, 10, map[string]int64{"/a": 9}, "name=/a,status=200 count=2i,total=9i"}, // once more
		{20, 10, map[string]int64{"/a": 9}, "name=/a,status=200 count=0i,total=9i"},
		{12, 10, map[string]int64{"/a": 8}, "name=/a,status=200 total=8i"},                                                            // too late
		{25, 20, map[string]int64{"/b": 3}, "name=/b,status=200 count=3i,total=3i"},                                                   // appeared since
		{30, 26, map[string]int64{"/a": 11, "/b": 1}, "name=/a,status=200 count=11i,total=11i; name=/b,status=200 count=1i,total=1i"}, // restarted
		{35, 5, map[string]int64{"/c": 4}, "name=/c,status=200 total=4i"},
	} {
		assert.Equal(t, step.want, noted(c, counters(step.at, step.start, step.values)), i)
	}
}

// Two KrakenDs with one name of a host have counters of their own.
func TestCountsOfTwoKrakenDsOnOneHost(t *testing.T) {
	t.Parallel()
	c := newCounting(nil)
	of := func(instance string, at int, total int64) string {
		metrics := counters(at, 1, map[string]int64{"/a": total})
		metrics.ResourceMetrics().At(0).Resource().Attributes().PutStr("service.instance.id", instance)
		return noted(c, metrics)
	}
	of("gw:8090", 5, 5000)
	of("gw:8091", 6, 20)
	assert.Equal(t, "name=/a,status=200 count=1i,total=5001i", of("gw:8090", 10, 5001))
	assert.Equal(t, "name=/a,status=200 count=3i,total=23i", of("gw:8091", 11, 23))
}

func TestAWriteThatIsTriedAgainHasTheSameCounts(t *testing.T) {
	t.Parallel()
	calls := 0
	d := startDouble(t, func(w http.ResponseWriter, _ string) {
		calls++
		if calls%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	config := testConfig(d.URL)
	config.Retry.Enabled, config.Retry.InitialInterval = true, time.Millisecond
	e := startMetrics(t, config)
	require.True(t, e.Capabilities().MutatesData)
	require.NoError(t, e.ConsumeMetrics(t.Context(), counters(1, 1, map[string]int64{"/a": 5})))
	require.NoError(t, e.ConsumeMetrics(t.Context(), counters(2, 1, map[string]int64{"/a": 8})))
	bodies := d.received()
	require.Len(t, bodies, 4)
	assert.Equal(t, bodies[0], bodies[1])
	assert.Equal(t, bodies[2], bodies[3])
	assert.Equal(t, "responses,host=gw1,name=/a,status=200 count=3i,total=8i 1700000002000000000\n", bodies[3])
}

func TestPartialWritesOfMetricsNameTheirLines(t *testing.T) {
	t.Parallel()
	server := peers.StartInflux(t, peers.InfluxSettings{})
	database(t, server)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/write?db=tyk", strings.NewReader("responses,name=/x total=1.5 1700000002000000000\n"))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())

	e := startMetrics(t, testConfig(server.URL()))
	metrics := counters(2, 1, map[string]int64{"/a": 5})
	gauge := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
	gauge.SetName(krakend.WindowConnections)
	point := gauge.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(second(2))
	point.SetIntValue(4)
	err = e.ConsumeMetrics(t.Context(), metrics)
	require.ErrorContains(t, err, "InfluxDB refused 1 of 2 points for good")
	require.ErrorContains(t, err, "responses,host=gw1,name=/a,status=200 total=5i")
	assert.True(t, consumererror.IsPermanent(err))
	assert.Equal(t, "1", count(t, server, "router", "gauge"), "the other is stored")
}

func TestAPipelineOfTheOtherSignalIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	for schema, create := range map[string]func(*Config) (exporter.Logs, exporter.Metrics, error){
		schemaKrakenD: func(c *Config) (exporter.Logs, exporter.Metrics, error) {
			e, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), c)
			return e, nil, err
		},
		schemaTyk: func(c *Config) (exporter.Logs, exporter.Metrics, error) {
			e, err := NewFactory().CreateMetrics(t.Context(), exportertest.NewNopSettings(metadata.Type), c)
			return nil, e, err
		},
	} {
		config := testConfig("http://localhost:1")
		config.Schema = schema
		logs, metrics, err := create(config)
		require.NoError(t, err)
		if logs != nil {
			err = logs.Start(t.Context(), newHost())
			require.NoError(t, logs.Shutdown(context.WithoutCancel(t.Context())))
		} else {
			err = metrics.Start(t.Context(), newHost())
			require.NoError(t, metrics.Shutdown(context.WithoutCancel(t.Context())))
		}
		assert.ErrorContains(t, err, `is not for this pipeline: tyk is for logs, krakend for metrics; use another tykinflux/<name>`)
	}
}

func TestNumbersBecomeKrakenDsAgain(t *testing.T) {
	t.Parallel()
	for _, nanos := range []float64{0, 1, 41147514, 33306214.20000003, 9.999999999e9, -1} {
		assert.InDelta(t, nanos, nanoseconds(nanos/1e9), 1e-6)
		assert.Equal(t, int64(nanos), truncated(nanoseconds(nanos/1e9)))
	}
	assert.Equal(t, int64(math.MaxInt64), truncated(1e30), "KrakenD's own overflows")
	assert.Equal(t, int64(math.MinInt64), truncated(-1e30))
	assert.Zero(t, truncated(math.NaN()))
}

func TestMetricsOfOthersAreLeftOut(t *testing.T) {
	t.Parallel()
	metrics := pmetric.NewMetrics()
	all := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for _, fill := range []func(pmetric.Metric){
		func(m pmetric.Metric) { m.SetEmptySum().DataPoints().AppendEmpty() },
		func(m pmetric.Metric) { m.SetEmptyGauge().DataPoints().AppendEmpty() },
		func(m pmetric.Metric) { m.SetEmptySummary().DataPoints().AppendEmpty() },
		func(m pmetric.Metric) { m.SetEmptyHistogram().DataPoints().AppendEmpty() },
	} {
		m := all.AppendEmpty()
		m.SetName("of.somebody.else")
		fill(m)
	}
	lines, foreign := krakendLines(metrics)
	assert.Empty(t, lines)
	assert.EqualValues(t, 4, foreign)
}
