package rollups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// gate stands in front of a store and lets one transaction after the other through.
type gate struct {
	*GroupCommit

	entered chan entered
	result  chan error // of what has entered
}

type entered struct {
	ctx   context.Context
	batch *Batch
}

// newGate gives each transaction the result that the test chooses.
func newGate(t *testing.T) *gate {
	t.Helper()
	aggregated := layout.Table{Layout: layout.AggregatedLayout, Name: "tyk_aggregated"}
	g := &gate{entered: make(chan entered), result: make(chan error)}
	g.GroupCommit = &GroupCommit{Tables: NewTables([]layout.Table{aggregated}), Write: func(ctx context.Context, b *Batch) error {
		g.entered <- entered{ctx, b}
		return <-g.result
	}}
	return g
}

// push stores the rollups of records of a segment, in a goroutine of its own.
func (g *gate) push(ctx context.Context, t *testing.T, segment string, first, last int) (*Batch, <-chan error) {
	t.Helper()
	b := g.batch(t, segment, first, last)
	g.mu.Lock()
	before := len(g.waiting)
	writing := g.writing
	g.mu.Unlock()
	done := make(chan error, 1)
	go func() { done <- g.Store(ctx, b) }()
	if writing {
		g.awaitWaiting(t, before+1)
	}
	return b, done
}

func (g *gate) batch(t *testing.T, segment string, first, last int) *Batch {
	t.Helper()
	groups, _ := sinktest.Aggregator(t, nil).Aggregate(sinktest.Hits(segment, first, last), nil)
	return NewBatch(g.Tables, groups)
}

// awaitWaiting waits until so many pushes wait.
func (g *gate) awaitWaiting(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return g.Waits() == n }, sinktest.Long, time.Millisecond)
}

// ranges tells which records a batch counts.
func (b *Batch) ranges() []string {
	var all []string
	for i := range b.Groups {
		for _, r := range b.Groups[i].Records.Ranges() {
			all = append(all, fmt.Sprintf("%s %d-%d", b.Groups[i].Segment, r.First, r.Last))
		}
	}
	return all
}

func TestPushesThatComeMeanwhileMakeTheNextTransaction(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	_, alone := g.push(t.Context(), t, "seg", 0, 9)
	assert.Equal(t, []string{"seg 0-9"}, (<-g.entered).batch.ranges(), "which waits for nobody")
	var others []<-chan error
	for i := 1; i <= 3; i++ {
		_, done := g.push(t.Context(), t, "seg", i*10, i*10+9)
		others = append(others, done)
	}
	g.result <- nil
	require.NoError(t, <-alone)
	assert.Equal(t, []string{"seg 10-19", "seg 20-29", "seg 30-39"}, (<-g.entered).batch.ranges())
	g.result <- nil
	for _, done := range others {
		require.NoError(t, <-done)
	}
	g.Close()
}

func TestTheSameRecordsAreNotInOneTransactionTwice(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	_, first := g.push(t.Context(), t, "other", 0, 9)
	<-g.entered
	var done []<-chan error
	for _, r := range [][2]int{{0, 9}, {0, 9}, {10, 19}, {19, 29}, {5, 5}} {
		_, one := g.push(t.Context(), t, "seg", r[0], r[1])
		done = append(done, one)
	}
	g.result <- nil
	for _, want := range [][]string{{"seg 0-9", "seg 10-19"}, {"seg 0-9", "seg 19-29"}, {"seg 5-5"}} {
		assert.Equal(t, want, (<-g.entered).batch.ranges())
		g.result <- nil
	}
	for _, one := range append(done, first) {
		require.NoError(t, <-one)
	}
	g.Close()
}

func TestTransactionsOfManyPushesAreBounded(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	_, first := g.push(t.Context(), t, "seg", 0, 0)
	<-g.entered
	done := []<-chan error{first}
	for i := range maxMergedPushes + 1 {
		_, one := g.push(t.Context(), t, "seg", i+1, i+1)
		done = append(done, one)
	}
	big := g.batch(t, "seg", 1000, 1009)
	big.Groups[0].Rollups = slices.Repeat(big.Groups[0].Rollups, maxMergedRollups/len(big.Groups[0].Rollups)+1)
	go func() { assert.NoError(t, g.Store(t.Context(), big)) }()
	g.awaitWaiting(t, maxMergedPushes+2)
	g.result <- nil
	assert.Len(t, (<-g.entered).batch.Groups, maxMergedPushes)
	g.result <- nil
	assert.Len(t, (<-g.entered).batch.Groups, 1)
	g.result <- nil
	assert.Equal(t, big.ranges(), (<-g.entered).batch.ranges(), "what is larger than the bound goes alone")
	g.result <- nil
	for _, one := range done {
		require.NoError(t, <-one)
	}
	g.Close()
}

