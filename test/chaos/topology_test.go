//go:build e2e || chaos

package chaos

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// topology is how Redis is set up.
type topology string

const (
	alone         topology = "one Redis"
	withSentinels topology = "Redis with sentinels"
	clustered     topology = "Redis Cluster"
)

// sentinels is a master, two replicas, and sentinels that replace the master.
type sentinels struct {
	*peers.RedisSentinel
	// fewer is set while a fault takes a server away.
	fewer atomic.Bool
}

// sentinelReplicas is how many servers follow the master.
const sentinelReplicas = 2

func newSentinels(ctx context.Context) (server, error) {
	s, err := peers.NewRedisSentinel(ctx, durable, peers.RedisReplicas(sentinelReplicas))
	if err != nil {
		return nil, err
	}
	return &sentinels{RedisSentinel: s}, nil
}

func (s *sentinels) newClient() (redis.UniversalClient, error) {
	options, err := s.Options()
	if err != nil {
		return nil, err
	}
	options.MaxRetries, options.DialerRetries = -1, 1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = redisTimeout, redisTimeout, redisTimeout
	options.ContextTimeoutEnabled = true
	return redis.NewFailoverClient(options), nil
}

func (s *sentinels) at(_ context.Context, rdb redis.UniversalClient, _ string) (*redis.Client, error) {
	return single(rdb)
}

func (s *sentinels) receiver(config object, _ func(string) (string, error)) error {
	config["addresses"] = s.SentinelAddrs()
	config["sentinel"] = object{"master_name": s.MasterName()}
	return nil
}

// copies are all that there are. Where a machine is so busy that the sentinels replace a master that lives, it takes
// what it is given until it is told: a replica that still follows it confirms what the new master never had.
func (s *sentinels) copies() int {
	if s.fewer.Load() {
		return sentinelReplicas - 1
	}
	return sentinelReplicas
}

func (s *sentinels) nodes() []*peers.Redis { return s.Nodes() }

func (s *sentinels) longestPause() time.Duration { return 900 * time.Millisecond }

func (s *sentinels) close() { s.Close() }

func (s *sentinels) faults([]string) []fault {
	return []fault{
		{"Redis master killed, a replica takes over", s.withFewer(s.kill)},
		{"Redis master frozen, a replica takes over", s.withFewer(s.freeze)},
		{"Redis master replaced on request", s.withFewer(s.handOver)},
		{"Redis replica killed, back with its data", s.withFewer(s.killReplica)},
		{"Redis frozen (SIGSTOP)", func(ctx context.Context, d *dice) error {
			master, err := s.Master(ctx)
			if err != nil {
				return err
			}
			return pause(master, d.between(100*time.Millisecond, s.longestPause()))
		}},
	}
}

// withFewer has gateways ask for one copy less during a fault, after which all servers follow the master again.
func (s *sentinels) withFewer(run func(context.Context, *dice) error) func(context.Context, *dice) error {
	return func(ctx context.Context, d *dice) error {
		s.fewer.Store(true)
		defer s.fewer.Store(false)
		return run(ctx, d)
	}
}

func (s *sentinels) kill(ctx context.Context, d *dice) error {
	old, err := s.KillMaster(ctx)
	if err != nil {
		return err
	}
	if _, err := s.WaitFailover(ctx, old); err != nil {
		return err
	}
	time.Sleep(d.between(0, 2*time.Second))
	if err := old.Start(ctx); err != nil {
		return err
	}
	return s.WaitReady(ctx)
}

// freeze lets the old master wake up when all others have left it, and still
// take itself for the master.
func (s *sentinels) freeze(ctx context.Context, d *dice) error {
	old, err := s.Master(ctx)
	if err != nil {
		return err
	}
	if err := old.Pause(); err != nil {
		return err
	}
	time.Sleep(d.between(8*time.Second, 10*time.Second))
	if err := old.Resume(); err != nil {
		return err
	}
	return s.WaitReady(ctx)
}

