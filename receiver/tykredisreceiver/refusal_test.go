package tykredisreceiver

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/multierr"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

func TestAFailingPipelineIsTriedUntilItTakesTheChunkAndNothingIsAcknowledgedBefore(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 30)
	var down atomic.Bool
	down.Store(true)
	d := newDestination()
	d.answer = func(context.Context, []string, plog.Logs) error {
		if down.Load() {
			return errors.New("database is down")
		}
		return nil
	}
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "some attempts", func() bool { return rec.sum(t, "tykredis_chunks_redelivered") >= 4 })
	assert.Equal(t, componentstatus.StatusRecoverableError, rec.host.last())
	segments := r.Client().Keys(t.Context(), "*:seg:*").Val()
	require.Len(t, segments, 1)
	assert.EqualValues(t, 30, r.Client().LLen(t.Context(), segments[0]).Val())
	assert.Zero(t, rec.sum(t, "tykredis_records_delivered"))

	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 30, 40)
	eventually(t, "claiming to go on", func() bool { return rec.sum(t, "tykredis_records_claimed") == 40 })

	down.Store(false)
	eventually(t, "all records", func() bool { return d.count() == 40 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
	assert.Empty(t, letters(t, r.Client(), list))
}

func TestRecordsRefusedByNameBecomeDeadLetters(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 30)
	d := newDestination()
	d.answer = func(_ context.Context, _ []string, ld plog.Logs) error {
		refused := &analytics.RefusedError{}
		eachRecord(ld, func(lr plog.LogRecord) {
			var record analytics.Record
			uid, err := analytics.ParseUID(record.FromLog(lr))
			if err == nil && (record.APIKey == "7" || record.APIKey == "21") {
				refused.Records = append(refused.Records, analytics.RefusedRecord{UID: uid, Reason: "too odd", Destination: "tyksql/main"})
			}
		})
		if len(refused.Records) == 0 {
			return nil
		}
		return consumererror.NewPermanent(refused)
	}
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "an empty Redis", func() bool {
		return rec.sum(t, "tykredis_records_delivered") == 28 && len(leftover(t, r.Client())) == 0
	})
	dead := letters(t, r.Client(), list)
	require.Len(t, dead, 2)
	for _, letter := range dead {
		assert.Equal(t, "refused: too odd", letter.Reason)
		assert.Equal(t, "tyksql/main", letter.Destination)
		var record analytics.Record
		require.NoError(t, analytics.DecodeMsgpack(letter.Entry, &record))
		assert.Contains(t, []string{"7", "21"}, record.APIKey)
		assert.Equal(t, "GET", record.Method, "the letter has the whole record")
	}
	assert.Zero(t, rec.sum(t, "tykredis_chunks_redelivered"))
}

// Entries beyond chunk_bytes are chunks of their own, and bring no neighbours that a
// destination takes.
func TestBigRefusedRecordsHoldNoPlaceThatOthersNeed(t *testing.T) {
	inAllWays(t, func(t *testing.T, p *picky, _ int) {
		r := newRedis(t)
		for i := range 40 {
			large := numbered(i)
			large.RawRequest = strings.Repeat("x", 100_000)
			require.NoError(t, r.Client().RPush(t.Context(), list, analytics.AppendMsgpack(nil, large)).Err())
		}
		pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 40, 60)
		p.isBad = func(key int) bool { return key < 40 }
		start(t, r.Addr(), p, func(cfg *Config) {
			cfg.ChunkSize, cfg.ChunkBytes, cfg.MaxInFlight = 1000, 64<<10, 1
			cfg.Redelivery.InitialInterval, cfg.Redelivery.MaxInterval = 10*time.Millisecond, 50*time.Millisecond
		})
		eventually(t, "an empty Redis", func() bool { return p.count() == 20 && len(leftover(t, r.Client())) == 0 })
		assert.Len(t, letters(t, r.Client(), list), 40)
	})
}

