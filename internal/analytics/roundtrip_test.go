package analytics

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// drawText draws strings as they come: short, long, empty, foreign, broken.
func drawText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.Just(""),
		rapid.StringMatching(`[a-zA-Z0-9/_.:-]{0,40}`),
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) string { return string(b) }),
		rapid.StringN(250, 300, -1),
	)
}

func drawHost() *rapid.Generator[string] {
	return rapid.OneOf(drawText(), rapid.StringMatching(`([a-z.\[\]:]{0,8}|\[[0-9a-f:]{0,5}\])(:[0-9+]{0,6})?`))
}

func drawNumber() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(-40, 600), rapid.Int64())
}

func drawTime() *rapid.Generator[time.Time] {
	second := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1e10, 2e10), rapid.Int64Range(-2, 2), rapid.Just(time.Time{}.Unix()))
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(second.Draw(t, "second"), rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 999999999)).Draw(t, "nanosecond")).UTC()
	})
}

func drawList() *rapid.Generator[[]string] { return rapid.SliceOfN(drawText(), 0, 20) }

func drawGraphQL(t *rapid.T) GraphQLStats {
	step := rapid.OneOf(drawText().AsAny(), drawNumber().AsAny())
	return GraphQLStats{
		Variables:  drawText().Draw(t, "Variables"),
		RootFields: drawList().Draw(t, "RootFields"),
		Types:      rapid.MapOfN(drawText(), drawList(), 0, 4).Draw(t, "Types"),
		Errors: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) GraphQLError {
			return GraphQLError{Message: drawText().Draw(t, "Message"), Path: rapid.SliceOfN(step, 0, 4).Draw(t, "Path")}
		}), 0, 3).Draw(t, "Errors"),
		OperationType: OperationType(rapid.OneOf(rapid.Int64Range(0, 4), rapid.Int64()).Draw(t, "OperationType")),
		HasErrors:     rapid.Bool().Draw(t, "HasErrors"),
		IsGraphQL:     rapid.Bool().Draw(t, "IsGraphQL"),
	}
}

// drawRecord draws records that mostly hold together as a gateway's do: the raw
// path is the path, the calendar is the timestamp's.
func drawRecord(t *rapid.T) Record {
	text := func(name string) string { return drawText().Draw(t, name) }
	number := func(name string) int64 { return drawNumber().Draw(t, name) }
	r := Record{
		Method: text("Method"), Host: drawHost().Draw(t, "Host"), Path: text("Path"), ContentLength: number("ContentLength"),
		UserAgent: text("UserAgent"), ResponseCode: number("ResponseCode"), APIKey: text("APIKey"),
		TimeStamp: drawTime().Draw(t, "TimeStamp"), APIVersion: text("APIVersion"), APIName: text("APIName"), APIID: text("APIID"),
		OrgID: text("OrgID"), OauthID: text("OauthID"), RawRequest: text("RawRequest"), RawResponse: text("RawResponse"),
		IPAddress: text("IPAddress"),
		Geo: Geo{
			CountryISOCode: text("CountryISOCode"), CityGeoNameID: rapid.Uint64().Draw(t, "CityGeoNameID"),
			CityNames: rapid.MapOfN(rapid.OneOf(rapid.Just("en"), rapid.Just("de"), drawText()), drawText(), 0, 4).Draw(t, "CityNames"),
			Latitude:  rapid.Float64().Draw(t, "Latitude"), Longitude: rapid.Float64().Draw(t, "Longitude"), TimeZone: text("TimeZone"),
		},
		Network: Network{number("OpenConnections"), number("ClosedConnections"), number("BytesIn"), number("BytesOut")},
		Latency: Latency{number("Total"), number("Upstream"), number("Gateway")},
		Tags:    drawList().Draw(t, "Tags"), Alias: text("Alias"), TrackPath: rapid.Bool().Draw(t, "TrackPath"),
		ExpireAt: drawTime().Draw(t, "ExpireAt"), APISchema: text("APISchema"), OriginalPath: text("OriginalPath"),
		ListenPath: text("ListenPath"), GraphQL: drawGraphQL(t),
		MCP: MCPStats{rapid.Bool().Draw(t, "IsMCP"), text("JSONRPCMethod"), text("PrimitiveType"), text("PrimitiveName")},
	}
	r.setDate(calendar(r.TimeStamp))
	r.RawPath, r.RequestTime = r.Path, r.Latency.Total
	if rapid.Bool().Draw(t, "odd") {
		r.Day, r.Month, r.Year, r.Hour = number("Day"), number("Month"), number("Year"), number("Hour")
		r.RawPath, r.RequestTime = text("RawPath"), number("RequestTime")
	}
	return r
}

func TestRecordsSurviveLogRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		uid := rapid.StringMatching(`[a-z0-9]{0,8}(-[0-9]{1,3})?`).Draw(t, "uid")
		want := cleaned(&r)
		logs := plog.NewLogs()
		r.ToLog(AppendScope(logs).AppendEmpty(), uid)
		wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
		require.NoError(t, err)
		sent, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
		require.NoError(t, err)
		// A record that was full of something else before is as good as a new one.
		back := everything()
		for _, form := range []plog.Logs{logs, sent} {
			lr := form.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
			require.Equal(t, uid, back.FromLog(lr))
			require.Equal(t, want, canonical(&back))
			seen := map[string]bool{}
			for key := range lr.Attributes().All() {
				require.False(t, seen[key], "attribute %s twice", key)
				seen[key] = true
			}
		}
	})
}

// Where attributes lie makes no difference to what they are.
func TestAttributesInASlabAreTheSame(t *testing.T) {
	t.Parallel()
	room := slab.New(10)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		apart, together := plog.NewLogRecord(), plog.NewLogRecord()
		r.ToLog(apart, "s-1")
		r.ToLogIn(room, together, "s-1")
		require.Equal(t, apart.Attributes().AsRaw(), together.Attributes().AsRaw())
		want, got := everything(), everything()
		want.FromLog(apart)
		got.FromLog(together)
		require.Equal(t, canonical(&want), canonical(&got))
	})
}

func TestRecordsSurviveMsgpack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		back := everything()
		require.NoError(t, DecodeMsgpack(AppendMsgpack(nil, &r), &back))
		require.Equal(t, canonical(&r), canonical(&back))
	})
}

func TestRecordsSurviveProtobuf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		back := everything()
		require.NoError(t, DecodeProtobuf(AppendProtobuf(nil, &r), &back))
		want := throughProtobuf(&r)
		require.Equal(t, want, canonical(&back))
	})
}

// throughProtobuf gives what the protobuf form can hold of r.
func throughProtobuf(r *Record) Record {
	c := canonical(r)
	for _, n := range []*int64{&c.Day, &c.Month, &c.Year, &c.Hour, &c.ResponseCode, (*int64)(&c.GraphQL.OperationType)} {
		*n = int64(int32(*n))
	}
	c.Geo.CityGeoNameID = uint64(uint32(c.Geo.CityGeoNameID))
	c.Latency.Gateway = c.Latency.Total - c.Latency.Upstream
	for i := range c.GraphQL.Errors {
		c.GraphQL.Errors[i].Path = nil
	}
	if !c.GraphQL.IsGraphQL {
		c.GraphQL = GraphQLStats{}
	}
	if !c.MCP.IsMCP {
		c.MCP = MCPStats{}
	}
	return c
}

func TestUptimeReportsSurviveMsgpack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return drawText().Draw(t, name) }
		number := func(name string) int64 { return drawNumber().Draw(t, name) }
		u := Uptime{
			URL: text("URL"), RequestTime: number("RequestTime"), ResponseCode: number("ResponseCode"),
			TCPError: rapid.Bool().Draw(t, "TCPError"), ServerError: rapid.Bool().Draw(t, "ServerError"),
			Day: number("Day"), Month: number("Month"), Year: number("Year"), Hour: number("Hour"), Minute: number("Minute"),
			TimeStamp: drawTime().Draw(t, "TimeStamp"), ExpireAt: drawTime().Draw(t, "ExpireAt"),
			APIID: text("APIID"), OrgID: text("OrgID"),
		}
		var back Uptime
		require.NoError(t, DecodeUptime(AppendUptime(nil, &u), &back))
		require.Equal(t, u, back)
	})
}

func (r *Record) setDate(of [4]int64) { r.Day, r.Month, r.Year, r.Hour = of[0], of[1], of[2], of[3] }