// handOver has the sentinels replace a master that works. Redis would lose what is written to the old one meanwhile, and
// who still reads there would deliver what the new one has, too; so nothing is written until everybody has gone. Then the
// pause has to end, or the old one never hears that it is no master any more. Sentinels give a replacement up where a
// replica is too slow, so that they are asked again.
func (s *sentinels) handOver(ctx context.Context, _ *dice) error {
	const pause, enough = 90 * time.Second, 30 * time.Second
	const gone = 10 * time.Second // longer than any client waits for an answer
	old, err := s.Master(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = old.Client().Do(context.WithoutCancel(ctx), "CLIENT", "UNPAUSE").Err() }()
	watcher := redis.NewSentinelClient(&redis.Options{Addr: s.SentinelAddrs()[0]})
	defer func() { _ = watcher.Close() }()
	asked := time.Time{}
	if err := retry(ctx, "replace the master", func(ctx context.Context) error {
		if time.Since(asked) > enough {
			if err := old.Client().Do(ctx, "CLIENT", "PAUSE", pause.Milliseconds(), "WRITE").Err(); err != nil {
				return err
			}
			if err := watcher.Failover(ctx, s.MasterName()).Err(); err != nil {
				return err
			}
			asked = time.Now()
		}
		return s.isLeft(ctx, old)
	}); err != nil {
		return err
	}
	time.Sleep(gone)
	if err := old.Client().Do(ctx, "CLIENT", "UNPAUSE").Err(); err != nil {
		return err
	}
	return s.WaitReady(ctx)
}

// isLeft tells whether the sentinels name another master than old, which has no replica any more.
func (s *sentinels) isLeft(ctx context.Context, old *peers.Redis) error {
	master, err := s.Master(ctx)
	if err != nil {
		return err
	}
	replication, err := old.Client().Info(ctx, "replication").Result()
	if err != nil {
		return err
	}
	if master == old || !strings.Contains(replication, "connected_slaves:0\r\n") {
		return fmt.Errorf("%s is still a master", old.Addr())
	}
	return nil
}

func (s *sentinels) killReplica(ctx context.Context, d *dice) error {
	master, err := s.Master(ctx)
	if err != nil {
		return err
	}
	for _, node := range s.Nodes() {
		if node != master {
			node.Kill()
			time.Sleep(d.between(500*time.Millisecond, 3*time.Second))
			if err := node.Start(ctx); err != nil {
				return err
			}
			return s.WaitReady(ctx)
		}
	}
	return fmt.Errorf("%s has no replica", master.Addr())
}

// cluster is three masters with a replica each.
type cluster struct{ *peers.RedisCluster }

func newCluster(ctx context.Context) (server, error) {
	c, err := peers.NewRedisCluster(ctx, durable, peers.RedisReplicas(1))
	if err != nil {
		return nil, err
	}
	return &cluster{c}, nil
}

func (c *cluster) newClient() (redis.UniversalClient, error) {
	options, err := c.Options()
	if err != nil {
		return nil, err
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = redisTimeout, redisTimeout, redisTimeout
	options.DialerRetries = 1
	options.ContextTimeoutEnabled = true
	options.ClusterStateReloadInterval = time.Second
	return redis.NewClusterClient(options), nil
}

func (c *cluster) at(ctx context.Context, rdb redis.UniversalClient, key string) (*redis.Client, error) {
	client, ok := rdb.(*redis.ClusterClient)
	if !ok {
		return single(rdb)
	}
	return client.MasterForKey(ctx, key)
}

func (c *cluster) receiver(config object, _ func(string) (string, error)) error {
	config["addresses"] = c.Addrs()
	config["cluster"] = true
	return nil
}

func (c *cluster) copies() int { return 1 }

func (c *cluster) nodes() []*peers.Redis { return c.Nodes() }

func (c *cluster) longestPause() time.Duration { return 900 * time.Millisecond }

func (c *cluster) close() { c.Close() }

func (c *cluster) faults(names []string) []fault {
	return []fault{
		{"Redis master killed, a replica takes over", func(ctx context.Context, d *dice) error {
			old, err := c.KillMasterOf(ctx, oneOf(d, names...))
			if err != nil {
				return err
			}
			if err := c.WaitReady(ctx); err != nil {
				return err
			}
			time.Sleep(d.between(0, 2*time.Second))
			if err := old.Start(ctx); err != nil {
				return err
			}
			return c.WaitReady(ctx)
		}},
		{"Redis master replaced on request", func(ctx context.Context, d *dice) error {
			return c.FailOver(ctx, oneOf(d, names...))
		}},
		{"Redis slot moved to another master", func(ctx context.Context, d *dice) error {
			move, err := c.MoveSlotOf(ctx, oneOf(d, names...))
			if err != nil {
				return err
			}
			for range d.IntN(5) {
				if _, err := move.Keys(ctx, 1+d.IntN(3)); err != nil {
					return err
				}
				time.Sleep(d.between(0, 300*time.Millisecond))
			}
			return move.Finish(ctx)
		}},
	}
}
