//go:build e2e

package chaos

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The short form of `make chaos`.
func TestNothingIsLostOrDoubled(t *testing.T) {
	const length = 25 * time.Second
	for _, seed := range []uint64{1, 4} {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			p := newPlan(seed, length)
			p.files = seed == 1
			if seed == 1 { // two processes beside the others are enough for two processors
				p.doubles = nil
			}
			t.Log(runPlan(t, p).summary())
		})
	}
}

func TestNothingIsLostOrDoubledInMongoByReplicas(t *testing.T) {
	p := plan{
		seed: 2, length: 20 * time.Second, topology: alone, replicas: 1, mongo: rollupsMixed, writers: 3,
		lists: 2, poison: 150,
	}
	p.rate, p.poll = p.mongo.pace()
	o := runPlan(t, p)
	t.Log(o.summary())
	assert.Positive(t, o.rollups["MongoDB"].hits)
}

func TestThreeReplicasShareAGroupWithoutDeadlocksAndToTheLastDigit(t *testing.T) {
	p := plan{
		seed: 1, length: 10 * time.Second, topology: alone, replicas: 3,
		rate: 8000, lists: 4, poison: 1000, poll: 50 * time.Millisecond,
	}
	w, err := newWorld(t.Context(), p, t.TempDir(), t.ArtifactDir())
	require.NoError(t, err)
	t.Cleanup(w.close)
	require.NoError(t, w.begin(t.Context()))

	stop := make(chan struct{})
	var watching sync.WaitGroup
	var workers []string
	watching.Go(func() { workers = w.workers(t.Context(), stop) })
	require.NoError(t, w.load(t.Context(), nil))
	require.NoError(t, w.drain(t.Context()))
	close(stop)
	watching.Wait()
	require.NoError(t, w.end(t.Context()))

	o := w.check(t.Context())
	assert.Len(t, workers, p.replicas, "those that held leases")
	assert.GreaterOrEqual(t, o.rollups["PostgreSQL"].hits, int64(o.records))
	t.Log(o.summary())
	if o.faulty != nil {
		w.diagnose(t)
	}
	require.NoError(t, o.faulty)
}

// workers watches who holds leases, until it is told to stop.
func (w *world) workers(ctx context.Context, stop <-chan struct{}) []string {
	var seen []string
	for {
		reports, err := w.books.inspect(ctx)
		if err != nil {
			return nil
		}
		for _, report := range reports {
			for _, segment := range report.Segments {
				for _, lease := range segment.Leases {
					if !slices.Contains(seen, lease.Worker) {
						seen = append(seen, lease.Worker)
					}
				}
			}
		}
		select {
		case <-stop:
			return seen
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// The measurement is that of `make chaos`, with less of everything, and so less exact.
func TestAGroupIsNotHeldUpByAnotherWhoseDestinationIsDown(t *testing.T) {
	checkIsolation(t, 50_000, 3, 0.6, oneProcess, twoProcesses)
}
