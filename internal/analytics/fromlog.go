package analytics

import (
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// logReading is what FromLog must remember until it has seen all attributes.
type logReading struct {
	uid     string
	address string
	port    int64
	city    string

	rawPath, requestTime   bool
	day, month, year, hour bool
}

// FromLog empties r, fills it from lr, and gives the record's identity, which
// is empty where lr has none. It undoes ToLog. Log records of another origin are
// welcome: what is missing is zero, numbers and strings stand in for each other
// where the value allows it, and what cannot be used is ignored. r shares the
// memory of lr's strings only.
func (r *Record) FromLog(lr plog.LogRecord) (uid string) {
	oldHost := r.Host
	r.Reset()
	r.TimeStamp = timestampOf(lr)
	var seen logReading
	for key, value := range lr.Attributes().All() {
		r.take(key, value, &seen)
	}
	r.Host = joinHost(seen.address, seen.port, oldHost)
	if !seen.rawPath {
		r.RawPath = r.Path
	}
	if !seen.requestTime {
		r.RequestTime = r.Latency.Total
	}
	if seen.city != "" {
		if r.Geo.CityNames == nil {
			r.Geo.CityNames = make(map[string]string, 1)
		}
		r.Geo.CityNames[english] = seen.city
	}
	r.completeCalendar(&seen)
	return seen.uid
}

// timestampOf is the log record's own time, which may lie beyond an int64.
func timestampOf(lr plog.LogRecord) time.Time {
	ts := uint64(lr.Timestamp())
	if ts == 0 {
		return time.Time{}
	}
	const second = uint64(time.Second)
	return time.Unix(int64(ts/second), int64(ts%second)).UTC()
}

// take takes the attributes that most records have; the others go on to takeRare.
func (r *Record) take(key string, value pcommon.Value, seen *logReading) {
	switch key {
	case AttrUID:
		seen.uid = asStr(value)
	case AttrMethod:
		r.Method = asStr(value)
	case AttrPath:
		r.Path = asStr(value)
	case AttrRawPath:
		r.RawPath, seen.rawPath = asStr(value), true
	case AttrOriginalPath:
		r.OriginalPath = asStr(value)
	case AttrListenPath:
		r.ListenPath = asStr(value)
	case AttrContentLength:
		r.ContentLength = asInt(value)
	case AttrUserAgent:
		r.UserAgent = asStr(value)
	case AttrResponseCode:
		r.ResponseCode = asInt(value)
	case AttrClientAddress:
		r.IPAddress = asStr(value)
	case AttrServerAddress:
		seen.address = asStr(value)
	case AttrServerPort:
		seen.port = asInt(value)
	case AttrAPIID:
		r.APIID = asStr(value)
	case AttrAPIName:
		r.APIName = asStr(value)
	case AttrAPIVersion:
		r.APIVersion = asStr(value)
	case AttrOrgID:
		r.OrgID = asStr(value)
	case AttrAPIKey:
		r.APIKey = asStr(value)
	case AttrAlias:
		r.Alias = asStr(value)
	case AttrOauthID:
		r.OauthID = asStr(value)
	case AttrLatencyTotal:
		r.Latency.Total = asInt(value)
	case AttrLatencyUpstream:
		r.Latency.Upstream = asInt(value)
	case AttrLatencyGateway:
		r.Latency.Gateway = asInt(value)
	case AttrTags:
		r.Tags = asStrs(value, r.Tags[:0])
	case AttrExpireAt:
		takeInstant(&r.ExpireAt, value)
	default:
		r.takeRare(key, value, seen)
	}
}

func (r *Record) takeRare(key string, value pcommon.Value, seen *logReading) {
	switch key {
	case AttrRequestTime:
		r.RequestTime, seen.requestTime = asInt(value), true
	case AttrTrackPath:
		r.TrackPath = asBool(value)
	case AttrRawRequest:
		r.RawRequest = asStr(value)
	case AttrRawResponse:
		r.RawResponse = asStr(value)
	case AttrTimestamp:
		takeInstant(&r.TimeStamp, value)
	case AttrDay:
		r.Day, seen.day = asInt(value), true
	case AttrMonth:
		r.Month, seen.month = asInt(value), true
	case AttrYear:
		r.Year, seen.year = asInt(value), true
	case AttrHour:
		r.Hour, seen.hour = asInt(value), true
	case AttrGeoCountry:
		r.Geo.CountryISOCode = asStr(value)
	case AttrGeoCity:
		seen.city = asStr(value)
	case AttrGeoLatitude:
		r.Geo.Latitude = asFloat(value)
	case AttrGeoLongitude:
		r.Geo.Longitude = asFloat(value)
	case AttrGeoNameID:
		r.Geo.CityGeoNameID = uint64(asInt(value))
	case AttrGeoTimeZone:
		r.Geo.TimeZone = asStr(value)
	case AttrGeoNames:
		if value.Type() == pcommon.ValueTypeMap {
			r.Geo.takeNames(value.Map())
		}
	case AttrAPISchema:
		r.APISchema = asStr(value)
	default:
		if strings.HasPrefix(key, "tyk.network.") {
			r.Network.take(key, value)
			return
		}
		r.GraphQL.take(key, value)
		r.MCP.take(key, value)
	}
}

func (g *Geo) takeNames(names pcommon.Map) {
	if g.CityNames == nil && names.Len() > 0 {
		g.CityNames = make(map[string]string, names.Len())
	}
	for language, name := range names.All() {
		g.CityNames[language] = asStr(name)
	}
}

func (n *Network) take(key string, value pcommon.Value) {
	switch key {
	case AttrNetworkOpen:
		n.OpenConnections = asInt(value)
	case AttrNetworkClosed:
		n.ClosedConnections = asInt(value)
	case AttrNetworkBytesIn:
		n.BytesIn = asInt(value)
	case AttrNetworkBytesOut:
		n.BytesOut = asInt(value)
	}
}

func (g *GraphQLStats) take(key string, value pcommon.Value) {
	switch key {
	case AttrGraphQL:
		g.IsGraphQL = asBool(value)
	case AttrGraphQLHasErrors:
		g.HasErrors = asBool(value)
	case AttrGraphQLOperation:
		name := asStr(value)
		for op := OperationQuery; int(op) < len(operationNames); op++ {
			if operationNames[op] == name {
				g.OperationType = op
			}
		}
	case AttrGraphQLOperationID:
		g.OperationType = OperationType(asInt(value))
	case AttrGraphQLVariables:
		g.Variables = asStr(value)
	case AttrGraphQLRootFields:
		g.RootFields = asStrs(value, g.RootFields[:0])
	case AttrGraphQLTypes:
		if value.Type() != pcommon.ValueTypeMap {
			return
		}
		g.Types = make(map[string][]string, value.Map().Len())
		for name, fields := range value.Map().All() {
			g.Types[name] = asStrs(fields, nil)
		}
	case AttrGraphQLErrors:
		if value.Type() != pcommon.ValueTypeSlice {
			return
		}
		g.Errors = make([]GraphQLError, value.Slice().Len())
		for i, fault := range value.Slice().All() {
			g.Errors[i].take(fault)
		}
	}
}

func (e *GraphQLError) take(value pcommon.Value) {
	if value.Type() != pcommon.ValueTypeMap {
		e.Message = asStr(value)
		return
	}
	for key, value := range value.Map().All() {
		switch key {
		case errorMessage:
			e.Message = asStr(value)
		case errorPath:
			if value.Type() != pcommon.ValueTypeSlice {
				continue
			}
			for _, step := range value.Slice().All() {
				switch step.Type() {
				case pcommon.ValueTypeStr:
					e.Path = append(e.Path, step.Str())
				case pcommon.ValueTypeInt:
					e.Path = append(e.Path, step.Int())
				}
			}
		}
	}
}

func (s *MCPStats) take(key string, value pcommon.Value) {
	switch key {
	case AttrMCP:
		s.IsMCP = asBool(value)
	case AttrMCPMethod:
		s.JSONRPCMethod = asStr(value)
	case AttrMCPPrimitiveType:
		s.PrimitiveType = asStr(value)
	case AttrMCPPrimitiveName:
		s.PrimitiveName = asStr(value)
	}
}

// completeCalendar fills what had no attribute because it is the timestamp's.
func (r *Record) completeCalendar(seen *logReading) {
	day, month, year, hour := calendar(r.TimeStamp)
	if !seen.day {
		r.Day = day
	}
	if !seen.month {
		r.Month = month
	}
	if !seen.year {
		r.Year = year
	}
	if !seen.hour {
		r.Hour = hour
	}
}

// asStr spares a string the way through AsString, which costs more than reading it.
func asStr(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return v.AsString()
}

func asInt(v pcommon.Value) int64 {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int()
	case pcommon.ValueTypeDouble:
		if f := v.Double(); f >= math.MinInt64 && f < math.MaxInt64 {
			return int64(f)
		}
	case pcommon.ValueTypeStr:
		if n, err := strconv.ParseInt(v.Str(), 10, 64); err == nil {
			return n
		}
	}
	return 0
}

