package analytics

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// Document makes of a record the document that one kind of Tyk Pump's pumps sends
// for it: the same keys, types and values (contract: other back-ends, section 1.4).
// It may be used by several goroutines.
//
// Slices and maps without elements become null, which Tyk Pump writes for those
// that a gateway left out and [] or {} for those that it sent empty; a Record does
// not know the difference.
type Document struct {
	members []member
}

// member is one key of a document.
type member struct {
	key string
	put func(*Record, pcommon.Value)
	// has is nil for what all records have.
	has func(*Record) bool
}

// documentFormat is what a document has unless keys are chosen, and what else can be chosen.
type documentFormat struct {
	name     string
	standard []member
	more     []member
}

// NewDocument gives the document of a format with the given keys, or with those
// that Tyk Pump sends by default where none is given. The error names what may
// have been meant.
func NewDocument(format string, keys []string) (*Document, error) {
	i := slices.IndexFunc(documentFormats, func(f documentFormat) bool { return f.name == format })
	if i < 0 {
		return nil, fmt.Errorf("%q is not a format of documents; the formats are %s", format, strings.Join(DocumentFormats(), ", "))
	}
	f := documentFormats[i]
	members := f.standard
	if len(keys) > 0 {
		known := slices.Concat(f.standard, f.more)
		members = nil
		for _, key := range keys {
			j := slices.IndexFunc(known, func(m member) bool { return m.key == key })
			if j < 0 {
				names := make([]string, len(known))
				for i, m := range known {
					names[i] = m.key
				}
				return nil, fmt.Errorf("%q is not a key of %s documents; their keys are %s", key, format, strings.Join(names, ", "))
			}
			if !slices.ContainsFunc(members, func(m member) bool { return m.key == key }) {
				members = append(members, known[j])
			}
		}
	}
	d := &Document{members: slices.Clone(members)}
	slices.SortFunc(d.members, func(a, b member) int { return strings.Compare(a.key, b.key) })
	return d, nil
}

// DocumentFormats lists what NewDocument knows.
func DocumentFormats() []string {
	names := make([]string, len(documentFormats))
	for i, f := range documentFormats {
		names[i] = f.name
	}
	return names
}

// Put writes r's document into m, whose entries it replaces, in the order of the
// keys, and after it the record's identity unless uid is empty. m shares the
// memory of r's strings, which are taken as they are.
func (d *Document) Put(r *Record, uid string, m pcommon.Map) {
	var b xpdata.MapBuilder
	b.EnsureCapacity(len(d.members) + 1)
	for i := range d.members {
		if has := d.members[i].has; has == nil || has(r) {
			d.members[i].put(r, b.AppendEmpty(d.members[i].key))
		}
	}
	if uid != "" {
		b.AppendEmpty(AttrUID).SetStr(uid)
	}
	b.UnsafeIntoMap(m)
}

// The formats, by the type that a pump has in Tyk Pump's configuration; tyk is the
// whole record, as the pumps stdout, sqs, segment and hybrid have it.
var documentFormats = []documentFormat{
	{name: "tyk", standard: wholeRecord},
	{name: "kafka", standard: commonDocument}, // also kinesis, and syslog without tags
	{name: "elasticsearch", standard: searchDocument, more: searchMore},
	{name: "elasticsearch_extended", standard: slices.Concat(searchDocument, searchMore)},
	{name: "splunk", standard: splunkDocument, more: splunkMore},
	{name: "logzio", standard: logzioDocument},
	{name: "influx", standard: influxDocument, more: influxMore},
}

