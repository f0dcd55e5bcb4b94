package claim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// replicasTimeout is how long Visit waits for replicas at most. It is asked
// again with the next visit, and leases are to be renewed meanwhile.
const replicasTimeout = time.Second

// ErrNotReplicated says that too few replicas have a claim. Were its entries
// delivered, and the master lost with the claim, they would be claimed once more
// and come with other identities.
var ErrNotReplicated = errors.New("too few replicas have the claimed entries")

// replicated remembers how many entries of a segment replicas are known to have.
type replicated struct {
	mu     sync.Mutex // guards counts
	counts map[*Source]map[string]int64
}

// known returns how many entries of a source's held segments replicas have, whether
// that is all, and forgets the segments that are no longer held.
func (r *replicated) known(src *Source, held []Segment) (counts map[string]int64, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts, all = map[string]int64{}, true
	for _, g := range held {
		counts[g.ID] = r.counts[src][g.ID]
		all = all && counts[g.ID] >= g.Count
	}
	if r.counts == nil {
		r.counts = map[*Source]map[string]int64{}
	}
	r.counts[src] = counts
	return counts, all
}

func (r *replicated) add(src *Source, segments []Segment) {
	counts := map[string]int64{}
	for _, g := range segments {
		counts[g.ID] = g.Count
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[src] = counts
}

// replicate waits until replicas have what this store has not shown before of the
// segments, and hides what of them that cannot be said of.
func (s *Store) replicate(ctx context.Context, sources []*Source, visits []Visit, trouble *faults) {
	known := map[int]map[string]int64{}
	byServer := map[*redis.Client][]int{}
	for i, src := range sources {
		if visits[i].Err != nil || src.settings.WaitForReplicas == 0 {
			continue
		}
		counts, all := s.replicated.known(src, visits[i].Held)
		if all {
			continue
		}
		known[i] = counts
		server, err := s.server(ctx, src.key)
		if err != nil {
			visits[i].hide(counts)
			trouble.add("find the server of "+src.key, err)
			continue
		}
		byServer[server] = append(byServer[server], i)
	}
	for server, indices := range byServer {
		err := s.waitForReplicas(ctx, server, sources[indices[0]])
		for _, i := range indices {
			if err == nil {
				s.replicated.add(sources[i], visits[i].Held)
				continue
			}
			visits[i].hide(known[i])
			trouble.add("deliver from "+sources[i].key, err)
		}
	}
}

// hide takes out of a visit again what replicas are not known to have.
func (v *Visit) hide(known map[string]int64) {
	shown := make([]Segment, 0, len(v.Held))
	for _, g := range v.Held {
		if n := known[g.ID]; n > 0 {
			g.Kept -= max(g.Count-n, 0)
			g.Count = min(g.Count, n)
			shown = append(shown, g)
		}
	}
	v.Held = shown
}

// waitForReplicas waits until as many of a server's replicas as the source's
// settings say, or all if fewer are connected, have everything that the server
// has now. WAIT is about the writes of its own connection, so that connection
// renews the source's leases before.
func (s *Store) waitForReplicas(ctx context.Context, server *redis.Client, src *Source) error {
	conn := server.Conn()
	defer conn.Close() //nolint:errcheck // gives the connection back
	want, err := s.trusted(ctx, server, conn, src.settings.WaitForReplicas)
	if err != nil || want == 0 {
		return err
	}
	lease := src.lease(true)
	if err := lease.script.Run(ctx, conn, lease.keys, lease.args...).Err(); err != nil {
		return fmt.Errorf("renew the leases of %s: %w", src.key, err)
	}
	return s.awaitReplicas(ctx, server, conn, want)
}

// awaitReplicas waits until so many replicas have what a connection has written. That counts unless a replica has left
// meanwhile, which may be the master soon and need not be one of them.
func (s *Store) awaitReplicas(ctx context.Context, server *redis.Client, conn *redis.Conn, want int) error {
	if want == 0 {
		return nil
	}
	got, err := conn.Wait(ctx, want, replicasTimeout).Result()
	if err != nil {
		return fmt.Errorf("wait for replicas: %w", err)
	}
	if got < int64(want) {
		return fmt.Errorf("%w: %d of %d within %s", ErrNotReplicated, got, want, replicasTimeout)
	}
	_, err = s.trusted(ctx, server, conn, want)
	return err
}

// connectedReplicas counts the replicas that are in step with a master. A server
// that does not know the question has none.
func connectedReplicas(ctx context.Context, conn *redis.Conn) (int, error) {
	reply, err := conn.Do(ctx, "role").Slice()
	switch {
	case redis.HasErrorPrefix(err, "unknown command"):
		return 0, nil
	case err != nil:
		return 0, err
	case len(reply) != 3 || reply[0] != "master":
		return 0, fmt.Errorf("the server is not a master any more: %v", reply)
	}
	replicas, ok := reply[2].([]any)
	if !ok {
		return 0, fmt.Errorf("unexpected reply %v", reply)
	}
	return len(replicas), nil
}

// trusted tells how many replicas are to be waited for, most or all that are connected. It is ErrNotReplicated while
// a master may be being replaced.
func (s *Store) trusted(ctx context.Context, server *redis.Client, conn *redis.Conn, most int) (int, error) {
	connected, err := connectedReplicas(ctx, conn)
	if err != nil {
		return 0, fmt.Errorf("count replicas: %w", err)
	}
	return min(most, connected), s.followers.check(ctx, server.Options().Addr, conn, connected)
}

// followers remembers which servers replicas have left. They leave a master that is being replaced, and what it is given
// from then on, or what only the last of them has, is gone once it hears of that. Who asks it meanwhile would deliver
// what the new master has, too.
type followers struct {
	mu   sync.Mutex // guards of
	of   map[string]following
	hold time.Duration // for which such a server is not trusted; what asks it hears of another master sooner
}

// following is what was seen of a server.
type following struct {
	id   string // of what it replicates, which a server that takes over changes
	most int    // replicas, until that many are no longer expected
	now  int
	left time.Time // when one of them was missed last, zero while none is
}

// replacing is the hold of stores.
const replacing = 15 * time.Second

// check notes how many replicas a server has, and is ErrNotReplicated for a while after one has left it.
func (f *followers) check(ctx context.Context, address string, conn *redis.Conn, connected int) error {
	f.mu.Lock()
	was := f.of[address]
	f.mu.Unlock()
	if connected == was.now && was.left.IsZero() {
		return nil
	}
	id, err := replicationID(ctx, conn)
	if err != nil {
		return fmt.Errorf("ask what is replicated: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	is := following{id: id, most: connected, now: connected}
	was = f.of[address]
	if id == was.id && connected < was.most {
		is.most, is.left = was.most, was.left
		if is.left.IsZero() || connected < was.now {
			is.left = time.Now()
		}
		if time.Since(is.left) >= f.hold {
			is = following{id: id, most: connected, now: connected}
		}
	}
	f.of[address] = is
	if is.left.IsZero() {
		return nil
	}
	return fmt.Errorf("%w: %d of %d replicas have left, as they leave a master that is being replaced; it is trusted again %s after the last one",
		ErrNotReplicated, is.most-is.now, is.most, f.hold)
}

// replicationID names what a server replicates.
func replicationID(ctx context.Context, conn *redis.Conn) (string, error) {
	text, err := conn.Info(ctx, "replication").Result()
	_, after, _ := strings.Cut(text, "master_replid:")
	id, _, _ := strings.Cut(after, "\r\n")
	return id, err
}
