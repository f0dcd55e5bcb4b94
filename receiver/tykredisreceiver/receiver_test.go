package tykredisreceiver

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func total(t *testing.T, m metricdata.Metrics) int64 {
	t.Helper()
	sum, ok := m.Data.(metricdata.Sum[int64])
	require.True(t, ok, "%s is no sum", m.Name)
	n := int64(0)
	for _, point := range sum.DataPoints {
		n += point.Value
	}
	return n
}

func TestRecordsOfAllListsArriveOnceAndRedisIsEmptied(t *testing.T) {
	r := newRedis(t)
	n := 0
	for i := -1; i <= 9; i++ {
		key := list
		if i >= 0 {
			key += "_" + strconv.Itoa(i)
		}
		pushRecords(t, r.Client(), key, analytics.AppendMsgpack, n, n+25)
		pushRecords(t, r.Client(), key+"_protobuf", analytics.AppendProtobuf, n+25, n+50)
		n += 50
	}
	d := newDestination()
	rec := start(t, r.Addr(), d, nil)

	eventually(t, "all records", func() bool { return d.count() == n })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	uids := map[string]bool{}
	for key, times := range d.kept {
		assert.Equal(t, 1, times, "record %s", key)
		uids[d.uids[key]] = true
	}
	assert.Len(t, uids, n, "identities are unique")
	eventually(t, "the counters", func() bool { return rec.sum(t, "tykredis_records_delivered") == int64(n) })
	assert.EqualValues(t, n, rec.sum(t, "tykredis_records_claimed"))
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}

func TestRecordsKeepComingWhileTheReceiverRuns(t *testing.T) {
	r := newRedis(t)
	d := newDestination()
	start(t, r.Addr(), d, nil)
	for i := range 20 {
		pushRecords(t, r.Client(), list, analytics.AppendMsgpack, i*3, i*3+3)
	}
	eventually(t, "all records", func() bool { return d.count() == 60 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
}

func TestLogRecordsCarryResourceScopeAndTimes(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 1)
	sink := new(consumertest.LogsSink)
	start(t, r.Addr(), sink, nil)
	eventually(t, "the record", func() bool { return sink.LogRecordCount() == 1 })
	rl := sink.AllLogs()[0].ResourceLogs().At(0)
	assert.Equal(t, map[string]any{"service.name": "tyk-gateway"}, rl.Resource().Attributes().AsRaw())
	assert.Equal(t, analytics.ScopeName, rl.ScopeLogs().At(0).Scope().Name())
	lr := rl.ScopeLogs().At(0).LogRecords().At(0)
	assert.Equal(t, analytics.EventRequest, lr.EventName())
	assert.Equal(t, numbered(0).TimeStamp, lr.Timestamp().AsTime())
	assert.WithinDuration(t, time.Now(), lr.ObservedTimestamp().AsTime(), time.Minute)
}

func TestSmallChunksOfSeveralListsTravelTogether(t *testing.T) {
	r := newRedis(t)
	for i := range 5 {
		pushRecords(t, r.Client(), list+"_"+strconv.Itoa(i), analytics.AppendMsgpack, i*2, i*2+2)
	}
	sink := new(consumertest.LogsSink)
	start(t, r.Addr(), sink, nil)
	eventually(t, "all records", func() bool { return sink.LogRecordCount() == 10 })
	require.Len(t, sink.AllLogs(), 1)
	assert.Equal(t, 5, sink.AllLogs()[0].ResourceLogs().Len(), "one ResourceLogs a chunk")
}

func TestUndecodableEntriesBecomeDeadLettersAndTheirNeighboursArrive(t *testing.T) {
	r := newRedis(t)
	poison := []string{"\xc1garbage", "", "\xde\x00\x23\xa6Method"}
	for i, p := range poison {
		pushRecords(t, r.Client(), list, analytics.AppendMsgpack, i*10, i*10+10)
		require.NoError(t, r.Client().RPush(t.Context(), list, p).Err())
	}
	d := newDestination()
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "the good records", func() bool { return d.count() == 30 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })

	dead := letters(t, r.Client(), list)
	require.Len(t, dead, len(poison))
	var found []string
	for uid, letter := range dead {
		assert.Equal(t, uid, "default|"+letter.UID)
		assert.Contains(t, letter.Reason, "undecodable: ")
		assert.Equal(t, "default", letter.Group)
		found = append(found, string(letter.Entry))
	}
	assert.ElementsMatch(t, poison, found)
	assert.EqualValues(t, 3, rec.sum(t, "tykredis_records_dead_lettered"))
}

func TestShutdownGivesUnfinishedWorkToPeersAtOnce(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 100)
	stuck := newDestination()
	stuck.answer = func(ctx context.Context, _ []string, _ plog.Logs) error {
		<-ctx.Done()
		return ctx.Err()
	}
	cfg := func(cfg *Config) { cfg.Lease, cfg.ShutdownTimeout = time.Hour, 50*time.Millisecond }
	first := start(t, r.Addr(), stuck, cfg)
	eventually(t, "a claim", func() bool { return first.sum(t, "tykredis_records_claimed") == 100 })
	begin := time.Now()
	require.NoError(t, first.Shutdown(t.Context()))
	assert.Less(t, time.Since(begin), createDefaultConfig().(*Config).ShutdownTimeout)

	d := newDestination()
	start(t, r.Addr(), d, cfg)
	eventually(t, "all records", func() bool { return d.count() == 100 })
}

