package tyksqlexporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

func TestUIDsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.StringMatching(`[a-z0-9]{1,40}`).Draw(t, "segment")
		index := rapid.Int64Min(0).Draw(t, "index")
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
	for _, uid := range []string{"", "seg", "seg-", "seg-x", "seg-1x", "seg--1", "seg-1-2", "segm-1", "seg-9999999999999999999", "seg-042", "seg-00"} {
		_, same := sameSegment(uid, "seg")
		assert.False(t, same, uid)
	}
	index, same := sameSegment("seg-42", "seg")
	assert.True(t, same)
	assert.EqualValues(t, 42, index)
}

func TestBatchKeepsNothingFromThePushBefore(t *testing.T) {
	t.Parallel()
	b := newBatch(samples("a", 0, 9), requests...)
	b.parts[0].skipApplied([]span{{segment: "a", first: 0, last: 4}})
	b.parts[0].refuse(9, reasonOther, "no")
	assert.Len(t, b.parts[0].pending(), 4)
	require.Error(t, b.refusedError("tyksql"))
	b.rewind()
	assert.Len(t, b.parts[0].pending(), 10)
	require.NoError(t, b.refusedError("tyksql"))
	b.release()

	again := newBatch(samples("b", 5, 6), requests...)
	defer again.release()
	assert.Len(t, again.parts[0].pending(), 2)
	assert.Equal(t, []span{{segment: "b", first: 5, last: 6}}, again.parts[0].applied())
}

func BenchmarkNewBatch(b *testing.B) {
	logs := samples("segment", 0, benchmarkChunk-1)
	b.ReportAllocs()
	for b.Loop() {
		batch := newBatch(logs, requests...)
		batch.parts[0].pending()
		batch.parts[0].applied()
		batch.release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchmarkChunk, "ns/record")
}
