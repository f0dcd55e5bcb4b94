//go:build e2e

package e2e

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// requestsByOrganisation counts the golden records, without those of TCP APIs.
func requestsByOrganisation(tb testing.TB) map[string]int {
	tb.Helper()
	const network = -1
	counts := map[string]int{}
	for _, entry := range entries(tb, "pump/records-msgpack.bin.gz") {
		var r analytics.Record
		require.NoError(tb, analytics.DecodeMsgpack(entry, &r))
		if r.ResponseCode != network {
			counts[r.OrgID]++
		}
	}
	return counts
}

func TestOneFilterPartsRecordsAndTheirMetricsByOrganisation(t *testing.T) {
	t.Parallel()
	redis := peers.StartRedis(t)
	ports, err := peers.FreePorts(2)
	require.NoError(t, err)
	organisations := []string{"acme-corp", "globex"}
	config := pipeline(redis, object{"metrics": object{"attributes": []string{analytics.AttrOrgID}, "interval": "100ms"}}, object{}, map[string]object{"nop": {}})
	pipelines := object{}
	for i, organisation := range organisations {
		filter, exporter := "tykfilter/"+organisation, "prometheus/"+organisation
		config["processors"].(object)[filter] = object{"org_ids": []string{organisation}}
		config["exporters"].(map[string]object)[exporter] = object{"endpoint": peers.Address(ports[i])}
		pipelines["logs/"+organisation] = object{"receivers": []string{"tykredis"}, "processors": []string{filter}, "exporters": []string{"nop"}}
		pipelines["metrics/"+organisation] = object{"receivers": []string{"tykredis"}, "processors": []string{filter}, "exporters": []string{exporter}}
	}
	config["service"].(object)["pipelines"] = pipelines
	c := newCollector(t, config)
	c.start()
	push(t, redis.Client(), msgpackList, entries(t, "pump/records-msgpack.bin.gz"))
	waitDrained(t, redis.Client(), drainTimeout)

	want := requestsByOrganisation(t)
	for i, organisation := range organisations {
		require.Positive(t, want[organisation])
		var page string
		eventually(t, drainTimeout, func() string {
			_, page = get(t, "http://"+peers.Address(ports[i])+"/metrics")
			for _, counter := range []string{"tyk_http_requests_total", "http_server_request_duration_seconds_count"} {
				if n := sum(page, counter); n != float64(want[organisation]) {
					return fmt.Sprintf("%s of %s is %v, not %d", counter, organisation, n, want[organisation])
				}
			}
			return ""
		})
		for _, m := range regexp.MustCompile(`tyk_api_orgid="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			require.Equal(t, organisation, m[1])
		}
	}
	c.stop()
}

// TestIdleSeriesLeaveThePage holds the receiver's word that a series has ended to
// what the Prometheus exporter makes of it, which keeps series for five minutes otherwise.
func TestIdleSeriesLeaveThePage(t *testing.T) {
	t.Parallel()
	redis := peers.StartRedis(t)
	port, err := peers.FreePort()
	require.NoError(t, err)
	config := pipeline(redis, object{"metrics": object{"interval": "100ms", "expiry": "5s", "presets": []string{"tyk_pump"}}}, object{},
		map[string]object{"prometheus": {"endpoint": peers.Address(port)}})
	config["service"].(object)["pipelines"] = object{"metrics": object{"receivers": []string{"tykredis"}, "exporters": []string{"prometheus"}}}
	c := newCollector(t, config)
	c.start()
	push(t, redis.Client(), msgpackList, entries(t, "pump/records-msgpack.bin.gz"))
	requests := func(want float64) {
		eventually(t, drainTimeout, func() string {
			_, page := get(t, "http://"+peers.Address(port)+"/metrics")
			for _, counter := range []string{"tyk_http_status_total", "tyk_http_status_per_path_total", "tyk_latency_milliseconds_count"} {
				times := 1.0
				if counter == "tyk_latency_milliseconds_count" {
					times = 3 // total, upstream and gateway
				}
				if n := sum(page, counter); n != want*times {
					return fmt.Sprintf("%s is %v, not %v", counter, n, want*times)
				}
			}
			return ""
		})
	}
	requests(goldenRecords)
	requests(0)
	push(t, redis.Client(), msgpackList, entries(t, "pump/records-msgpack.bin.gz"))
	requests(goldenRecords)
	c.stop()
}
