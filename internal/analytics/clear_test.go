package analytics

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"
)

// emptied says what ClearFields promises: the field's zero value, nothing else.
var emptied = map[string]func(*Record){
	"method":         func(r *Record) { r.Method = "" },
	"host":           func(r *Record) { r.Host = "" },
	"path":           func(r *Record) { r.Path = "" },
	"raw_path":       func(r *Record) { r.RawPath = "" },
	"content_length": func(r *Record) { r.ContentLength = 0 },
	"user_agent":     func(r *Record) { r.UserAgent = "" },
	"day":            func(r *Record) { r.Day = 0 },
	"month":          func(r *Record) { r.Month = 0 },
	"year":           func(r *Record) { r.Year = 0 },
	"hour":           func(r *Record) { r.Hour = 0 },
	"response_code":  func(r *Record) { r.ResponseCode = 0 },
	"api_key":        func(r *Record) { r.APIKey = "" },
	"timestamp":      func(r *Record) { r.TimeStamp = time.Time{} },
	"api_version":    func(r *Record) { r.APIVersion = "" },
	"api_name":       func(r *Record) { r.APIName = "" },
	"api_id":         func(r *Record) { r.APIID = "" },
	"org_id":         func(r *Record) { r.OrgID = "" },
	"oauth_id":       func(r *Record) { r.OauthID = "" },
	"request_time":   func(r *Record) { r.RequestTime = 0 },
	"raw_request":    func(r *Record) { r.RawRequest = "" },
	"raw_response":   func(r *Record) { r.RawResponse = "" },
	"ip_address":     func(r *Record) { r.IPAddress = "" },
	"geo":            func(r *Record) { r.Geo = Geo{} },
	"geo.city":       func(r *Record) { r.Geo.CityNames, r.Geo.CityGeoNameID = nil, 0 },
	"geo.location":   func(r *Record) { r.Geo.Latitude, r.Geo.Longitude, r.Geo.TimeZone = 0, 0, "" },
	"network":        func(r *Record) { r.Network = Network{} },
	"latency":        func(r *Record) { r.Latency = Latency{} },
	"tags":           func(r *Record) { r.Tags = nil },
	"alias":          func(r *Record) { r.Alias = "" },
	"track_path":     func(r *Record) { r.TrackPath = false },
	"expireAt":       func(r *Record) { r.ExpireAt = time.Time{} },
	"api_schema":     func(r *Record) { r.APISchema = "" },
	"original_path":  func(r *Record) { r.OriginalPath = "" },
	"listen_path":    func(r *Record) { r.ListenPath = "" },
	"graphql_stats":  func(r *Record) { r.GraphQL = GraphQLStats{} },
	"mcp_stats":      func(r *Record) { r.MCP = MCPStats{} },
}

func (r *Record) emptied(fields FieldSet) *Record {
	out := *r
	for i, name := range fieldNames {
		if fields.Has(Field(i)) {
			emptied[name](&out)
		}
	}
	return &out
}

func TestClearFieldsLeavesTheOthersAsTheyRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		record := drawClearable(t)
		fields := FieldSet(rapid.Uint64Range(0, 1<<len(fieldNames)-1).Draw(t, "fields"))
		requireCleared(t, record, fields)
	})
}

func TestClearFieldsInAnyOrder(t *testing.T) {
	const records = 12
	for seed := range records {
		record := rapid.Custom(drawClearable).Example(seed)
		for first := range fieldNames {
			for second := range fieldNames {
				requireCleared(t, record, NewFieldSet(Field(first)), NewFieldSet(Field(second)))
			}
		}
	}
}

// requireCleared clears the sets one after the other. What is left must read as
// the record without those fields, and must be what ToLog writes of such a
// record: no attribute more, none less.
func requireCleared(t rapid.TB, record *Record, sets ...FieldSet) {
	got, want := plog.NewLogRecord(), plog.NewLogRecord()
	record.ToLog(got, "segment-1")
	got.Attributes().PutStr("someone.elses", "attribute")
	var all FieldSet
	for _, fields := range sets {
		ClearFields(got, fields)
		all |= fields
	}
	left := record.emptied(all)
	left.ToLog(want, "segment-1")
	want.Attributes().PutStr("someone.elses", "attribute")
	if !got.Attributes().Equal(want.Attributes()) || got.Timestamp() != want.Timestamp() {
		t.Fatalf("cleared %v\n got %v %v\nwant %v %v", sets,
			got.Timestamp(), got.Attributes().AsRaw(), want.Timestamp(), want.Attributes().AsRaw())
	}
	var read Record
	uid := read.FromLog(got)
	require.Equal(t, "segment-1", uid)
	require.Equal(t, left, &read)
}