// What may have taken too long is tried with fewer, down to what any database manages in time.
func TestTransactionsGetSmallerAfterFailures(t *testing.T) {
	t.Parallel()
	c := &GroupCommit{}
	for range 20 {
		c.learn(errors.New("deadline exceeded"))
	}
	assert.LessOrEqual(t, maxMergedRollups>>c.fewer, minMergedRollups)
	assert.Greater(t, maxMergedRollups>>c.fewer, minMergedRollups/2-1)
	for range 20 {
		c.learn(nil)
	}
	assert.Zero(t, c.fewer)

	g := newGate(t)
	g.fewer = 5 // 1875
	_, first := g.push(t.Context(), t, "seg", 0, 0)
	<-g.entered
	var done []<-chan error
	for i := range 3 {
		b := g.batch(t, "seg", i+1, i+1)
		b.Groups[0].Rollups = slices.Repeat(b.Groups[0].Rollups, 900/len(b.Groups[0].Rollups))
		one := make(chan error, 1)
		go func() { one <- g.Store(t.Context(), b) }()
		g.awaitWaiting(t, i+1)
		done = append(done, one)
	}
	g.result <- errors.New("deadline exceeded")
	require.Error(t, <-first)
	assert.Len(t, (<-g.entered).batch.Groups, 2)
	g.result <- nil
	assert.Len(t, (<-g.entered).batch.Groups, 1)
	g.result <- nil
	for _, one := range done {
		require.NoError(t, <-one)
	}
	g.Close()
}

func TestATransactionsErrorIsThatOfEachOfItsPushes(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	_, alone := g.push(t.Context(), t, "seg", 0, 9)
	<-g.entered
	_, one := g.push(t.Context(), t, "seg", 10, 19)
	_, other := g.push(t.Context(), t, "seg", 20, 29)
	broken := errors.New("connection lost")
	g.result <- nil
	require.NoError(t, <-alone)
	<-g.entered
	g.result <- broken
	require.ErrorIs(t, <-one, broken)
	require.ErrorIs(t, <-other, broken)
	g.Close()
}

func TestEachPushLearnsWhatBecameOfItsOwnGroups(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	_, alone := g.push(t.Context(), t, "seg", 0, 9)
	<-g.entered
	applied, done1 := g.push(t.Context(), t, "seg", 10, 19)
	refused, done2 := g.push(t.Context(), t, "seg", 20, 29)
	mixed, done3 := g.push(t.Context(), t, "seg", 30, 39)
	stored, done4 := g.push(t.Context(), t, "seg", 40, 49)
	g.result <- nil
	b := (<-g.entered).batch
	b.Look([][]push.Span{{{Segment: "seg", First: 10, Last: 19}, {Segment: "seg", First: 35, Last: 100, Members: []byte{1}}}})
	b.Refuse(1, push.ReasonConstraint, "no")
	g.result <- nil
	for _, done := range []<-chan error{alone, done1, done2, done3, done4} {
		require.NoError(t, <-done)
	}
	assert.Equal(t, [][]push.EntryState{{push.StateApplied}, {push.StateRefused}, {push.StateWithheld}, {push.StatePending}},
		[][]push.EntryState{applied.States, refused.States, mixed.States, stored.States})
	require.NoError(t, stored.OverlapError())
	require.NoError(t, stored.RefusedError("tyksql"))
	var named *analytics.RefusedError
	require.ErrorAs(t, refused.RefusedError("tyksql"), &named)
	assert.Len(t, named.Records, 10)
	var overlap *rollup.OverlapError
	require.ErrorAs(t, mixed.OverlapError(), &overlap)
	assert.Equal(t, []rollup.Range{{First: 35, Last: 35}}, overlap.Overlaps[0].Applied.Ranges())
	g.Close()
}

func TestACallerThatLeavesDoesNotEndTheWriteOfOthers(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	leaving, leave := context.WithCancel(t.Context())
	defer leave()
	_, alone := g.push(t.Context(), t, "seg", 0, 9)
	<-g.entered
	_, one := g.push(leaving, t, "seg", 10, 19)
	_, other := g.push(t.Context(), t, "seg", 20, 29)
	g.result <- nil
	require.NoError(t, <-alone)
	under := <-g.entered
	leave()
	require.ErrorIs(t, <-one, context.Canceled, "while the transaction is under way")
	require.NoError(t, under.ctx.Err())
	g.result <- nil
	require.NoError(t, <-other)
	g.Close()
}

