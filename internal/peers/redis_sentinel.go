package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

const (
	sentinelCount      = 3
	sentinelMasterName = "tyk"
	// sentinelDownAfter, in ms, is after how long without an answer the master is
	// held to be down. Much less, and a busy machine's master is replaced too.
	sentinelDownAfter = 1500
	// sentinelFailoverTimeout, in ms, is how soon a failover that came to nothing
	// is tried again.
	sentinelFailoverTimeout = 5000
)

// RedisSentinelPassword asks for a password of the sentinels' default user.
func RedisSentinelPassword(password string) RedisOption {
	return func(s *redisSettings) { s.sentinelPassword = password }
}

// RedisSentinelUser adds an ACL user to the sentinels, as RedisUser does to the
// servers.
func RedisSentinelUser(name, password, rules string) RedisOption {
	return func(s *redisSettings) {
		s.sentinelUsers = append(s.sentinelUsers, fmt.Sprintf("user %s on %q %s", name, ">"+password, rules))
	}
}

// RedisSentinel is a master with as many replicas as RedisReplicas says (one if
// it is not used), and three sentinels that replace the master when it is gone.
// Its methods may be called from several goroutines.
type RedisSentinel struct {
	redisGroup

	sentinels []*sentinel
	client    *redis.Client
}

// sentinel is one watcher.
type sentinel struct {
	port    int
	process *Process
	client  *redis.SentinelClient
}

// StartRedisSentinel starts servers and sentinels for a test and ends them with the test.
func StartRedisSentinel(tb testing.TB, opts ...RedisOption) *RedisSentinel {
	tb.Helper()
	s, err := NewRedisSentinel(tb.Context(), opts...)
	if err != nil {
		tb.Fatalf("start Redis with sentinels: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

// NewRedisSentinel starts servers and sentinels; RedisTLS is for both. It
// returns when all replicas have the master's data and the sentinels could
// replace the master; ctx bounds only that. Close ends all and removes their data.
func NewRedisSentinel(ctx context.Context, opts ...RedisOption) (*RedisSentinel, error) {
	s := &RedisSentinel{redisGroup: redisGroup{settings: newRedisSettings(opts)}}
	s.settings.replicas = max(s.settings.replicas, 1)
	if err := s.form(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("start Redis with sentinels: %w", err)
	}
	options, err := s.Options()
	if err != nil {
		s.Close()
		return nil, err
	}
	s.client = redis.NewFailoverClient(options)
	return s, nil
}

func (s *RedisSentinel) form(ctx context.Context) error {
	if err := s.start(ctx, 1+s.settings.replicas); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.nodes[0].Addr())
	if err != nil {
		return err
	}
	for _, replica := range s.nodes[1:] {
		if err := replica.client.ReplicaOf(ctx, host, port).Err(); err != nil {
			return fmt.Errorf("make %s a replica: %w", replica.Addr(), err)
		}
	}
	if err := await(ctx, "the replicas", func(ctx context.Context) error { return s.isSynced(ctx, s.nodes[0]) }); err != nil {
		return err
	}
	for range sentinelCount {
		if err := s.startSentinel(ctx); err != nil {
			return err
		}
	}
	return await(ctx, "the sentinels to know each other", s.isWatched)
}

// isSynced tells whether all servers that run have the master's data.
func (s *RedisSentinel) isSynced(ctx context.Context, master *Redis) error {
	up := s.running()
	for _, node := range up {
		if err := node.isSynced(ctx, len(up)-1); err != nil {
			return err
		}
	}
	return master.isMaster(ctx)
}

func (r *Redis) isMaster(ctx context.Context) error {
	fields, err := r.info(ctx, "replication")
	if err == nil && fields["role"] != "master" {
		err = fmt.Errorf("%s is no master", r.Addr())
	}
	return err
}

// isWatched tells whether all sentinels could replace the master.
func (s *RedisSentinel) isWatched(ctx context.Context) error {
	for _, watcher := range s.sentinels {
		master, err := watcher.client.Master(ctx, sentinelMasterName).Result()
		if err != nil {
			return err
		}
		others, replicas := strconv.Itoa(sentinelCount-1), strconv.Itoa(s.settings.replicas)
		if master["flags"] != "master" || master["num-other-sentinels"] != others || master["num-slaves"] != replicas {
			return fmt.Errorf("a sentinel says: %s, %s other sentinels, %s replicas",
				master["flags"], master["num-other-sentinels"], master["num-slaves"])
		}
		if err := watcher.client.CkQuorum(ctx, sentinelMasterName).Err(); err != nil {
			return err
		}
	}
	return nil
}

// startSentinel starts one more sentinel.
func (s *RedisSentinel) startSentinel(ctx context.Context) error {
	const attempts = 10
	for attempt := 1; ; attempt++ {
		watcher, err := s.launchSentinel(ctx)
		if err == nil {
			s.sentinels = append(s.sentinels, watcher)
			return nil
		}
		if !errors.Is(err, errPortTaken) || attempt == attempts {
			return err
		}
	}
}

func (s *RedisSentinel) launchSentinel(ctx context.Context) (*sentinel, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, fmt.Sprintf("sentinel-%d.conf", port))
	text, err := s.sentinelConfiguration(port)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write the sentinel's configuration: %w", err)
	}
	cmd := exec.Command("redis-server", file, "--sentinel") //nolint:gosec // a fixed program and a file of ours
	cmd.Dir = s.dir
	process, err := StartProcess(cmd)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, redisStartTimeout)
	defer cancel()
	if err := process.WaitOutput(ctx, "+monitor master "+sentinelMasterName); err != nil {
		process.Kill()
		if strings.Contains(strings.ToLower(process.Output()), "address already in use") {
			return nil, fmt.Errorf("start a sentinel on %s: %w", Address(port), errPortTaken)
		}
		return nil, err
	}
	options, err := s.nodes[0].Options()
	if err != nil {
		process.Kill()
		return nil, err
	}
	options.Addr, options.Password = Address(port), s.settings.sentinelPassword
	return &sentinel{port: port, process: process, client: redis.NewSentinelClient(options)}, nil
}

