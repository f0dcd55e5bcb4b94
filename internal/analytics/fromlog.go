package analytics

import (
	"math"
	"strconv"
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
	has     hasBits
	next    int // where the attribute that follows stands in logAttributes
}

// hasBits tell which fields have an attribute, of those that follow from others where they have none.
type hasBits uint8

const (
	hasDay hasBits = 1 << iota
	hasMonth
	hasYear
	hasHour
	hasPath
	hasRequestTime
)

// FromLog empties r, fills it from lr, and gives the record's identity, which
// is empty where lr has none. It undoes ToLog. Log records of another origin are
// welcome: what is missing is zero, numbers and strings stand in for each other
// where the value allows it, and what cannot be used is ignored. r shares the
// memory of lr's strings only.
func (r *Record) FromLog(lr plog.LogRecord) (uid string) { return r.fromLog(lr, allFields) }

// fromLog is FromLog of some fields; others may be filled or not.
func (r *Record) fromLog(lr plog.LogRecord, fields FieldSet) (uid string) {
	oldHost := r.Host
	r.Reset()
	r.TimeStamp = timestampOf(lr)
	seen := &r.work.from
	for key, value := range lr.Attributes().All() {
		at := attributePlace(key, seen.next)
		if at < 0 {
			continue
		}
		switch a := &logAttributes[at]; {
		case a.fields&^fields != 0:
		case a.text != nil:
			*a.text(r) = AttributeString(value)
		default:
			a.take(r, value, seen)
		}
		seen.next = at + 1
	}
	r.complete(seen, oldHost, fields)
	uid, *seen = seen.uid, logReading{}
	return uid
}

// complete fills what is in several attributes, and what had none because it follows from others.
func (r *Record) complete(seen *logReading, oldHost string, fields FieldSet) {
	r.Host = joinHost(seen.address, seen.port, oldHost)
	if seen.has&hasPath == 0 {
		r.Path = r.RawPath
	}
	if seen.has&hasRequestTime == 0 {
		r.RequestTime = r.Latency.Total
	}
	if seen.city != "" {
		r.Geo.CityNames = with(r.Geo.CityNames, english, seen.city)
	}
	if fields&dateFields == 0 {
		return
	}
	own := [4]*int64{&r.Day, &r.Month, &r.Year, &r.Hour}
	for i, part := range calendar(r.TimeStamp) {
		if seen.has&(hasDay<<i) == 0 {
			*own[i] = part
		}
	}
}

// attributePlace is an attribute's place in logAttributes, a few comparisons away from next where
// ToLog wrote it; less than 0 for other keys.
func attributePlace(key string, next int) int {
	const near = 12 // as many as requests without a place or a network's counters leave out at once
	for at := next; at < min(next+near, len(logAttributes)); at++ {
		if logAttributes[at].key == key {
			return at
		}
	}
	if at, known := attributePlaces[key]; known {
		return at
	}
	return -1
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

// AttributeString is the value of a field's attribute as FromLog reads it:
// strings as they are, anything else in its text form.
func AttributeString(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return v.AsString()
}

// AttributeInt is the value of a field's attribute as FromLog reads it: numbers
// and strings of digits, anything else 0.
func AttributeInt(v pcommon.Value) int64 {
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
			list = append(list, AttributeString(elements.At(i)))
		}
	case pcommon.ValueTypeStr:
		list = append(list, v.Str())
	}
	return list
}

// Instant reads what SetInstant wrote, in UTC, or a string in RFC 3339; false where
// the value is neither.
func Instant(v pcommon.Value) (time.Time, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return time.Unix(0, v.Int()).UTC(), true
	case pcommon.ValueTypeSlice:
		pair := v.Slice()
		if pair.Len() == 2 {
			return time.Unix(AttributeInt(pair.At(0)), AttributeInt(pair.At(1))).UTC(), true
		}
	case pcommon.ValueTypeStr:
		if t, err := time.Parse(time.RFC3339Nano, v.Str()); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