var wholeRecord = []member{
	{key: "method", put: putMethod},
	{key: "host", put: putHost},
	{key: "path", put: putPath},
	{key: "raw_path", put: putRawPath},
	{key: "content_length", put: putContentLength},
	{key: "user_agent", put: putUserAgent},
	{key: "day", put: func(r *Record, v pcommon.Value) { v.SetInt(r.Day) }},
	{key: "month", put: func(r *Record, v pcommon.Value) { v.SetInt(r.Month) }},
	{key: "year", put: func(r *Record, v pcommon.Value) { v.SetInt(r.Year) }},
	{key: "hour", put: func(r *Record, v pcommon.Value) { v.SetInt(r.Hour) }},
	{key: "response_code", put: putResponseCode},
	{key: "api_key", put: putAPIKey},
	{key: "timestamp", put: putTimestamp},
	{key: "api_version", put: putAPIVersion},
	{key: "api_name", put: putAPIName},
	{key: "api_id", put: putAPIID},
	{key: "org_id", put: putOrgID},
	{key: "oauth_id", put: putOauthID},
	{key: "request_time", put: putRequestTime},
	{key: "raw_request", put: putRawRequest},
	{key: "raw_response", put: putRawResponse},
	{key: "ip_address", put: putIPAddress},
	{key: "geo", put: putGeo},
	{key: "network", put: putNetwork},
	{key: "latency", put: putLatency},
	{key: "tags", put: putTags},
	{key: "alias", put: putAlias},
	{key: "track_path", put: putTrackPath},
	{key: "expireAt", put: func(r *Record, v pcommon.Value) { putTime(v, r.ExpireAt) }},
	{key: "api_schema", put: func(r *Record, v pcommon.Value) { v.SetStr(r.APISchema) }},
	{key: "original_path", put: func(r *Record, v pcommon.Value) { v.SetStr(r.OriginalPath) }},
	{key: "listen_path", put: func(r *Record, v pcommon.Value) { v.SetStr(r.ListenPath) }},
	{key: "graphql_stats", put: putGraphQL},
	{key: "mcp_stats", put: putMCP},
}

var commonDocument = []member{
	{key: "timestamp", put: putTimestamp},
	{key: "method", put: putMethod},
	{key: "path", put: putPath},
	{key: "raw_path", put: putRawPath},
	{key: "response_code", put: putResponseCode},
	{key: "alias", put: putAlias},
	{key: "api_key", put: putAPIKey},
	{key: "api_version", put: putAPIVersion},
	{key: "api_name", put: putAPIName},
	{key: "api_id", put: putAPIID},
	{key: "org_id", put: putOrgID},
	{key: "oauth_id", put: putOauthID},
	{key: "raw_request", put: putRawRequest},
	{key: "request_time_ms", put: putRequestTime},
	{key: "raw_response", put: putRawResponse},
	{key: "ip_address", put: putIPAddress},
	{key: "host", put: putHost},
	{key: "content_length", put: putContentLength},
	{key: "user_agent", put: putUserAgent},
	{key: "tags", put: putTags},
}

var (
	searchDocument = []member{
		{key: "@timestamp", put: putTimestamp},
		{key: "http_method", put: putMethod},
		{key: "request_uri", put: putPath},
		{key: "request_uri_full", put: putRawPath},
		{key: "response_code", put: putResponseCode},
		{key: "ip_address", put: putIPAddress},
		{key: "api_key", put: putAPIKey},
		{key: "api_version", put: putAPIVersion},
		{key: "api_name", put: putAPIName},
		{key: "api_id", put: putAPIID},
		{key: "org_id", put: putOrgID},
		{key: "oauth_id", put: putOauthID},
		{key: "request_time_ms", put: putRequestTime},
		{key: "alias", put: putAlias},
		{key: "content_length", put: putContentLength},
		{key: "tags", put: putTags},
		{key: "mcp_method", put: func(r *Record, v pcommon.Value) { v.SetStr(r.MCP.JSONRPCMethod) }, has: isMCP},
		{key: "mcp_primitive_type", put: func(r *Record, v pcommon.Value) { v.SetStr(r.MCP.PrimitiveType) }, has: isMCP},
		{key: "mcp_primitive_name", put: func(r *Record, v pcommon.Value) { v.SetStr(r.MCP.PrimitiveName) }, has: isMCP},
	}
	searchMore = []member{
		{key: "raw_request", put: putRawRequest},
		{key: "raw_response", put: putRawResponse},
		{key: "user_agent", put: putUserAgent},
	}
)

var (
	splunkDocument = []member{
		{key: "method", put: putMethod},
		{key: "path", put: putPath},
		{key: "response_code", put: putResponseCode},
		{key: "api_key", put: putAPIKey},
		{key: "time_stamp", put: putTimestamp},
		{key: "api_version", put: putAPIVersion},
		{key: "api_name", put: putAPIName},
		{key: "api_id", put: putAPIID},
		{key: "org_id", put: putOrgID},
		{key: "oauth_id", put: putOauthID},
		{key: "raw_request", put: putRawRequest},
		{key: "request_time", put: putRequestTime},
		{key: "raw_response", put: putRawResponse},
		{key: "ip_address", put: putIPAddress},
	}
	splunkMore = []member{
		{key: "host", put: putHost},
		{key: "raw_path", put: putRawPath},
		{key: "content_length", put: putContentLength},
		{key: "user_agent", put: putUserAgent},
		{key: "geo", put: putGeo},
		{key: "network", put: putNetwork},
		{key: "latency", put: putLatency},
		{key: "tags", put: putTags},
		{key: "alias", put: putAlias},
		{key: "track_path", put: putTrackPath},
	}
)

