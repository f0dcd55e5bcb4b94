package push

import (
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// size is the number of members.
func (s Span) size() int64 {
	if s.Members == nil {
		return s.Last - s.First + 1
	}
	var n int64
	for _, b := range s.Members {
		n += int64(bits.OnesCount8(b))
	}
	return n
}

func TestSpansHoldExactlyTheirIndices(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		near := rapid.Int64Range(0, 300)
		far := rapid.Int64Range(0, 10*MaxSpan)
		indices := rapid.SliceOfDistinct(rapid.OneOf(near, far), rapid.ID).Draw(t, "indices")
		slices.Sort(indices)
		spans := AppendSpans(nil, "seg", indices)
		var total int64
		for i, s := range spans {
			total += s.size()
			if s.Last-s.First >= MaxSpan {
				t.Fatalf("%d is too wide", s.Last-s.First)
			}
			if i > 0 && s.First <= spans[i-1].Last {
				t.Fatal("spans overlap")
			}
			if !s.Contains(s.First) || !s.Contains(s.Last) || s.Contains(s.First-1) || s.Contains(s.Last+1) {
				t.Fatal("a span does not begin and end with members")
			}
			if s.Members == nil && s.size() != s.Last-s.First+1 {
				t.Fatal("a span without bitmap is not full")
			}
		}
		if total != int64(len(indices)) {
			t.Fatalf("%d members of %d indices", total, len(indices))
		}
		for _, index := range indices {
			if !slices.ContainsFunc(spans, func(s Span) bool { return s.Contains(index) }) {
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
		if Overlap(AppendSpans(nil, "seg", a), AppendSpans(nil, "seg", b)) != shared {
			t.Fatalf("%v and %v", a, b)
		}
		if Overlap(AppendSpans(nil, "seg", a), AppendSpans(nil, "other", b)) {
			t.Fatal("other segments do not overlap")
		}
	})
}

func TestLockKeysAreFewSortedAndTheSameEverywhere(t *testing.T) {
	t.Parallel()
	logs := sinktest.Samples("a", 0, 0)
	for _, segment := range strings.Fields(strings.Repeat("b c d ", 100)) {
		sinktest.Samples(segment, 0, 0).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	}
	for i := range 1000 {
		sinktest.Samples(strings.Repeat("x", i%150)+"y", 0, 0).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	}
	b := NewBatch(logs, requests...)
	defer b.Release()
	keys := LockKeys([]string{"tyk_analytics"}, b.Segments)
	assert.LessOrEqual(t, len(keys), lockStripes)
	assert.True(t, slices.IsSorted(keys))
	assert.NotEqual(t, LockKey("one", "segment"), LockKey("other", "segment"))
	assert.EqualValues(t, -3804687384303204444, LockKey("tyk_analytics", "segment"), "processes of other versions must lock the same")
}

func TestIndicesRise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		greatest := rapid.SampledFrom([]int64{3, 200, 5000, 1 << 62}).Draw(t, "greatest")
		list := rapid.SliceOf(rapid.Int64Range(0, greatest)).Draw(t, "list")
		want := slices.Clone(list)
		slices.Sort(want)
		assert.Equal(t, slices.Compact(want), Rising(list))
	})
}
