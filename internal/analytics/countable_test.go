package analytics

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// counted is what a Countable has of a record, as a record.
func (r *Record) counted() Record {
	c := *r
	c.Clear(^counted&(1<<len(fieldNames)-1) | NewFieldSet(fieldNamed("geo.city"), fieldNamed("geo.location")))
	return canonical(&c)
}

// requireCountable asserts that both readings of a log record agree; c has read others before.
func requireCountable(t require.TestingT, c *Countable, lr plog.LogRecord) {
	var r Record
	uid := r.FromLog(lr)
	c.FromLog(lr)
	require.Equal(t, uid, c.UID)
	require.Equal(t, r.counted(), c.counted())
}

func TestCountablesAreReadAsRecordsAre(t *testing.T) {
	t.Parallel()
	var c Countable
	for _, capture := range msgpackCaptures {
		for _, entry := range captured(t, capture) {
			var r Record
			if DecodeMsgpack(entry, &r) == nil {
				requireCountable(t, &c, logOf(r, "segment-1"))
			}
		}
	}
}

func TestForgottenCountablesShareNoMemory(t *testing.T) {
	t.Parallel()
	r := vector()
	r.GraphQL = GraphQLStats{RootFields: []string{"a", "b"}, Types: map[string][]string{"T": {"f"}, "U": {"g"}}}
	var c Countable
	c.FromLog(logOf(r, "segment-1"))
	c.Forget()
	assert.Equal(t, Countable{}, c)
}

// drawValue draws a value of any type, most of which a record does not have there.
func drawValue(t *rapid.T, to pcommon.Value, depth int) {
	texts := rapid.SampledFrom([]string{"", "a", "b", "7", "-1", "true", "query", "mutation", "2026-03-05T12:34:56.5+01:00"})
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "type") {
	case 0:
		to.SetStr(texts.Draw(t, "text"))
	case 1:
		to.SetInt(rapid.SampledFrom([]int64{-5, 0, 1, 2, 1772712000123456789}).Draw(t, "number"))
	case 2:
		to.SetDouble(rapid.Float64().Draw(t, "float"))
	case 3:
		to.SetBool(rapid.Bool().Draw(t, "bool"))
	case 4:
		to.SetEmptyBytes().FromRaw([]byte("bytes"))
	case 5: // empty
	case 6:
		list := to.SetEmptySlice()
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			drawValue(t, list.AppendEmpty(), depth-1)
		}
	case 7:
		drawAttributes(t, to.SetEmptyMap(), []string{"a", "b", "c"}, depth-1)
	}
}

// drawAttributes draws keys in any order, and some twice, as OTLP can carry them.
func drawAttributes(t *rapid.T, to pcommon.Map, keys []string, depth int) {
	var plain *slab.Slab
	b := plain.Map(0)
	for _, key := range rapid.SliceOfN(rapid.SampledFrom(keys), 0, 12).Draw(t, "keys") {
		drawValue(t, b.Empty(key), depth)
	}
	b.Into(to)
}

func TestForeignCountablesAreReadAsRecordsAre(t *testing.T) {
	t.Parallel()
	keys := append(slices.Collect(maps.Keys(attributePlaces)), "", "foreign", "tyk.network.other", "tyk.api")
	slices.Sort(keys)
	rapid.Check(t, func(rt *rapid.T) {
		var c Countable
		for range 3 {
			lr := plog.NewLogRecord()
			lr.SetTimestamp(pcommon.Timestamp(rapid.Uint64().Draw(rt, "timestamp")))
			drawAttributes(rt, lr.Attributes(), keys, 2)
			requireCountable(rt, &c, lr)
		}
	})
}

// What ToLog writes is found without a look into the map of places, or reading is slow.
func TestWrittenIsInToLogsOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		before := -1
		r := drawRecord(rt)
		for key := range logOf(r, "segment-1").Attributes().All() {
			at, known := attributePlaces[key]
			require.True(rt, known, key)
			require.Greater(rt, at, before, key)
			before = at
		}
	})
}
