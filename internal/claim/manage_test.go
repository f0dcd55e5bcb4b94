package claim_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func group(name, worker string) claim.Settings {
	s := settings(worker)
	s.Group = name
	s.MaxHeld = 100
	s.MaxDead = 1000
	return s
}

func TestAForgottenGroupHoldsNothing(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 12)
		store := claim.NewStore(rdb)
		a, b := claim.NewSource(list, group("a", "1")), claim.NewSource(list, group("b", "2"))
		ga := visit(t, store, a).Held[0]
		visit(t, store, b)
		require.NoError(t, store.Ack(t.Context(), ga, 5, claim.Outcome{Delivered: 5}))
		require.EqualValues(t, 12, rdb.LLen(t.Context(), ga.Key()).Val())

		removed, err := store.Forget(t.Context(), a, "b")
		require.NoError(t, err)
		assert.True(t, removed)
		assert.EqualValues(t, 7, rdb.LLen(t.Context(), ga.Key()).Val(), "memory that only b held is given back")
		removed, err = store.Forget(t.Context(), a, "nobody")
		require.NoError(t, err)
		assert.False(t, removed)

		require.NoError(t, store.Ack(t.Context(), ga, 12, claim.Outcome{Delivered: 12}))
		assert.Empty(t, keysIn(t, rdb, "*seg:*"))
	})
}

func TestAGroupThatNobodyWorksForExpiresByItsOwnExpiry(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 12)
		store := claim.NewStore(rdb)
		brief := group("brief", "2")
		brief.GroupExpiry = 50 * time.Millisecond
		lasting := group("lasting", "3")
		lasting.GroupExpiry = time.Hour
		a, b, c := claim.NewSource(list, group("a", "1")), claim.NewSource(list, brief), claim.NewSource(list, lasting)
		visit(t, store, a)
		visit(t, store, b)
		visit(t, store, c)
		require.Eventually(t, func() bool {
			expired, err := store.Expire(t.Context(), []*claim.Source{a})
			return err == nil && len(expired[list]) == 1 && expired[list][0] == "brief"
		}, 5*time.Second, 10*time.Millisecond)
		report, err := store.Inspect(t.Context(), a)
		require.NoError(t, err)
		require.Len(t, report.Groups, 2)
		assert.Equal(t, []string{"a", "lasting"}, []string{report.Groups[0].Name, report.Groups[1].Name})
	})
}

func TestReplayedLettersComeBackWithTheirIdentityToTheirGroupOnly(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store := claim.NewStore(rdb)
		a, b := claim.NewSource(list, group("a", "1")), claim.NewSource(list, group("b", "2"))
		entry := []byte{0, 0xc1, '|', 0xff}
		_, _, err := store.KeepDeadLetters(t.Context(), a, []claim.Letter{{UID: "s.1.x-7", Group: "a", Reason: "r", Entry: entry}, {UID: "s.1.x-8", Group: "a"}})
		require.NoError(t, err)
		_, _, err = store.KeepDeadLetters(t.Context(), b, []claim.Letter{{UID: "s.1.x-7", Group: "b", Entry: entry}})
		require.NoError(t, err)

		var found []claim.Letter
		require.NoError(t, store.Letters(t.Context(), a, func(l claim.Letter) bool {
			found = append(found, l)
			return true
		}))
		require.Len(t, found, 3, "each group keeps its own")
		n, err := store.Replay(t.Context(), a, found[:1])
		require.NoError(t, err)
		assert.EqualValues(t, 1, n)
		n, err = store.Replay(t.Context(), a, found[:1])
		require.NoError(t, err)
		assert.Zero(t, n, "a letter is replayed once")
		n, err = store.Drop(t.Context(), a, found[1:2])
		require.NoError(t, err)
		assert.EqualValues(t, 1, n)

		assert.Empty(t, visit(t, store, b.Replay()).Held)
		g := visit(t, store, a.Replay()).Held[0]
		entries, err := store.Read(t.Context(), g, new(claim.Ahead), 0, 1, 1<<20)
		require.NoError(t, err)
		uid, back, err := claim.Unframe([]byte(entries[0]))
		require.NoError(t, err)
		assert.Equal(t, "s.1.x-7", uid)
		assert.Equal(t, entry, back)
		assert.Equal(t, found[0].At.Truncate(time.Millisecond), claim.GivenUp([]byte(entries[0])))
		require.NoError(t, store.Ack(t.Context(), g, 1, claim.Outcome{Delivered: 1}))

		report, err := store.Inspect(t.Context(), a)
		require.NoError(t, err)
		assert.EqualValues(t, 1, report.Dead)
	})
}

