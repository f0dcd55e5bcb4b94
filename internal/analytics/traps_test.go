package analytics

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests here hold what captures of a real gateway show and a reader would
// not expect.

// anyRecord gives the first record of a capture that satisfies is.
func anyRecord(t *testing.T, capture, what string, is func(*Record) bool) Record {
	t.Helper()
	records := capturedRecords(t, capture)
	i := slices.IndexFunc(records, func(r Record) bool { return is(&r) })
	require.GreaterOrEqual(t, i, 0, "no record with %s in %s", what, capture)
	return records[i]
}

func TestIntegersChangeWidthFromRecordToRecord(t *testing.T) {
	t.Parallel()
	widths := map[byte]bool{}
	for _, entry := range captured(t, "records-msgpack") {
		var r Record
		require.NoError(t, DecodeMsgpack(entry, &r))
		_, value, found := strings.Cut(string(entry), "\xabRequestTime")
		require.True(t, found)
		widths[value[0]] = true
		switch lead := value[0]; lead {
		case 0xcc:
			require.EqualValues(t, value[1], r.RequestTime)
		case 0xcd:
			require.Equal(t, int64(value[1])<<8|int64(value[2]), r.RequestTime)
		default:
			require.EqualValues(t, lead, r.RequestTime)
		}
	}
	assert.True(t, widths[0x00], "no fixint in the capture")
	assert.True(t, widths[0xcd], "no integer of 16 bits in the capture")
}

// No capture has one: a gateway knows the length of nearly all requests.
func TestUnknownContentLengthIsMinusOne(t *testing.T) {
	t.Parallel()
	var r Record
	require.NoError(t, DecodeMsgpack(vectorMsgpack(t), &r))
	assert.EqualValues(t, -1, r.ContentLength)
	require.NoError(t, DecodeProtobuf(vectorProtobuf(t), &r))
	assert.EqualValues(t, -1, r.ContentLength)
}

func TestNetworkRecordsHaveResponseCodeMinusOne(t *testing.T) {
	t.Parallel()
	for _, r := range capturedRecords(t, "records-tcp-msgpack") {
		assert.EqualValues(t, -1, r.ResponseCode)
		assert.Empty(t, r.Method)
		assert.Equal(t, "/", r.Path)
		assert.Equal(t, "/", r.RawPath)
		assert.False(t, r.TimeStamp.IsZero())
	}
}

func TestNilMapsAndSlicesAreEmpty(t *testing.T) {
	t.Parallel()
	for _, r := range capturedRecords(t, "records-tcp-msgpack") {
		assert.Empty(t, r.Geo.CityNames)
		assert.Empty(t, r.GraphQL.RootFields)
		assert.Empty(t, r.GraphQL.Types)
		assert.Empty(t, r.GraphQL.Errors)
	}
}

// The calendar is the gateway's, the timestamp is an instant: on the evening of
// the 20th in New York it is the 21st in UTC.
func TestCalendarIsOfTheGatewaysZone(t *testing.T) {
	t.Parallel()
	for _, capture := range []string{"records-tz-newyork-msgpack", "records-tz-newyork-protobuf"} {
		for _, r := range capturedRecords(t, capture) {
			require.Equal(t, "2026-11-21T01", r.TimeStamp.Format("2006-01-02T15"))
			require.Equal(t, [4]int64{2026, 11, 20, 20}, [4]int64{r.Year, r.Month, r.Day, r.Hour})
		}
	}
}

func TestProtobufZonesNeedNotExist(t *testing.T) {
	t.Parallel()
	entry := captured(t, "records-protobuf")[0]
	var want, got Record
	require.NoError(t, DecodeProtobuf(entry, &want))
	text := string(entry)
	require.Contains(t, text, "\xf2\x01\x05Local")
	text = strings.Replace(text, "\xf2\x01\x05Local", "\xf2\x01\x09Mars/Base", 1)
	require.NoError(t, DecodeProtobuf([]byte(text), &got))
	assert.Equal(t, canonical(&want), canonical(&got))
}

func TestProtobufLatencyOfGatewayIsDerived(t *testing.T) {
	t.Parallel()
	for _, capture := range []string{"records-msgpack", "records-otel-msgpack", "records-unhashed-normalised-msgpack"} {
		for _, r := range capturedRecords(t, capture) {
			require.Equal(t, r.Latency.Total-r.Latency.Upstream, r.Latency.Gateway, "what is derived does not hold in msgpack")
			require.Equal(t, r.Latency.Total, r.RequestTime)
		}
	}
	r := anyRecord(t, "records-protobuf", "a gateway's share of the latency", func(r *Record) bool { return r.Latency.Gateway != 0 })
	assert.Equal(t, r.Latency.Total-r.Latency.Upstream, r.Latency.Gateway)
}

func TestProtobufKeepsNamesOfCities(t *testing.T) {
	t.Parallel()
	for _, capture := range []string{"records-msgpack", "records-protobuf"} {
		r := anyRecord(t, capture, "London", func(r *Record) bool { return r.Geo.CityNames["en"] == "London" })
		assert.Equal(t, "Londres", r.Geo.CityNames["fr"])
		assert.Equal(t, "ロンドン", r.Geo.CityNames["ja"])
	}
}

func TestRecordsOfManyListsAreLikeThoseOfOne(t *testing.T) {
	t.Parallel()
	for _, capture := range []string{"multikey-3-msgpack", "multikey-8-msgpack", "multikey-3-protobuf", "multikey-8-protobuf"} {
		for _, r := range capturedRecords(t, capture) {
			require.NotEmpty(t, r.APIID)
			require.NotEmpty(t, r.OrgID)
			require.Contains(t, r.Tags, "api-"+r.APIID)
			require.Contains(t, r.Tags, "org-"+r.OrgID)
		}
	}
}