var logzioDocument = []member{
	{key: "@timestamp", put: putTimestamp},
	{key: "http_method", put: putMethod},
	{key: "request_uri", put: putPath},
	{key: "response_code", put: putResponseCode},
	{key: "api_key", put: putAPIKey},
	{key: "api_version", put: putAPIVersion},
	{key: "api_name", put: putAPIName},
	{key: "api_id", put: putAPIID},
	{key: "org_id", put: putOrgID},
	{key: "oauth_id", put: putOauthID},
	{key: "raw_request", put: putRawRequest},
	{key: "request_time_ms", put: putRequestTime},
	{key: "raw_response", put: putRawResponse},
	{key: "ip_address", put: putIPAddress},
}

// What can be a field or a tag in InfluxDB, which is all that Splunk gets by
// default, and two of the latencies.
var (
	influxDocument = splunkDocument
	influxMore     = []member{
		{key: "total_latency", put: func(r *Record, v pcommon.Value) { v.SetInt(r.Latency.Total) }},
		{key: "upstream_latency", put: func(r *Record, v pcommon.Value) { v.SetInt(r.Latency.Upstream) }},
	}
)

func isMCP(r *Record) bool { return r.MCP.IsMCP }

func putMethod(r *Record, v pcommon.Value)        { v.SetStr(r.Method) }
func putHost(r *Record, v pcommon.Value)          { v.SetStr(r.Host) }
func putPath(r *Record, v pcommon.Value)          { v.SetStr(r.Path) }
func putRawPath(r *Record, v pcommon.Value)       { v.SetStr(r.RawPath) }
func putContentLength(r *Record, v pcommon.Value) { v.SetInt(r.ContentLength) }
func putUserAgent(r *Record, v pcommon.Value)     { v.SetStr(r.UserAgent) }
func putResponseCode(r *Record, v pcommon.Value)  { v.SetInt(r.ResponseCode) }
func putAPIKey(r *Record, v pcommon.Value)        { v.SetStr(r.APIKey) }
func putTimestamp(r *Record, v pcommon.Value)     { putTime(v, r.TimeStamp) }
func putAPIVersion(r *Record, v pcommon.Value)    { v.SetStr(r.APIVersion) }
func putAPIName(r *Record, v pcommon.Value)       { v.SetStr(r.APIName) }
func putAPIID(r *Record, v pcommon.Value)         { v.SetStr(r.APIID) }
func putOrgID(r *Record, v pcommon.Value)         { v.SetStr(r.OrgID) }
func putOauthID(r *Record, v pcommon.Value)       { v.SetStr(r.OauthID) }
func putRequestTime(r *Record, v pcommon.Value)   { v.SetInt(r.RequestTime) }
func putRawRequest(r *Record, v pcommon.Value)    { v.SetStr(r.RawRequest) }
func putRawResponse(r *Record, v pcommon.Value)   { v.SetStr(r.RawResponse) }
func putIPAddress(r *Record, v pcommon.Value)     { v.SetStr(r.IPAddress) }
func putTags(r *Record, v pcommon.Value)          { putStrs(v, r.Tags) }
func putAlias(r *Record, v pcommon.Value)         { v.SetStr(r.Alias) }
func putTrackPath(r *Record, v pcommon.Value)     { v.SetBool(r.TrackPath) }

// putTime writes what Go's JSON encoder makes of a time.
func putTime(v pcommon.Value, t time.Time) {
	v.SetStr(t.Format(time.RFC3339Nano))
}

// putStrs leaves the value empty, which is null, where there is none.
func putStrs(v pcommon.Value, values []string) {
	if len(values) > 0 {
		setStrs(v.SetEmptySlice(), values)
	}
}

