package tyksqlexporter

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestSpansHoldExactlyTheirIndices(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		near := rapid.Int64Range(0, 300)
		far := rapid.Int64Range(0, 10*maxSpan)
		indices := rapid.SliceOfDistinct(rapid.OneOf(near, far), rapid.ID).Draw(t, "indices")
		slices.Sort(indices)
		spans := appendSpans(nil, "seg", indices)
		var total int64
		for i, s := range spans {
			total += s.size()
			if s.last-s.first >= maxSpan {
				t.Fatalf("%d is too wide", s.last-s.first)
			}
			if i > 0 && s.first <= spans[i-1].last {
				t.Fatal("spans overlap")
			}
			if !s.contains(s.first) || !s.contains(s.last) || s.contains(s.first-1) || s.contains(s.last+1) {
				t.Fatal("a span does not begin and end with members")
			}
			if s.members == nil && s.size() != s.last-s.first+1 {
				t.Fatal("a span without bitmap is not full")
			}
		}
		if total != int64(len(indices)) {
			t.Fatalf("%d members of %d indices", total, len(indices))
		}
		for _, index := range indices {
			if !slices.ContainsFunc(spans, func(s span) bool { return s.contains(index) }) {
				t.Fatalf("%d is missing", index)
			}
		}
	})
}

func TestSpansOverlapOnlyWhereTheyShareAMember(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) []int64 {
			indices := rapid.SliceOfNDistinct(rapid.Int64Range(0, 60), 0, 20, rapid.ID).Draw(t, name)
			slices.Sort(indices)
			return indices
		}
		a, b := draw("a"), draw("b")
		shared := slices.ContainsFunc(a, func(i int64) bool { return slices.Contains(b, i) })
		if overlap(appendSpans(nil, "seg", a), appendSpans(nil, "seg", b)) != shared {
			t.Fatalf("%v and %v", a, b)
		}
		if overlap(appendSpans(nil, "seg", a), appendSpans(nil, "other", b)) {
			t.Fatal("other segments do not overlap")
		}
	})
}

func TestLockKeysAreFewSortedAndTheSameEverywhere(t *testing.T) {
	t.Parallel()
	logs := samples("a", 0, 0)
	for _, segment := range strings.Fields(strings.Repeat("b c d ", 100)) {
		samples(segment, 0, 0).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	}
	for i := range 1000 {
		samples(strings.Repeat("x", i%150)+"y", 0, 0).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	}
	b := newBatch(logs, requests...)
	defer b.release()
	keys := b.lockKeys([]string{"tyk_analytics"})
	assert.LessOrEqual(t, len(keys), lockStripes)
	assert.True(t, slices.IsSorted(keys))
	assert.NotEqual(t, lockKey("one", "segment"), lockKey("other", "segment"))
	assert.EqualValues(t, -3804687384303204444, lockKey("tyk_analytics", "segment"), "processes of other versions must lock the same")
}

func TestIndicesRise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		greatest := rapid.SampledFrom([]int64{3, 200, 5000, 1 << 62}).Draw(t, "greatest")
		list := rapid.SliceOf(rapid.Int64Range(0, greatest)).Draw(t, "list")
		want := slices.Clone(list)
		slices.Sort(want)
		assert.Equal(t, slices.Compact(want), rising(list))
	})
}