func TestShutdownLetsDeliveriesEnd(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	entered, leave := make(chan struct{}), make(chan struct{})
	d := newDestination()
	d.answer = func(context.Context, []string, plog.Logs) error {
		close(entered)
		<-leave
		return nil
	}
	rec := start(t, r.Addr(), d, nil)
	<-entered
	time.AfterFunc(50*time.Millisecond, func() { close(leave) })
	require.NoError(t, rec.Shutdown(t.Context()))
	assert.Equal(t, 10, d.count())
	assert.Empty(t, leftover(t, r.Client()), "what was delivered is acknowledged")
}

func TestWhatADeadProcessHeldIsAdoptedWithTheSameIdentities(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 40)
	first := newDestination()
	first.answer = func(ctx context.Context, keys []string, _ plog.Logs) error {
		if keys[0] != "0" {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	a := start(t, r.Addr(), first, func(cfg *Config) { cfg.ShutdownTimeout = 0 })
	eventually(t, "the first chunk", func() bool { return a.sum(t, "tykredis_records_delivered") == 10 })
	// A process that dies says nothing more to Redis; its leases stay behind.
	require.NoError(t, a.Logs.(*redisReceiver).client.Close())
	require.Error(t, a.Shutdown(t.Context()))

	second := newDestination()
	start(t, r.Addr(), second, nil)
	eventually(t, "the rest", func() bool { return second.count() == 30 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	assert.NotContains(t, second.kept, "0", "the acknowledged chunk does not come again")
	segment, err := analytics.ParseUID(first.uids["0"])
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("%s-%d", segment.Segment, 39), second.uids["39"])
}

func TestRedisOutOfReachIsWaitedForAndSaid(t *testing.T) {
	r := newRedis(t, peers.RedisAppendOnly())
	require.NoError(t, r.Stop(t.Context()))
	d := newDestination()
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "a status", func() bool { return rec.host.last() == componentstatus.StatusRecoverableError })

	require.NoError(t, r.Start(t.Context()))
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 25)
	eventually(t, "all records", func() bool { return d.count() == 25 })
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}

func TestARestartOfRedisInTheMiddleLosesNothing(t *testing.T) {
	r := newRedis(t, peers.RedisAppendOnly(), peers.RedisConfig("appendfsync always"))
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 500)
	d := newDestination()
	d.answer = func(context.Context, []string, plog.Logs) error {
		time.Sleep(5 * time.Millisecond)
		return nil
	}
	start(t, r.Addr(), d, nil)
	eventually(t, "a beginning", func() bool { return d.count() > 50 })
	r.Kill()
	require.NoError(t, r.Start(t.Context()))
	eventually(t, "all records", func() bool { return d.count() == 500 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
}

func TestARedisThatComesBackEmptyIsSaidAndWorkGoesOn(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 20)
	d := newDestination()
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "the first records", func() bool { return rec.sum(t, "tykredis_records_delivered") == 20 })
	assert.Zero(t, rec.sum(t, "tykredis_rollbacks"))
	r.Kill()
	require.NoError(t, r.Start(t.Context()))
	eventually(t, "word of it", func() bool { return rec.sum(t, "tykredis_rollbacks") == 1 })
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 20, 40)
	eventually(t, "the records after it", func() bool { return d.count() == 40 })
}

func TestPasswordsAndUsers(t *testing.T) {
	r := newRedis(t, peers.RedisPassword("secret"), peers.RedisUser("collector", "other", "~* +@all"))
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 5)
	for name, adapt := range map[string]func(*Config){
		"default user": func(cfg *Config) { cfg.Password = "secret" },
		"acl user":     func(cfg *Config) { cfg.Username, cfg.Password = "collector", configopaque.String("other") },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDestination()
			start(t, r.Addr(), d, func(cfg *Config) {
				adapt(cfg)
				cfg.Group = "g" + strconv.Itoa(len(name))
			})
			pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 5, 10)
			eventually(t, "records", func() bool { return d.count() >= 5 })
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		rec := start(t, r.Addr(), newDestination(), func(cfg *Config) { cfg.Password = "wrong" })
		eventually(t, "a status", func() bool { return rec.host.last() == componentstatus.StatusRecoverableError })
	})
}

func TestTLSWithAClientCertificate(t *testing.T) {
	r := newRedis(t, peers.RedisTLS(true))
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 5)
	certs := r.Certificates()
	d := newDestination()
	start(t, r.Addr(), d, func(cfg *Config) {
		cfg.TLS = configtls.ClientConfig{Config: configtls.Config{CAFile: certs.CAFile, CertFile: certs.ClientCertFile, KeyFile: certs.ClientKeyFile}}
	})
	eventually(t, "all records", func() bool { return d.count() == 5 })
}

func TestADatabaseOtherThanZero(t *testing.T) {
	r := newRedis(t)
	rdb := r.Client()
	_, err := rdb.Do(t.Context(), "SWAPDB", 0, 2).Result()
	require.NoError(t, err)
	pushRecords(t, rdb, list, analytics.AppendMsgpack, 0, 5)
	_, err = rdb.Do(t.Context(), "SWAPDB", 0, 2).Result()
	require.NoError(t, err)
	d := newDestination()
	start(t, r.Addr(), d, func(cfg *Config) { cfg.Database = 2 })
	eventually(t, "all records", func() bool { return d.count() == 5 })
}
