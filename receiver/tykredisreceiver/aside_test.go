package tykredisreceiver

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
)

// odd is a filter that lets records with odd keys through, and counts them as tykfilter does.
type odd struct{ next consumer.Logs }

func (odd) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

func (f odd) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			sl.LogRecords().RemoveIf(func(lr plog.LogRecord) bool {
				var r analytics.Record
				r.FromLog(lr)
				return strings.HasSuffix(r.APIKey, "0") || strings.ContainsAny(r.APIKey[len(r.APIKey)-1:], "2468")
			})
		}
	}
	selection.NotePassed(ctx, "tykfilter/odd", ld.LogRecordCount())
	if ld.LogRecordCount() == 0 {
		return nil
	}
	return f.next.ConsumeLogs(ctx, ld)
}

// What a filter dropped says nothing about the destination behind it.
func TestDroppedRecordsAreNoEvidenceThatADestinationTakesAny(t *testing.T) {
	inAllWays(t, func(t *testing.T, p *picky, most int) {
		r := newRedis(t)
		pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 200)
		var wrongToken atomic.Bool
		wrongToken.Store(true)
		p.isBad = func(key int) bool { return wrongToken.Load() || key == 77 }
		rec := start(t, r.Addr(), odd{p}, func(cfg *Config) {
			cfg.ChunkSize = 50
			cfg.Redelivery.InitialInterval, cfg.Redelivery.MaxInterval = 10*time.Millisecond, 50*time.Millisecond
		})
		eventually(t, "some attempts", func() bool { return rec.sum(t, "tykredis_chunks_redelivered") >= 30 })
		assert.Contains(t, rec.host.said(), "refuses everything")
		assert.Empty(t, letters(t, r.Client(), list), "a wrong token is no reason to give records up")

		wrongToken.Store(false)
		eventually(t, "an empty Redis", func() bool { return p.count() == 99 && len(leftover(t, r.Client())) == 0 })
		assert.Len(t, letters(t, r.Client(), list), 1)
		eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
	})
}

// Each attempt that finds nothing accepted costs other pipelines less than the one before.
func TestProbesGetFewer(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 400)
	p := &picky{take: plainly, taken: map[int]int{}, isBad: func(int) bool { return true }}
	rec := start(t, r.Addr(), p, func(cfg *Config) {
		big(cfg)
		cfg.Redelivery.InitialInterval, cfg.Redelivery.MaxInterval = time.Millisecond, 2*time.Millisecond
	})
	const attempts = 40
	eventually(t, "attempts", func() bool { return rec.sum(t, "tykredis_chunks_redelivered") >= attempts })
	p.mu.Lock()
	defer p.mu.Unlock()
	assert.Less(t, p.calls, 2*32+2*int(rec.sum(t, "tykredis_chunks_redelivered")))
}

// Chunks that wait for a decodable entry of their list stand in no other list's way, however many they are.
func TestAListOfWhichNothingCanBeDecodedStopsNoOther(t *testing.T) {
	r := newRedis(t)
	push := func() {
		pipe := r.Client().Pipeline()
		for range 200 {
			pipe.RPush(t.Context(), list+"_1", "\xc1a new format")
		}
		_, err := pipe.Exec(t.Context())
		require.NoError(t, err)
	}
	push()
	d := newDestination()
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "a status that names the list", func() bool { return strings.Contains(rec.host.said(), list+"_1: no entry") })
	push()
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 50)
	eventually(t, "the other list", func() bool { return d.count() == 50 && rec.sum(t, "tykredis_records_delivered") == 50 })
	assert.LessOrEqual(t, len(letters(t, r.Client(), list+"_1")), 16)

	pushRecords(t, r.Client(), list+"_1", analytics.AppendMsgpack, 50, 51)
	eventually(t, "an empty Redis", func() bool { return d.count() == 51 && len(leftover(t, r.Client())) == 0 })
	assert.Len(t, letters(t, r.Client(), list+"_1"), 400)
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}

// The same goes for a list that has no room for its dead letters.
func TestAListWithoutRoomForDeadLettersStopsNoOther(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list+"_1", analytics.AppendMsgpack, 0, 100)
	p := &picky{take: naming, taken: map[int]int{}, isBad: func(key int) bool { return key < 100 && key%10 == 3 }}
	rec := start(t, r.Addr(), p, func(cfg *Config) { cfg.DeadLetters.MaxEntries = 4 })
	eventually(t, "a status", func() bool { return strings.Contains(rec.host.said(), "tykctl dead") })
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 100, 150)
	eventually(t, "the other list, and the good ones of this", func() bool { return p.count() == 140 })
	require.Len(t, letters(t, r.Client(), list+"_1"), 4)

	receiver := rec.Logs.(*redisReceiver)
	src, store := receiver.sources, receiver.store
	eventually(t, "an empty Redis", func() bool {
		for _, s := range src {
			if s.Key() == list+"_1" && len(letters(t, r.Client(), s.Key())) > 0 {
				_, err := store.Drop(t.Context(), s.Source, slices.Collect(maps.Values(letters(t, r.Client(), s.Key()))))
				require.NoError(t, err)
			}
		}
		return len(leftover(t, r.Client())) == 0
	})
	assert.Equal(t, 1, p.most())
	assert.EqualValues(t, 10, rec.sum(t, "tykredis_records_dead_lettered"))
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}

// Undecodable entries at the end of a chunk wait by themselves: what is in front of them is done.
func TestUndecodableEntriesHoldNoNeighbours(t *testing.T) {
	r := newRedis(t)
	const bad = 17
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 1000)
	for range bad {
		require.NoError(t, r.Client().RPush(t.Context(), list, "\xc1a new format").Err())
	}
	d := newDestination()
	rec := start(t, r.Addr(), d, big)
	eventually(t, "the neighbours", func() bool { return rec.sum(t, "tykredis_records_delivered") == 1000 })
	eventually(t, "a status", func() bool { return strings.Contains(rec.host.said(), "new format") })
	assert.EqualValues(t, 0, rec.sum(t, "tykredis_chunks_redelivered"), "to wait is not to redeliver")
	require.NoError(t, rec.Shutdown(t.Context()))

	again := newDestination()
	rec = start(t, r.Addr(), again, big)
	eventually(t, "a status", func() bool { return strings.Contains(rec.host.said(), "new format") })
	assert.Zero(t, again.count(), "they were acknowledged")
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 1000, 1001)
	eventually(t, "an empty Redis", func() bool { return again.count() == 1 && len(leftover(t, r.Client())) == 0 })
	assert.Len(t, letters(t, r.Client(), list), bad)
}

// A list is read no further while many of its deliveries wait. What they wait for may lie behind
// all that is read.
func TestAListThatIsReadNoFurtherGoesOnOnceItsGatewaysAreMended(t *testing.T) {
	r := newRedis(t)
	d := newDestination()
	rec := start(t, r.Addr(), d, func(cfg *Config) { cfg.ChunkSize = 1 })
	const bad = 400
	pipe := r.Client().Pipeline()
	for range bad {
		pipe.RPush(t.Context(), list, "\xc1a new format")
	}
	_, err := pipe.Exec(t.Context())
	require.NoError(t, err)
	sources := rec.Logs.(*redisReceiver).sources
	eventually(t, "as many as may wait", func() bool { return sources[0].IsBlocked() })
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 5)
	eventually(t, "an empty Redis", func() bool { return d.count() == 5 && len(leftover(t, r.Client())) == 0 })
	assert.Len(t, letters(t, r.Client(), list), bad)
}