func drawClearable(t *rapid.T) *Record {
	str := func(name string) string {
		return rapid.OneOf(rapid.Just(""), rapid.StringN(1, 6, -1)).Draw(t, name)
	}
	number := func(name string) int64 {
		return rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(-1, 3), rapid.Int64()).Draw(t, name)
	}
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	list := func(name string) []string {
		values := rapid.SliceOfN(rapid.StringN(0, 4, -1), 0, 3).Draw(t, name)
		if len(values) == 0 {
			return nil
		}
		return values
	}
	r := &Record{
		Method: str("method"), Host: rapid.SampledFrom([]string{"", "api", "api:8080", "[::1]:443", ":80"}).Draw(t, "host"),
		Path: str("path"), RawPath: str("raw path"),
		ContentLength: number("length"), UserAgent: str("agent"), ResponseCode: number("code"), APIKey: str("key"),
		TimeStamp: drawInstant(t, "timestamp"), APIVersion: str("version"), APIName: str("name"), APIID: str("api"),
		OrgID: str("org"), OauthID: str("oauth"), RequestTime: number("request time"),
		RawRequest: str("request"), RawResponse: str("response"), IPAddress: str("ip"),
		Geo: Geo{
			CountryISOCode: str("country"), CityGeoNameID: uint64(rapid.Uint32().Draw(t, "city")),
			Latitude: rapid.Float64Range(-90, 90).Draw(t, "latitude"), TimeZone: str("zone"),
		},
		Network: Network{OpenConnections: number("open"), ClosedConnections: number("closed"), BytesIn: number("in"), BytesOut: number("out")},
		Latency: Latency{Total: number("total"), Upstream: number("upstream"), Gateway: number("gateway")},
		Tags:    list("tags"), Alias: str("alias"), TrackPath: flag("track"), ExpireAt: drawInstant(t, "expiry"),
		APISchema: str("schema"), OriginalPath: str("original"), ListenPath: str("listen"),
		GraphQL: GraphQLStats{
			Variables: str("variables"), RootFields: list("roots"), OperationType: OperationType(number("operation")),
			HasErrors: flag("errors"), IsGraphQL: flag("graphql"),
		},
		MCP: MCPStats{IsMCP: flag("mcp"), JSONRPCMethod: str("rpc"), PrimitiveType: str("primitive"), PrimitiveName: str("tool")},
	}
	if flag("names") {
		r.Geo.CityNames = rapid.MapOfN(rapid.SampledFrom([]string{"en", "de", "fr"}), rapid.StringN(0, 4, -1), 1, 3).Draw(t, "cities")
	}
	if flag("types") {
		r.GraphQL.Types = map[string][]string{"Country": {"code", "name"}}
		r.GraphQL.Errors = []GraphQLError{{Message: "no", Path: []any{"country", int64(3)}}}
	}
	// What a gateway writes: fields that follow from others.
	if flag("same path") {
		r.RawPath = r.Path
	}
	if flag("same time") {
		r.RequestTime = r.Latency.Total
	}
	r.setDate(calendar(r.TimeStamp))
	for _, part := range []*int64{&r.Day, &r.Month, &r.Year, &r.Hour} {
		if flag("other zone") {
			*part = number("part")
		}
	}
	return r
}

func drawInstant(t *rapid.T, name string) time.Time {
	const year10000 = 253402300800
	return rapid.OneOf(
		rapid.Just(time.Time{}),
		rapid.Just(time.Unix(0, 0).UTC()),
		rapid.Map(rapid.Int64Range(1700000000, 1800000000), func(s int64) time.Time { return time.Unix(s, 123456789).UTC() }),
		rapid.Map(rapid.Int64Range(-62135596799, year10000), func(s int64) time.Time { return time.Unix(s, 1).UTC() }),
	).Draw(t, name)
}

