//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// purges are the arguments of an MDCB's calls of a function.
func purges[T any](tb testing.TB, calls []peers.MDCBCall, function string) []T {
	tb.Helper()
	var all []T
	for _, call := range calls {
		if call.Function == function {
			var argument T
			require.NoError(tb, json.Unmarshal([]byte(call.Argument), &argument))
			all = append(all, argument)
		}
	}
	return all
}

// pumpPurges are those of the real Tyk Pump.
func pumpPurges(tb testing.TB, run string) []peers.MDCBCall {
	tb.Helper()
	var all []peers.MDCBCall
	for line := range strings.Lines(string(reference(tb, "exporter", "tykhybridexporter", "testdata", "golden", run+".jsonl.gz"))) {
		var call struct {
			Function string
			Argument json.RawMessage
		}
		require.NoError(tb, json.Unmarshal([]byte(line), &call))
		all = append(all, peers.MDCBCall{Function: call.Function, Argument: string(call.Argument)})
	}
	return all
}

// hits adds up the requests of rollups by owner, dimension and value; it leaves out tags that stand for a request.
func hits(tb testing.TB, calls []peers.MDCBCall, function string) map[string]int64 {
	tb.Helper()
	sums := map[string]int64{}
	for _, call := range purges[map[string]map[string]any](tb, calls, function) {
		for owner, members := range call {
			for dimension, inner := range members {
				values, _ := inner.(map[string]any)
				for value, counter := range values {
					fields, _ := counter.(map[string]any)
					n, counts := fields["hits"].(float64)
					if counts && !strings.HasPrefix(value, "trace-id-") {
						sums[owner+" "+dimension+" "+value] += int64(n)
					}
				}
			}
			sums[owner] += int64(members["Total"].(map[string]any)["hits"].(float64))
		}
	}
	return sums
}

// identifying is what tells records apart, as text.
func identifying(record map[string]any) string {
	return fmt.Sprint(record["timestamp"], record["api_id"], record["path"], record["raw_request"], record["response_code"])
}

var hybridRuns = []string{"hybrid", "hybrid-aggregated", "hybrid-aggregated-no-mcp-track-all"}

// TestRunsIntoMDCBSendWhatTykPumpSent runs the real pump's configurations against Tyk's own RPC server.
func TestRunsIntoMDCBSendWhatTykPumpSent(t *testing.T) {
	t.Parallel()
	redis, servers := peers.StartRedis(t), map[string]*peers.MDCB{}
	file := runsTogether(t, hybridRuns, func(name string, meta object) {
		servers[name] = peers.StartMDCB(t, nil)
		meta["connection_string"] = servers[name].Addr()
	})
	c := newPump(t, file, redis, nil)
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	for _, name := range hybridRuns {
		t.Run(name, func(t *testing.T) {
			got, err := servers[name].Calls(t.Context(), false)
			require.NoError(t, err)
			want := pumpPurges(t, name)
			if name == "hybrid" {
				sent := slices.Concat(purges[[]map[string]any](t, got, "PurgeAnalyticsData")...)
				pumps := slices.Concat(purges[[]map[string]any](t, want, "PurgeAnalyticsData")...)
				require.Len(t, sent, len(pumps))
				for _, all := range [][]map[string]any{sent, pumps} {
					slices.SortFunc(all, func(a, b map[string]any) int { return strings.Compare(identifying(a), identifying(b)) })
				}
				for i := range pumps {
					require.Equal(t, nullForEmpty(pumps[i]), nullForEmpty(sent[i]))
				}
				return
			}
			for _, function := range []string{"PurgeAnalyticsDataAggregated", "PurgeAnalyticsDataMCPAggregated"} {
				sums, pumps := hits(t, got, function), hits(t, want, function)
				for _, all := range []map[string]int64{sums, pumps} {
					maps.DeleteFunc(all, func(_ string, n int64) bool { return n == 0 })
				}
				assert.Equal(t, pumps, sums, function)
			}
		})
	}
}

// TestTheExampleOfMDCBWaitsForIt sends rollups to a server that comes late.
func TestTheExampleOfMDCBWaitsForIt(t *testing.T) {
	t.Parallel()
	redis, server := peers.StartRedis(t), peers.StartMDCB(t, nil)
	server.Kill()
	c := newExample(t, []string{"hybrid.yaml"}, object{"receivers": object{"tykredis": object{"poll_interval": "20ms"}}},
		"TYK_REDIS_ADDRESS="+redis.Addr(), "MDCB_ADDRESS="+server.Addr(), "MDCB_INSECURE=true", "MDCB_API_KEY=key")
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	c.waitLog("the destination does not take records; they wait until it does")
	require.NoError(t, server.Start(t.Context()))
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	got, err := server.Calls(t.Context(), false)
	require.NoError(t, err)
	want, sums := hits(t, pumpPurges(t, "hybrid-aggregated"), "PurgeAnalyticsDataAggregated"), hits(t, got, "PurgeAnalyticsDataAggregated")
	require.NotEmpty(t, want)
	for _, org := range []string{"acme-corp", "globex", "5e9d9544a1dcd60001d0ed20"} {
		assert.Positive(t, want[org], org)
		assert.Equal(t, want[org], sums[org], org)
	}
}
