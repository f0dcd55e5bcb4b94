package push

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func TestUIDsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.StringMatching(`[a-z0-9]{1,40}`).Draw(t, "segment")
		index := rapid.Int64Range(0, analytics.MaxIndex).Draw(t, "index")
		uid := analytics.UID{Segment: segment, Index: index}.String()
		name, read := identify(uid)
		if name != segment || read != index {
			t.Fatalf("%s read as %s, %d", uid, name, read)
		}
		if read, same := sameSegment(uid, segment); same && read != index {
			t.Fatalf("%s read as %d", uid, read)
		}
		if _, same := sameSegment(uid, segment+"x"); same {
			t.Fatal("another segment")
		}
	})
}

func TestSameSegmentRefusesWhatIsNoIndex(t *testing.T) {
	t.Parallel()
	for _, uid := range []string{"", "seg", "seg-", "seg-x", "seg-1x", "seg--1", "seg-1-2", "segm-1", "seg-9999999999999999999", "seg-4611686018427387904", "seg-042", "seg-00"} {
		_, same := sameSegment(uid, "seg")
		assert.False(t, same, uid)
	}
	index, same := sameSegment("seg-42", "seg")
	assert.True(t, same)
	assert.EqualValues(t, 42, index)
}

func TestBatchKeepsNothingFromThePushBefore(t *testing.T) {
	t.Parallel()
	b := NewBatch(sinktest.Samples("a", 0, 9), requests...)
	b.Parts[0].skipApplied([]Span{{Segment: "a", First: 0, Last: 4}})
	b.Parts[0].Refuse(9, ReasonOther, "no")
	assert.Len(t, b.Parts[0].Pending(), 4)
	require.Error(t, b.RefusedError("tyksql"))
	b.Rewind()
	assert.Len(t, b.Parts[0].Pending(), 10)
	require.NoError(t, b.RefusedError("tyksql"))
	b.Release()

	again := NewBatch(sinktest.Samples("b", 5, 6), requests...)
	defer again.Release()
	assert.Len(t, again.Parts[0].Pending(), 2)
	assert.Equal(t, []Span{{Segment: "b", First: 5, Last: 6}}, again.Parts[0].applied())
}

func BenchmarkNewBatch(b *testing.B) {
	logs := sinktest.Samples("segment", 0, 5000-1)
	b.ReportAllocs()
	for b.Loop() {
		batch := NewBatch(logs, requests...)
		batch.Parts[0].Pending()
		batch.Parts[0].applied()
		batch.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5000, "ns/record")
}

// requests is the default: one table.
var requests = []layout.Table{{Layout: layout.RequestLayout, Name: "tyk_analytics"}}
