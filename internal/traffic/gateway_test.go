package traffic_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

func gateway(t *testing.T, r *peers.Redis, s traffic.GatewaySettings) *traffic.Gateway {
	t.Helper()
	options, err := r.Options()
	require.NoError(t, err)
	g, err := traffic.NewGateway(*options, generator(t, nil), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return g
}

// decode counts the entries of all analytics lists that decode and that do not.
func decode(t *testing.T, client *redis.Client) (good, bad int64, times []time.Time) {
	t.Helper()
	for _, key := range client.Keys(t.Context(), "*").Val() {
		require.True(t, strings.HasPrefix(key, traffic.Key), key)
		read := analytics.DecodeMsgpack
		if strings.HasSuffix(key, "_protobuf") {
			read = analytics.DecodeProtobuf
		}
		for _, entry := range client.LRange(t.Context(), key, 0, -1).Val() {
			var r analytics.Record
			if read([]byte(entry), &r) != nil {
				bad++
				continue
			}
			good++
			times = append(times, r.TimeStamp)
		}
	}
	return good, bad, times
}

func TestBacklogIsPushedWhole(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]traffic.GatewaySettings{
		"msgpack":                {},
		"protobuf":               {Serializer: traffic.Protobuf},
		"both on several keys":   {Serializer: traffic.Both, MultipleKeys: true},
		"with poison in msgpack": {Poison: 20},
		"with poison in both":    {Serializer: traffic.Both, Poison: 40},
		"more poison than food":  {Serializer: traffic.Protobuf, Poison: 7003},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := peers.StartRedis(t)
			g := gateway(t, r, settings)
			require.NoError(t, g.Backlog(t.Context(), 7003, time.Hour))
			totals := g.Totals()
			assert.EqualValues(t, 7003, totals.Records)
			assert.Equal(t, settings.Poison, totals.Poison)

			assert.InDelta(t, 280, totals.MCP, 80)

			good, bad, times := decode(t, r.Client())
			assert.EqualValues(t, 7003, good)
			assert.Equal(t, settings.Poison, bad)
			for _, at := range times {
				require.WithinRange(t, at, time.Now().Add(-time.Hour-time.Minute), time.Now())
			}
			for key, n := range totals.Keys {
				assert.Equal(t, n, r.Client().LLen(t.Context(), key).Val(), key)
			}
			if settings.MultipleKeys {
				assert.Greater(t, len(totals.Keys), 6)
			}
		})
	}
}

func TestRunKeepsItsRate(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	g := gateway(t, r, traffic.GatewaySettings{})
	start := time.Now()
	require.NoError(t, g.Run(t.Context(), 1000, 700*time.Millisecond))
	assert.GreaterOrEqual(t, time.Since(start), 690*time.Millisecond)
	assert.InDelta(t, 700, g.Totals().Records, 1)
	good, _, times := decode(t, r.Client())
	assert.Equal(t, g.Totals().Records, good)
	first, last := times[0], times[len(times)-1]
	assert.InDelta(t, 700, last.Sub(first).Milliseconds(), 20, "each record has the time at which it was due")
}

func TestRunWithoutARateEndsWhenTold(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	seen := make(chan struct{}, 1)
	g := gateway(t, r, traffic.GatewaySettings{Observe: func(*analytics.Record) {
		select {
		case seen <- struct{}{}:
		default:
		}
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-seen
		cancel()
	}()
	require.NoError(t, g.Run(ctx, 0, 0))
	assert.Equal(t, g.Totals().Records, r.Client().LLen(t.Context(), traffic.Key).Val(), "what was pushed was counted")
}

func TestKeysGetATimeToLiveAsFromAGateway(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	g := gateway(t, r, traffic.GatewaySettings{Serializer: traffic.Both, Expire: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx, 200, 0) }()
	require.Eventually(t, func() bool {
		return r.Client().TTL(t.Context(), traffic.Key).Val() > 0
	}, 5*time.Minute, 20*time.Millisecond)
	assert.LessOrEqual(t, r.Client().TTL(t.Context(), traffic.Key).Val(), time.Minute)
	assert.EqualValues(t, -1, r.Client().TTL(t.Context(), traffic.Key+"_protobuf").Val(), "protobuf lists never get one")
	cancel()
	require.NoError(t, <-done)
}

func TestRedisThatIsAwayIsAnError(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	g := gateway(t, r, traffic.GatewaySettings{})
	r.Kill()
	err := g.Backlog(t.Context(), 5000, 0)
	require.ErrorContains(t, err, r.Addr())
	assert.Zero(t, g.Totals().Records)
}

func TestRedisThatIsFullIsAnError(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t, peers.RedisMaxMemory(4<<20))
	g := gateway(t, r, traffic.GatewaySettings{})
	require.ErrorContains(t, g.Backlog(t.Context(), 20_000, 0), "OOM")
	assert.Equal(t, g.Totals().Records, r.Client().LLen(t.Context(), traffic.Key).Val())
}

func TestGatewaySettingsOutOfRangeAreNamed(t *testing.T) {
	t.Parallel()
	for want, settings := range map[string]traffic.GatewaySettings{
		`serializer is "json"`:               {Serializer: "json"},
		"time to live is 10ms":               {Expire: 10 * time.Millisecond},
		"number of undecodable entries is -": {Poison: -1},
	} {
		_, err := traffic.NewGateway(redis.Options{}, generator(t, nil), settings)
		assert.ErrorContains(t, err, want)
	}
}