// sentinelConfiguration is the text of a sentinel.conf.
func (s *RedisSentinel) sentinelConfiguration(port int) (string, error) {
	host, masterPort, err := net.SplitHostPort(s.nodes[0].Addr())
	if err != nil {
		return "", err
	}
	lines := []string{
		"bind " + Loopback,
		fmt.Sprintf("dir %q", s.dir),
		"daemonize no",
		`logfile ""`,
	}
	if s.certs == nil {
		lines = append(lines, fmt.Sprintf("port %d", port))
	} else {
		lines = append(lines, s.nodes[0].tlsConfiguration(port)...)
		lines = append(lines, s.tlsToPeers()...)
	}
	if s.settings.sentinelPassword != "" {
		lines = append(lines, fmt.Sprintf("requirepass %q", s.settings.sentinelPassword),
			fmt.Sprintf("sentinel sentinel-pass %q", s.settings.sentinelPassword))
	}
	lines = append(lines, s.settings.sentinelUsers...)
	lines = append(lines,
		fmt.Sprintf("sentinel monitor %s %s %s %d", sentinelMasterName, host, masterPort, sentinelCount/2+1),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", sentinelMasterName, sentinelDownAfter),
		fmt.Sprintf("sentinel failover-timeout %s %d", sentinelMasterName, sentinelFailoverTimeout),
	)
	if s.settings.password != "" {
		lines = append(lines, fmt.Sprintf("sentinel auth-pass %s %q", sentinelMasterName, s.settings.password))
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// SentinelAddrs are the sentinels' addresses, as host:port.
func (s *RedisSentinel) SentinelAddrs() []string {
	addrs := make([]string, len(s.sentinels))
	for i, watcher := range s.sentinels {
		addrs[i] = Address(watcher.port)
	}
	return addrs
}

// MasterName is what the sentinels call the master.
func (s *RedisSentinel) MasterName() string { return sentinelMasterName }

// Nodes are the servers, to stop, kill, pause and start them.
func (s *RedisSentinel) Nodes() []*Redis { return s.nodes }

// Certificates are those of RedisTLS, else nil.
func (s *RedisSentinel) Certificates() *Certificates { return s.certs }

// Client is a client of the default user that follows the master. It lives as
// long as the servers do; do not close it.
func (s *RedisSentinel) Client() *redis.Client { return s.client }

// Options are what a client of the default users needs, for clients of one's own.
func (s *RedisSentinel) Options() (*redis.FailoverOptions, error) {
	single, err := s.nodes[0].Options()
	if err != nil {
		return nil, err
	}
	return &redis.FailoverOptions{
		MasterName:       sentinelMasterName,
		SentinelAddrs:    s.SentinelAddrs(),
		SentinelPassword: s.settings.sentinelPassword,
		Password:         single.Password,
		TLSConfig:        single.TLSConfig,
		DisableIdentity:  true,
	}, nil
}

// Master is the server that the sentinels name.
func (s *RedisSentinel) Master(ctx context.Context) (*Redis, error) {
	address, err := s.sentinels[0].masterAddr(ctx)
	if err != nil {
		return nil, err
	}
	return s.at(address)
}

func (s *sentinel) masterAddr(ctx context.Context) (string, error) {
	at, err := s.client.GetMasterAddrByName(ctx, sentinelMasterName).Result()
	if err != nil {
		return "", fmt.Errorf("ask a sentinel for the master: %w", err)
	}
	return net.JoinHostPort(at[0], at[1]), nil
}

// KillMaster ends the master as a crash would, and returns it at once: a replica
// takes over a few seconds later (see WaitFailover).
func (s *RedisSentinel) KillMaster(ctx context.Context) (*Redis, error) {
	master, err := s.Master(ctx)
	if err != nil {
		return nil, err
	}
	master.Kill()
	return master, nil
}

// WaitFailover waits until all sentinels name a master that is not old, all
// servers that run follow it, and returns it.
func (s *RedisSentinel) WaitFailover(ctx context.Context, old *Redis) (*Redis, error) {
	return s.waitMaster(ctx, "a replica to take over from "+old.Addr(), func(named *Redis) error {
		if named == old {
			return errors.New("a sentinel still names it")
		}
		return nil
	})
}

// WaitReady waits until all sentinels name the same master and all servers that
// run follow it.
func (s *RedisSentinel) WaitReady(ctx context.Context) error {
	_, err := s.waitMaster(ctx, "the servers to be ready", func(*Redis) error { return nil })
	return err
}

// waitMaster waits for a master that all sentinels name, all servers follow, and
// wanted has nothing against.
func (s *RedisSentinel) waitMaster(ctx context.Context, what string, wanted func(named *Redis) error) (*Redis, error) {
	var master *Redis
	err := await(ctx, what, func(ctx context.Context) error {
		for i, watcher := range s.sentinels {
			address, err := watcher.masterAddr(ctx)
			if err != nil {
				return err
			}
			named, err := s.at(address)
			if err != nil {
				return err
			}
			if err := wanted(named); err != nil {
				return err
			}
			if i > 0 && named != master {
				return errors.New("the sentinels do not agree")
			}
			master = named
		}
		return s.isSynced(ctx, master)
	})
	return master, err
}

// Close ends servers and sentinels and removes their data.
func (s *RedisSentinel) Close() {
	if s.client != nil {
		_ = s.client.Close() // reports only that it was closed before
	}
	for _, watcher := range s.sentinels {
		_ = watcher.client.Close() // as above
		watcher.process.Kill()
	}
	s.close()
}