func TestARecordRefusedByTwoDestinationsIsOneDeadLetter(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	d := newDestination()
	d.answer = func(_ context.Context, _ []string, ld plog.Logs) error {
		var all error
		eachRecord(ld, func(lr plog.LogRecord) {
			var record analytics.Record
			uid, err := analytics.ParseUID(record.FromLog(lr))
			if err != nil || record.APIKey != "7" {
				return
			}
			for _, destination := range []string{"tyksql", "tykmongo"} {
				all = multierr.Append(all, consumererror.NewPermanent(&analytics.RefusedError{
					Records: []analytics.RefusedRecord{{UID: uid, Reason: "too odd for " + destination, Destination: destination}},
				}))
			}
		})
		return all
	}
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "an empty Redis", func() bool {
		return rec.sum(t, "tykredis_records_delivered") == 9 && len(leftover(t, r.Client())) == 0
	})
	for _, letter := range letters(t, r.Client(), list) {
		assert.Equal(t, "refused: too odd for tyksql; too odd for tykmongo", letter.Reason)
		assert.Equal(t, "tyksql, tykmongo", letter.Destination)
	}
	assert.EqualValues(t, 1, rec.sum(t, "tykredis_records_dead_lettered"))
	want := map[string]int64{"claimed": 10, "delivered": 9, "shed": 0, "dead_lettered": 1, "lost": 0, "in_flight": 0}
	eventually(t, "the receipts", func() bool { return assert.ObjectsAreEqual(want, rec.receipts(t)) })
}

func TestAnUnnamedPoisonRecordIsFoundAndItsNeighboursArrive(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 30)
	d := newDestination()
	d.answer = func(_ context.Context, keys []string, _ plog.Logs) error {
		if slices.Contains(keys, "13") {
			return consumererror.NewPermanent(errors.New("400 bad request"))
		}
		return nil
	}
	start(t, r.Addr(), d, nil)
	eventually(t, "the good records", func() bool { return d.count() == 29 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	dead := letters(t, r.Client(), list)
	require.Len(t, dead, 1)
	for _, letter := range dead {
		assert.Contains(t, letter.Reason, "400 bad request")
	}
}

// Exporters of ours try again by themselves, and learn only from what others bring that a record is to blame. Where all that is under
// way is such, others are sent beside it.
func TestRecordsThatAnExporterWaitsWithDoNotHoldUpOthers(t *testing.T) {
	for name, bad := range map[string]func(key int) bool{
		"one at the front":   func(key int) bool { return key == 0 },
		"a run at the front": func(key int) bool { return key < 90 },
		"one of all":         func(key int) bool { return key == 17 },
		"a run at the end":   func(key int) bool { return key >= 60 && key < 100 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRedis(t)
			pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 100)
			var taken atomic.Int64
			d := newDestination()
			d.answer = func(ctx context.Context, keys []string, ld plog.Logs) error {
				before, refused := taken.Load(), &analytics.RefusedError{}
				eachRecord(ld, func(lr plog.LogRecord) {
					var record analytics.Record
					uid, err := analytics.ParseUID(record.FromLog(lr))
					if key, _ := strconv.Atoi(record.APIKey); err == nil && bad(key) {
						refused.Records = append(refused.Records, analytics.RefusedRecord{UID: uid, Reason: "too odd", Destination: "tyksql/main"})
					}
				})
				switch len(refused.Records) {
				case 0:
					taken.Add(1)
					return nil
				case len(keys): // as an exporter with retry_on_failure does
					for taken.Load() == before {
						select {
						case <-ctx.Done():
							return ctx.Err()
						case <-time.After(5 * time.Millisecond):
						}
					}
				default:
					taken.Add(1)
				}
				return consumererror.NewPermanent(refused)
			}
			dead := 0
			for key := range 100 {
				if bad(key) {
					dead++
				}
			}
			rec := start(t, r.Addr(), d, func(cfg *Config) {
				cfg.ChunkSize, cfg.MaxInFlight = 1, 1
				cfg.Redelivery.InitialInterval, cfg.Redelivery.MaxInterval = 10*time.Millisecond, 50*time.Millisecond
			})
			eventually(t, "an empty Redis", func() bool {
				if taken.Load() >= 60 { // of the run at the end nothing tells until something else comes
					pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 99_999, 100_000)
				}
				return rec.sum(t, "tykredis_records_delivered") > 0 && len(letters(t, r.Client(), list)) == dead && len(leftover(t, r.Client())) == 0
			})
		})
	}
}
