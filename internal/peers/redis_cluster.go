package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	clusterMasters = 3
	clusterSlots   = 16384
	// clusterNodeTimeout, in ms, is after how long without a sign of life a
	// master is replaced. Much less, and a busy machine's masters are replaced too.
	clusterNodeTimeout = 2000
	// A node talks to the others on its port plus this, which must stay below the
	// ports of outgoing connections too.
	clusterBusOffset = 10_000
	clusterLastPort  = 32_000 - clusterBusOffset
)

// RedisCluster is a Redis Cluster of three masters, each with as many replicas
// as RedisReplicas says. Its methods may be called from several goroutines.
type RedisCluster struct {
	redisGroup

	client *redis.ClusterClient
}

// StartRedisCluster starts a Redis Cluster for a test and ends it with the test.
func StartRedisCluster(tb testing.TB, opts ...RedisOption) *RedisCluster {
	tb.Helper()
	c, err := NewRedisCluster(tb.Context(), opts...)
	if err != nil {
		tb.Fatalf("start a Redis Cluster: %v", err)
	}
	tb.Cleanup(c.Close)
	return c
}

// NewRedisCluster starts a Redis Cluster; the options are those of every server.
// It returns when all slots are served and all replicas have their master's
// data; ctx bounds only that. Close ends it and removes its data.
func NewRedisCluster(ctx context.Context, opts ...RedisOption) (*RedisCluster, error) {
	c := &RedisCluster{redisGroup: redisGroup{settings: newRedisSettings(opts)}}
	c.settings.lastPort = clusterLastPort
	if err := c.form(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("form a Redis Cluster: %w", err)
	}
	options, err := c.Options()
	if err != nil {
		c.Close()
		return nil, err
	}
	c.client = redis.NewClusterClient(options)
	return c, nil
}

// form starts the nodes and makes a cluster of them.
func (c *RedisCluster) form(ctx context.Context) error {
	config := []string{
		"cluster-enabled yes",
		fmt.Sprintf("cluster-node-timeout %d", clusterNodeTimeout),
		// However old its data, a replica takes over: there is no other.
		"cluster-replica-validity-factor 0",
		// Replicas stay with the master that they are given to.
		"cluster-migration-barrier 100",
	}
	if c.settings.tls {
		config = append(config, "tls-cluster yes")
	}
	if err := c.start(ctx, clusterMasters*(1+c.settings.replicas), config...); err != nil {
		return err
	}
	for i, node := range c.nodes {
		// Different epochs from the start spare the nodes to settle that among them.
		if err := node.client.Do(ctx, "cluster", "set-config-epoch", i+1).Err(); err != nil {
			return fmt.Errorf("set the epoch of %s: %w", node.Addr(), err)
		}
		if i == 0 {
			continue
		}
		host, port, err := net.SplitHostPort(node.Addr())
		if err != nil {
			return err
		}
		if err := c.nodes[0].client.ClusterMeet(ctx, host, port).Err(); err != nil {
			return fmt.Errorf("introduce %s: %w", node.Addr(), err)
		}
	}
	for i, node := range c.nodes[:clusterMasters] {
		from, to := i*clusterSlots/clusterMasters, (i+1)*clusterSlots/clusterMasters-1
		if err := node.client.ClusterAddSlotsRange(ctx, from, to).Err(); err != nil {
			return fmt.Errorf("give slots to %s: %w", node.Addr(), err)
		}
	}
	if err := await(ctx, "the nodes to know each other", c.isAcquainted); err != nil {
		return err
	}
	for i, node := range c.nodes[clusterMasters:] {
		id, err := c.nodes[i%clusterMasters].id(ctx)
		if err != nil {
			return err
		}
		if err := node.client.ClusterReplicate(ctx, id).Err(); err != nil {
			return fmt.Errorf("make %s a replica: %w", node.Addr(), err)
		}
	}
	return c.WaitReady(ctx)
}

func (c *RedisCluster) isAcquainted(ctx context.Context) error {
	for _, node := range c.nodes {
		text, err := node.client.ClusterNodes(ctx).Result()
		if err != nil {
			return err
		}
		if n := strings.Count(text, "\n"); n != len(c.nodes) || strings.Contains(text, "handshake") {
			return fmt.Errorf("%s knows %d of %d nodes", node.Addr(), n, len(c.nodes))
		}
	}
	return nil
}

// id is a cluster node's name for itself.
func (r *Redis) id(ctx context.Context) (string, error) {
	id, err := r.client.Do(ctx, "cluster", "myid").Text()
	if err != nil {
		return "", fmt.Errorf("ask %s for its id: %w", r.Addr(), err)
	}
	return id, nil
}

// Addrs are the nodes' addresses, as host:port, also of those that are stopped.
func (c *RedisCluster) Addrs() []string {
	addrs := make([]string, len(c.nodes))
	for i, node := range c.nodes {
		addrs[i] = node.Addr()
	}
	return addrs
}

// Nodes are all servers, to stop, kill, pause and start them.
func (c *RedisCluster) Nodes() []*Redis { return c.nodes }