func TestUptimeReportsHave14Fields(t *testing.T) {
	t.Parallel()
	require.Len(t, uptime.keys, 14)
	refused := 0
	for _, entry := range captured(t, "uptime-msgpack") {
		require.EqualValues(t, 0x80|14, entry[0])
		var u Uptime
		require.NoError(t, DecodeUptime(entry, &u))
		require.NotEmpty(t, u.URL)
		require.NotEmpty(t, u.OrgID)
		if u.TCPError {
			refused++
			require.EqualValues(t, 521, u.ResponseCode)
			require.False(t, u.ServerError)
		} else {
			require.Equal(t, u.ResponseCode > 200, u.ServerError, "any code above 200 counts as an error, 204 too")
		}
	}
	assert.Positive(t, refused)
}

func TestNamesBeyondASCIIStay(t *testing.T) {
	t.Parallel()
	for _, capture := range []string{"records-msgpack", "records-protobuf"} {
		beyond := anyRecord(t, capture, "an alias or agent beyond ASCII", func(r *Record) bool {
			return strings.Contains(r.Alias+r.UserAgent, "ünï") || strings.Contains(r.Alias+r.UserAgent, "Ünï")
		})
		assert.Contains(t, strings.ToLower(beyond.Alias+beyond.UserAgent), "ünïcode")
		alias := anyRecord(t, capture, "an alias beyond ASCII", func(r *Record) bool { return strings.Contains(r.Alias, "ünï") })
		assert.Equal(t, "custom-key ünïcode", alias.Alias)
	}
}

// The gateway stores gzip answers unpacked, but leaves the header that says
// they are packed. Here both stay as they are.
func TestRawAnswersThatClaimGzipStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, capture := range []string{"records-msgpack", "records-protobuf"} {
		r := anyRecord(t, capture, "a gzip answer", func(r *Record) bool {
			raw, err := base64.StdEncoding.DecodeString(r.RawResponse)
			return err == nil && strings.Contains(string(raw), "Content-Encoding: gzip")
		})
		raw, err := base64.StdEncoding.DecodeString(r.RawResponse)
		require.NoError(t, err)
		_, body, found := strings.Cut(string(raw), "\r\n\r\n")
		require.True(t, found)
		assert.False(t, strings.HasPrefix(body, "\x1f\x8b"), "the body is packed")
	}
}

func TestKeylessRequestsHaveTheHashOfNoKey(t *testing.T) {
	t.Parallel()
	hashed := anyRecord(t, "records-msgpack", "the keyless API", func(r *Record) bool { return r.APIID == "petstore-open" })
	assert.Equal(t, "00000000", hashed.APIKey)
	assert.Contains(t, hashed.Tags, "key-00000000")
	plain := anyRecord(t, "records-unhashed-normalised-msgpack", "the keyless API", func(r *Record) bool { return r.APIID == "petstore-open" })
	assert.Empty(t, plain.APIKey)
	assert.NotContains(t, strings.Join(plain.Tags, " "), "key-")
}

func TestTrackedPathsAreTemplates(t *testing.T) {
	t.Parallel()
	for _, capture := range []string{"records-msgpack", "records-protobuf"} {
		r := anyRecord(t, capture, "a tracked path", func(r *Record) bool { return r.TrackPath })
		assert.Contains(t, r.Path, "{id}")
		assert.NotContains(t, r.RawPath, "{")
		assert.NotEqual(t, r.Path, r.RawPath)
	}
}

func TestExpiryWithoutLimitIsAHundredYearsAhead(t *testing.T) {
	t.Parallel()
	for _, capture := range []string{"records-msgpack", "records-protobuf"} {
		r := anyRecord(t, capture, "a far expiry", func(r *Record) bool { return r.ExpireAt.Year() > 2100 })
		assert.InDelta(t, 100*365*24, r.ExpireAt.Sub(r.TimeStamp).Hours(), 26*24)
	}
}

func TestGraphQLAndMCPRecordsCarryTheirStats(t *testing.T) {
	t.Parallel()
	for _, capture := range []string{"records-msgpack", "records-protobuf"} {
		graph := anyRecord(t, capture, "GraphQL errors", func(r *Record) bool { return len(r.GraphQL.Errors) > 0 })
		assert.True(t, graph.GraphQL.IsGraphQL)
		assert.True(t, graph.GraphQL.HasErrors)
		assert.Equal(t, "country service unavailable", graph.GraphQL.Errors[0].Message)
		assert.Equal(t, OperationQuery, graph.GraphQL.OperationType)
		assert.NotEmpty(t, graph.APISchema)
		mcp := anyRecord(t, capture, "an MCP call", func(r *Record) bool { return r.MCP.JSONRPCMethod == "tools/call" })
		assert.True(t, mcp.MCP.IsMCP)
		assert.Equal(t, "tool", mcp.MCP.PrimitiveType)
		assert.NotEmpty(t, mcp.MCP.PrimitiveName)
	}
}

// Only requests that got through the gateway's middleware have the tag.
func TestTraceIDsComeFromTags(t *testing.T) {
	t.Parallel()
	traced := 0
	records := capturedRecords(t, "records-otel-msgpack")
	for _, r := range records {
		if id, ok := r.TraceID(); ok {
			traced++
			require.Contains(t, r.Tags, "trace-id-"+id.String())
		}
	}
	assert.Equal(t, 72, traced)
	assert.Len(t, records, 109)
}
