package tykredisreceiver

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

func inGroup(name string) func(*Config) {
	return func(cfg *Config) { cfg.Group = name }
}

func TestEveryGroupGetsEveryRecordAndNeverWaitsForAnother(t *testing.T) {
	r := newRedis(t)
	var down atomic.Bool
	down.Store(true)
	postgres, kafka := newDestination(), newDestination()
	kafka.answer = func(context.Context, []string, plog.Logs) error {
		if down.Load() {
			return errors.New("kafka is down")
		}
		return nil
	}
	start(t, r.Addr(), postgres, inGroup("postgres"))
	start(t, r.Addr(), kafka, inGroup("kafka"))
	eventually(t, "both groups", func() bool {
		return r.Client().ZCard(t.Context(), "otelcol-tyk:{registry:analytics-}:groups").Val() == 2
	})
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 300)
	eventually(t, "all records in one", func() bool { return postgres.count() == 300 })
	assert.Zero(t, kafka.count())
	assert.NotEmpty(t, leftover(t, r.Client()), "the other group's records wait")

	down.Store(false)
	eventually(t, "all records in the other", func() bool { return kafka.count() == 300 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	assert.Equal(t, postgres.uids, kafka.uids, "identities do not depend on the group")
}

func TestReplicasOfAGroupShareTheWork(t *testing.T) {
	r := newRedis(t)
	destinations := []*destination{newDestination(), newDestination(), newDestination()}
	for _, d := range destinations {
		d.answer = func(context.Context, []string, plog.Logs) error {
			time.Sleep(2 * time.Millisecond)
			return nil
		}
		start(t, r.Addr(), d, nil)
	}
	for i := range 60 {
		pushRecords(t, r.Client(), list, analytics.AppendMsgpack, i*10, i*10+10)
		time.Sleep(time.Millisecond)
	}
	sum := func() (n int) {
		for _, d := range destinations {
			n += d.count()
		}
		return n
	}
	eventually(t, "all records", func() bool { return sum() == 600 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	assert.Equal(t, 600, sum(), "no record came to two replicas")
}

func TestReplayedDeadLettersArriveWithTheirIdentity(t *testing.T) {
	r := newRedis(t)
	var refusing atomic.Bool
	refusing.Store(true)
	d := newDestination()
	refusedUID := make(chan string, 1)
	var told atomic.Int64 // when the last one delivered was given up
	d.answer = func(_ context.Context, _ []string, ld plog.Logs) error {
		refused := &analytics.RefusedError{}
		if at := analytics.GivenUp(ld.ResourceLogs().At(0).ScopeLogs().At(0).Scope()); !at.IsZero() {
			told.Store(at.UnixNano())
		}
		eachRecord(ld, func(lr plog.LogRecord) {
			var record analytics.Record
			text := record.FromLog(lr)
			if uid, err := analytics.ParseUID(text); err == nil && record.APIKey == "7" && refusing.Load() {
				refused.Records = append(refused.Records, analytics.RefusedRecord{UID: uid, Reason: "too odd"})
				select {
				case refusedUID <- text:
				default: // it was sent again
				}
			}
		})
		if len(refused.Records) > 0 {
			return consumererror.NewPermanent(refused)
		}
		return nil
	}
	start(t, r.Addr(), d, nil)
	replay := func() {
		store, src := claim.NewStore(r.Client()), claim.NewSource(list, claim.Settings{})
		var found []claim.Letter
		eventually(t, "a dead letter", func() bool {
			found = nil
			require.NoError(t, store.Letters(t.Context(), src, func(l claim.Letter) bool {
				found = append(found, l)
				return true
			}))
			return len(found) == 1
		})
		n, err := store.Replay(t.Context(), src, found)
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	}
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	uid := <-refusedUID
	var first time.Time
	eventually(t, "a dead letter", func() bool {
		first = letters(t, r.Client(), list)["default|"+uid].At.Truncate(time.Millisecond)
		return !first.IsZero()
	})
	replay()
	assert.Equal(t, uid, <-refusedUID, "refused again")
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 10, 11) // which is accepted, so that the refusal counts
	eventually(t, "a dead letter under the same identity", func() bool {
		found := letters(t, r.Client(), list)
		return len(found) == 1 && found["default|"+uid].UID == uid
	})
	assert.Equal(t, first, letters(t, r.Client(), list)["default|"+uid].At, "stores remember from the first time on")
	refusing.Store(false)
	replay()
	eventually(t, "the replayed record", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.uids["7"] == uid
	})
	assert.Equal(t, first.UnixNano(), told.Load())
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	assert.Empty(t, letters(t, r.Client(), list))
}

func TestUptimeChecksBecomeLogRecords(t *testing.T) {
	r := newRedis(t)
	at := time.Date(2026, 3, 28, 10, 20, 30, 0, time.UTC)
	check := &analytics.Uptime{
		URL: "http://a.example/health", RequestTime: 12, ResponseCode: 521, TCPError: true, APIID: "api", OrgID: "org",
		TimeStamp: at, ExpireAt: at.Add(time.Hour), Day: 28, Month: 3, Year: 2026, Hour: 10, Minute: 20,
	}
	require.NoError(t, r.Client().RPush(t.Context(), analytics.UptimeList, analytics.AppendUptime(nil, check), "\xc1").Err())
	sink := new(consumertest.LogsSink)
	start(t, r.Addr(), sink, func(cfg *Config) { cfg.Uptime.Enabled = true })
	eventually(t, "the check", func() bool { return sink.LogRecordCount() == 1 })
	lr := sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	assert.Equal(t, analytics.EventUptime, lr.EventName())
	var got analytics.Uptime
	_, err := analytics.ParseUID(got.FromLog(lr))
	require.NoError(t, err)
	assert.Equal(t, *check, got)
	eventually(t, "the dead letter", func() bool { return len(letters(t, r.Client(), analytics.UptimeList)) == 1 })
}

func TestReceiptsAreMetrics(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 20)
	require.NoError(t, r.Client().RPush(t.Context(), list, "\xc1").Err())
	d := newDestination()
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "an empty Redis", func() bool { return d.count() == 20 && len(leftover(t, r.Client())) == 0 })
	want := map[string]int64{"claimed": 21, "delivered": 20, "dead_lettered": 1, "lost": 0, "shed": 0, "in_flight": 0}
	eventually(t, "the receipts", func() bool { return assert.ObjectsAreEqual(want, rec.receipts(t)) })
}