// Certificates are those of RedisTLS, else nil.
func (c *RedisCluster) Certificates() *Certificates { return c.certs }

// Client is a client of the default user. It lives as long as the cluster does;
// do not close it.
func (c *RedisCluster) Client() *redis.ClusterClient { return c.client }

// Options are what a client of the default user needs, for clients of one's own.
func (c *RedisCluster) Options() (*redis.ClusterOptions, error) {
	single, err := c.nodes[0].Options()
	if err != nil {
		return nil, err
	}
	return &redis.ClusterOptions{
		Addrs:                    c.Addrs(),
		Password:                 single.Password,
		TLSConfig:                single.TLSConfig,
		DisableIdentity:          true,
		MaintNotificationsConfig: single.MaintNotificationsConfig,
		// A dead master does not tell who took over from it.
		ClusterStateReloadInterval: time.Second,
	}, nil
}

// WaitReady waits until every node that runs says that all slots are served, and
// all agree by whom, and all replicas that run have their master's data.
func (c *RedisCluster) WaitReady(ctx context.Context) error {
	return await(ctx, "the cluster to be ready", func(ctx context.Context) error {
		agreed := ""
		for _, node := range c.running() {
			info, err := node.client.ClusterInfo(ctx).Result()
			if err != nil {
				return err
			}
			if !strings.Contains(info, "cluster_state:ok") {
				return fmt.Errorf("%s says that the cluster is not ok", node.Addr())
			}
			owners, err := c.owners(ctx, node)
			if err != nil {
				return err
			}
			if agreed == "" {
				agreed = owners
			}
			if agreed != owners {
				return errors.New("the nodes do not agree on who serves what")
			}
			if err := node.isSynced(ctx, c.runningReplicas(ctx, node)); err != nil {
				return err
			}
		}
		return nil
	})
}

// owners describes which masters serve what in a node's view, which must count
// on all nodes that run.
func (c *RedisCluster) owners(ctx context.Context, node *Redis) (string, error) {
	slots, err := node.slots(ctx)
	if err != nil {
		return "", err
	}
	var all strings.Builder
	serving := map[string]bool{}
	for slot := 0; slot < clusterSlots; {
		i := slotRange(slots, slot)
		if i < 0 {
			return "", fmt.Errorf("nobody serves slot %d", slot)
		}
		fmt.Fprintf(&all, "%d:%s ", slot, slots[i].Nodes[0].Addr)
		slot = slots[i].End + 1
		for _, n := range slots[i].Nodes {
			serving[n.Addr] = true
		}
	}
	if up := len(c.running()); len(serving) != up {
		return "", fmt.Errorf("%s knows of %d of %d nodes that run", node.Addr(), len(serving), up)
	}
	return all.String(), nil
}

// slots is a cluster node's view of who serves what.
func (r *Redis) slots(ctx context.Context) ([]redis.ClusterSlot, error) {
	return r.client.ClusterSlots(ctx).Result() //nolint:staticcheck // Redis before 7.0 has nothing newer
}

// slotRange finds the range that a slot lies in, -1 for none.
func slotRange(slots []redis.ClusterSlot, slot int) int {
	for i, s := range slots {
		if s.Start <= slot && slot <= s.End && len(s.Nodes) > 0 {
			return i
		}
	}
	return -1
}

// runningReplicas counts the replicas of a master that run.
func (c *RedisCluster) runningReplicas(ctx context.Context, master *Redis) int {
	id, err := master.id(ctx)
	if err != nil {
		return 0
	}
	n := 0
	for _, node := range c.running() {
		if text, err := node.client.ClusterNodes(ctx).Result(); err == nil && strings.Contains(text, "myself,slave "+id) {
			n++
		}
	}
	return n
}

// MasterOf is the server that holds a key, by what the nodes that run believe.
func (c *RedisCluster) MasterOf(ctx context.Context, key string) (*Redis, error) {
	serving, err := c.serving(ctx, key)
	if err != nil {
		return nil, err
	}
	return serving[0], nil
}

// ReplicasOf are the replicas of the server that holds a key.
func (c *RedisCluster) ReplicasOf(ctx context.Context, key string) ([]*Redis, error) {
	serving, err := c.serving(ctx, key)
	if err != nil {
		return nil, err
	}
	return serving[1:], nil
}

// serving returns a key's master and its replicas.
func (c *RedisCluster) serving(ctx context.Context, key string) ([]*Redis, error) {
	slots, err := first(c.running(), func(node *Redis) ([]redis.ClusterSlot, error) { return node.slots(ctx) })
	if err != nil {
		return nil, fmt.Errorf("find the master of %q: %w", key, err)
	}
	slot, err := c.SlotOf(ctx, key)
	if err != nil {
		return nil, err
	}
	i := slotRange(slots, slot)
	if i < 0 {
		return nil, fmt.Errorf("find the master of %q: nobody serves slot %d", key, slot)
	}
	var serving []*Redis
	for _, n := range slots[i].Nodes {
		node, err := c.at(n.Addr)
		if err != nil {
			return nil, err
		}
		serving = append(serving, node)
	}
	return serving, nil
}

