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
)

func TestLightenGivesUpWhatThePolicyNamesAndNothingElse(t *testing.T) {
	full := numbered(1)
	full.RawRequest, full.RawResponse = "cmVx", "cmVz"
	bare := numbered(1)
	failed := numbered(2)
	failed.ResponseCode = 500
	for name, test := range map[string]struct {
		form   form
		encode func([]byte, *analytics.Record) []byte
	}{
		"msgpack":  {msgpackRequest, analytics.AppendMsgpack},
		"protobuf": {protobufRequest, analytics.AppendProtobuf},
	} {
		t.Run(name, func(t *testing.T) {
			text := func(r *analytics.Record) string { return string(test.encode(nil, r)) }
			assert.Equal(t, text(bare), lighten(test.form, giveUpBodies, text(full)))
			assert.Equal(t, text(bare), lighten(test.form, giveUpBodies, text(bare)))
			assert.Equal(t, claim.Gone, lighten(test.form, giveUpSuccesses, text(full)))
			assert.Equal(t, text(failed), lighten(test.form, giveUpSuccesses, text(failed)))
			assert.Equal(t, claim.Gone, lighten(test.form, giveUpBodies, claim.Gone))
			assert.Equal(t, "\xc1", lighten(test.form, giveUpSuccesses, "\xc1"), "dead letters keep their bytes")
		})
	}
}

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

func TestABoundedBacklogGivesUpBodiesThenSuccesses(t *testing.T) {
	for name, test := range map[string]struct {
		adapt      func(*Config)
		records    int
		withBodies int
	}{
		"no bound":                {func(*Config) {}, 500, 500},
		"enough without bodies":   {func(cfg *Config) { cfg.Backlog.MaxBytes = 700_000 }, 500, 0},
		"a share of maxmemory":    {func(cfg *Config) { cfg.Backlog.MaxMemoryShare = 0.007 }, 500, 0},
		"not even without bodies": {func(cfg *Config) { cfg.Backlog.MaxBytes = 250_000 }, 100, 0},
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
			test.adapt(cfg)
			b := rec.Logs.(*redisReceiver)
			if cfg.Backlog.bounded() {
				limit := &bound{cfg: cfg.Backlog, store: b.store, sources: b.sources, telemetry: b.telemetry, logger: b.set.Logger}
				eventually(t, "the bound", func() bool {
					err := limit.keep(t.Context())
					require.True(t, err == nil || errors.Is(err, claim.ErrBusy), "%v", err)
					return err == nil
				})
			}
			segments := r.Client().Keys(t.Context(), "*:seg:*").Val()
			require.Len(t, segments, 1)
			assert.EqualValues(t, -1, r.Client().TTL(t.Context(), segments[0]).Val(), "a rewritten segment never expires either")

			// What was read before the rewriting is delivered as it was read; another
			// process gets what is in Redis now.
			require.NoError(t, rec.Shutdown(t.Context()))
			down.Store(false)
			again := start(t, r.Addr(), d, nil)
			eventually(t, "the records", func() bool { return d.count() == test.records })
			eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
			assert.EqualValues(t, test.withBodies, bodies.Load())
			assert.Empty(t, letters(t, r.Client(), list))
			want := map[string]int64{
				"claimed": 500, "delivered": int64(test.records), "gave_way": int64(500 - test.records), "dead_lettered": 0, "lost": 0, "in_flight": 0,
			}
			eventually(t, "the receipts", func() bool { return assert.ObjectsAreEqual(want, again.receipts(t)) })
		})
	}
}
