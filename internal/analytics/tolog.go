package analytics

import (
	"encoding/hex"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// traceTagPrefix begins the tag by which the gateway tells a request's trace.
const traceTagPrefix = "trace-id-"

// mostAttributes is more than the attributes of nearly every record.
const mostAttributes = 36

// AppendScope adds a resource of the gateway's and the receiver's scope to ld
// and gives the slice into which the log records go.
func AppendScope(ld plog.Logs) plog.LogRecordSlice {
	rl := ld.ResourceLogs().AppendEmpty()
	rl.SetSchemaUrl(SchemaURL)
	StampResource(rl.Resource())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.SetSchemaUrl(SchemaURL)
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
// U+FFFD. lr shares the memory of r's strings, but of nothing else in r. It writes
// to memory that r has for that: r is used by one goroutine at a time.
func (r *Record) ToLog(lr plog.LogRecord, uid string) { r.ToLogIn(nil, lr, uid) }

// ToLogIn does as ToLog, with attributes that lie in s, which may be nil.
func (r *Record) ToLogIn(s *slab.Slab, lr plog.LogRecord, uid string) {
	r.stamp(lr)
	record.putInto(lr.Attributes(), s, uid, r)
}

// stamp sets what log records have beside attributes.
func (r *Record) stamp(lr plog.LogRecord) {
	lr.SetEventName(EventRequest)
	setSeverity(lr, r.ResponseCode)
	if id, ok := r.TraceID(); ok {
		lr.SetTraceID(id)
	}
	lr.SetTimestamp(logTime(r.TimeStamp))
}

// putInto writes the identity and the group's fields, in the place of what attrs had.
func (g *group) putInto(attrs pcommon.Map, s *slab.Slab, uid string, r *Record) {
	b := &r.work.to
	*b = newAttributes(s, mostAttributes)
	b.str(AttrUID, uid)
	g.put(b, "", r)
	b.Into(attrs)
	*b = attributes{}
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

// logTime is a log record's own time, 0 for an instant that it cannot hold.
func logTime(t time.Time) pcommon.Timestamp {
	if seconds := t.Unix(); seconds < 0 || seconds > maxNanosSecond {
		return 0
	}
	return pcommon.NewTimestampFromTime(t)
}

// calendar writes the gateway's own calendar, from day to hour, where it is not UTC's.
func (b *attributes) calendar(t time.Time, own [4]int64) {
	for i, part := range calendar(t) {
		if own[i] != part {
			b.Int(dateAttributes[i], own[i])
		}
	}
}

var dateAttributes = [4]string{AttrDay, AttrMonth, AttrYear, AttrHour}

// calendar is t's in UTC, from day to hour, and all zero for the zero time.
func calendar(t time.Time) (of [4]int64) {
	if !t.IsZero() {
		t = t.UTC()
		year, month, day := t.Date()
		of = [4]int64{int64(day), int64(month), int64(year), int64(t.Hour())}
	}
	return of
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
