package analytics

import (
	"encoding/hex"
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// traceTagPrefix begins the tag by which the gateway tells a request's trace.
const traceTagPrefix = "trace-id-"

// english is the language of AttrGeoCity in Geo.CityNames.
const english = "en"

// AppendScope adds a resource of the gateway's and the receiver's scope to ld
// and gives the slice into which the log records go.
func AppendScope(ld plog.Logs) plog.LogRecordSlice {
	rl := ld.ResourceLogs().AppendEmpty()
	StampResource(rl.Resource())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(ScopeName)
	return sl.LogRecords()
}

// StampGivenUp tells since when records of a scope may be dead letters; the zero time
// is for those that are not replayed.
func StampGivenUp(scope pcommon.InstrumentationScope, at time.Time) {
	if !at.IsZero() {
		scope.Attributes().PutInt(AttrGivenUp, at.UnixNano())
	}
}

// GivenUp reads what StampGivenUp has told.
func GivenUp(scope pcommon.InstrumentationScope) time.Time {
	value, ok := scope.Attributes().Get(AttrGivenUp)
	if !ok {
		return time.Time{}
	}
	return time.Unix(0, value.Int()).UTC()
}

// StampResource sets the resource's service.name to that of the gateway.
func StampResource(res pcommon.Resource) {
	res.Attributes().PutStr("service.name", ServiceName)
}

// ToLog writes r into lr, whose attributes it replaces; ObservedTimestamp is
// left to the caller. uid is the record's identity (see UID), left out when
// empty. Zero values become no attribute; FromLog reads everything back, except
// that invalid UTF-8, for which OTLP would refuse the whole batch, has become
// U+FFFD. lr shares the memory of r's strings, but of nothing else in r.
func (r *Record) ToLog(lr plog.LogRecord, uid string) { r.ToLogIn(nil, lr, uid) }

// ToLogIn does as ToLog, with attributes that lie in s, which may be nil.
func (r *Record) ToLogIn(s *slab.Slab, lr plog.LogRecord, uid string) {
	lr.SetEventName(EventRequest)
	setSeverity(lr, r.ResponseCode)
	if id, ok := r.TraceID(); ok {
		lr.SetTraceID(id)
	}
	lr.SetTimestamp(logTime(r.TimeStamp))

	b := attributes{Builder: s.Map(r.attributeCount())}
	b.str(AttrUID, uid)
	r.putRequest(s, &b)
	r.putRest(s, &b)
	b.Into(lr.Attributes())
}

func setSeverity(lr plog.LogRecord, code int64) {
	switch {
	case code >= 500:
		lr.SetSeverityNumber(plog.SeverityNumberError)
		lr.SetSeverityText("ERROR")
	case code >= 400:
		lr.SetSeverityNumber(plog.SeverityNumberWarn)
		lr.SetSeverityText("WARN")
	default:
		lr.SetSeverityNumber(plog.SeverityNumberInfo)
		lr.SetSeverityText("INFO")
	}
}

// attributeCount is how many attributes r will have, or a few more: memory for
// attributes that never come costs more than counting.
func (r *Record) attributeCount() int {
	n := one(r.Method != "") + one(r.Path != "") + one(r.RawPath != r.Path) + one(r.OriginalPath != "") +
		one(r.ListenPath != "") + one(r.ContentLength != 0) + one(r.UserAgent != "") + one(r.ResponseCode != 0) +
		one(r.IPAddress != "") + one(r.APIID != "") + one(r.APIName != "") + one(r.APIVersion != "") +
		one(r.OrgID != "") + one(r.APIKey != "") + one(r.Alias != "") + one(r.OauthID != "") +
		one(r.Latency.Total != 0) + one(r.Latency.Upstream != 0) + one(r.Latency.Gateway != 0) +
		one(r.RequestTime != r.Latency.Total) + one(r.TrackPath) + one(r.RawRequest != "") + one(r.RawResponse != "") + one(r.APISchema != "") +
		one(len(r.Tags) > 0)
	n += 4 // uid, server.address, server.port, tyk.expire_at
	if int64(r.TimeStamp.UTC().Hour()) != r.Hour {
		n += 4
	}
	if r.Geo.present() {
		n += 5 + min(len(r.Geo.CityNames), 2)
	}
	if r.Network != (Network{}) {
		n += 4
	}
	if r.GraphQL.present() {
		n += 7
	}
	if r.MCP != (MCPStats{}) {
		n += 4
	}
	return n
}

func one(present bool) int {
	if present {
		return 1
	}
	return 0
}

// putRequest and putRest write in the order in which MsgpackLogs reads.
func (r *Record) putRequest(s *slab.Slab, b *attributes) {
	b.name(AttrMethod, r.Method)
	b.host(r.Host)
	b.paths(r.Path, r.RawPath)
	b.int(AttrContentLength, r.ContentLength)
	b.name(AttrUserAgent, r.UserAgent)
	b.int(AttrResponseCode, r.ResponseCode)
	b.name(AttrAPIKey, r.APIKey)
	b.when(r.TimeStamp, [4]int64{r.Day, r.Month, r.Year, r.Hour})
	b.name(AttrAPIVersion, r.APIVersion)
	b.name(AttrAPIName, r.APIName)
	b.name(AttrAPIID, r.APIID)
	b.name(AttrOrgID, r.OrgID)
	b.name(AttrOauthID, r.OauthID)
	b.str(AttrRawRequest, r.RawRequest)
	b.str(AttrRawResponse, r.RawResponse)
	b.str(AttrClientAddress, r.IPAddress)
	if r.Geo.present() {
		r.Geo.put(s, b)
	}
}

func (r *Record) putRest(s *slab.Slab, b *attributes) {
	if r.Network != (Network{}) {
		r.Network.put(b)
	}
	r.Latency.put(b, r.RequestTime)
	b.strs(AttrTags, r.Tags)
	b.name(AttrAlias, r.Alias)
	b.bool(AttrTrackPath, r.TrackPath)
	b.expiry(r.ExpireAt)
	b.str(AttrAPISchema, r.APISchema)
	b.name(AttrOriginalPath, r.OriginalPath)
	b.name(AttrListenPath, r.ListenPath)
	if r.GraphQL.present() {
		r.GraphQL.put(s, b)
	}
	if r.MCP != (MCPStats{}) {
		r.MCP.put(b)
	}
}

// paths writes the raw path only where it is not the path.
func (b *attributes) paths(path, raw string) {
	b.name(AttrPath, path)
	if raw != path {
		b.Str(AttrRawPath, cleanUTF8(raw))
	}
}

// host writes the host, its port apart where joining them gives the host again.
func (b *attributes) host(host string) {
	if host == "" {
		return
	}
	address, port := splitHost(host)
	b.name(AttrServerAddress, address)
	b.int(AttrServerPort, port)
}

// logTime is a log record's own time, 0 for an instant that it cannot hold.
func logTime(t time.Time) pcommon.Timestamp {
	if seconds := t.Unix(); seconds < 0 || seconds > maxNanosSecond {
		return 0
	}
	return pcommon.NewTimestampFromTime(t)
}

// when writes the timestamp where it is not the log record's own, and the gateway's own
// calendar, from day to hour, where it is not UTC's. It tells whether there was nothing to
// write.
func (b *attributes) when(t time.Time, own [4]int64) (told bool) {
	told = true
	if !t.IsZero() && logTime(t) == 0 {
		b.instant(AttrTimestamp, t)
		told = false
	}
	day, month, year, hour := calendar(t)
	if own == [4]int64{day, month, year, hour} {
		return told
	}
	if own[0] != day {
		b.Int(AttrDay, own[0])
	}
	if own[1] != month {
		b.Int(AttrMonth, own[1])
	}
	if own[2] != year {
		b.Int(AttrYear, own[2])
	}
	if own[3] != hour {
		b.Int(AttrHour, own[3])
	}
	return false
}

func (b *attributes) expiry(t time.Time) {
	if !t.IsZero() {
		b.instant(AttrExpireAt, t)
	}
}

// calendar is t's in UTC, and all zero for the zero time.
func calendar(t time.Time) (day, month, year, hour int64) {
	if t.IsZero() {
		return 0, 0, 0, 0
	}
	t = t.UTC()
	y, m, d := t.Date()
	return int64(d), int64(m), int64(y), int64(t.Hour())
}

// TraceID is the trace that the request belongs to, as one of the tags tells; the
// gateway tags requests that passed its middleware while tracing was on.
func (r *Record) TraceID() (id pcommon.TraceID, ok bool) {
	for _, tag := range r.Tags {
		if id, ok = traceOf(tag); ok {
			return id, true
		}
	}
	return pcommon.TraceID{}, false
}

// traceOf is the trace that a tag tells.
func traceOf(tag string) (id pcommon.TraceID, ok bool) {
	if len(tag) != len(traceTagPrefix)+2*len(id) || tag[:len(traceTagPrefix)] != traceTagPrefix {
		return pcommon.TraceID{}, false
	}
	var text [2 * len(id)]byte
	copy(text[:], tag[len(traceTagPrefix):])
	if _, err := hex.Decode(id[:], text[:]); err != nil {
		return pcommon.TraceID{}, false
	}
	return id, !id.IsEmpty()
}

func (g *Geo) present() bool {
	return g.CountryISOCode != "" || g.TimeZone != "" || g.CityGeoNameID != 0 || len(g.CityNames) > 0 ||
		math.Float64bits(g.Latitude) != 0 || math.Float64bits(g.Longitude) != 0
}

func (g *Geo) put(s *slab.Slab, b *attributes) {
	g.putPlace(b)
	if len(g.CityNames) == 0 {
		return
	}
	city := g.CityNames[english]
	b.name(AttrGeoCity, city)
	others := len(g.CityNames)
	if city != "" {
		others--
	}
	if others == 0 {
		return
	}
	names := s.Inner(others)
	for language, name := range cleanKeys(g.CityNames) {
		if language != english || city == "" {
			names.Str(language, cleanUTF8(name))
		}
	}
	b.Map(AttrGeoNames, &names)
}

// putPlace writes all but the city's names.
func (g *Geo) putPlace(b *attributes) {
	b.name(AttrGeoCountry, g.CountryISOCode)
	b.float(AttrGeoLatitude, g.Latitude)
	b.float(AttrGeoLongitude, g.Longitude)
	b.name(AttrGeoTimeZone, g.TimeZone)
	b.int(AttrGeoNameID, int64(g.CityGeoNameID))
}

// put writes the request's time, too, where it is not the total.
func (l *Latency) put(b *attributes, requestTime int64) {
	b.int(AttrLatencyTotal, l.Total)
	b.int(AttrLatencyUpstream, l.Upstream)
	b.int(AttrLatencyGateway, l.Gateway)
	if requestTime != l.Total {
		b.Int(AttrRequestTime, requestTime)
	}
}

func (n *Network) put(b *attributes) {
	b.int(AttrNetworkOpen, n.OpenConnections)
	b.int(AttrNetworkClosed, n.ClosedConnections)
	b.int(AttrNetworkBytesIn, n.BytesIn)
	b.int(AttrNetworkBytesOut, n.BytesOut)
}

func (g *GraphQLStats) present() bool {
	return g.IsGraphQL || g.HasErrors || g.OperationType != 0 || g.Variables != "" ||
		len(g.RootFields) > 0 || len(g.Types) > 0 || len(g.Errors) > 0
}

// operationNames are the names in semantic conventions, by OperationType.
var operationNames = [...]string{
	OperationQuery: "query", OperationMutation: "mutation", OperationSubscription: "subscription",
}

func (g *GraphQLStats) put(s *slab.Slab, b *attributes) {
	b.bool(AttrGraphQL, g.IsGraphQL)
	b.bool(AttrGraphQLHasErrors, g.HasErrors)
	if op := g.OperationType; op > 0 && int64(op) < int64(len(operationNames)) {
		b.str(AttrGraphQLOperation, operationNames[op])
	} else {
		b.int(AttrGraphQLOperationID, int64(op))
	}
	b.str(AttrGraphQLVariables, g.Variables)
	b.strs(AttrGraphQLRootFields, g.RootFields)
	if len(g.Types) > 0 {
		types := s.Inner(len(g.Types))
		for name, fields := range cleanKeys(g.Types) {
			types.Strs(name, cleanTexts(fields))
		}
		b.Map(AttrGraphQLTypes, &types)
	}
	if len(g.Errors) > 0 {
		list := b.Empty(AttrGraphQLErrors).SetEmptySlice()
		list.EnsureCapacity(len(g.Errors))
		for i := range g.Errors {
			g.Errors[i].put(list.AppendEmpty().SetEmptyMap())
		}
	}
}

// The keys of one error in AttrGraphQLErrors, those of a GraphQL answer.
const (
	errorMessage = "message"
	errorPath    = "path"
)

func (e *GraphQLError) put(m pcommon.Map) {
	m.EnsureCapacity(2)
	if e.Message != "" {
		m.PutStr(errorMessage, cleanUTF8(e.Message))
	}
	if len(e.Path) == 0 {
		return
	}
	path := m.PutEmptySlice(errorPath)
	path.EnsureCapacity(len(e.Path))
	for _, step := range e.Path {
		switch step := step.(type) {
		case string:
			path.AppendEmpty().SetStr(cleanUTF8(step))
		case int64:
			path.AppendEmpty().SetInt(step)
		}
	}
}

func (s *MCPStats) put(b *attributes) {
	b.bool(AttrMCP, s.IsMCP)
	b.str(AttrMCPMethod, s.JSONRPCMethod)
	b.str(AttrMCPPrimitiveType, s.PrimitiveType)
	b.str(AttrMCPPrimitiveName, s.PrimitiveName)
}
