package analytics

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// Indices into recordKeys.
const (
	keyMethod = iota
	keyHost
	keyPath
	keyRawPath
	keyContentLength
	keyUserAgent
	keyDay
	keyMonth
	keyYear
	keyHour
	keyResponseCode
	keyAPIKey
	keyTimeStamp
	keyAPIVersion
	keyAPIName
	keyAPIID
	keyOrgID
	keyOauthID
	keyRequestTime
	keyRawRequest
	keyRawResponse
	keyIPAddress
	keyGeo
	keyNetwork
	keyLatency
	keyTags
	keyAlias
	keyTrackPath
	keyExpireAt
	keyAPISchema
	keyOriginalPath
	keyListenPath
	keyGraphQL
	keyMCP
	keyCollectionName
)

// mostAttributes is more than the attributes of nearly every record.
const mostAttributes = 48

// msgpackLog makes a log record of an entry without a Record in between, which is a
// third less work. It reads what gateways write: a map with keys in their usual order,
// of which any may be missing.
type msgpackLog struct {
	msgpackReader
	to   attributes
	room *slab.Slab
	// left is how many keys of the record are still to come.
	left int

	path, rawPath string
	code          int64
	requestTime   int64
	calendar      [4]int64
	timestamp     time.Time
	trace         pcommon.TraceID
}

// AppendMsgpackLog appends to list the log record that DecodeMsgpack and ToLogIn would
// make of entry. It is false, with nothing appended, for an entry that they must read:
// one that is no record, or not the way gateways write it, and all where s is nil.
//
// The log record shares memory with entry, which must not change afterwards.
func AppendMsgpackLog(s *slab.Slab, list plog.LogRecordSlice, entry []byte, uid string) (lr plog.LogRecord, ok bool) {
	if s == nil {
		return plog.LogRecord{}, false
	}
	d := msgpackLog{msgpackReader: newMsgpackReader(entry), room: s}
	if !d.header() {
		return plog.LogRecord{}, false
	}
	d.to = attributes{s.Map(mostAttributes)}
	d.to.str(AttrUID, uid)
	d.request()
	d.rest()
	if d.left != 0 || d.err != nil {
		d.to.Drop()
		return plog.LogRecord{}, false
	}
	lr = s.Append(list)
	lr.SetEventName(EventRequest)
	setSeverity(lr, d.code)
	if !d.trace.IsEmpty() {
		lr.SetTraceID(d.trace)
	}
	lr.SetTimestamp(logTime(d.timestamp))
	d.to.Into(lr.Attributes())
	return lr, true
}

// header reads how many keys the record has.
func (d *msgpackLog) header() bool {
	const map16 = 0xde
	switch {
	case len(d.text) > 2 && d.text[0] == map16:
		d.left = int(d.text[1])<<8 | int(d.text[2])
		d.pos = 3
	case len(d.text) > 0 && d.text[0]&0xf0 == msgpackFixMap:
		d.left = int(d.text[0] & 0x0f)
		d.pos = 1
	default:
		return false
	}
	return true
}

// key passes over a key, if it comes next.
func (d *msgpackLog) key(at int) bool {
	key := &recordKeys[at]
	if rest := d.entry[d.pos:]; !key.starts(rest) && (len(rest) >= msgpackKeyWords || !key.isAtEnd(rest)) {
		return false
	}
	d.pos += 1 + len(key.name)
	d.left--
	return true
}

func (d *msgpackLog) copyText(at int, name string) {
	if d.key(at) {
		d.to.str(name, d.str())
	}
}

func (d *msgpackLog) copyName(at int, name string) {
	if d.key(at) {
		d.to.name(name, d.str())
	}
}

func (d *msgpackLog) copyNumber(at int, name string) {
	if d.key(at) {
		d.to.int(name, d.int())
	}
}

func (d *msgpackLog) keep(at int, number *int64) {
	if d.key(at) {
		*number = d.int()
	}
}

// request reads the fields up to the calendar.
func (d *msgpackLog) request() {
	d.copyName(keyMethod, AttrMethod)
	if d.key(keyHost) {
		d.to.host(d.str())
	}
	if d.key(keyPath) {
		d.path = d.str()
	}
	if d.key(keyRawPath) {
		d.rawPath = d.str()
	}
	d.to.paths(d.path, d.rawPath)
	d.copyNumber(keyContentLength, AttrContentLength)
	d.copyName(keyUserAgent, AttrUserAgent)
	for i := range d.calendar {
		d.keep(keyDay+i, &d.calendar[i])
	}
	if d.key(keyResponseCode) {
		d.code = d.int()
		d.to.int(AttrResponseCode, d.code)
	}
	d.copyText(keyAPIKey, AttrAPIKey)
	if d.key(keyTimeStamp) {
		d.timestamp = d.time()
	}
	d.to.when(d.timestamp, d.calendar)
	d.copyName(keyAPIVersion, AttrAPIVersion)
	d.copyName(keyAPIName, AttrAPIName)
	d.copyName(keyAPIID, AttrAPIID)
	d.copyName(keyOrgID, AttrOrgID)
	d.copyText(keyOauthID, AttrOauthID)
	d.keep(keyRequestTime, &d.requestTime)
	d.copyText(keyRawRequest, AttrRawRequest)
	d.copyText(keyRawResponse, AttrRawResponse)
	d.copyText(keyIPAddress, AttrClientAddress)
}