func TestAWriteThatNobodyWaitsForIsBrokenOff(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	leaving, leave := context.WithCancel(t.Context())
	_, one := g.push(leaving, t, "seg", 0, 9)
	under := <-g.entered
	_, waits := g.push(leaving, t, "seg", 10, 19)
	_, stays := g.push(t.Context(), t, "seg", 20, 29)
	leave()
	require.ErrorIs(t, <-one, context.Canceled)
	require.ErrorIs(t, <-waits, context.Canceled)
	<-under.ctx.Done()
	g.result <- under.ctx.Err()
	next := <-g.entered
	assert.Equal(t, []string{"seg 20-29"}, next.batch.ranges(), "not what nobody waits for")
	require.NoError(t, next.ctx.Err())
	g.result <- nil
	require.NoError(t, <-stays)
	g.Close()
}

func TestAWriteLastsAsLongAsTheLastCallerWaits(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := &GroupCommit{Tables: NewTables([]layout.Table{{Layout: layout.AggregatedLayout, Name: "tyk_aggregated"}})}
	for _, minutes := range []time.Duration{1, 60, 2} {
		c.waiting = append(c.waiting, &waitingPush{batch: NewBatch(c.Tables, nil), until: now.Add(minutes * time.Minute)})
	}
	together, w := c.next(t.Context())
	defer w.cancel()
	require.Len(t, w.pushes, 3)
	last, _ := together.Deadline()
	assert.Equal(t, now.Add(time.Hour), last)
	g := newGate(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, done := g.push(ctx, t, "seg", 0, 9)
	deadline, bounded := (<-g.entered).ctx.Deadline()
	assert.True(t, bounded)
	assert.Greater(t, time.Until(deadline), time.Minute)
	g.result <- nil
	require.NoError(t, <-done)
	g.Close()
}

func TestCloseStoresWhatIsUnderWayAndGivesBackWhatWaits(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	_, one := g.push(t.Context(), t, "seg", 0, 9)
	<-g.entered
	_, waits := g.push(t.Context(), t, "seg", 10, 19)
	closed := make(chan struct{})
	go func() {
		g.Close()
		close(closed)
	}()
	require.ErrorIs(t, <-waits, errShutDown)
	require.ErrorIs(t, g.Store(t.Context(), g.batch(t, "seg", 20, 29)), errShutDown)
	select {
	case <-closed:
		require.Fail(t, "closed while something was under way")
	default:
	}
	g.result <- nil
	require.NoError(t, <-one)
	<-closed
}

// Callers come and go while transactions fail, and each push is answered for once.
func TestManyCallersOfOneQueue(t *testing.T) {
	t.Parallel()
	const callers, each = 16, 50
	var mu sync.Mutex // guards written and transactions
	written, transactions := map[string]int{}, 0
	c := &GroupCommit{Tables: NewTables([]layout.Table{{Layout: layout.AggregatedLayout, Name: "tyk_aggregated"}})}
	c.Write = func(ctx context.Context, b *Batch) error {
		mu.Lock()
		defer mu.Unlock()
		if transactions++; transactions%7 == 0 || ctx.Err() != nil {
			return errors.New("raced")
		}
		for i := range b.Groups {
			if b.States[i] = push.StateApplied; written[b.Groups[i].Segment] == 0 {
				written[b.Groups[i].Segment], b.States[i] = 1, push.StatePending
			}
		}
		return nil
	}
	var wg sync.WaitGroup
	for caller := range callers {
		groups, _ := sinktest.Aggregator(t, nil).Aggregate(sinktest.Hits("seg", 0, 4), nil)
		wg.Go(func() {
			for i := range each {
				own := slices.Clone(groups)
				own[0].Segment = fmt.Sprintf("seg-%d-%d", caller, i)
				for tries := 0; ; tries++ {
					ctx, cancel := context.WithCancel(t.Context())
					if (caller+i+tries)%5 == 0 {
						cancel()
					}
					err := c.Store(ctx, NewBatch(c.Tables, own))
					cancel()
					if err == nil {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	c.Close()
	assert.Len(t, written, callers*each)
	assert.Empty(t, c.waiting)
	assert.False(t, c.writing)
}
