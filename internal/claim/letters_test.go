package claim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// keep keeps letters numbered from up to, not including, to, in one go.
func keep(t *testing.T, store *claim.Store, src *claim.Source, group string, from, to int) {
	t.Helper()
	letters := make([]claim.Letter, 0, to-from)
	for i := from; i < to; i++ {
		letters = append(letters, claim.Letter{UID: fmt.Sprintf("s.1.x-%d", i), Group: group, Reason: "refused: odd", At: time.Now().UTC(), Entry: []byte("entry")})
	}
	_, _, err := store.KeepDeadLetters(t.Context(), src, letters)
	require.NoError(t, err)
}

func many(name string) claim.Settings {
	s := group(name, "1")
	s.MaxDead = 1_000_000
	return s
}

func TestLettersAreAllMetThoughTheyAreTakenAwayMeanwhile(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store, src := claim.NewStore(rdb), claim.NewSource(list, many("a"))
		keep(t, store, src, "a", 0, 1300) // all at the same time, more than two pages
		keep(t, store, src, "a", 1300, 2000)
		met := map[string]bool{}
		require.NoError(t, store.LetterPages(t.Context(), src, nil, func(page []claim.Letter) error {
			for _, l := range page {
				require.False(t, met[l.UID], "%s is met twice", l.UID)
				met[l.UID] = true
			}
			n, err := store.Drop(t.Context(), src, page[:len(page)/2])
			require.NoError(t, err)
			require.EqualValues(t, len(page)/2, n)
			return nil
		}))
		assert.Len(t, met, 2000)
	})
}

func TestAWalkEndsThoughItsLettersAreKeptAgain(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	store, src := claim.NewStore(rdb), claim.NewSource(list, many("a"))
	keep(t, store, src, "a", 0, 600)
	met := 0
	require.NoError(t, store.LetterPages(t.Context(), src, nil, func(page []claim.Letter) error {
		met += len(page)
		require.Less(t, met, 10_000, "the walk follows its own letters")
		_, err := store.Replay(t.Context(), src, page)
		require.NoError(t, err)
		time.Sleep(2 * time.Millisecond) // Redis counts in ms
		_, _, err = store.KeepDeadLetters(t.Context(), src, page)
		return err
	}))
	assert.Equal(t, 600, met)
}

func TestOnlyWantedLettersAreRead(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store, src := claim.NewStore(rdb), claim.NewSource(list, many("a"))
		keep(t, store, src, "a", 0, 10)
		keep(t, store, claim.NewSource(list, many("b")), "b", 0, 10)
		var found []claim.Letter
		require.NoError(t, store.LetterPages(t.Context(), src, func(group, uid string) bool {
			return group == "b" && strings.HasSuffix(uid, "-7")
		}, func(page []claim.Letter) error {
			found = append(found, page...)
			return nil
		}))
		require.Len(t, found, 1)
		assert.Equal(t, "s.1.x-7", found[0].UID)
		assert.Equal(t, "b", found[0].Group)
	})
}

func TestPagesOfBigLettersAreSmall(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	store, src := claim.NewStore(rdb), claim.NewSource(list, many("a"))
	entry := []byte(strings.Repeat("x", 1<<20))
	for i := range 12 {
		_, _, err := store.KeepDeadLetters(t.Context(), src, []claim.Letter{{UID: fmt.Sprintf("s.1.x-%d", i), Group: "a", Entry: entry}})
		require.NoError(t, err)
	}
	met := 0
	require.NoError(t, store.LetterPages(t.Context(), src, nil, func(page []claim.Letter) error {
		assert.LessOrEqual(t, len(page), 4)
		met += len(page)
		return nil
	}))
	assert.Equal(t, 12, met)
}

func TestALetterThatCannotBeReadCanOnlyBeDropped(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store, src := claim.NewStore(rdb), claim.NewSource(list, many("a"))
		keep(t, store, src, "a", 0, 1)
		require.NoError(t, rdb.HSet(t.Context(), "otelcol-tyk:{"+list+"}:dead", "a|s.1.x-0", "no JSON").Err())
		require.Error(t, store.Letters(t.Context(), src, func(claim.Letter) bool { return true }))
		require.NoError(t, store.LetterPages(t.Context(), src, nil, func(page []claim.Letter) error {
			require.Len(t, page, 1)
			require.Error(t, page[0].Fault)
			_, err := store.Replay(t.Context(), src, page)
			require.Error(t, err, "its entry would be lost")
			n, err := store.Drop(t.Context(), src, page)
			require.NoError(t, err)
			assert.EqualValues(t, 1, n)
			return nil
		}))
	})
}

