package tykredisreceiver

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// settling is how long a drain may take that a failover interrupts.
const settling = 5 * time.Minute

// ledger is a destination that takes each identity once, as stores do.
type ledger struct {
	// midway is closed once half of the records are taken; the rest waits for resume.
	midway, resume chan struct{}
	half           int
	// gate, if set, is waited for by every delivery.
	gate chan struct{}

	mu     sync.Mutex
	stored map[string]map[string]bool // identities by API key
	taken  int
}

func newLedger(half int) *ledger {
	return &ledger{midway: make(chan struct{}), resume: make(chan struct{}), half: half, stored: map[string]map[string]bool{}}
}

func (*ledger) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (l *ledger) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	if l.gate != nil {
		select {
		case <-l.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if l.take(ld) {
		select {
		case <-l.resume:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// take stores records, and tells whether half of all have been.
func (l *ledger) take(ld plog.Logs) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.taken
	eachRecord(ld, func(lr plog.LogRecord) {
		var r analytics.Record
		uid := r.FromLog(lr)
		if l.stored[r.APIKey] == nil {
			l.stored[r.APIKey] = map[string]bool{}
			l.taken++
		}
		l.stored[r.APIKey][uid] = true
	})
	if l.half > 0 && before < l.half && l.taken >= l.half {
		close(l.midway)
	}
	return l.half > 0 && l.taken >= l.half
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken
}

func (l *ledger) has(i int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.stored[strconv.Itoa(i)]) > 0
}

// requireEachOnce waits for all n records and fails where one came with two
// identities, which no store could recognise.
func (l *ledger) requireEachOnce(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return l.count() == n }, settling, 10*time.Millisecond, "all records")
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range n {
		require.Len(t, l.stored[strconv.Itoa(i)], 1, "record %d", i)
	}
	require.Len(t, l.stored, n)
}

// requireEmpty waits until no server holds records any more.
func requireEmpty(t *testing.T, nodes []*peers.Redis) {
	t.Helper()
	var left []string
	require.Eventually(t, func() bool {
		left = nil
		for _, node := range nodes {
			if node.Client().Ping(t.Context()).Err() == nil {
				left = append(left, leftover(t, node.Client())...)
			}
		}
		return len(left) == 0
	}, settling, 50*time.Millisecond, "empty servers: %v", left)
}

// requireTrouble waits until the receiver has said that Redis does not work, and
// returns its words.
func (r *running) requireTrouble(t *testing.T) (said string) {
	t.Helper()
	eventually(t, "a truthful status", func() bool {
		r.host.mu.Lock()
		defer r.host.mu.Unlock()
		for _, event := range r.host.events {
			if event.Status() == componentstatus.StatusRecoverableError && strings.HasPrefix(event.Err().Error(), "redis: ") {
				said = event.Err().Error()
				return true
			}
		}
		return false
	})
	return said
}

// requireLastingTrouble watches longer than the receiver waits between two heartbeats: what has not
// worked is not well because nothing was tried.
func (r *running) requireLastingTrouble(t *testing.T) {
	t.Helper()
	require.Never(t, func() bool { return r.host.last() == componentstatus.StatusOK }, 2*2*time.Second, 5*time.Millisecond)
}

// requestLists are the keys of all 22.
func requestLists() []analytics.List { return analytics.RequestLists("analytics-") }

// pushToAll pushes n records to each of the lists.
func pushToAll(t *testing.T, rdb redis.UniversalClient, n int) (total int) {
	t.Helper()
	for _, list := range requestLists() {
		encode := analytics.AppendMsgpack
		if list.Protobuf {
			encode = analytics.AppendProtobuf
		}
		pushRecords(t, rdb, list.Key, encode, total, total+n)
		total += n
	}
	return total
}

// settle returns once the replicas of a master have all of its data.
func settle(t *testing.T, master *peers.Redis, key string, replicas int) {
	t.Helper()
	conn := master.Client().Conn()
	defer conn.Close()
	require.NoError(t, conn.Set(t.Context(), "settled:{"+key+"}", 1, 0).Err())
	require.NoError(t, conn.Del(t.Context(), "settled:{"+key+"}").Err())
	require.EqualValues(t, replicas, conn.Wait(t.Context(), replicas, 20*time.Second).Val())
}

// scriptCalls counts the calls of scripts that servers have seen, also those that
// they refused.
func scriptCalls(t *testing.T, nodes []*peers.Redis) int {
	t.Helper()
	sum := 0
	for _, node := range nodes {
		text, err := node.Client().Info(t.Context(), "commandstats").Result()
		require.NoError(t, err)
		_, stats, _ := strings.Cut(text, "cmdstat_evalsha:")
		stats, _, _ = strings.Cut(stats, "\r\n")
		for field := range strings.SplitSeq(stats, ",") {
			name, value, _ := strings.Cut(field, "=")
			if name == "calls" || name == "rejected_calls" {
				n, err := strconv.Atoi(value)
				require.NoError(t, err)
				sum += n
			}
		}
	}
	return sum
}