func TestUnframeRefusesWhatIsNoFrame(t *testing.T) {
	for _, bad := range []string{"", "\x00", "\x00\x00", "\x00\x05abc"} {
		_, _, err := claim.Unframe([]byte(bad))
		require.Error(t, err, "%q", bad)
		assert.Zero(t, claim.GivenUp([]byte(bad)))
	}
	// A letter that was replayed by a version that did not tell its age.
	old := []byte("\x00\x07s.1.x-7entry")
	uid, entry, err := claim.Unframe(old)
	require.NoError(t, err)
	assert.Equal(t, "s.1.x-7", uid)
	assert.Equal(t, "entry", string(entry))
	assert.Zero(t, claim.GivenUp(old))
}

func TestInspectTellsGroupsLeasesAndProgress(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 12)
		store := claim.NewStore(rdb)
		src := claim.NewSource(list, group("a", "host:1:x"))
		g := visit(t, store, src).Held[0]
		require.NoError(t, store.Ack(t.Context(), g, 5, claim.Outcome{Delivered: 5}))
		push(t, rdb, 12, 14)
		require.NoError(t, rdb.Expire(t.Context(), list, time.Minute).Err())

		report, err := store.Inspect(t.Context(), src)
		require.NoError(t, err)
		assert.EqualValues(t, 2, report.Unclaimed)
		assert.InDelta(t, 60, report.TTL.Seconds(), 2)
		require.Len(t, report.Segments, 1)
		assert.Equal(t, g.ID, report.Segments[0].ID)
		assert.Equal(t, map[string]int64{"a": 5}, report.Segments[0].Progress)
		assert.Equal(t, "host:1:x", report.Segments[0].Leases["a"].Worker)
		require.Len(t, report.Groups, 1)
		assert.EqualValues(t, 7, report.Groups[0].Waiting)
		assert.Equal(t, claim.Receipts{Seen: 12, Outcome: claim.Outcome{Delivered: 5}}, report.Groups[0].Receipts)
		assert.WithinDuration(t, report.At, report.Groups[0].Seen, time.Minute)
	})
}

// machine runs random steps of several workers in several groups and checks
// after each that what a group was to see is delivered, dead, lost or waiting.
type machine struct {
	t      *rapid.T
	rdb    *redis.Client
	store  *claim.Store
	pushed int
	byID   map[string]*claim.Source
	held   map[string][]claim.Segment
}

func (m *machine) check() {
	report, err := m.store.Inspect(m.t.Context(), m.byID["a1"])
	require.NoError(m.t, err)
	for _, g := range report.Groups {
		// What waits is counted in the segments, independently of the receipts.
		r := g.Receipts
		assert.Equal(m.t, r.Seen, r.Delivered+r.Dead+r.Lost+r.Shed+g.Waiting, "group %s: %+v", g.Name, g)
		stats, err := m.store.Stats(m.t.Context(), []*claim.Source{m.byID[g.Name+"1"]})
		require.NoError(m.t, err)
		assert.Equal(m.t, g.Waiting, stats[0].Claimed, "group %s", g.Name)
	}
}

