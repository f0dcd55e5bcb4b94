package rollup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

var vectorTime = time.Date(2026, 3, 5, 12, 34, 56, 0, time.UTC)

// vector is a record of the contract's acceptance vectors (aggregates, section 9).
func vector(code, latency int64) analytics.Record {
	return analytics.Record{
		OrgID: "org1", APIID: "api1", APIName: "My API", APIVersion: "v1", APIKey: "k1", Alias: "al", OauthID: "oc1",
		Geo: analytics.Geo{CountryISOCode: "GB"}, Path: "/a.b/c", TrackPath: true, Tags: []string{"t.one ", "key-k1", "pol-x"},
		TimeStamp: vectorTime, ResponseCode: code, RequestTime: latency,
		Latency: analytics.Latency{Total: latency, Upstream: latency - 1},
	}
}

// batch counts records of one purge, and names the values.
func batch(t *testing.T, family Family, records ...analytics.Record) map[string]*Counter {
	t.Helper()
	return batches(t, family, records)
}

// batches counts records of several purges as a store does.
func batches(t *testing.T, family Family, purges ...[]analytics.Record) map[string]*Counter {
	t.Helper()
	a := newAggregator(t, hourly())
	var groups []Group
	for _, records := range purges {
		made, _ := a.Aggregate(logsOf("", 0, records...), nil)
		for _, g := range made {
			require.Equal(t, int64(1772712000), g.Bucket.Unix())
			if g.Family == family {
				groups = append(groups, g)
			}
		}
	}
	named := map[string]*Counter{}
	for k, c := range sum(groups, byBucket) {
		named[k.dimension.String()+" "+k.value] = c
	}
	return named
}

func TestVectorsOfTheContract(t *testing.T) {
	t.Parallel()
	a := []analytics.Record{vector(200, 10), vector(500, 2), vector(301, 7)}
	b := []analytics.Record{vector(200, 5), vector(404, 1)}
	got := batch(t, Requests, a...)
	require.Len(t, got, 13)
	total := Counter{
		Hits: 3, Success: 1, Errors: 1, RequestTime: 19, Latency: Span{19, 10, 10}, Upstream: Span{16, 9, 9},
		LastTime: vectorTime, Codes: []CodeCount{{500, 1}},
	}
	assert.Equal(t, total.describe(), got[" total"].describe())
	api := total
	api.Latency.Min, api.Upstream.Min = 7, 6 // a redirect counts here
	api.Identifier, api.HumanIdentifier = "api1", "My API"
	assert.Equal(t, api.describe(), got["apiid api1"].describe())
	assert.Equal(t, Span{2, 2, 2}, got["errors 500"].Latency)

	got = batches(t, Requests, a, b)
	total = Counter{
		Hits: 5, Success: 2, Errors: 2, RequestTime: 25, Latency: Span{25, 10, 5}, Upstream: Span{20, 9, 4},
		LastTime: vectorTime, Codes: []CodeCount{{404, 1}, {500, 1}},
	}
	assert.Equal(t, total.describe(), got[" total"].describe())
	total.Identifier, total.HumanIdentifier = "api1", "My API"
	assert.Equal(t, total.describe(), got["apiid api1"].describe())
	names := map[string][2]string{} // identifiers
	for name, c := range got {
		names[name] = [2]string{c.Identifier, c.HumanIdentifier}
	}
	assert.Equal(t, map[string][2]string{
		" total": {"", ""}, "apiid api1": {"api1", "My API"}, "apikeys k1": {"k1", "al"}, "oauthids oc1": {"oc1", ""},
		"errors 404": {"404", ""}, "errors 500": {"500", ""}, "geo GB": {"GB", "GB"}, "versions YXBpMTp2MQ": {"v1", "v1"},
		"tags tone": {"tone", "tone"}, "tags pol-x": {"pol-x", "pol-x"}, `endpoints /a\u2eb/c`: {"/a.b/c", "/a.b/c"},
		"keyendpoints k1.YXBpMTovYS5iL2M": {"YXBpMTovYS5iL2M", "YXBpMTovYS5iL2M"}, "oauthendpoints oc1.YXBpMTovYS5iL2M": {"YXBpMTovYS5iL2M", "YXBpMTovYS5iL2M"},
		"apiendpoints 617069313a76313a2f612e622f63": {"617069313a76313a2f612e622f63", "/a.b/c"},
	}, names)
}

