package traffic_test

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

var noon = time.Date(2026, 8, 20, 12, 0, 0, 123456789, time.UTC)

func generator(tb testing.TB, change func(*traffic.Settings)) *traffic.Generator {
	tb.Helper()
	s := traffic.DefaultSettings()
	if change != nil {
		change(&s)
	}
	g, err := traffic.New(s)
	require.NoError(tb, err)
	return g
}

// each hands n records to look; the record is valid only during the call.
func each(g *traffic.Generator, n int, look func(*analytics.Record)) {
	for i := range n {
		look(g.Next(noon.Add(time.Duration(i) * time.Millisecond)))
	}
}

func TestSameSeedGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	bytes := func(seed uint64) []byte {
		var b []byte
		g := generator(t, func(s *traffic.Settings) { s.Seed, s.DetailedShare = seed, 0.2 })
		each(g, 500, func(r *analytics.Record) { b = analytics.AppendMsgpack(b, r) })
		return b
	}
	first, again, other := bytes(7), bytes(7), bytes(8)
	assert.Equal(t, first, again)
	assert.NotEqual(t, first, other)
}

func TestSizesAreThoseOfARealGateway(t *testing.T) {
	t.Parallel()
	var packed, proto []int
	each(generator(t, nil), 20_000, func(r *analytics.Record) {
		packed = append(packed, len(analytics.AppendMsgpack(nil, r)))
		proto = append(proto, len(analytics.AppendProtobuf(nil, r)))
	})
	slices.Sort(packed)
	slices.Sort(proto)
	assert.InDelta(t, 990, packed[len(packed)/2], 20, "a gateway's median in msgpack is 979 to 998 bytes")
	assert.InDelta(t, 460, proto[len(proto)/2], 25, "a gateway's median in protobuf is 442 to 475 bytes")
}

func TestLeanRecordsAreSmall(t *testing.T) {
	t.Parallel()
	total, records := 0, 0
	each(generator(t, func(s *traffic.Settings) { s.Lean = true }), 20_000, func(r *analytics.Record) {
		if r.RawRequest == "" { // recorded bodies are as big as they are
			total += len(analytics.AppendProtobuf(nil, r))
			records++
		}
	})
	assert.InDelta(t, 300, total/records, 30)
}

func TestPathsAreAsManyAsChosen(t *testing.T) {
	t.Parallel()
	for _, variants := range []int{1, 7} {
		paths := map[string]bool{}
		each(generator(t, func(s *traffic.Settings) { s.PathVariants = variants }), 20_000, func(r *analytics.Record) {
			if r.APIName == "Orders API" {
				paths[r.OriginalPath] = true
			}
		})
		assert.Len(t, paths, 1+variants, "one path that does not vary, and orders by their id")
	}
}

func TestBothWireFormsDecodeToTheRecord(t *testing.T) {
	t.Parallel()
	each(generator(t, func(s *traffic.Settings) { s.DetailedShare = 0.3 }), 3000, func(r *analytics.Record) {
		var back analytics.Record
		require.NoError(t, analytics.DecodeMsgpack(analytics.AppendMsgpack(nil, r), &back))
		require.Equal(t, *r, back)
		back = analytics.Record{}
		require.NoError(t, analytics.DecodeProtobuf(analytics.AppendProtobuf(nil, r), &back))
		require.Equal(t, *r, back)
	})
}

