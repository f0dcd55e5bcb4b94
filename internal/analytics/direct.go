package analytics

import (
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// MsgpackToLog appends to list the log record of one entry of a msgpack list, with attributes that lie in
// s: what DecodeMsgpack, Clear and ToLogIn make of it. Its error is DecodeMsgpack's, and list is then as it
// was. What it leaves in r says nothing.
func (r *Record) MsgpackToLog(s *slab.Slab, list plog.LogRecordSlice, entry []byte, uid string, ignored FieldSet) (plog.LogRecord, error) {
	if lr, ok := r.directly(s, list, entry, uid, ignored); ok {
		return lr, nil
	}
	if err := DecodeMsgpack(entry, r); err != nil {
		return plog.LogRecord{}, err
	}
	r.Clear(ignored)
	lr := s.Append(list)
	r.ToLogIn(s, lr, uid)
	return lr, nil
}

// directly is MsgpackToLog without a stop in r for most fields, which saves about a fifth of the time. It is false, with
// nothing appended, for an entry that the table must read, and all where there is no slab.
func (r *Record) directly(s *slab.Slab, list plog.LogRecordSlice, entry []byte, uid string, ignored FieldSet) (lr plog.LogRecord, ok bool) {
	if s == nil || len(entry) == 0 {
		return lr, false
	}
	r.Reset()
	d, b := &r.work.msgpack, &r.work.to
	*d, *b = newMsgpackReader(entry), newAttributes(s, mostAttributes)
	b.str(AttrUID, uid)
	ok = direct.read(d, b, r, ignored)
	if ok {
		lr = s.Append(list)
		r.stamp(lr)
		direct.putLinked(b, r)
		b.Into(lr.Attributes())
	} else {
		b.Drop()
	}
	*d, *b = msgpackReader{}, attributes{}
	return lr, ok
}

// steps are what becomes of a group's keys on the direct way.
type steps struct {
	keys   []msgpackKey
	empty  string
	each   []step
	linked []*field
}

// step is what becomes of one key: a value is read into the record, and put from there at once or with the
// others that are linked, unless it is a text or a number that goes straight into its attribute.
type step struct {
	kind   stepKind
	field  *field
	text   func(*Record) *string
	number func(*Record) *int64
	inner  *steps
	direct directValue
	put    bool     // at once
	fields FieldSet // the field, and those that it is a part of
}

type stepKind uint8

const (
	stepAny stepKind = iota
	stepText
	stepNumber
	stepReadText
	stepReadNumber
	stepGroup
	stepDirect
)

// directValue is one that gets from an entry into its attributes by itself. It leaves in the record only
// what others follow from.
type directValue interface {
	value
	copyMsgpack(d *msgpackReader, b *attributes, key string, r *Record)
	skipMsgpack(d *msgpackReader)
}

var direct = newSteps(record, "", 0)

func newSteps(g *group, prefix string, within FieldSet) *steps {
	s := &steps{keys: g.keys, empty: g.empty, each: make([]step, len(g.keyed))}
	for i, f := range g.keyed {
		_, isLinked := f.value.(linked)
		st := step{field: f, put: !isLinked, fields: within | fieldsOf(prefix+f.name)}
		switch v := f.value.(type) {
		case typed[string]:
			st.kind, st.text = stepText, v.at
			if f.attribute == AttrPath { // the path follows from it
				st.kind = stepReadText
			}
		case typed[int64]:
			st.kind, st.number = stepNumber, v.at
		case *group:
			st.kind, st.inner = stepGroup, newSteps(v, prefix+f.name+".", st.fields)
		case directValue:
			st.kind, st.direct = stepDirect, v
		case interface{ place() func(*Record) *string }:
			st.kind, st.text = stepReadText, v.place()
		case interface{ place() func(*Record) *int64 }:
			st.kind, st.number = stepReadNumber, v.place()
		}
		if isLinked {
			s.linked = append(s.linked, f)
		}
		s.each[i] = st
	}
	return s
}

// read puts the fields that an entry has; it is false for an entry that is to be read by the table:
// one that is no record, or whose keys come in another order than gateways write them.
func (s *steps) read(d *msgpackReader, b *attributes, r *Record, ignored FieldSet) bool {
	if d.take(s.empty) {
		return true
	}
	w := d.begin(s.keys)
	for {
		before := w.field
		if at := before + 1; w.follows(at) && d.takeKey(&s.keys[at]) {
			w.field = at
			w.left--
		} else if !d.next(&w) {
			return d.err == nil
		} else if w.field <= before {
			return false
		}
		switch st := &s.each[w.field]; {
		case ignored&st.fields != 0:
			if !st.skip(d, b, r) {
				return false
			}
		case !st.read(d, b, r, ignored):
			return false
		}
	}
}

func (st *step) read(d *msgpackReader, b *attributes, r *Record, ignored FieldSet) bool {
	switch st.kind {
	case stepText:
		if text := d.str(); text != "" {
			b.Str(st.field.attribute, CleanUTF8(text))
		}
		return true
	case stepNumber:
		at := st.number(r)
		if *at = d.int(); *at != 0 {
			b.Int(st.field.attribute, *at)
		}
		return true
	case stepGroup:
		return st.inner.read(d, b, r, ignored)
	case stepDirect:
		st.direct.copyMsgpack(d, b, st.field.attribute, r)
		return true
	case stepReadText:
		*st.text(r) = d.str()
	case stepReadNumber:
		*st.number(r) = d.int()
	case stepAny:
		st.field.value.readMsgpack(d, r)
	}
	if st.put {
		st.field.value.put(b, st.field.attribute, r)
	}
	return true
}

// skip reads what is ignored all the same: an entry that is no record must not become one.
func (st *step) skip(d *msgpackReader, b *attributes, r *Record) bool {
	switch st.kind {
	case stepText, stepReadText:
		d.str()
	case stepNumber, stepReadNumber:
		d.int()
	case stepGroup:
		return st.inner.read(d, b, r, allFields)
	case stepDirect:
		st.direct.skipMsgpack(d)
	case stepAny:
		st.field.value.readMsgpack(d, r)
		st.field.value.clear(r)
	}
	return true
}

func (s *steps) putLinked(b *attributes, r *Record) {
	for _, f := range s.linked {
		f.value.put(b, f.attribute, r)
	}
}