func TestReceiptsAddUpWhateverHappens(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	rapid.Check(t, func(rt *rapid.T) {
		require.NoError(t, rdb.FlushAll(t.Context()).Err())
		m := &machine{t: rt, rdb: rdb, store: claim.NewStore(rdb), byID: map[string]*claim.Source{}, held: map[string][]claim.Segment{}}
		ids := []string{"a1", "a2", "b1", "c1"}
		for _, id := range ids {
			s := group(id[:1], id)
			s.Lease = time.Minute
			m.byID[id] = claim.NewSource(list, s)
		}
		ctx := t.Context()
		who := func() string { return rapid.SampledFrom(ids).Draw(rt, "worker") }
		pick := func(id string) (claim.Segment, bool) {
			if len(m.held[id]) == 0 {
				return claim.Segment{}, false
			}
			return rapid.SampledFrom(m.held[id]).Draw(rt, "segment"), true
		}
		rt.Repeat(map[string]func(*rapid.T){
			"push": func(rt *rapid.T) {
				for range rapid.IntRange(1, 6).Draw(rt, "n") {
					m.pushed++
					require.NoError(rt, rdb.RPush(ctx, list, strconv.Itoa(m.pushed)).Err())
				}
			},
			"visit": func(rt *rapid.T) {
				id := who()
				visits, err := m.store.Visit(ctx, []*claim.Source{m.byID[id]}, [][]claim.Live{{{Group: "a"}, {Group: "b"}}})
				require.NoError(rt, err)
				m.held[id] = visits[0].Held
			},
			"ack": func(rt *rapid.T) {
				id := who()
				if g, ok := pick(id); ok {
					// A held segment may be of long ago: its numbers are late then.
					done := rapid.Int64Range(g.Start(), g.Count).Draw(rt, "done")
					dead := rapid.Int64Range(0, done-g.Start()).Draw(rt, "dead")
					outcome := g.Outcome.Plus(claim.Outcome{Delivered: done - g.Start() - dead, Dead: dead, Lost: g.Start() - g.Done})
					err := m.store.Ack(ctx, g, done, outcome)
					require.True(rt, err == nil || errors.Is(err, claim.ErrLeaseLost), "%v", err)
				}
			},
			"shed": func(rt *rapid.T) {
				id := who()
				if g, ok := pick(id); ok {
					_, _, _, err := m.store.Shed(ctx, g, rapid.Int64Range(0, g.Count).Draw(rt, "to"), 1<<30)
					require.NoError(rt, err)
				}
			},
			"restart": func(*rapid.T) { begin(t, rdb) },
			"touch": func(*rapid.T) {
				_, err := m.store.Touch(ctx, []*claim.Source{m.byID[who()]})
				require.NoError(rt, err)
			},
			"lose what is waited for": func(*rapid.T) {
				require.NoError(rt, rdb.Del(ctx, "otelcol-tyk:{"+list+"}:waiting").Err())
			},
			"lose the segments": func(rt *rapid.T) {
				// All of it, or a part restored: identities come back as they were.
				before, err := m.store.Inspect(ctx, m.byID["a1"])
				require.NoError(rt, err)
				if len(before.Groups) == 0 {
					return
				}
				require.NoError(rt, rdb.Del(ctx, "otelcol-tyk:{"+list+"}:segments").Err())
				found, err := m.store.Find(ctx, 0)
				require.NoError(rt, err)
				_, renamed, err := m.store.Adopt(ctx, m.byID["a1"], found)
				require.NoError(rt, err)
				require.Zero(rt, renamed)
				after, err := m.store.Inspect(ctx, m.byID["a1"])
				require.NoError(rt, err)
				require.Len(rt, after.Segments, len(before.Segments))
				for i, g := range after.Segments {
					require.Equal(rt, before.Segments[i].ID, g.ID)
					require.Equal(rt, before.Segments[i].Count, g.Count)
				}
			},
			"release": func(*rapid.T) {
				id := who()
				require.NoError(rt, m.store.Release(ctx, []*claim.Source{m.byID[id]}))
				m.held[id] = nil
			},
			"forget": func(rt *rapid.T) {
				_, err := m.store.Forget(ctx, m.byID["a1"], rapid.SampledFrom([]string{"b", "c"}).Draw(rt, "group"))
				require.NoError(rt, err)
			},
			"": func(*rapid.T) { m.check() },
		})
	})
}