func asFloat(v pcommon.Value) float64 {
	switch v.Type() {
	case pcommon.ValueTypeDouble:
		return v.Double()
	case pcommon.ValueTypeInt:
		return float64(v.Int())
	case pcommon.ValueTypeStr:
		if f, err := strconv.ParseFloat(v.Str(), 64); err == nil {
			return f
		}
	}
	return 0
}

func asBool(v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeInt:
		return v.Int() != 0
	case pcommon.ValueTypeStr:
		b, err := strconv.ParseBool(v.Str())
		return err == nil && b
	}
	return false
}

// asStrs appends the elements of a slice to list; one string alone is one element.
func asStrs(v pcommon.Value, list []string) []string {
	switch v.Type() {
	case pcommon.ValueTypeSlice:
		elements := v.Slice()
		n := elements.Len()
		if n > cap(list) {
			list = make([]string, 0, n)
		}
		for i := range n {
			list = append(list, asStr(elements.At(i)))
		}
	case pcommon.ValueTypeStr:
		list = append(list, v.Str())
	}
	return list
}

// takeInstant leaves t as it is where the value is no instant.
func takeInstant(t *time.Time, v pcommon.Value) {
	if instant, ok := Instant(v); ok {
		*t = instant
	}
}

// UnixNanos is what SetInstant writes of most instants; false for those that no int64
// is sure to hold, the zero one among them.
func UnixNanos(t time.Time) (int64, bool) { return unixNanos(t) }

// Instant reads what SetInstant wrote, in UTC, or a string in RFC 3339; false where
// the value is neither.
func Instant(v pcommon.Value) (time.Time, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return time.Unix(0, v.Int()).UTC(), true
	case pcommon.ValueTypeSlice:
		pair := v.Slice()
		if pair.Len() == 2 {
			return time.Unix(asInt(pair.At(0)), asInt(pair.At(1))).UTC(), true
		}
	case pcommon.ValueTypeStr:
		if t, err := time.Parse(time.RFC3339Nano, v.Str()); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