func TestTrafficIsSkewedAndMixed(t *testing.T) {
	t.Parallel()
	const n = 50_000
	apis, orgs, classes, methods, keys := map[string]int{}, map[string]int{}, map[int64]int{}, map[string]int{}, map[string]int{}
	var graph, mcp, tracked, traced, placed, cached, oauth int
	each(generator(t, nil), n, func(r *analytics.Record) {
		apis[r.APIName]++
		orgs[r.OrgID]++
		classes[r.ResponseCode/100]++
		methods[r.Method]++
		keys[r.APIKey]++
		count := func(yes bool, counter *int) {
			if yes {
				*counter++
			}
		}
		count(r.GraphQL.IsGraphQL, &graph)
		count(r.MCP.IsMCP, &mcp)
		count(r.TrackPath, &tracked)
		count(r.Geo.CountryISOCode != "", &placed)
		count(r.OauthID != "", &oauth)
		count(slices.Contains(r.Tags, "cached-response"), &cached)
		count(slices.ContainsFunc(r.Tags, func(tag string) bool { return strings.HasPrefix(tag, "trace-id-") }), &traced)
	})
	share := func(count int) float64 { return float64(count) / n }
	assert.Len(t, apis, 12)
	assert.Len(t, orgs, 3)
	assert.InDelta(t, 0.30, share(apis["Product Search"]), 0.02)
	assert.InDelta(t, 0.01, share(apis["Reports"]), 0.005)
	assert.InDelta(t, 0.92, share(classes[2]), 0.03)
	assert.InDelta(t, 0.05, share(classes[4]), 0.02)
	assert.InDelta(t, 0.015, share(classes[5]), 0.012)
	assert.InDelta(t, 0.04, share(graph), 0.01)
	assert.InDelta(t, 0.04, share(mcp), 0.01)
	assert.Greater(t, share(tracked), 0.05)
	assert.InDelta(t, 0.7, share(placed), 0.15)
	assert.Greater(t, share(cached), 0.05)
	assert.InDelta(t, 0.18, share(traced), 0.04)
	assert.Positive(t, oauth)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} {
		assert.Positive(t, methods[method], method)
	}
	assert.Greater(t, len(keys), 200)
}

func TestLatencyDiffersByAPI(t *testing.T) {
	t.Parallel()
	latencies := map[string][]int64{}
	each(generator(t, nil), 50_000, func(r *analytics.Record) {
		require.Equal(t, r.Latency.Total, r.Latency.Upstream+r.Latency.Gateway)
		require.Equal(t, r.Latency.Total, r.RequestTime)
		latencies[r.APIName] = append(latencies[r.APIName], r.RequestTime)
	})
	median := func(api string) int64 {
		list := latencies[api]
		slices.Sort(list)
		return list[len(list)/2]
	}
	assert.InDelta(t, 10, median("Inventory"), 3)
	assert.Greater(t, median("Shipping Quotes"), int64(400))
	assert.Greater(t, median("Reports"), int64(800))
	shipping := latencies["Shipping Quotes"]
	assert.Greater(t, shipping[len(shipping)*99/100], 3*median("Shipping Quotes"), "a long tail")
}

func TestRefusedRequestsLookAsAGatewayRecordsThem(t *testing.T) {
	t.Parallel()
	seen := map[int64]int{}
	each(generator(t, nil), 50_000, func(r *analytics.Record) {
		traced := slices.ContainsFunc(r.Tags, func(tag string) bool { return strings.HasPrefix(tag, "trace-id-") })
		switch {
		case r.ResponseCode == 401 && r.APIName == "Orders API":
			assert.Equal(t, "00000000", r.APIKey)
			assert.Empty(t, r.Alias)
		case r.ResponseCode == 429:
			assert.NotEmpty(t, r.APIKey)
		case r.ResponseCode == 504:
			assert.GreaterOrEqual(t, r.RequestTime, int64(5000))
		default:
			return
		}
		seen[r.ResponseCode]++
		assert.Zero(t, r.Latency.Upstream)
		assert.False(t, traced)
		assert.False(t, strings.HasPrefix(r.RawPath, "/v2/"), "the upstream's path is joined only where a request was proxied")
	})
	assert.Len(t, seen, 3)
}

func TestTagsEndWithKeyOrganisationAndAPI(t *testing.T) {
	t.Parallel()
	each(generator(t, nil), 2000, func(r *analytics.Record) {
		want := []string{"key-" + r.APIKey, "org-" + r.OrgID, "api-" + r.APIID}
		require.Equal(t, want, r.Tags[len(r.Tags)-3:])
	})
}

func TestAddressesAreThoseOfDocumentation(t *testing.T) {
	t.Parallel()
	var ranges []netip.Prefix
	for _, text := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"} {
		ranges = append(ranges, netip.MustParsePrefix(text))
	}
	each(generator(t, nil), 2000, func(r *analytics.Record) {
		ip := netip.MustParseAddr(r.IPAddress)
		require.True(t, slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(ip) }), r.IPAddress)
	})
}

func TestFlakyAPIFailsInSpells(t *testing.T) {
	t.Parallel()
	var failures, calls, worst, run int
	each(generator(t, nil), 100_000, func(r *analytics.Record) {
		if r.APIName != "Recommendations" {
			return
		}
		calls++
		if calls%20 == 0 {
			worst, run = max(worst, run), 0
		}
		if r.ResponseCode >= 500 {
			failures++
			run++
		}
	})
	assert.InDelta(t, 0.15, float64(failures)/float64(calls), 0.1)
	assert.Greater(t, worst, 10, "some twenty calls in a row fail mostly")
}