func onCluster(c *peers.RedisCluster) func(*Config) {
	return func(cfg *Config) {
		cfg.Addresses, cfg.Cluster = c.Addrs()[:2], true
		cfg.Timeout, cfg.Lease = 2*time.Second, 5*time.Second
	}
}

func onSentinel(s *peers.RedisSentinel) func(*Config) {
	return func(cfg *Config) {
		cfg.Addresses, cfg.Sentinel.MasterName = s.SentinelAddrs(), s.MasterName()
		cfg.Timeout, cfg.Lease = 2*time.Second, 5*time.Second
	}
}

func TestAllListsOfAClusterArriveOnce(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t)
	n := pushToAll(t, c.Client(), 25)
	owners := map[*peers.Redis]bool{}
	for _, list := range requestLists() {
		master, err := c.MasterOf(t.Context(), list.Key)
		require.NoError(t, err)
		owners[master] = true
	}
	require.Len(t, owners, 3, "the lists lie on all masters")

	d := newDestination()
	rec := start(t, "", d, onCluster(c))
	eventually(t, "all records", func() bool { return d.count() == n })
	requireEmpty(t, c.Nodes())
	for key, times := range d.kept {
		assert.Equal(t, 1, times, "record %s", key)
	}
	eventually(t, "the counters", func() bool { return rec.sum(t, "tykredis_records_delivered") == int64(n) })
	assert.EqualValues(t, n, rec.sum(t, "tykredis_records_claimed"))
	assert.Equal(t, componentstatus.StatusOK, rec.host.last())
}

func TestAClusterFailoverInTheMiddleOfADrainLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for name, failOver := range map[string]func(*testing.T, *peers.RedisCluster, *running){
		"asked for": func(t *testing.T, c *peers.RedisCluster, _ *running) {
			require.NoError(t, c.FailOver(t.Context(), list))
		},
		"of a dead master": func(t *testing.T, c *peers.RedisCluster, rec *running) {
			_, err := c.KillMasterOf(t.Context(), list)
			require.NoError(t, err)
			rec.requireTrouble(t)
			require.NoError(t, c.WaitReady(t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := peers.StartRedisCluster(t, peers.RedisReplicas(1))
			const n = 1000
			pushRecords(t, c.Client(), list, analytics.AppendMsgpack, 0, n)
			master, err := c.MasterOf(t.Context(), list)
			require.NoError(t, err)
			settle(t, master, list, 1)

			d := newLedger(n / 2)
			rec := start(t, "", d, onCluster(c))
			<-d.midway
			failOver(t, c, rec)
			after, err := c.MasterOf(t.Context(), list)
			require.NoError(t, err)
			require.NotEqual(t, master, after)
			close(d.resume)
			pushRecords(t, after.Client(), list, analytics.AppendMsgpack, n, n+100)
			d.requireEachOnce(t, n+100)
			requireEmpty(t, c.Nodes())
			eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
		})
	}
}

func TestASentinelFailoverInTheMiddleOfADrainLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	s := peers.StartRedisSentinel(t)
	const n = 1000
	pushRecords(t, s.Client(), list, analytics.AppendMsgpack, 0, n)
	master, err := s.Master(t.Context())
	require.NoError(t, err)
	settle(t, master, list, 1)

	d := newLedger(n / 2)
	rec := start(t, "", d, onSentinel(s))
	<-d.midway
	_, err = s.KillMaster(t.Context())
	require.NoError(t, err)
	rec.requireTrouble(t)
	after, err := s.WaitFailover(t.Context(), master)
	require.NoError(t, err)
	close(d.resume)
	pushRecords(t, after.Client(), list, analytics.AppendMsgpack, n, n+100)
	d.requireEachOnce(t, n+100)
	requireEmpty(t, s.Nodes())
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}