// SlotOf is the slot of a key, as the servers compute it.
func (c *RedisCluster) SlotOf(ctx context.Context, key string) (int, error) {
	slot, err := first(c.running(), func(node *Redis) (int64, error) { return node.client.ClusterKeySlot(ctx, key).Result() })
	if err != nil {
		return 0, fmt.Errorf("find the slot of %q: %w", key, err)
	}
	return int(slot), nil
}

// KillMasterOf ends the master of a key as a crash would, and returns it at
// once: whoever shall take over does so a few seconds later (see WaitReady).
func (c *RedisCluster) KillMasterOf(ctx context.Context, key string) (*Redis, error) {
	master, err := c.MasterOf(ctx, key)
	if err != nil {
		return nil, err
	}
	master.Kill()
	return master, nil
}

// FailOver lets a replica take over from the running master of a key, which
// loses nothing, and returns when all nodes know.
func (c *RedisCluster) FailOver(ctx context.Context, key string) error {
	replicas, err := c.ReplicasOf(ctx, key)
	if err != nil {
		return err
	}
	if len(replicas) == 0 {
		return fmt.Errorf("the master of %q has no replica: start the cluster with RedisReplicas", key)
	}
	if err := replicas[0].client.ClusterFailover(ctx).Err(); err != nil {
		return fmt.Errorf("fail over to %s: %w", replicas[0].Addr(), err)
	}
	return await(ctx, "the failover", func(ctx context.Context) error {
		for _, node := range c.running() {
			slots, err := c.owners(ctx, node)
			if err != nil {
				return err
			}
			if !strings.Contains(slots, ":"+replicas[0].Addr()+" ") {
				return fmt.Errorf("%s does not know of it", node.Addr())
			}
		}
		return c.WaitReady(ctx)
	})
}

// Move is the migration of a slot, from MoveSlotOf to Finish.
type Move struct {
	cluster  *RedisCluster
	slot     int
	from, to *Redis
	fromID   string
	toID     string
}

// MoveSlotOf begins to move the slot of a key to another master. Until Finish,
// the nodes answer TRYAGAIN and ASK where a key is not where it was.
func (c *RedisCluster) MoveSlotOf(ctx context.Context, key string) (*Move, error) {
	slot, err := c.SlotOf(ctx, key)
	if err != nil {
		return nil, err
	}
	from, err := c.MasterOf(ctx, key)
	if err != nil {
		return nil, err
	}
	m := &Move{cluster: c, slot: slot, from: from}
	for other := 0; m.to == nil || m.to == from; other += clusterSlots / clusterMasters {
		slots, err := from.slots(ctx)
		if err != nil {
			return nil, fmt.Errorf("find another master: %w", err)
		}
		i := slotRange(slots, other)
		if i < 0 {
			return nil, fmt.Errorf("find another master: nobody serves slot %d", other)
		}
		if m.to, err = c.at(slots[i].Nodes[0].Addr); err != nil {
			return nil, err
		}
	}
	if m.fromID, err = m.from.id(ctx); err != nil {
		return nil, err
	}
	if m.toID, err = m.to.id(ctx); err != nil {
		return nil, err
	}
	if err := m.to.client.Do(ctx, "cluster", "setslot", slot, "importing", m.fromID).Err(); err != nil {
		return nil, fmt.Errorf("import slot %d: %w", slot, err)
	}
	if err := m.from.client.Do(ctx, "cluster", "setslot", slot, "migrating", m.toID).Err(); err != nil {
		return nil, fmt.Errorf("migrate slot %d: %w", slot, err)
	}
	return m, nil
}

// Keys moves at most n keys of the slot, and returns how many that were.
func (m *Move) Keys(ctx context.Context, n int) (int, error) {
	keys, err := m.from.client.ClusterGetKeysInSlot(ctx, m.slot, n).Result()
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	host, port, err := net.SplitHostPort(m.to.Addr())
	if err != nil {
		return 0, err
	}
	const timeout = 10_000 // ms
	args := []any{"migrate", host, port, "", 0, strconv.Itoa(timeout)}
	if m.cluster.settings.password != "" {
		args = append(args, "auth", m.cluster.settings.password)
	}
	args = append(args, "keys")
	for _, key := range keys {
		args = append(args, key)
	}
	if err := m.from.client.Do(ctx, args...).Err(); err != nil {
		return 0, fmt.Errorf("move keys of slot %d: %w", m.slot, err)
	}
	return len(keys), nil
}

// Finish moves what is left and gives the slot to its new master.
func (m *Move) Finish(ctx context.Context) error {
	for {
		n, err := m.Keys(ctx, 100)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	for _, node := range []*Redis{m.to, m.from} {
		if err := node.client.Do(ctx, "cluster", "setslot", m.slot, "node", m.toID).Err(); err != nil {
			return fmt.Errorf("assign slot %d: %w", m.slot, err)
		}
	}
	return m.cluster.WaitReady(ctx)
}

// Close ends the cluster and removes its data.
func (c *RedisCluster) Close() {
	if c.client != nil {
		_ = c.client.Close() // reports only that it was closed before
	}
	c.close()
}