// rest reads the other fields.
func (d *msgpackLog) rest() {
	if d.key(keyGeo) && !d.take(emptyGeo) {
		d.place()
	}
	if d.key(keyNetwork) && !d.take(emptyNetwork) {
		var n Network
		d.network(&n)
		n.put(&d.to)
	}
	var l Latency
	if d.key(keyLatency) {
		d.times(&l)
	}
	l.put(&d.to, d.requestTime)
	if d.key(keyTags) {
		d.tags()
	}
	d.copyText(keyAlias, AttrAlias)
	if d.key(keyTrackPath) {
		d.to.bool(AttrTrackPath, d.bool())
	}
	if d.key(keyExpireAt) {
		d.to.expiry(d.time())
	}
	d.copyText(keyAPISchema, AttrAPISchema)
	d.copyText(keyOriginalPath, AttrOriginalPath)
	d.copyName(keyListenPath, AttrListenPath)
	if d.key(keyGraphQL) && !d.take(emptyGraphQL) {
		var g GraphQLStats
		d.graphQL(&g)
		g.put(d.room, &d.to)
	}
	if d.key(keyMCP) && !d.take(emptyMCP) {
		var m MCPStats
		d.mcp(&m)
		m.put(&d.to)
	}
	if d.key(keyCollectionName) {
		d.skip()
	}
}

// The parts of a place and of the times as gateways write them.
const (
	placeCountry   = "\x83\xa7Country\x81\xa7ISOCode"
	placeCity      = "\xa4City\x82\xa9GeoNameID"
	placeNames     = "\xa5Names"
	placeLatitude  = "\xa8Location\x83\xa8Latitude"
	placeLongitude = "\xa9Longitude"
	placeZone      = "\xa8TimeZone"

	timesTotal    = "\x83\xa5Total"
	timesUpstream = "\xa8Upstream"
	timesGateway  = "\xa7Gateway"
)

// times reads a Latency.
func (d *msgpackLog) times(l *Latency) {
	start := d.pos
	if d.take(timesTotal) {
		l.Total = d.int()
		if d.take(timesUpstream) {
			l.Upstream = d.int()
			if d.take(timesGateway) {
				l.Gateway = d.int()
				return
			}
		}
	}
	d.pos, *l = start, Latency{}
	d.latency(l)
}

// place reads a Geo.
func (d *msgpackLog) place() {
	start := d.pos
	var g Geo
	var names cityNames
	ok := d.take(placeCountry)
	if ok {
		g.CountryISOCode = d.str()
		ok = d.take(placeCity)
	}
	if ok {
		g.CityGeoNameID = uint64(d.int())
		ok = d.take(placeNames) && names.read(&d.msgpackReader)
	}
	if ok {
		ok = d.take(placeLatitude)
	}
	if ok {
		g.Latitude = d.float()
		ok = d.take(placeLongitude)
	}
	if ok {
		g.Longitude = d.float()
		ok = d.take(placeZone)
	}
	if ok {
		g.TimeZone = d.str()
		g.putPlace(&d.to)
		names.put(d.room, &d.to)
		return
	}
	d.pos, g = start, Geo{}
	d.geo(&g)
	g.put(d.room, &d.to)
}

// cityNames are the names of a city in a few languages, English first, without the work
// that a map is.
type cityNames struct {
	english string
	others  [8]struct{ language, name string }
	n       int
}

// read is false where a map must do: names in many languages, of broken letters, or two
// in one language.
func (c *cityNames) read(d *msgpackReader) bool {
	n := d.mapHeader()
	if n > len(c.others) {
		return false
	}
	for range n {
		language, name := d.str(), d.str()
		for i := range c.n {
			if c.others[i].language == language {
				return false
			}
		}
		if !isASCII(language) || language == english && c.english != "" {
			return false
		}
		if language == english && name != "" {
			c.english = name
			continue
		}
		c.others[c.n].language, c.others[c.n].name = language, name
		c.n++
	}
	return true
}

func (c *cityNames) put(s *slab.Slab, b *attributes) {
	b.name(AttrGeoCity, c.english)
	if c.n == 0 {
		return
	}
	names := s.Inner(c.n)
	for i := range c.n {
		if language, name := c.others[i].language, c.others[i].name; !names.Known(language, name) {
			names.Name(language, cleanUTF8(name))
		}
	}
	b.Map(AttrGeoNames, &names)
}

// tags reads the tags, of which one may tell the trace.
func (d *msgpackLog) tags() {
	n := d.arrayHeader()
	if n == 0 {
		return
	}
	list := d.to.List(AttrTags, n)
	for range n {
		tag := d.str()
		if d.err != nil {
			return
		}
		if d.trace.IsEmpty() {
			d.trace, _ = traceOf(tag)
		}
		if !list.Known(tag) {
			list.Name(cleanUTF8(tag))
		}
	}
}
