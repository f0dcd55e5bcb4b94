package analytics

import (
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// Field is one top-level field of a Record, or one of a few parts of one, as users name it in
// configurations: its place in the table of fields, the parts behind the others.
type Field uint8

// parts are what users may name of fields.
var parts = []string{"geo.city", "geo.location"}

// named are all fields that users may name, and fieldNames their names.
var named, fieldNames = func() (all []*field, names []string) {
	for i := range record.fields {
		if f := &record.fields[i]; f.name != "" {
			all, names = append(all, f), append(names, f.name)
		}
	}
	for _, part := range parts {
		all, names = append(all, record.find(part)), append(names, part)
	}
	record.mark("", 0, names)
	return all, names
}()

// mark sets which fields of these names each field belongs to.
func (g *group) mark(prefix string, within FieldSet, names []string) {
	for i := range g.fields {
		f := &g.fields[i]
		if f.set = within; f.name == "" {
			continue
		}
		if at := slices.Index(names, prefix+f.name); at >= 0 {
			f.set |= 1 << at
		}
		if f.inner != nil {
			f.inner.mark(prefix+f.name+".", f.set, names)
		}
	}
}

// Fields that code asks for by name.
var (
	FieldTimeStamp   = fieldNamed("timestamp")
	FieldRawRequest  = fieldNamed("raw_request")
	FieldRawResponse = fieldNamed("raw_response")
)

// Groups of fields of which ToLog leaves some out where they follow from the
// others. When one of a group changes, those left out must be decided anew.
var (
	pathFields = fieldsNamed("path", "raw_path", "track_path")
	timeFields = fieldsNamed("latency", "request_time")
	dateFields = fieldsNamed("timestamp", "day", "month", "year", "hour")
)

// allFields has every field.
const allFields = ^FieldSet(0)

func fieldNamed(name string) Field { return Field(slices.Index(fieldNames, name)) } //nolint:gosec // few

func fieldsNamed(names ...string) FieldSet {
	var s FieldSet
	for _, name := range names {
		s |= NewFieldSet(fieldNamed(name))
	}
	return s
}

// String gives the field's JSON name, the one that ParseField reads.
func (f Field) String() string {
	if int(f) >= len(fieldNames) {
		return fmt.Sprintf("field %d", uint8(f))
	}
	return fieldNames[f]
}

// ParseField finds a field by the JSON name that Tyk gives it, such as
// "raw_path", "expireAt" or "geo.city". The error names what may have been meant.
func ParseField(name string) (Field, error) {
	if slices.Contains(fieldNames, name) {
		return fieldNamed(name), nil
	}
	near := spelling.Near(name, fieldNames)
	if len(near) == 0 {
		return 0, fmt.Errorf("%q is not a field of a record; the fields are %s", name, strings.Join(fieldNames, ", "))
	}
	return 0, fmt.Errorf("%q is not a field of a record; did you mean %s?", name, strings.Join(near, " or "))
}

// FieldSet is a set of fields; its zero value is empty.
type FieldSet uint64

// ParseFields is the set of the fields with such names, and what is wrong with names that are of none.
func ParseFields(names []string) (set FieldSet, faults []error) {
	for _, name := range names {
		field, err := ParseField(name)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		set |= NewFieldSet(field)
	}
	return set, faults
}

// NewFieldSet is the set of the given fields.
func NewFieldSet(fields ...Field) FieldSet {
	var s FieldSet
	for _, f := range fields {
		s |= 1 << f
	}
	return s
}

// Has tells whether f is in the set, by itself or as a part of a field that is.
func (s FieldSet) Has(f Field) bool { return s&f.within() != 0 }

// within has f and the field that it is a part of.
func (f Field) within() FieldSet {
	s := NewFieldSet(f)
	if whole, _, isPart := strings.Cut(fieldNames[f], "."); isPart {
		s |= fieldsNamed(whole)
	}
	return s
}

// logAttributes are all attributes that a log record of a request has, in the order in which ToLog
// writes most of them, and then those of spans; attributePlaces are their places.
var logAttributes, attributePlaces = func() (all []attribute, places map[string]int) {
	all = []attribute{{key: AttrUID, take: func(_ *Record, v pcommon.Value, seen *logReading) { seen.uid = AttributeString(v) }}}
	var add func(g *group)
	add = func(g *group) {
		for _, f := range g.toPut {
			if f.inner != nil {
				add(f.inner)
				continue
			}
			for _, a := range f.value.attributes(f.attribute) {
				if a.fields = f.set; a.key == AttrPath { // of most records, it is the path, too
					a.fields |= pathFields &^ fieldsNamed("track_path")
				}
				all = append(all, a)
			}
		}
	}
	add(record)
	for key, name := range spanAttributes {
		all = append(all, attribute{key: key, take: func(*Record, pcommon.Value, *logReading) {}, fields: fieldsNamed(name)})
	}
	places = make(map[string]int, len(all))
	for i := range all {
		places[all[i].key] = i
	}
	return all, places
}()
