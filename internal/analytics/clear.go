package analytics

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// ClearFields empties fields of a record in the form that ToLog writes: FromLog
// then gives the record as it was with exactly these fields zero. So a field
// that stays, and that was left out because it followed from one that goes, is
// written out: Path from RawPath, RequestTime from Latency, and Day, Month, Year
// and Hour from TimeStamp.
//
// What OpenTelemetry keeps beside the fields stays: event name, identity,
// severity, trace id and observed timestamp. So do attributes of no field.
func ClearFields(lr plog.LogRecord, fields FieldSet) {
	if fields == 0 {
		return
	}
	attrs := lr.Attributes()
	linked := fields.linked()
	var r Record
	if linked != 0 {
		r.fromLog(lr, linked)
	}
	RemoveAttributes(attrs, fields|linked)
	if fields.Has(FieldTimeStamp) {
		lr.SetTimestamp(0)
	}
	if linked != 0 {
		r.Clear(fields)
		r.putFields(attrs, linked)
	}
}

// RemoveAttributes takes away the attributes of fields, of whatever carries the
// names of attributes.go: a gateway's spans do.
func RemoveAttributes(attrs pcommon.Map, fields FieldSet) {
	next := 0
	attrs.RemoveIf(func(key string, _ pcommon.Value) bool {
		at := attributePlace(key, next)
		if at < 0 {
			return false
		}
		next = at + 1
		return logAttributes[at].fields&fields != 0
	})
}

// linked are all fields of the groups in which s has one.
func (s FieldSet) linked() FieldSet {
	var t FieldSet
	for _, group := range [...]FieldSet{pathFields, timeFields, dateFields} {
		if s&group != 0 {
			t |= group
		}
	}
	return t
}

// putFields adds the attributes of some fields to those of others.
func (r *Record) putFields(attrs pcommon.Map, fields FieldSet) {
	const most = 12
	b := newAttributes(nil, most)
	for i, f := range named {
		if fields&(1<<i) != 0 {
			f.value.put(&b, f.attribute, r)
		}
	}
	written := pcommon.NewMap()
	b.Into(written)
	for key, v := range written.All() {
		v.CopyTo(attrs.PutEmpty(key))
	}
}

// Clear zeroes fields, as a decoded record without them would be.
func (r *Record) Clear(fields FieldSet) {
	if fields == 0 {
		return
	}
	for i, f := range named {
		if fields&(1<<i) != 0 {
			f.value.clear(r)
		}
	}
}
