//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// TestTheWayBackGivesTykPumpWhatWaits has a destination that is away for good: what was claimed for it, and what gateways pushed since, comes to
// lists of Tyk Pump's, byte for byte as the gateway pushed it.
func TestTheWayBackGivesTykPumpWhatWaits(t *testing.T) {
	t.Parallel()
	const group = "pump-postgres.127.0.0.1_1.tyk"
	r := peers.StartRedis(t)
	want := map[string][]string{}
	gateways := func(odd string) {
		golden{encoding: msgpack}.push(t, r.Client())
		golden{encoding: protobuf}.push(t, r.Client())
		push(t, r.Client(), msgpackList, [][]byte{[]byte(odd)})
		keys, err := r.Client().Keys(t.Context(), "analytics-*").Result()
		require.NoError(t, err)
		for _, key := range keys {
			pushed, err := r.Client().LRange(t.Context(), key, 0, -1).Result()
			require.NoError(t, err)
			want[key] = append(want[key], pushed...)
		}
	}
	gateways("\xff\x00 no record\r\n")
	over := newPump(t, runsTogether(t, []string{"sql-postgres"}, func(_ string, meta object) {
		meta["connection_string"] = "postgres://tyk:tyk@127.0.0.1:1/tyk?connect_timeout=1"
	}), r, nil)
	over.start()
	eventually(t, drainTimeout, func() string {
		if left := listed(t, r.Client(), "analytics-*"); len(left) > 0 {
			return fmt.Sprintf("%d entries are not claimed", len(left))
		}
		return ""
	})
	over.stop()
	gateways("\xfe another") // after that

	// Entries of the same list keep their order where one chunk at a time is on its way.
	back := newCollector(t, object{
		"receivers": object{"tykredis": object{"addresses": []string{r.Addr()}, "group": group, "poll_interval": "20ms", "chunk_size": 500, "max_in_flight": 1}},
		"exporters": object{"tykredis": object{"addresses": []string{r.Addr()}, "key_prefix": "pump-", "expiry": "0s"}},
		"service": object{"telemetry": object{"metrics": object{"level": "none"}}, "pipelines": object{
			"logs": object{"receivers": []string{"tykredis"}, "exporters": []string{"tykredis"}},
		}},
	})
	back.start()
	eventually(t, 2*drainTimeout, func() string {
		keys, err := r.Client().Keys(t.Context(), "otelcol-tyk:*:segments").Result()
		require.NoError(t, err)
		if left := listed(t, r.Client(), "analytics-*"); len(keys)+len(left) > 0 {
			return fmt.Sprintf("%d lists and %d entries wait", len(keys), len(left))
		}
		return ""
	})
	back.stop()
	assert.Empty(t, deadLetters(t, r.Client()), "what cannot be decoded goes back, too")
	for list, of := range want {
		assert.Equal(t, of, entriesOf(t, r.Client(), "pump-"+list[len("analytics-"):]), list)
	}
	all, pushed := 0, 0
	for _, of := range want {
		all += len(of)
	}
	for _, n := range listed(t, r.Client(), "pump-*") {
		pushed += n
	}
	assert.Equal(t, all, pushed)
	out, status := tykctl(t, nil, "status", "-redis", r.Addr(), "-check")
	assert.Zero(t, status, out)
}

// entriesOf are those of a list, in order.
func entriesOf(t *testing.T, rdb *redis.Client, key string) []string {
	t.Helper()
	all, err := rdb.LRange(t.Context(), key, 0, -1).Result()
	require.NoError(t, err)
	return all
}
