//go:build e2e || chaos

package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

const (
	// redisTimeout is how long the harness waits for one answer of Redis.
	redisTimeout = 2 * time.Second
	// patience is how long the harness goes on trying what a fault is in the way of.
	patience   = 2 * time.Minute
	retryEvery = 50 * time.Millisecond
)

// durable makes Redis answer only when what it was told is in its file, so that
// it comes back with all that it has confirmed.
var durable = peers.RedisConfig("appendonly yes", "appendfsync always")

// server is the Redis of a run, which may be several processes.
type server interface {
	// newClient makes a client that finds the master; the caller closes it.
	newClient() (redis.UniversalClient, error)
	// at is the master of a key.
	at(ctx context.Context, rdb redis.UniversalClient, key string) (*redis.Client, error)
	// receiver adds what tykredis needs to find the server; way gives the address at
	// which a server at another one is reached, if it is not found out by asking.
	receiver(config object, way func(addr string) (string, error)) error
	// copies is how many replicas confirm each push.
	copies() int
	// nodes are all processes.
	nodes() []*peers.Redis
	// longestPause is how long a master may be silent without being replaced.
	longestPause() time.Duration
	// faults are those of this kind of server only; names are the lists in use.
	faults(names []string) []fault
	close()
}

func newServer(ctx context.Context, p plan) (server, error) {
	switch p.topology {
	case withSentinels:
		return newSentinels(ctx)
	case clustered:
		return newCluster(ctx)
	default:
		return newStandalone(ctx)
	}
}

// standalone is one Redis that keeps its data.
type standalone struct{ redis *peers.Redis }

func newStandalone(ctx context.Context) (server, error) {
	single, err := peers.NewRedis(ctx, durable)
	if err != nil {
		return nil, err
	}
	return &standalone{single}, nil
}

func (s *standalone) newClient() (redis.UniversalClient, error) {
	options, err := s.redis.Options()
	if err != nil {
		return nil, err
	}
	options.MaxRetries, options.DialerRetries = -1, 1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = redisTimeout, redisTimeout, redisTimeout
	options.ContextTimeoutEnabled = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(options), nil
}

func (s *standalone) at(_ context.Context, rdb redis.UniversalClient, _ string) (*redis.Client, error) {
	return single(rdb)
}

// single is the client of what is one server at a time.
func single(rdb redis.UniversalClient) (*redis.Client, error) {
	client, ok := rdb.(*redis.Client)
	if !ok {
		return nil, fmt.Errorf("a client of type %T is of several servers", rdb)
	}
	return client, nil
}

func (s *standalone) receiver(config object, way func(string) (string, error)) error {
	at, err := way(s.redis.Addr())
	config["addresses"] = []string{at}
	return err
}

func (s *standalone) copies() int { return 0 }

func (s *standalone) nodes() []*peers.Redis { return []*peers.Redis{s.redis} }

func (s *standalone) longestPause() time.Duration { return 5 * time.Second }

func (s *standalone) close() { s.redis.Close() }

func (s *standalone) faults([]string) []fault {
	return []fault{
		{"Redis killed (SIGKILL), back with its data", func(ctx context.Context, d *dice) error {
			s.redis.Kill()
			time.Sleep(d.between(0, 3*time.Second))
			return s.redis.Start(ctx)
		}},
		{"Redis stopped (SIGTERM), back with its data", func(ctx context.Context, d *dice) error {
			if err := s.redis.Stop(ctx); err != nil {
				return err
			}
			time.Sleep(d.between(0, 4*time.Second))
			return s.redis.Start(ctx)
		}},
		{"Redis frozen (SIGSTOP)", func(_ context.Context, d *dice) error {
			return pause(s.redis, d.between(500*time.Millisecond, s.longestPause()))
		}},
		{"Redis read-only, as a replica", func(ctx context.Context, d *dice) error {
			if err := command(ctx, s, "REPLICAOF", peers.Loopback, 1); err != nil { // where nobody is
				return err
			}
			time.Sleep(d.between(500*time.Millisecond, 5*time.Second))
			return command(ctx, s, "REPLICAOF", "NO", "ONE")
		}},
	}
}

func pause(r *peers.Redis, d time.Duration) error {
	if err := r.Pause(); err != nil {
		return err
	}
	time.Sleep(d)
	return r.Resume()
}

// redisFaults are those that every kind of server can have.
func redisFaults(s server) []fault {
	return []fault{
		{"Redis' scripts flushed", func(ctx context.Context, d *dice) error {
			return volley(d, func() error { return command(ctx, s, "SCRIPT", "FLUSH") })
		}},
		{"Redis' connections cut", func(ctx context.Context, d *dice) error {
			return volley(d, func() error { return command(ctx, s, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") })
		}},
		{"Redis' commands delayed (CLIENT PAUSE)", func(ctx context.Context, d *dice) error {
			pause := d.between(200*time.Millisecond, s.longestPause()*2/3)
			if err := command(ctx, s, "CLIENT", "PAUSE", pause.Milliseconds(), oneOf(d, "ALL", "WRITE")); err != nil {
				return err
			}
			time.Sleep(pause)
			return nil
		}},
		{"Redis full (maxmemory)", func(ctx context.Context, d *dice) error {
			if err := command(ctx, s, "CONFIG", "SET", "maxmemory", "1mb"); err != nil {
				return err
			}
			time.Sleep(d.between(500*time.Millisecond, 5*time.Second))
			return command(ctx, s, "CONFIG", "SET", "maxmemory", "0")
		}},
		{"Redis without the replicas that it wants", func(ctx context.Context, d *dice) error {
			if err := command(ctx, s, "CONFIG", "SET", "min-replicas-to-write", 9); err != nil {
				return err
			}
			time.Sleep(d.between(500*time.Millisecond, 5*time.Second))
			return command(ctx, s, "CONFIG", "SET", "min-replicas-to-write", 0)
		}},
		{"Redis' file rewritten", func(ctx context.Context, d *dice) error {
			err := command(ctx, s, "BGREWRITEAOF")
			time.Sleep(d.between(0, time.Second))
			return err
		}},
	}
}

// volley does something several times in a short while.
func volley(d *dice, do func() error) error {
	for range 1 + d.IntN(20) {
		if err := do(); err != nil {
			return err
		}
		time.Sleep(d.between(0, 100*time.Millisecond))
	}
	return nil
}

// command repeats a command at each process until that has done it.
func command(ctx context.Context, s server, args ...any) error {
	for _, node := range s.nodes() {
		err := retry(ctx, fmt.Sprint(args...), func(ctx context.Context) error {
			err := node.Client().Do(ctx, args...).Err()
			if redis.HasErrorPrefix(err, "ERR Background append only file rewriting already in progress") {
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// retry repeats do until it succeeds, for as long as a fault can last.
func retry(ctx context.Context, what string, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", what, ctx.Err(), err)
		case <-time.After(retryEvery):
		}
	}
}