func TestAForgottenGroupsReplaysGoWithItAndItsLettersStay(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store := claim.NewStore(rdb)
		a, b := claim.NewSource(list, many("a")), claim.NewSource(list, many("b"))
		visit(t, store, a)
		visit(t, store, b)
		keep(t, store, b, "b", 0, 3)
		var letters []claim.Letter
		require.NoError(t, store.Letters(t.Context(), b, func(l claim.Letter) bool {
			letters = append(letters, l)
			return true
		}))
		_, err := store.Replay(t.Context(), b, letters[:1])
		require.NoError(t, err)
		require.Len(t, visit(t, store, b.Replay()).Held, 1, "one is claimed")
		_, err = store.Replay(t.Context(), b, letters[1:2])
		require.NoError(t, err, "one is not")

		removed, err := store.Forget(t.Context(), a, "b")
		require.NoError(t, err)
		assert.True(t, removed)
		assert.Equal(t, []string{"otelcol-tyk:{" + list + "}:replay:b:seq"}, keysIn(t, rdb, "*replay*"))
		report, err := store.Inspect(t.Context(), a)
		require.NoError(t, err)
		assert.EqualValues(t, 1, report.Dead)
	})
}

func TestALetterOfAReplayIsReplayedToTheSameList(t *testing.T) {
	a := claim.NewSource(list, many("a"))
	assert.Equal(t, a.Replay().Key(), a.Replay().Replay().Key())
}

func TestInspectTellsExpiredLeasesFromCurrentOnes(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	push(t, rdb, 0, 12)
	brief := settings("host:1:x")
	brief.Lease = time.Millisecond
	store, src := claim.NewStore(rdb), claim.NewSource(list, brief)
	visit(t, store, src)
	require.Eventually(t, func() bool {
		report, err := store.Inspect(t.Context(), src)
		return err == nil && report.Segments[0].Expired["default"].Worker == "host:1:x" && len(report.Segments[0].Leases) == 0
	}, 5*time.Second, time.Millisecond)
}

// Redis may lose each key by itself: in an eviction, or where a part of a backup is restored.
func TestLettersAreFoundThoughTheirOrderIsLost(t *testing.T) {
	r := peers.StartRedis(t)
	rdb := r.Client()
	store, src := claim.NewStore(rdb), claim.NewSource(list, many("a"))
	own := "otelcol-tyk:{" + list + "}:dead:"
	var all []claim.Letter
	for i := range 300 {
		all = append(all, claim.Letter{UID: fmt.Sprintf("x-%d", i), Reason: "refused: y", Destination: "tyksql", Group: "a", At: time.Now(), Entry: []byte("entry")})
	}
	_, _, err := store.KeepDeadLetters(t.Context(), src, all)
	require.NoError(t, err)
	bytes := rdb.Get(t.Context(), own+"bytes").Val()
	causes := rdb.HGetAll(t.Context(), own+"causes").Val()
	for _, lost := range [][]string{{"order"}, {"causes"}, {"bytes"}, {"order", "causes", "bytes"}} {
		for _, key := range lost {
			require.NoError(t, rdb.Del(t.Context(), own+key).Err())
		}
		n := 0
		require.NoError(t, store.Letters(t.Context(), src, func(claim.Letter) bool { n++; return true }))
		assert.Equal(t, 300, n, "%v", lost)
		assert.Equal(t, bytes, rdb.Get(t.Context(), own+"bytes").Val(), "%v", lost)
		assert.Equal(t, causes, rdb.HGetAll(t.Context(), own+"causes").Val(), "%v", lost)
	}
	require.NoError(t, rdb.Del(t.Context(), own+"order").Err())
	found, err := store.RestoreLetters(t.Context(), src)
	require.NoError(t, err)
	assert.EqualValues(t, 300, found)
	dropped, err := store.Drop(t.Context(), src, all)
	require.NoError(t, err)
	assert.EqualValues(t, 300, dropped)
	assert.Equal(t, "0", rdb.Get(t.Context(), own+"bytes").Val())
}