func putGeo(r *Record, v pcommon.Value) {
	geo := v.SetEmptyMap()
	geo.EnsureCapacity(3)
	geo.PutEmptyMap("country").PutStr("iso_code", r.Geo.CountryISOCode)
	city := geo.PutEmptyMap("city")
	city.PutInt("geoname_id", int64(r.Geo.CityGeoNameID))
	names := city.PutEmpty("names")
	if len(r.Geo.CityNames) > 0 {
		m := names.SetEmptyMap()
		m.EnsureCapacity(len(r.Geo.CityNames))
		for _, language := range slices.Sorted(maps.Keys(r.Geo.CityNames)) {
			m.PutStr(language, r.Geo.CityNames[language])
		}
	}
	location := geo.PutEmptyMap("location")
	putDegrees(location.PutEmpty("latitude"), r.Geo.Latitude)
	putDegrees(location.PutEmpty("longitude"), r.Geo.Longitude)
	location.PutStr("time_zone", r.Geo.TimeZone)
}

// putDegrees leaves what JSON has no number for as null, since an exporter would
// refuse the whole batch for it.
func putDegrees(v pcommon.Value, degrees float64) {
	if !math.IsNaN(degrees) && !math.IsInf(degrees, 0) {
		v.SetDouble(degrees)
	}
}

func putNetwork(r *Record, v pcommon.Value) {
	network := v.SetEmptyMap()
	network.EnsureCapacity(4)
	network.PutInt("open_connections", r.Network.OpenConnections)
	network.PutInt("closed_connections", r.Network.ClosedConnections)
	network.PutInt("bytes_in", r.Network.BytesIn)
	network.PutInt("bytes_out", r.Network.BytesOut)
}

func putLatency(r *Record, v pcommon.Value) {
	latency := v.SetEmptyMap()
	latency.EnsureCapacity(3)
	latency.PutInt("total", r.Latency.Total)
	latency.PutInt("upstream", r.Latency.Upstream)
	latency.PutInt("gateway", r.Latency.Gateway)
}

func putGraphQL(r *Record, v pcommon.Value) {
	stats := v.SetEmptyMap()
	stats.EnsureCapacity(7)
	stats.PutStr("Variables", r.GraphQL.Variables)
	putStrs(stats.PutEmpty("RootFields"), r.GraphQL.RootFields)
	types := stats.PutEmpty("Types")
	if len(r.GraphQL.Types) > 0 {
		m := types.SetEmptyMap()
		m.EnsureCapacity(len(r.GraphQL.Types))
		for _, name := range slices.Sorted(maps.Keys(r.GraphQL.Types)) {
			putStrs(m.PutEmpty(name), r.GraphQL.Types[name])
		}
	}
	faults := stats.PutEmpty("Errors")
	if len(r.GraphQL.Errors) > 0 {
		list := faults.SetEmptySlice()
		list.EnsureCapacity(len(r.GraphQL.Errors))
		for i := range r.GraphQL.Errors {
			r.GraphQL.Errors[i].putDocument(list.AppendEmpty().SetEmptyMap())
		}
	}
	stats.PutInt("OperationType", int64(r.GraphQL.OperationType))
	stats.PutBool("HasErrors", r.GraphQL.HasErrors)
	stats.PutBool("IsGraphQL", r.GraphQL.IsGraphQL)
}

func (e *GraphQLError) putDocument(m pcommon.Map) {
	m.PutStr("message", e.Message)
	path := m.PutEmpty("path")
	if len(e.Path) == 0 {
		return
	}
	list := path.SetEmptySlice()
	for _, step := range e.Path {
		switch step := step.(type) {
		case string:
			list.AppendEmpty().SetStr(step)
		case int64:
			list.AppendEmpty().SetInt(step)
		}
	}
}

func putMCP(r *Record, v pcommon.Value) {
	stats := v.SetEmptyMap()
	stats.EnsureCapacity(4)
	stats.PutBool("is_mcp", r.MCP.IsMCP)
	stats.PutStr("jsonrpc_method", r.MCP.JSONRPCMethod)
	stats.PutStr("primitive_type", r.MCP.PrimitiveType)
	stats.PutStr("primitive_name", r.MCP.PrimitiveName)
}

func setStrs(list pcommon.Slice, values []string) {
	list.EnsureCapacity(len(values))
	for _, value := range values {
		list.AppendEmpty().SetStr(cleanUTF8(value))
	}
}