// Sentinels replace a master that works, as they do when they are asked to. It takes writes until it hears of that, from
// gateways, and from the receiver.
func TestAFailoverOnRequestDoublesNothing(t *testing.T) {
	t.Parallel()
	const replicas = 2
	s := peers.StartRedisSentinel(t, peers.RedisReplicas(replicas))
	d := newLedger(0)
	start(t, "", d, func(cfg *Config) {
		onSentinel(s)(cfg)
		cfg.PollInterval = 10 * time.Millisecond
	})
	done, confirmed := make(chan struct{}), make(chan map[string]bool)
	go func() {
		have := map[string]bool{}
		for i := 0; ; i++ {
			select {
			case <-done:
				confirmed <- have
				return
			case <-time.After(5 * time.Millisecond):
			}
			conn := s.Client().Conn()
			if err := conn.RPush(t.Context(), list, analytics.AppendMsgpack(nil, numbered(i))).Err(); err == nil {
				n, err := conn.Wait(t.Context(), replicas, 100*time.Millisecond).Result()
				have[strconv.Itoa(i)] = err == nil && n == replicas
			}
			_ = conn.Close()
		}
	}()
	for range 2 {
		before := d.count()
		eventually(t, "some records", func() bool { return d.count() > before+100 })
		master, err := s.Master(t.Context())
		require.NoError(t, err)
		watcher := redis.NewSentinelClient(&redis.Options{Addr: s.SentinelAddrs()[0]})
		require.NoError(t, watcher.Failover(t.Context(), s.MasterName()).Err())
		require.NoError(t, watcher.Close())
		_, err = s.WaitFailover(t.Context(), master)
		require.NoError(t, err)
	}
	close(done)
	pushed := <-confirmed
	eventually(t, "all that the replicas had", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		for key, safe := range pushed {
			if safe && len(d.stored[key]) == 0 {
				return false
			}
		}
		return true
	})
	eventually(t, "an empty Redis", func() bool {
		master, err := s.Master(t.Context())
		return err == nil && len(leftover(t, master.Client())) == 0
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, uids := range d.stored {
		assert.Len(t, uids, 1, "record %s", key)
	}
}

// A master that hangs is replaced while it still believes to be one.
func TestAMasterThatWakesUpAfterItsReplacementDoublesNothing(t *testing.T) {
	t.Parallel()
	s := peers.StartRedisSentinel(t)
	const n = 1000
	pushRecords(t, s.Client(), list, analytics.AppendMsgpack, 0, n)
	master, err := s.Master(t.Context())
	require.NoError(t, err)
	settle(t, master, list, 1)
	d := newLedger(n / 2)
	start(t, "", d, onSentinel(s))
	<-d.midway
	require.NoError(t, master.Pause())
	var after *peers.Redis
	require.Eventually(t, func() bool {
		after, err = s.Master(t.Context())
		return err == nil && after != master
	}, settling, 10*time.Millisecond)
	require.NoError(t, master.Resume())
	close(d.resume)
	d.requireEachOnce(t, n)
	requireEmpty(t, []*peers.Redis{after})
}

func TestAClusterNodeThatRestartsInTheMiddleOfADrainLosesNothing(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t, peers.RedisAppendOnly(), peers.RedisConfig("appendfsync always"))
	n := pushToAll(t, c.Client(), 50)
	d := newLedger(n / 2)
	rec := start(t, "", d, onCluster(c))
	<-d.midway
	killed, err := c.KillMasterOf(t.Context(), list)
	require.NoError(t, err)
	rec.requireTrouble(t)
	close(d.resume)
	require.NoError(t, killed.Start(t.Context()))
	d.requireEachOnce(t, n)
	requireEmpty(t, c.Nodes())
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}

// secured lets a receiver come as the documented user, over TLS with a client
// certificate.
func secured(certs *peers.Certificates, where func(*Config)) func(*Config) {
	return func(cfg *Config) {
		where(cfg)
		asUser(cfg)
		cfg.TLS = configtls.ClientConfig{Config: configtls.Config{
			CAFile: certs.CAFile, CertFile: certs.ClientCertFile, KeyFile: certs.ClientKeyFile,
		}}
	}
}

func TestAClusterWithTLSAndANarrowUser(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t, peers.RedisReplicas(1), peers.RedisTLS(true), peers.RedisPassword("admin's"))
	for _, node := range c.Nodes() {
		setUser(t, node.Client(), documentedRules(t, 0)...)
	}
	n := pushToAll(t, c.Client(), 20)
	d := newLedger(n / 2)
	rec := start(t, "", d, secured(c.Certificates(), onCluster(c)))
	<-d.midway
	require.NoError(t, c.FailOver(t.Context(), list))
	move, err := c.MoveSlotOf(t.Context(), list+"_0")
	require.NoError(t, err)
	close(d.resume)
	_, err = move.Keys(t.Context(), 2)
	require.NoError(t, err)
	before := scriptCalls(t, c.Nodes())
	eventually(t, "another look", func() bool { return scriptCalls(t, c.Nodes()) >= before+2*len(requestLists()) })
	require.NoError(t, move.Finish(t.Context()))
	d.requireEachOnce(t, n)
	requireEmpty(t, c.Nodes())
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
	for _, node := range c.Nodes() {
		requireNothingDenied(t, node.Client())
	}
}

