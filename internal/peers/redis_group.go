package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// groupTimeout is how long several servers may take to find each other, to fail
// over, or to settle after that.
const groupTimeout = 3 * time.Minute

// RedisReplicas gives each master of a RedisCluster, or the master of a
// RedisSentinel, this many replicas. The defaults are none and one.
func RedisReplicas(n int) RedisOption {
	return func(s *redisSettings) { s.replicas = n }
}

// redisGroup is several servers that replicate each other, with the same
// settings and certificates.
type redisGroup struct {
	settings redisSettings
	dir      string // of the certificates and the sentinels
	certs    *Certificates
	nodes    []*Redis
}

// start starts n servers; extra are lines of redis.conf beside the settings'.
func (g *redisGroup) start(ctx context.Context, n int, extra ...string) error {
	if g.settings.directory != "" {
		return errors.New("the servers of a group cannot share a directory: leave RedisDirectory out")
	}
	dir, err := os.MkdirTemp("", "peer-redis-group-")
	if err != nil {
		return fmt.Errorf("make the group's directory: %w", err)
	}
	g.dir = dir
	if g.settings.tls {
		if g.certs, err = NewCertificates(dir, "client"); err != nil {
			return err
		}
	}
	settings := g.settings
	settings.certs = g.certs
	settings.config = append(g.replication(), append(extra, g.settings.config...)...)
	g.nodes = make([]*Redis, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { g.nodes[i], errs[i] = newRedis(ctx, settings) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// replication is how servers reach each other, and what makes that fast.
func (g *redisGroup) replication() []string {
	lines := []string{"repl-diskless-sync yes", "repl-diskless-sync-delay 0", "repl-ping-replica-period 1"}
	if g.settings.password != "" {
		lines = append(lines, fmt.Sprintf("masterauth %q", g.settings.password))
	}
	return append(lines, g.tlsToPeers()...)
}

// tlsToPeers makes a server speak TLS to its peers too.
func (g *redisGroup) tlsToPeers() []string {
	if g.certs == nil {
		return nil
	}
	return []string{
		"tls-replication yes",
		fmt.Sprintf("tls-client-cert-file %q", g.certs.ClientCertFile),
		fmt.Sprintf("tls-client-key-file %q", g.certs.ClientKeyFile),
	}
}

// running returns the servers that are not stopped.
func (g *redisGroup) running() []*Redis {
	var up []*Redis
	for _, node := range g.nodes {
		if node != nil && node.isRunning() {
			up = append(up, node)
		}
	}
	return up
}

// at finds a server by its address.
func (g *redisGroup) at(address string) (*Redis, error) {
	for _, node := range g.nodes {
		if node.Addr() == address {
			return node, nil
		}
	}
	return nil, fmt.Errorf("no server of the group listens on %q", address)
}

func (g *redisGroup) close() {
	for _, node := range g.nodes {
		if node != nil {
			node.Close()
		}
	}
	if g.dir != "" {
		_ = os.RemoveAll(g.dir) // a leftover in the temporary directory harms nobody
	}
}

// isRunning is false while the Redis is stopped.
func (r *Redis) isRunning() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process != nil
}

// info reads fields of a section of INFO.
func (r *Redis) info(ctx context.Context, section string) (map[string]string, error) {
	text, err := r.client.Info(ctx, section).Result()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its %s: %w", r.Addr(), section, err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}

// isSynced tells whether a master has that many replicas that have all of its
// data, and a replica its master.
func (r *Redis) isSynced(ctx context.Context, replicas int) error {
	fields, err := r.info(ctx, "replication")
	if err != nil {
		return err
	}
	if fields["role"] != "master" {
		if fields["master_link_status"] != "up" {
			return fmt.Errorf("%s is not in step with its master", r.Addr())
		}
		return nil
	}
	online := 0
	for i := range replicas {
		if strings.Contains(fields["slave"+strconv.Itoa(i)], "state=online") {
			online++
		}
	}
	if online < replicas {
		return fmt.Errorf("%s has %d of %d replicas", r.Addr(), online, replicas)
	}
	return nil
}

// await repeats check until it returns nil. The error tells what was waited for
// and what was wrong last.
func await(ctx context.Context, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, groupTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %w", what, ctx.Err(), last)
		case <-ticker.C:
		}
	}
}

// first asks one server after the other and returns the first answer.
func first[T any](nodes []*Redis, ask func(*Redis) (T, error)) (T, error) {
	errs := []error{errors.New("no server of the group answers")}
	for _, node := range nodes {
		answer, err := ask(node)
		if err == nil {
			return answer, nil
		}
		errs = append(errs, err)
	}
	var none T
	return none, errors.Join(errs...)
}
