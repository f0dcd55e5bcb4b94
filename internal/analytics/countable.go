package analytics

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Countable is what rollups count of a Record, whose fields it has under the same
// names. To read it takes a fraction of the time. It is used again and again.
type Countable struct {
	// UID is the record's identity, empty where it has none.
	UID string

	OrgID, APIID, APIName, APIVersion string
	APIKey, Alias, OauthID            string
	Path                              string
	TrackPath                         bool
	ResponseCode, RequestTime         int64
	Latency                           Latency
	TimeStamp, ExpireAt               time.Time
	Tags                              []string
	CountryISOCode                    string // of Record.Geo
	Network                           Network
	GraphQL                           GraphQLStats    // without Types, Variables and Errors
	Types                             []CountableType // of Record.GraphQL, each once
	MCP                               MCPStats

	requestTime bool // was there
}

// CountableType is a GraphQL type, and the fields asked of it.
type CountableType struct {
	Name   string
	Fields []string
}

// reset empties c and keeps the memory of its slices, as Record.Reset does.
func (c *Countable) reset() {
	tags, rootFields, types := c.Tags, c.GraphQL.RootFields, c.Types
	*c = Countable{}
	if cap(tags) <= maxKeptStrings {
		c.Tags = tags[:0]
	}
	if cap(rootFields) <= maxKeptStrings {
		c.GraphQL.RootFields = rootFields[:0]
	}
	if cap(types) <= maxKeptNames {
		c.Types = types[:0]
	}
}

// Forget empties c and lets go of all strings.
func (c *Countable) Forget() {
	c.reset()
	clear(c.Tags[:cap(c.Tags)])
	clear(c.GraphQL.RootFields[:cap(c.GraphQL.RootFields)])
	types := c.Types[:cap(c.Types)]
	for i := range types {
		fields := types[i].Fields
		if cap(fields) > maxKeptStrings {
			fields = nil
		}
		clear(fields[:cap(fields)])
		types[i] = CountableType{Fields: fields[:0]}
	}
}

// FromLog empties c and fills it from lr with what Record.FromLog would read, of
// whatever origin lr is. c shares the memory of lr's strings only.
func (c *Countable) FromLog(lr plog.LogRecord) {
	c.reset()
	c.TimeStamp = timestampOf(lr)
	next := 0
	for key, value := range lr.Attributes().All() {
		at := writtenAt(key, next)
		if at < 0 {
			continue
		}
		if take := written[at].take; take != nil {
			take(c, key, value)
		}
		next = at + 1
	}
	if !c.requestTime {
		c.RequestTime = c.Latency.Total
	}
}

// attribute is one that ToLog writes, and what takes it; nil where it is not counted.
type attribute struct {
	key  string
	take func(c *Countable, key string, v pcommon.Value)
}