func TestVectorOfGraphQL(t *testing.T) {
	t.Parallel()
	records := []analytics.Record{vector(200, 10), vector(301, 3)}
	for i := range records {
		records[i].GraphQL = analytics.GraphQLStats{
			IsGraphQL: true, HasErrors: true, OperationType: analytics.OperationQuery,
			RootFields: []string{"users"}, Types: map[string][]string{"User": {"id", "name"}},
		}
	}
	got := batch(t, Graph, records...)
	assert.Equal(t, Counter{
		Hits: 2, Success: 1, RequestTime: 13, Latency: Span{13, 10, 10}, Upstream: Span{11, 9, 9}, LastTime: vectorTime,
	}, *got[" total"])
	assert.Equal(t, int64(3), got["apiid api1"].Latency.Min)
	for _, name := range []string{"operation Query", "types User", "fields User_id", "fields User_name", "rootfields users"} {
		c := got[name]
		require.NotNil(t, c, name)
		assert.Equal(t, []int64{2, -1, 2}, []int64{c.Hits, c.Success, c.Errors}, name)
		// Tyk Pump has the first record's, 10: where all failed, no order of records may
		// matter here.
		assert.Equal(t, int64(3), c.Latency.Min, name)
		assert.Empty(t, c.Codes, name)
	}
	assert.Empty(t, batch(t, Requests, records...))
}

func TestVectorOfMCP(t *testing.T) {
	t.Parallel()
	records := []analytics.Record{vector(200, 10), vector(500, 3)}
	for i := range records {
		records[i].MCP = analytics.MCPStats{IsMCP: true, JSONRPCMethod: "tools/call", PrimitiveType: "tool", PrimitiveName: "get.weather"}
	}
	got := batch(t, MCP, records...)
	assert.Len(t, got, 16)
	for name, human := range map[string]string{"methods tools/call": "tools/call", "primitives tool": "tool", "names tool_get.weather": "get.weather"} {
		c := got[name]
		require.NotNil(t, c, name)
		assert.Equal(t, []int64{2, 1, 1}, []int64{c.Hits, c.Success, c.Errors}, name)
		assert.Equal(t, []CodeCount{{500, 1}}, c.Codes, name)
		assert.Equal(t, human, c.HumanIdentifier, name)
	}
	assert.Empty(t, batch(t, Requests, records...))
}

func TestVectorOfTCP(t *testing.T) {
	t.Parallel()
	second := vector(-1, 0)
	second.Network = analytics.Network{OpenConnections: 3, ClosedConnections: 2, BytesIn: 5, BytesOut: 7}
	other := second
	other.Network.BytesIn = 6
	got := batch(t, Requests, second, other, vector(200, 10))
	total := got[" total"]
	assert.Equal(t, []int64{6, 4, 11, 14, 1}, []int64{total.OpenConnections, total.ClosedConnections, total.BytesIn, total.BytesOut, total.Hits})
	assert.Empty(t, total.Identifier+total.HumanIdentifier, "the API's are not the total's")
	api := got["apiid api1"]
	assert.Equal(t, []int64{0, 0, 11, 14, 1}, []int64{api.OpenConnections, api.ClosedConnections, api.BytesIn, api.BytesOut, api.Hits})
	assert.Equal(t, Span{10, 10, 10}, api.Latency, "a second of a TCP API has no latency")
}

func TestBothKindsCountARecordAndOwnerlessRequestsNobody(t *testing.T) {
	t.Parallel()
	both, nobodys := vector(200, 1), vector(200, 1)
	both.MCP.IsMCP, both.GraphQL.IsGraphQL = true, true
	nobodys.OrgID = ""
	groups, tally := newAggregator(t, hourly()).Aggregate(logsOf("seg", 0, both, nobodys), nil)
	require.Len(t, groups, 2)
	assert.Equal(t, []Family{Graph, MCP}, []Family{groups[0].Family, groups[1].Family})
	assert.Equal(t, []int64{1, 1}, []int64{tally.Records, tally.Ownerless})
	assert.Equal(t, int64(1), groups[1].Rollups[0].Counter.Hits)
}

func TestTagsAreCountedAsTheContractSays(t *testing.T) {
	t.Parallel()
	settings := Settings{IgnoreTagPrefixes: []string{"x-"}}
	for tag, want := range map[string]string{
		" internal.dc1. ": "internaldc1", "key-abc": "", " key-abc": "key-abc", "x-y": "", "X-y": "X-y", ".": "", "\u00a0": "",
		"trace-id-4bf92f3577b34da6": "", " trace-id-4bf": "", "pol-x": "pol-x",
	} {
		assert.Equal(t, want, settings.countedTag(tag, Requests), tag)
	}
	assert.Equal(t, "x-y", settings.countedTag("x-y", MCP), "as in Tyk Pump")
	settings.TraceTags = true
	assert.Equal(t, "trace-id-4bf", settings.countedTag("trace-id-4bf", Requests))
	settings.IgnoreTagPrefixes = []string{""}
	assert.Empty(t, settings.countedTag("pol-x", Requests))
}