func TestSentinelsWithTLSAndNarrowUsers(t *testing.T) {
	t.Parallel()
	s := peers.StartRedisSentinel(t, peers.RedisTLS(true), peers.RedisPassword("admin's"), peers.RedisSentinelPassword("watchers'"),
		peers.RedisSentinelUser(aclUser, aclPassword, strings.Join(documentedRules(t, 1)[3:], " ")))
	for _, node := range s.Nodes() {
		setUser(t, node.Client(), documentedRules(t, 0)...)
	}
	n := pushToAll(t, s.Client(), 20)
	master, err := s.Master(t.Context())
	require.NoError(t, err)
	settle(t, master, list, 1)
	d := newLedger(n / 2)
	rec := start(t, "", d, secured(s.Certificates(), func(cfg *Config) {
		onSentinel(s)(cfg)
		cfg.Sentinel.Username, cfg.Sentinel.Password = aclUser, aclPassword
	}))
	<-d.midway
	_, err = s.KillMaster(t.Context())
	require.NoError(t, err)
	after, err := s.WaitFailover(t.Context(), master)
	require.NoError(t, err)
	close(d.resume)
	d.requireEachOnce(t, n)
	requireEmpty(t, s.Nodes())
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
	requireNothingDenied(t, after.Client())
	for _, address := range s.SentinelAddrs() {
		options, err := s.Nodes()[0].Options()
		require.NoError(t, err)
		options.Addr, options.Password = address, "watchers'"
		watcher := redis.NewClient(options)
		requireNothingDenied(t, watcher)
		require.NoError(t, watcher.Close())
	}
}

func TestAListWhoseSlotMovesInTheMiddleOfADrainLosesNothing(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t)
	const n = 600
	pushRecords(t, c.Client(), list, analytics.AppendMsgpack, 0, n)
	d := newLedger(n / 2)
	rec := start(t, "", d, onCluster(c))
	<-d.midway
	lists := len(requestLists())
	move, err := c.MoveSlotOf(t.Context(), list)
	require.NoError(t, err)
	close(d.resume)
	pushed := n
	for range 4 {
		_, err := move.Keys(t.Context(), 1)
		require.NoError(t, err)
		pushRecords(t, c.Client(), list, analytics.AppendMsgpack, pushed, pushed+10)
		pushed += 10
		before := scriptCalls(t, c.Nodes())
		eventually(t, "another look", func() bool { return scriptCalls(t, c.Nodes()) >= before+2*lists })
	}
	require.NoError(t, move.Finish(t.Context()))
	d.requireEachOnce(t, pushed)
	requireEmpty(t, c.Nodes())
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}

func TestADeadMasterStopsItsOwnListsOnly(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t, peers.RedisAppendOnly(), peers.RedisConfig("appendfsync always", "cluster-require-full-coverage no"))
	dead, err := c.MasterOf(t.Context(), list)
	require.NoError(t, err)
	d := newLedger(0)
	d.gate = make(chan struct{})
	rec := start(t, "", d, onCluster(c))
	n := pushToAll(t, c.Client(), 50)
	// Something of each list is delivered, and not acknowledged.
	eventually(t, "a claim of everything", func() bool { return rec.sum(t, "tykredis_records_claimed") == int64(n) })
	dead.Kill()
	rec.requireTrouble(t)
	close(d.gate)
	alive := func() (left []string) {
		for _, node := range c.Nodes() {
			if node != dead {
				left = append(left, leftover(t, node.Client())...)
			}
		}
		return left
	}
	eventually(t, "the other masters' lists to be done", func() bool { return len(alive()) == 0 })
	pushRecords(t, c.Client(), aliveList(t, c, dead), analytics.AppendMsgpack, n, n+20)
	eventually(t, "what comes later too", func() bool { return d.has(n+19) && len(alive()) == 0 })
	require.Equal(t, componentstatus.StatusRecoverableError, rec.host.last(), "one master is still away")

	require.NoError(t, dead.Start(t.Context()))
	d.requireEachOnce(t, n+20)
	requireEmpty(t, c.Nodes())
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}

// aliveList is a list that another master holds.
func aliveList(t *testing.T, c *peers.RedisCluster, dead *peers.Redis) string {
	t.Helper()
	for _, list := range requestLists() {
		master, err := c.MasterOf(t.Context(), list.Key)
		if err == nil && master != dead && !list.Protobuf {
			return list.Key
		}
	}
	t.Fatal("all lists lie on one master")
	return ""
}
