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

// countable is what a Countable has of a record, as a record.
func (r *Record) countable() Record {
	c := Record{
		OrgID: r.OrgID, APIID: r.APIID, APIName: r.APIName, APIVersion: r.APIVersion, APIKey: r.APIKey, Alias: r.Alias,
		OauthID: r.OauthID, Path: r.Path, TrackPath: r.TrackPath, ResponseCode: r.ResponseCode, RequestTime: r.RequestTime,
		Latency: Latency{Total: r.Latency.Total, Upstream: r.Latency.Upstream}, TimeStamp: r.TimeStamp, ExpireAt: r.ExpireAt,
		Tags: r.Tags, Geo: Geo{CountryISOCode: r.Geo.CountryISOCode}, Network: r.Network, GraphQL: r.GraphQL, MCP: r.MCP,
	}
	c.GraphQL.Variables, c.GraphQL.Errors = "", nil
	return canonical(&c)
}

func (c *Countable) record() Record {
	r := Record{
		OrgID: c.OrgID, APIID: c.APIID, APIName: c.APIName, APIVersion: c.APIVersion, APIKey: c.APIKey, Alias: c.Alias,
		OauthID: c.OauthID, Path: c.Path, TrackPath: c.TrackPath, ResponseCode: c.ResponseCode, RequestTime: c.RequestTime,
		Latency: c.Latency, TimeStamp: c.TimeStamp, ExpireAt: c.ExpireAt,
		Tags: c.Tags, Geo: Geo{CountryISOCode: c.CountryISOCode}, Network: c.Network, GraphQL: c.GraphQL, MCP: c.MCP,
	}
	if len(c.Types) > 0 {
		r.GraphQL.Types = map[string][]string{}
	}
	for _, t := range c.Types {
		r.GraphQL.Types[t.Name] = slices.Clone(t.Fields)
	}
	return canonical(&r)
}

// requireCountable asserts that both readings of a log record agree; c has read others before.
func requireCountable(t require.TestingT, c *Countable, lr plog.LogRecord) {
	var r Record
	uid := r.FromLog(lr)
	c.FromLog(lr)
	require.Equal(t, uid, c.UID)
	require.Equal(t, r.countable(), c.record())
	require.Len(t, c.Types, len(r.GraphQL.Types), "each once")
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
	assert.Empty(t, c.UID)
	assert.Equal(t, []string{"", "", ""}, c.Tags[:3])
	assert.Equal(t, []string{"", ""}, c.GraphQL.RootFields[:2])
	assert.Equal(t, []CountableType{{Fields: []string{}}, {Fields: []string{}}}, []CountableType{
		{c.Types[:2][0].Name, c.Types[:2][0].Fields[:0]}, {c.Types[:2][1].Name, c.Types[:2][1].Fields[:0]},
	})
	assert.Equal(t, []string{"", ""}, []string{c.Types[:2][0].Fields[:1][0], c.Types[:2][1].Fields[:1][0]})
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
	keys := append(slices.Collect(maps.Keys(places)), "", "foreign", "tyk.network.other", "tyk.api")
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
			at, known := places[key]
			require.True(rt, known, key)
			require.Greater(rt, at, before, key)
			before = at
		}
	})
}
