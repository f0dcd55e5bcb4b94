package claim

import (
	"context"
	"errors"
	"fmt"
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

// replicated remembers the segments that replicas are known to have.
type replicated struct {
	mu  sync.Mutex // guards ids
	ids map[*Source]map[string]bool
}

// unknown returns those of a source's held segments that replicas may not have
// yet, and forgets the ones that are no longer held.
func (r *replicated) unknown(src *Source, held []Segment) []Segment {
	r.mu.Lock()
	defer r.mu.Unlock()
	still := map[string]bool{}
	var unknown []Segment
	for _, g := range held {
		if r.ids[src][g.ID] {
			still[g.ID] = true
		} else {
			unknown = append(unknown, g)
		}
	}
	if r.ids == nil {
		r.ids = map[*Source]map[string]bool{}
	}
	r.ids[src] = still
	return unknown
}

func (r *replicated) add(src *Source, segments []Segment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range segments {
		r.ids[src][g.ID] = true
	}
}

// replicate waits until replicas have the segments that this store has not
// shown before, and hides those of which that cannot be said.
func (s *Store) replicate(ctx context.Context, sources []*Source, visits []Visit, trouble *faults) {
	fresh := map[int][]Segment{}
	byServer := map[*redis.Client][]int{}
	for i, src := range sources {
		if visits[i].Err != nil || src.settings.WaitForReplicas == 0 {
			continue
		}
		unknown := s.replicated.unknown(src, visits[i].Held)
		if len(unknown) == 0 {
			continue
		}
		fresh[i] = unknown
		server, err := s.server(ctx, src.key)
		if err != nil {
			visits[i].hide(unknown)
			trouble.add("find the server of "+src.key, err)
			continue
		}
		byServer[server] = append(byServer[server], i)
	}
	for server, indices := range byServer {
		err := waitForReplicas(ctx, server, sources[indices[0]])
		for _, i := range indices {
			if err == nil {
				s.replicated.add(sources[i], fresh[i])
				continue
			}
			visits[i].hide(fresh[i])
			trouble.add("deliver from "+sources[i].key, err)
		}
	}
}

// hide takes segments out of a visit again.
func (v *Visit) hide(segments []Segment) {
	hidden := map[string]bool{}
	for _, g := range segments {
		hidden[g.ID] = true
	}
	shown := make([]Segment, 0, len(v.Held))
	for _, g := range v.Held {
		if !hidden[g.ID] {
			shown = append(shown, g)
		}
	}
	v.Held = shown
}

// waitForReplicas waits until as many of a server's replicas as the source's
// settings say, or all if fewer are connected, have everything that the server
// has now. WAIT is about the writes of its own connection, so that connection
// renews the source's leases before.
func waitForReplicas(ctx context.Context, server *redis.Client, src *Source) error {
	conn := server.Conn()
	defer conn.Close() //nolint:errcheck // gives the connection back
	connected, err := connectedReplicas(ctx, conn)
	if err != nil {
		return fmt.Errorf("count replicas: %w", err)
	}
	want := min(src.settings.WaitForReplicas, connected)
	if want == 0 {
		return nil
	}
	if err := leaseScript.Run(ctx, conn, src.leaseKeys(), src.leaseArgs()...).Err(); err != nil {
		return fmt.Errorf("renew the leases of %s: %w", src.key, err)
	}
	got, err := conn.Wait(ctx, want, replicasTimeout).Result()
	if err != nil {
		return fmt.Errorf("wait for replicas: %w", err)
	}
	if got < int64(want) {
		return fmt.Errorf("%w: %d of %d within %s", ErrNotReplicated, got, want, replicasTimeout)
	}
	return nil
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
