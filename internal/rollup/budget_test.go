package rollup

import (
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// look asks a budget for a value of a bucket, as a chunk of one organisation does.
func look(b *budget, org string, bucket int64, value int) bool {
	l := &draft{draftKey: draftKey{org: org, bucket: bucket}}
	return b.admits(l, APIID, hash(value)) //nolint:gosec // any 64 bits will do
}

// A day of many organisations by the minute is remembered no longer than it is of use.
func TestBudgetForgetsBucketsThatAreOver(t *testing.T) {
	const orgs, minutes, values, minute = 100, 300, 10, 60
	b := newBudget(&Settings{Minutes: 1, MaxValues: 100_000})
	most := 0
	for at := range int64(minutes) {
		for org := range orgs {
			for value := range values {
				require.True(t, look(b, strconv.Itoa(org), at*minute, value))
			}
		}
		most = max(most, len(b.known))
	}
	assert.Less(t, most, orgs*overAfterUses/(orgs*values)+orgs*(overAfterBuckets+2))
	assert.Equal(t, len(b.known), b.used.Len())
	assert.Equal(t, len(b.known)*values, b.size)
}

// Sets of few values are bounded by their number, and by what they hold in all.
func TestBudgetBoundsItsSets(t *testing.T) {
	b := newBudget(&Settings{Minutes: 60, MaxValues: 100_000})
	for org := range rememberedSets + 1000 {
		require.True(t, look(b, strconv.Itoa(org), 0, 1))
	}
	assert.Len(t, b.known, rememberedSets)
	assert.Equal(t, rememberedSets, b.size)

	huge := newBudget(&Settings{Minutes: 60, MaxValues: 1 << 40})
	assert.Equal(t, rememberedValues, huge.remembered)
}

// A record costs the same at the bound as below it: finding what to forget by a look at all
// sets took seconds, under the lock that all chunks want.
func TestBudgetForgetsAtOnce(t *testing.T) {
	b := newBudget(&Settings{Minutes: 60, MaxValues: 1 << 16})
	for org := range rememberedSets {
		look(b, strconv.Itoa(org), 0, 1)
	}
	const more = 20_000
	began := time.Now()
	for org := range more {
		look(b, "more"+strconv.Itoa(org), 0, 1)
	}
	assert.Less(t, time.Since(began), 20*time.Second, "%d sets more", more)
}

// A backlog of last week beside the records of now keeps its bounds.
func TestBudgetRemembersABacklogInUse(t *testing.T) {
	const week = 7 * 24 * 3600
	b := newBudget(&Settings{Minutes: 1, MaxValues: 2})
	of := budgetKey{dimension: APIID, org: "late"}
	look(b, "late", 0, 1)
	first := b.known[of]
	for i := range 1000 {
		look(b, "late", 0, 1)
		look(b, "late", 0, 2)
		look(b, strconv.Itoa(i), week, 1)
	}
	assert.Same(t, first, b.known[of])
	assert.False(t, look(b, "late", 0, 3))
}

// What a budget remembers must not hold the texts of a chunk, and with them all of its memory.
func TestBudgetClonesItsKeys(t *testing.T) {
	b := newBudget(&Settings{Minutes: 60, MaxValues: 2})
	chunk := string(make([]byte, 1<<10)) + "org"
	org := chunk[1<<10:]
	require.True(t, look(b, org, 0, 1))
	for of := range b.known {
		assert.Equal(t, org, of.org)
		assert.NotSame(t, unsafe.StringData(org), unsafe.StringData(of.org))
	}
}
