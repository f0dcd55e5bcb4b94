package tykredisreceiver

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/backlog"
)

// pushHeavy pushes records with bodies of 2 kB, of which every fifth failed.
func pushHeavy(t *testing.T, rdb *redis.Client, n int) {
	t.Helper()
	pipe := rdb.Pipeline()
	for i := range n {
		r := numbered(i)
		r.RawRequest = strings.Repeat("QUJD", 250)
		r.RawResponse = r.RawRequest
		if i%5 == 0 {
			r.ResponseCode = 500
		}
		pipe.RPush(t.Context(), list, analytics.AppendMsgpack(nil, r))
	}
	_, err := pipe.Exec(t.Context())
	require.NoError(t, err)
}

// share is how much of something is left.
type share int

const (
	all share = iota
	some
	none
)

func (s share) require(t *testing.T, left, of int) {
	t.Helper()
	switch s {
	case all:
		require.Equal(t, of, left)
	case some:
		require.Positive(t, left)
		require.Less(t, left, of)
	case none:
		require.Zero(t, left)
	}
}

func TestABoundedBacklogShedsInOrder(t *testing.T) {
	for name, test := range map[string]struct {
		adapt      func(*Config)
		records    share
		withBodies share
	}{
		"no bound":              {func(cfg *Config) { cfg.Backlog.MaxMemoryShare = 0 }, all, all},
		"the default":           {nil, all, all},
		"enough without bodies": {func(cfg *Config) { cfg.Backlog.MaxBytes = 700_000 }, all, some},
		"a share of maxmemory":  {func(cfg *Config) { cfg.Backlog.MaxMemoryShare = 0.007 }, all, some},
		"not even without bodies": {func(cfg *Config) {
			cfg.Backlog.MaxBytes, cfg.Backlog.Shed = 160_000, []string{backlog.Bodies, backlog.Successes}
		}, some, none},
		"bodies, then the oldest": {func(cfg *Config) { cfg.Backlog.MaxBytes = 160_000 }, some, none},
		"the oldest":              {func(cfg *Config) { cfg.Backlog.MaxBytes, cfg.Backlog.Shed = 600_000, []string{backlog.Oldest} }, some, some},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRedis(t, peers.RedisMaxMemory(100<<20))
			var down atomic.Bool
			down.Store(true)
			var bodies atomic.Int64
			d := newDestination()
			d.answer = func(_ context.Context, _ []string, ld plog.Logs) error {
				if down.Load() {
					return errors.New("down")
				}
				eachRecord(ld, func(lr plog.LogRecord) {
					var record analytics.Record
					record.FromLog(lr)
					if record.RawRequest != "" && record.RawResponse != "" {
						bodies.Add(1)
					}
				})
				return nil
			}
			pushHeavy(t, r.Client(), 500)
			rec := start(t, r.Addr(), d, test.adapt)
			eventually(t, "a claim", func() bool { return rec.sum(t, "tykredis_records_claimed") == 500 })
			cfg := createDefaultConfig().(*Config)
			if test.adapt != nil {
				test.adapt(cfg)
			}
			b := rec.Logs.(*redisReceiver)
			limit := backlog.New(cfg.Backlog, b.store, b.sources, b.telemetry, b.set.Logger)
			require.NoError(t, limit.Keep(t.Context()))
			left := int64(0)
			for _, segment := range r.Client().Keys(t.Context(), "*:seg:*").Val() {
				assert.EqualValues(t, -1, r.Client().TTL(t.Context(), segment).Val())
				left += r.Client().MemoryUsage(t.Context(), segment).Val()
			}
			if cfg.Backlog.MaxBytes > 0 {
				assert.LessOrEqual(t, left, cfg.Backlog.MaxBytes*11/10)
			}

			// What was read before is delivered as it was read; another process gets what is
			// in Redis now.
			require.NoError(t, rec.Shutdown(t.Context()))
			down.Store(false)
			again := start(t, r.Addr(), d, func(cfg *Config) { cfg.Backlog.MaxMemoryShare = 0 })
			eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
			test.records.require(t, d.count(), 500)
			test.withBodies.require(t, int(bodies.Load()), 500)
			assert.Contains(t, d.kept, "495", "one of the newest")
			assert.Empty(t, letters(t, r.Client(), list))
			want := map[string]int64{
				"claimed": 500, "delivered": int64(d.count()), "shed": int64(500 - d.count()), "dead_lettered": 0, "lost": 0, "in_flight": 0,
			}
			eventually(t, "the receipts", func() bool { return assert.ObjectsAreEqual(want, again.receipts(t)) })
		})
	}
}

// One segment that nobody can work on must not end the shedding.
func TestASegmentThatCannotBeShedIsPassedOver(t *testing.T) {
	r := newRedis(t, peers.RedisMaxMemory(100<<20))
	d := newDestination()
	d.answer = func(context.Context, []string, plog.Logs) error { return errors.New("down") }
	rec := start(t, r.Addr(), d, nil)
	for i := range 3 {
		pushHeavy(t, r.Client(), 600)
		eventually(t, "a claim", func() bool { return rec.sum(t, "tykredis_records_claimed") == int64(600*(i+1)) })
	}
	segments := r.Client().Keys(t.Context(), "*:seg:*").Val()
	require.GreaterOrEqual(t, len(segments), 3)
	require.NoError(t, r.Client().Del(t.Context(), segments[1]).Err())
	require.NoError(t, r.Client().Set(t.Context(), segments[1], "no list", 0).Err())
	b := rec.Logs.(*redisReceiver)
	for _, policies := range [][]string{{backlog.Bodies, backlog.Oldest}, {backlog.Oldest}} {
		cfg := backlog.Config{MaxBytes: 200_000, Shed: policies}
		limit := backlog.New(cfg, b.store, b.sources, b.telemetry, b.set.Logger)
		require.NoError(t, limit.Keep(t.Context()))
	}
	left := int64(0)
	for i := range segments {
		if i != 1 {
			left += r.Client().MemoryUsage(t.Context(), segments[i]).Val()
		}
	}
	assert.LessOrEqual(t, left, int64(220_000))
	assert.Positive(t, rec.sum(t, "tykredis_shed"))
}

