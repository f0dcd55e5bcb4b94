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

// MsgpackLogs makes log records of the entries of a chunk without a Record in between,
// which is a third less work. It reads what gateways write: a map with keys in their
// usual order, of which any may be missing. It is used by one goroutine at a time.
type MsgpackLogs struct {
	list    plog.LogRecordSlice
	room    *slab.Slab
	ignored FieldSet
	hour    hourSeen
	runs    *runsSeen

	// Of the entry that is read.
	msgpackReader
	to          attributes
	left        int // how many keys of the record are still to come
	code        int64
	requestTime int64
	timestamp   time.Time
	trace       pcommon.TraceID
}

// NewMsgpackLogs begins with log records that go to list, lie in s and lack the ignored
// fields. They share memory with their entries, which must not change afterwards.
func NewMsgpackLogs(s *slab.Slab, list plog.LogRecordSlice, ignored FieldSet) *MsgpackLogs {
	return &MsgpackLogs{room: s, list: list, ignored: ignored, runs: new(runsSeen)}
}

// Append appends the log record that DecodeMsgpack and ToLogIn would make of entry, whole
// or as Clear would leave it. It is false, with nothing appended, for an entry
// that they must read: one that is no record, or not the way gateways write it, and all
// where there is no slab.
func (d *MsgpackLogs) Append(entry []byte, uid string) (lr plog.LogRecord, ok bool) {
	if d.room == nil {
		return plog.LogRecord{}, false
	}
	d.msgpackReader = newMsgpackReader(entry)
	if !d.header() {
		return plog.LogRecord{}, false
	}
	d.code, d.requestTime, d.timestamp, d.trace = 0, 0, time.Time{}, pcommon.TraceID{}
	d.to.Builder = d.room.Map(mostAttributes)
	d.to.str(AttrUID, uid)
	d.request()
	d.rest()
	if d.left != 0 || d.err != nil {
		d.to.Drop()
		return plog.LogRecord{}, false
	}
	lr = d.room.Append(d.list)
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
func (d *MsgpackLogs) header() bool {
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
func (d *MsgpackLogs) key(at int) bool {
	key := &recordKeys[at]
	if rest := d.entry[d.pos:]; !key.starts(rest) && (len(rest) >= msgpackKeyWords || !key.isAtEnd(rest)) {
		return false
	}
	d.pos += 1 + len(key.name)
	d.left--
	return true
}

// wants is false for a field that is ignored. It is read all the same: an entry that is
// no record must not become one. The fields begin with those of the keys, in their order.
func (d *MsgpackLogs) wants(at int) bool {
	return d.ignored == 0 || !d.ignored.Has(Field(at)) //nolint:gosec // small
}

// pass passes over so many keys and their values, if these bytes come next.
func (d *MsgpackLogs) pass(literal string, keys int) bool {
	if !d.take(literal) {
		return false
	}
	d.left -= keys
	return true
}

func (d *MsgpackLogs) textOf(at int) string {
	if !d.key(at) {
		return ""
	}
	text := d.str()
	if !d.wants(at) {
		return ""
	}
	return text
}

func (d *MsgpackLogs) numberOf(at int) int64 {
	if !d.key(at) {
		return 0
	}
	number := d.int()
	if !d.wants(at) {
		return 0
	}
	return number
}

func (d *MsgpackLogs) instantOf(at int) time.Time {
	if !d.key(at) {
		return time.Time{}
	}
	instant := d.time()
	if !d.wants(at) {
		return time.Time{}
	}
	return instant
}

// request reads the fields about the request.
func (d *MsgpackLogs) request() {
	d.to.name(AttrMethod, d.textOf(keyMethod))
	d.host()
	path := d.textOf(keyPath)
	d.to.paths(path, d.textOf(keyRawPath))
	d.to.int(AttrContentLength, d.numberOf(keyContentLength))
	d.to.name(AttrUserAgent, d.textOf(keyUserAgent))
	d.calendar()
	d.code = d.numberOf(keyResponseCode)
	d.to.int(AttrResponseCode, d.code)
	d.to.name(AttrAPIKey, d.textOf(keyAPIKey))
	d.timestamp = d.instantOf(keyTimeStamp)
	d.when()
	d.to.name(AttrAPIVersion, d.textOf(keyAPIVersion))
	d.api()
	d.to.name(AttrOauthID, d.textOf(keyOauthID))
	d.requestTime = d.numberOf(keyRequestTime)
	d.to.str(AttrRawRequest, d.textOf(keyRawRequest))
	d.to.str(AttrRawResponse, d.textOf(keyRawResponse))
	d.to.str(AttrClientAddress, d.textOf(keyIPAddress))
	if !d.pass(unusedGeo, 1) {
		d.place()
	}
}

// rest reads the other fields.
func (d *MsgpackLogs) rest() {
	if !d.pass(unusedNetwork, 1) && d.key(keyNetwork) {
		var n Network
		if d.network(&n); d.wants(keyNetwork) {
			n.put(&d.to)
		}
	}
	var l Latency
	if d.key(keyLatency) {
		if d.times(&l); !d.wants(keyLatency) {
			l = Latency{}
		}
	}
	l.put(&d.to, d.requestTime)
	if d.key(keyTags) {
		d.tags()
	}
	d.to.name(AttrAlias, d.textOf(keyAlias))
	if d.key(keyTrackPath) {
		tracked := d.bool()
		d.to.bool(AttrTrackPath, tracked && d.wants(keyTrackPath))
	}
	d.to.expiry(d.instantOf(keyExpireAt))
	d.to.str(AttrAPISchema, d.textOf(keyAPISchema))
	d.to.name(AttrOriginalPath, d.textOf(keyOriginalPath))
	d.to.name(AttrListenPath, d.textOf(keyListenPath))
	if d.pass(unusedRest, 3) {
		return
	}
	if d.key(keyGraphQL) && !d.take(emptyGraphQL) {
		var g GraphQLStats
		if d.graphQL(&g); d.wants(keyGraphQL) {
			g.put(d.room, &d.to)
		}
	}
	if d.key(keyMCP) && !d.take(emptyMCP) {
		var m MCPStats
		if d.mcp(&m); d.wants(keyMCP) {
			m.put(&d.to)
		}
	}
	if d.key(keyCollectionName) {
		d.skip()
	}
}

// The parts of the times as gateways write them.
const (
	timesTotal    = "\x83\xa5Total"
	timesUpstream = "\xa8Upstream"
	timesGateway  = "\xa7Gateway"
)

// times reads a Latency.
func (d *MsgpackLogs) times(l *Latency) {
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

// tags reads the tags, of which one may tell the trace.
func (d *MsgpackLogs) tags() {
	n := d.arrayHeader()
	if n == 0 {
		return
	}
	if !d.wants(keyTags) {
		for range n {
			d.str()
		}
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