// written are the attributes of requests in the order in which ToLog writes them, so
// that each is found a few places behind the one before.
var written = []attribute{
	{AttrUID, func(c *Countable, _ string, v pcommon.Value) { c.UID = asStr(v) }},
	{AttrMethod, nil},
	{AttrServerAddress, nil},
	{AttrServerPort, nil},
	{AttrPath, func(c *Countable, _ string, v pcommon.Value) { c.Path = asStr(v) }},
	{AttrRawPath, nil},
	{AttrContentLength, nil},
	{AttrUserAgent, nil},
	{AttrResponseCode, func(c *Countable, _ string, v pcommon.Value) { c.ResponseCode = asInt(v) }},
	{AttrAPIKey, func(c *Countable, _ string, v pcommon.Value) { c.APIKey = asStr(v) }},
	{AttrTimestamp, func(c *Countable, _ string, v pcommon.Value) { takeInstant(&c.TimeStamp, v) }},
	{AttrDay, nil},
	{AttrMonth, nil},
	{AttrYear, nil},
	{AttrHour, nil},
	{AttrAPIVersion, func(c *Countable, _ string, v pcommon.Value) { c.APIVersion = asStr(v) }},
	{AttrAPIName, func(c *Countable, _ string, v pcommon.Value) { c.APIName = asStr(v) }},
	{AttrAPIID, func(c *Countable, _ string, v pcommon.Value) { c.APIID = asStr(v) }},
	{AttrOrgID, func(c *Countable, _ string, v pcommon.Value) { c.OrgID = asStr(v) }},
	{AttrOauthID, func(c *Countable, _ string, v pcommon.Value) { c.OauthID = asStr(v) }},
	{AttrRawRequest, nil},
	{AttrRawResponse, nil},
	{AttrClientAddress, nil},
	{AttrGeoCountry, func(c *Countable, _ string, v pcommon.Value) { c.CountryISOCode = asStr(v) }},
	{AttrGeoLatitude, nil},
	{AttrGeoLongitude, nil},
	{AttrGeoTimeZone, nil},
	{AttrGeoNameID, nil},
	{AttrGeoCity, nil},
	{AttrGeoNames, nil},
	{AttrNetworkOpen, (*Countable).takeNetwork},
	{AttrNetworkClosed, (*Countable).takeNetwork},
	{AttrNetworkBytesIn, (*Countable).takeNetwork},
	{AttrNetworkBytesOut, (*Countable).takeNetwork},
	{AttrLatencyTotal, func(c *Countable, _ string, v pcommon.Value) { c.Latency.Total = asInt(v) }},
	{AttrLatencyUpstream, func(c *Countable, _ string, v pcommon.Value) { c.Latency.Upstream = asInt(v) }},
	{AttrLatencyGateway, nil},
	{AttrRequestTime, func(c *Countable, _ string, v pcommon.Value) { c.RequestTime, c.requestTime = asInt(v), true }},
	{AttrTags, func(c *Countable, _ string, v pcommon.Value) { c.Tags = asStrs(v, c.Tags[:0]) }},
	{AttrAlias, func(c *Countable, _ string, v pcommon.Value) { c.Alias = asStr(v) }},
	{AttrTrackPath, func(c *Countable, _ string, v pcommon.Value) { c.TrackPath = asBool(v) }},
	{AttrExpireAt, func(c *Countable, _ string, v pcommon.Value) { takeInstant(&c.ExpireAt, v) }},
	{AttrAPISchema, nil},
	{AttrOriginalPath, nil},
	{AttrListenPath, nil},
	{AttrGraphQL, (*Countable).takeGraphQL},
	{AttrGraphQLHasErrors, (*Countable).takeGraphQL},
	{AttrGraphQLOperation, (*Countable).takeGraphQL},
	{AttrGraphQLOperationID, (*Countable).takeGraphQL},
	{AttrGraphQLVariables, nil},
	{AttrGraphQLRootFields, (*Countable).takeGraphQL},
	{AttrGraphQLTypes, (*Countable).takeTypes},
	{AttrGraphQLErrors, nil},
	{AttrMCP, (*Countable).takeMCP},
	{AttrMCPMethod, (*Countable).takeMCP},
	{AttrMCPPrimitiveType, (*Countable).takeMCP},
	{AttrMCPPrimitiveName, (*Countable).takeMCP},
}

// places are where keys stand in written.
var places = func() map[string]int {
	all := make(map[string]int, len(written))
	for at := range written {
		all[written[at].key] = at
	}
	return all
}()

// writtenAt gives a key's place in written, a few comparisons away from next where
// ToLog wrote it; less than 0 for other keys.
func writtenAt(key string, next int) int {
	const near = 12 // as many as requests without a place or a network's counters leave out at once
	for at := next; at < min(next+near, len(written)); at++ {
		if written[at].key == key {
			return at
		}
	}
	if at, known := places[key]; known {
		return at
	}
	return -1
}

func (c *Countable) takeNetwork(key string, v pcommon.Value) { c.Network.take(key, v) }

func (c *Countable) takeGraphQL(key string, v pcommon.Value) { c.GraphQL.take(key, v) }

func (c *Countable) takeMCP(key string, v pcommon.Value) { c.MCP.take(key, v) }

// takeTypes reads the types into a list, which takes no memory of its own in the end.
// Of types of the same name it keeps the last, as a map does.
func (c *Countable) takeTypes(_ string, v pcommon.Value) {
	if v.Type() != pcommon.ValueTypeMap {
		return
	}
	c.Types = c.Types[:0]
	const few = 16
	var places map[string]int // of many types, which a search for each would take long
	if n := v.Map().Len(); n > few {
		places = make(map[string]int, n)
	}
	for name, fields := range v.Map().All() {
		at, known := places[name]
		if places == nil {
			at = slices.IndexFunc(c.Types, func(t CountableType) bool { return t.Name == name })
			known = at >= 0
		}
		if !known {
			at = len(c.Types)
			c.Types = slices.Grow(c.Types, 1)[:at+1] // with the memory of the fields that were there
			if places != nil {
				places[name] = at
			}
		}
		t := &c.Types[at]
		t.Name, t.Fields = name, asStrs(fields, t.Fields[:0])
	}
}