func TestDeadLettersCountTowardsTheBound(t *testing.T) {
	r := newRedis(t, peers.RedisMaxMemory(100<<20))
	d := newDestination()
	d.answer = func(context.Context, []string, plog.Logs) error { return errors.New("down") }
	pushHeavy(t, r.Client(), 500)
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "a claim", func() bool { return rec.sum(t, "tykredis_records_claimed") == 500 })
	b := rec.Logs.(*redisReceiver)
	_, _, err := b.store.KeepDeadLetters(t.Context(), b.sources[0].Source, []claim.Letter{{UID: "x-1", Group: "default", Entry: make([]byte, 1<<20)}})
	require.NoError(t, err)
	limit := backlog.New(backlog.Config{MaxBytes: 1800_000, Shed: []string{backlog.Oldest}}, b.store, b.sources, b.telemetry, b.set.Logger)
	require.NoError(t, limit.Keep(t.Context()))
	assert.Positive(t, rec.sum(t, "tykredis_shed"))
}

func TestRedisSettingsThatEndangerTheBacklogAreSaid(t *testing.T) {
	for name, test := range map[string]struct {
		option peers.RedisOption
		said   string
	}{
		"no maxmemory": {peers.RedisConfig("maxmemory 0"), "Nothing bounds the backlog: Redis has no maxmemory"},
		"a policy":     {peers.RedisConfig("maxmemory 100mb", "maxmemory-policy allkeys-lru"), "Redis may delete claimed records when it is full"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := start(t, newRedis(t, test.option).Addr(), newDestination(), nil)
			eventually(t, "the warning", func() bool { return rec.log.FilterMessage(test.said).Len() == 1 })
		})
	}
}

// The oldest entries are much bigger than the others, or the newest: a mean would shed
// what need not go, or see no reason to shed anything.
func TestUnevenEntriesAreMeasured(t *testing.T) {
	for name, test := range map[string]struct {
		first, firstBytes, then, thenBytes int
		limit, left                        int64
	}{
		"big ones first":  {first: 12, firstBytes: 300_000, then: 10_000, thenBytes: 100, limit: 10 << 20, left: 10_000},
		"big ones behind": {first: 3000, firstBytes: 300, then: 30, thenBytes: 1_000_000, limit: 20 << 20, left: 18},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRedis(t)
			d := newDestination()
			d.answer = func(context.Context, []string, plog.Logs) error { return errors.New("down") }
			for _, some := range [][2]int{{test.first, test.firstBytes}, {test.then, test.thenBytes}} {
				pipe := r.Client().Pipeline()
				for i := range some[0] {
					record := numbered(i)
					record.RawRequest = strings.Repeat("x", some[1])
					pipe.RPush(t.Context(), list, analytics.AppendMsgpack(nil, record))
				}
				_, err := pipe.Exec(t.Context())
				require.NoError(t, err)
			}
			rec := start(t, r.Addr(), d, nil)
			all := int64(test.first + test.then)
			eventually(t, "a claim", func() bool { return rec.sum(t, "tykredis_records_claimed") == all })
			b := rec.Logs.(*redisReceiver)
			limit := backlog.New(backlog.Config{MaxBytes: test.limit, Shed: []string{backlog.Oldest}}, b.store, b.sources, b.telemetry, b.set.Logger)
			require.NoError(t, limit.Keep(t.Context()))
			left, bytes := int64(0), int64(0)
			for _, segment := range r.Client().Keys(t.Context(), "*:seg:*").Val() {
				left += r.Client().LLen(t.Context(), segment).Val()
				bytes += r.Client().MemoryUsage(t.Context(), segment, 0).Val()
			}
			assert.LessOrEqual(t, bytes, test.limit)
			assert.GreaterOrEqual(t, left, test.left)
			assert.Less(t, left, all)
		})
	}
}

// A policy that is slower than gateways write does not keep the next one waiting.
func TestSheddingIsFasterThanAGatewayWrites(t *testing.T) {
	const limit = 8 << 20
	r := newRedis(t)
	d := newDestination()
	d.answer = func(context.Context, []string, plog.Logs) error { return errors.New("down") }
	pushHeavy(t, r.Client(), 500)
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "a claim", func() bool { return rec.sum(t, "tykredis_records_claimed") == 500 })
	for range 60 {
		pushHeavy(t, r.Client(), 500)
	}
	eventually(t, "the claims", func() bool { return rec.sum(t, "tykredis_records_claimed") == 61*500 })
	b := rec.Logs.(*redisReceiver)
	bounded := backlog.New(backlog.Config{MaxBytes: limit, Shed: []string{backlog.Bodies, backlog.Oldest}}, b.store, b.sources, b.telemetry, b.set.Logger)
	require.NoError(t, bounded.Keep(t.Context()))
	bytes := int64(0)
	for _, segment := range r.Client().Keys(t.Context(), "*:seg:*").Val() {
		bytes += r.Client().MemoryUsage(t.Context(), segment, 0).Val()
	}
	assert.LessOrEqual(t, bytes, int64(limit+limit/4), "after one round, however long bodies take")
}
