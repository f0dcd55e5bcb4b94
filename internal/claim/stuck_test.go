package claim_test

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// calls counts the commands that Redis ran since CONFIG RESETSTAT, also those of scripts.
func calls(t *testing.T, rdb *redis.Client) int {
	t.Helper()
	text, err := rdb.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	total := 0
	for _, match := range regexp.MustCompile(`cmdstat_\S+:calls=(\d+)`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(match[1])
		require.NoError(t, err)
		total += n
	}
	return total
}

// A group whose destination is down for a day leaves segments by the hundred
// thousand. Redis does one thing at a time, so what is done all the time must not
// look at each of them.
func TestAStuckGroupDoesNotMakeLooksLonger(t *testing.T) {
	t.Parallel()
	rdb := peers.StartRedis(t).Client()
	store := claim.NewStore(rdb)
	of := func(group string) *claim.Source {
		s := settings(group)
		s.Group = group
		return claim.NewSource(list, s)
	}
	fast, stuck := of("fast"), of("stuck")
	visit(t, store, fast, 0)
	held := visit(t, store, stuck, 0).Held
	require.Empty(t, held)
	const segments = 3000
	for n := range segments {
		push(t, rdb, n, n+1)
		for _, g := range visit(t, store, fast, 1).Held {
			require.NoError(t, store.Ack(t.Context(), g, g.Count, claim.Shortfall{}))
		}
	}
	push(t, rdb, 0, 2)
	g := visit(t, store, fast, 1).Held[0]
	require.NoError(t, store.Ack(t.Context(), g, 1, claim.Shortfall{}))

	require.NoError(t, rdb.ConfigResetStat(t.Context()).Err())
	stats, err := store.Stats(t.Context(), []*claim.Source{fast, stuck})
	require.NoError(t, err)
	assert.Less(t, calls(t, rdb), 50, "commands for two groups")
	assert.EqualValues(t, 1, stats[0].Claimed)
	assert.EqualValues(t, segments+2, stats[1].Claimed)
	assert.Greater(t, stats[1].OldestAge, stats[0].OldestAge)
	assert.Equal(t, claim.Receipts{Seen: segments + 2, Delivered: segments + 1}, stats[0].Receipts)

	require.NoError(t, rdb.ConfigResetStat(t.Context()).Err())
	visit(t, store, fast, 1)
	visit(t, store, stuck, 1)
	assert.Less(t, calls(t, rdb), segments/2, "commands for two groups")
}