func TestClearFieldsKeepsWhatIsOpenTelemetrys(t *testing.T) {
	record := &Record{
		Day: 28, Month: 3, Year: 2026, Hour: 21,
		TimeStamp: time.Date(2026, 3, 28, 21, 5, 0, 0, time.UTC), ResponseCode: 503,
		Tags: []string{"trace-id-0102030405060708090a0b0c0d0e0f10"},
	}
	lr := plog.NewLogRecord()
	record.ToLog(lr, "segment-7")
	lr.SetObservedTimestamp(42)

	ClearFields(lr, NewFieldSet(fieldNamed("tags"), fieldNamed("response_code"), FieldTimeStamp))

	assert.Equal(t, EventRequest, lr.EventName())
	assert.Equal(t, plog.SeverityNumberError, lr.SeverityNumber())
	assert.Equal(t, "ERROR", lr.SeverityText())
	assert.Equal(t, "0102030405060708090a0b0c0d0e0f10", lr.TraceID().String())
	assert.Equal(t, pcommon.Timestamp(42), lr.ObservedTimestamp())
	assert.Zero(t, lr.Timestamp())
	assert.Equal(t, map[string]any{
		AttrUID: "segment-7",
		AttrDay: int64(28), AttrMonth: int64(3), AttrYear: int64(2026), AttrHour: int64(21),
	}, lr.Attributes().AsRaw())
}

// BenchmarkClearFields includes making the copy that is cleared.
func BenchmarkClearFields(b *testing.B) {
	for name, fields := range map[string]FieldSet{
		"copy only": 0,
		"plain":     NewFieldSet(FieldRawRequest, FieldRawResponse, fieldNamed("api_key"), fieldNamed("ip_address"), fieldNamed("tags")),
		"linked":    NewFieldSet(FieldTimeStamp, fieldNamed("latency"), fieldNamed("path")),
	} {
		b.Run(name, func(b *testing.B) {
			record := &Record{
				Method: "GET", Host: "api:8080", Path: "/a", RawPath: "/a", ContentLength: 10, UserAgent: "curl", Day: 28,
				Month: 3, Year: 2026, Hour: 21, ResponseCode: 200, APIKey: "key", TimeStamp: time.Date(2026, 3, 28, 21, 5, 0, 0, time.UTC),
				APIVersion: "v1", APIName: "name", APIID: "api", OrgID: "org", RequestTime: 30, IPAddress: "1.2.3.4",
				Latency: Latency{Total: 30, Upstream: 20, Gateway: 10}, Tags: []string{"a", "b"}, Alias: "alias",
				ExpireAt: time.Date(2027, 3, 28, 21, 5, 0, 0, time.UTC), OriginalPath: "/l/a", ListenPath: "/l/",
			}
			full := plog.NewLogRecord()
			record.ToLog(full, "segment-7")
			b.ReportAllocs()
			for b.Loop() {
				lr := plog.NewLogRecord()
				full.CopyTo(lr)
				ClearFields(lr, fields)
			}
		})
	}
}

// TestClearIsClearFieldsOfARecord holds for any record and any fields.
func TestClearIsClearFieldsOfARecord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawRecord(t)
		fields := FieldSet(rapid.Uint64Range(0, 1<<len(fieldNames)-1).Draw(t, "fields"))
		lr := plog.NewLogRecord()
		drawn.ToLog(lr, "s-1")
		var got, want Record
		got.FromLog(lr)
		got.Clear(fields)
		ClearFields(lr, fields)
		want.FromLog(lr)
		require.Equal(t, canonical(&want), canonical(&got))
	})
}

// The names that real gateways put on their spans, which ignored fields must not survive under.
func TestRemoveAttributesKnowsTheGatewaysSpans(t *testing.T) {
	for key, field := range map[string]Field{
		"client.address": fieldNamed("ip_address"), "network.peer.address": fieldNamed("ip_address"), "tyk.api.tags": fieldNamed("tags"),
		"tyk.api.apikey": fieldNamed("api_key"), "tyk.api.apikey.alias": fieldNamed("alias"), "tyk.api.oauthid": fieldNamed("oauth_id"),
		"tyk.original_path": fieldNamed("original_path"), "mcp.method.name": fieldNamed("mcp_stats"), "mcp.tool.name": fieldNamed("mcp_stats"),
		"graphql.document": fieldNamed("graphql_stats"), "graphql.operation.name": fieldNamed("graphql_stats"), "graphql.operation.type": fieldNamed("graphql_stats"),
	} {
		attrs := pcommon.NewMap()
		attrs.PutStr(key, "private")
		attrs.PutStr("url.scheme", "http")
		RemoveAttributes(attrs, NewFieldSet(field))
		if _, left := attrs.Get(key); left || attrs.Len() != 1 {
			t.Errorf("%s is left where %s is ignored: %v", key, field, attrs.AsRaw())
		}
	}
}