func TestDetailedRecordsCarryRequestAndResponse(t *testing.T) {
	t.Parallel()
	const body = 3000
	var detailed, n int
	g := generator(t, func(s *traffic.Settings) { s.DetailedShare, s.BodyBytes = 0.25, body })
	each(g, 8000, func(r *analytics.Record) {
		n++
		if r.RawRequest == "" {
			assert.Empty(t, r.RawResponse)
			assert.False(t, r.GraphQL.IsGraphQL)
			return
		}
		detailed++
		request, err := base64.StdEncoding.DecodeString(r.RawRequest)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(request), r.Method+" "+r.RawPath+" HTTP/1.1\r\n"))
		_, sent, found := strings.Cut(string(request), "\r\n\r\n")
		require.True(t, found)
		require.Len(t, sent, int(r.ContentLength))
		response, err := base64.StdEncoding.DecodeString(r.RawResponse)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(response), "HTTP/"))
		if r.ResponseCode == 200 && !r.GraphQL.IsGraphQL && r.Method == http.MethodGet {
			_, got, _ := strings.Cut(string(response), "\r\n\r\n")
			require.Len(t, got, body)
		}
	})
	assert.InDelta(t, 0.28, float64(detailed)/float64(n), 0.05, "a quarter, and all of GraphQL")
}

func TestMarkerNumbersEachRecord(t *testing.T) {
	t.Parallel()
	g := generator(t, func(s *traffic.Settings) { s.Marker = "abc" })
	n := 0
	each(g, 3, func(r *analytics.Record) {
		n++
		_, mark, found := strings.Cut(r.UserAgent, " run/abc/")
		assert.True(t, found)
		assert.Equal(t, string(rune('0'+n)), mark)
	})
}

func TestTimesFollowTheGatewaysZone(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("far east", 13*3600)
	r := generator(t, func(s *traffic.Settings) { s.Location = zone }).Next(noon)
	assert.True(t, noon.Equal(r.TimeStamp))
	assert.Equal(t, []int64{21, 8, 2026, 1}, []int64{r.Day, r.Month, r.Year, r.Hour})
}

func TestIdentifiersDoNotDependOnTheSeed(t *testing.T) {
	t.Parallel()
	ids := func(seed uint64) map[string]string {
		m := map[string]string{}
		g := generator(t, func(s *traffic.Settings) { s.Seed, s.APIs, s.Organisations = seed, 30, 10 })
		each(g, 20_000, func(r *analytics.Record) { m[r.APIID] = r.OrgID + r.APIName })
		return m
	}
	assert.Len(t, ids(1), 30)
	assert.Equal(t, ids(1), ids(2))
}

func TestMCPCanBeLeftOut(t *testing.T) {
	t.Parallel()
	g := generator(t, func(s *traffic.Settings) { s.OmitMCP, s.APIs = true, 24 })
	each(g, 20_000, func(r *analytics.Record) { require.False(t, r.MCP.IsMCP) })
}

func TestSettingsOutOfRangeAreNamed(t *testing.T) {
	t.Parallel()
	_, err := traffic.New(traffic.Settings{Organisations: 5, APIs: 0, DetailedShare: 1.5, BodyBytes: -1})
	require.Error(t, err)
	for _, part := range []string{"number of APIs is 0", "number of organisations is 5", "detailed records is 1.5", "paths behind an endpoint is 0", "bodies is -1"} {
		assert.ErrorContains(t, err, part)
	}
}

func BenchmarkGenerate(b *testing.B) {
	for name, appendTo := range map[string]func([]byte, *analytics.Record) []byte{
		"record only": func(dst []byte, _ *analytics.Record) []byte { return dst },
		"msgpack":     analytics.AppendMsgpack,
		"protobuf":    analytics.AppendProtobuf,
	} {
		b.Run(name, func(b *testing.B) {
			g := generator(b, nil)
			var buffer []byte
			bytes := 0
			b.ReportAllocs()
			for b.Loop() {
				buffer = appendTo(buffer[:0], g.Next(noon))
				bytes += len(buffer)
			}
			b.ReportMetric(float64(bytes)/float64(b.N), "B/record")
		})
	}
}
