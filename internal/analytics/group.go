package analytics

import (
	"slices"
	"strings"

	"github.com/tinylib/msgp/msgp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/otelcol-tyk/otelcol-tyk/internal/msgpack"
	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/protobuf"
)

// group is a struct of fields: a map in msgpack, a message in protobuf.
type group struct {
	key    string
	fields []field
	// has tells whether a record has any of the fields, if that is quick to tell.
	has func(*Record) bool
	// inProtobuf tells whether protobuf has it at all.
	inProtobuf func(*Record) bool

	toPut    []*field      // in the order of their attributes
	keys     []msgpack.Key // of the fields in keyed
	keyed    []*field
	empty    string   // what msgpack has where all fields are zero
	byNumber []*field // by their protobuf numbers, from 0
	numbered []*field // in the order of their protobuf numbers
}

// field is a row with what is found out about it once.
type field struct {
	row

	way      way
	text     func(*Record) *string
	integer  func(*Record) *int64
	inner    *group
	straight straight
	plain    bool     // a text or a number that is all that its attribute says
	kept     bool     // a text that others follow from
	linked   bool     // its attributes follow from other fields, too: they come last
	set      FieldSet // itself, and the fields that it is a part of
}

// way is how a field is read.
type way uint8

const (
	byValue way = iota
	asText
	asInteger
	asGroup
	asStraight
)

// straight is a value that gets from a msgpack entry into its attributes by itself. It leaves in the record
// only what others follow from.
type straight interface {
	copyMsgpack(d *msgpack.Reader, b *attributes, key string, r *Record)
	skipMsgpack(d *msgpack.Reader)
}

func newField(row row) field {
	f := field{row: row}
	_, f.linked = row.value.(linked)
	switch v := row.value.(type) {
	case *group:
		f.way, f.inner = asGroup, v
		v.key = row.key
	case straight:
		f.way, f.straight = asStraight, v
	case interface{ place() func(*Record) *string }:
		f.way, f.text = asText, v.place()
		_, f.plain = v.(typed[string])
		f.kept = !f.plain || row.attribute == AttrPath // which the path follows from
	case interface{ place() func(*Record) *int64 }:
		f.way, f.integer = asInteger, v.place()
		_, f.plain = v.(typed[int64])
	}
	return f
}

func newGroup(has func(*Record) bool, rows ...row) *group {
	g := &group{fields: make([]field, len(rows)), has: has, inProtobuf: always}
	var keys []string
	for i, row := range rows {
		g.fields[i] = newField(row)
		f := &g.fields[i]
		if f.key != "" {
			keys = append(keys, f.key)
			g.keyed = append(g.keyed, f)
		}
		if f.number > 0 {
			g.byNumber = append(g.byNumber, make([]*field, max(0, int(f.number)+1-len(g.byNumber)))...)
			g.byNumber[f.number] = f
		}
	}
	for _, last := range []bool{false, true} {
		for i := range g.fields {
			if f := &g.fields[i]; f.linked == last {
				g.toPut = append(g.toPut, f)
			}
		}
	}
	g.keys = msgpack.NewKeys(keys...)
	g.numbered = slices.DeleteFunc(slices.Clone(g.byNumber), func(f *field) bool { return f == nil })
	g.empty = string(g.appendMsgpack(nil, &Record{}))
	return g
}

// where gives the group, which protobuf has only where the record says so.
func (g *group) where(inProtobuf func(*Record) bool) *group {
	g.inProtobuf = inProtobuf
	return g
}

// find gives the field of this name, or of names with dots between them; nil where there is none.
func (g *group) find(name string) *field {
	for i := range g.fields {
		f := &g.fields[i]
		if f.name == name && name != "" {
			return f
		}
		if rest, ok := strings.CutPrefix(name, f.name+"."); ok {
			if inner, ok := f.value.(*group); ok {
				return inner.find(rest)
			}
		}
	}
	return nil
}

// readMsgpack reads the fields that are there, in whatever order.
func (g *group) readMsgpack(d *msgpack.Reader, r *Record) { g.read(d, r, nil, 0) }

// read reads fields into r, or where b is not nil into their attributes but for those that are ignored: what others follow
// from into r, too, and what is linked only there. It is false for an entry that can only be read into r: one that is
// no record, or whose keys come in another order than gateways write them.
func (g *group) read(d *msgpack.Reader, r *Record, b *attributes, ignored FieldSet) bool {
	if d.Take(g.empty) {
		return true
	}
	w := d.Begin(g.keys)
	for last := -1; d.Next(&w); last = w.Field {
		if b != nil && w.Field <= last {
			return false
		}
		f := g.keyed[w.Field]
		wanted := ignored&f.set == 0
		switch f.way {
		case asText:
			text := d.Str()
			if b == nil || f.kept && wanted {
				*f.text(r) = text
			}
			if b != nil && f.plain && wanted && text != "" {
				if !plaintext.IsASCII(text) { // as CleanUTF8, with one call less
					text = plaintext.ToUTF8(text)
				}
				b.Str(f.attribute, text)
			}
		case asInteger:
			n := d.Int()
			if !wanted {
				continue
			}
			if *f.integer(r) = n; b != nil && f.plain && n != 0 {
				b.Int(f.attribute, n)
			}
		case asGroup:
			inner := ignored
			if !wanted {
				inner = allFields
			}
			if !f.inner.read(d, r, b, inner) && b != nil {
				return false
			}
			continue
		case asStraight:
			switch {
			case b == nil:
				f.value.readMsgpack(d, r)
			case wanted:
				f.straight.copyMsgpack(d, b, f.attribute, r)
			default:
				f.straight.skipMsgpack(d) // read all the same: an entry that is no record must not become one
			}
			continue
		case byValue:
			f.value.readMsgpack(d, r)
			if !wanted {
				f.value.clear(r)
			}
		}
		if b != nil && wanted && !f.plain && !f.linked {
			f.value.put(b, f.attribute, r)
		}
	}
	return d.Err() == nil
}

func (g *group) appendMsgpack(b []byte, r *Record) []byte {
	b = msgp.AppendMapHeader(b, uint32(len(g.keyed)))
	for _, f := range g.keyed {
		b = f.value.appendMsgpack(msgp.AppendString(b, f.key), r)
	}
	return b
}

func (g *group) readProtobuf(d *protobuf.Reader, r *Record) {
	if d.Type == protowire.BytesType {
		around := d.Enter()
		g.readMessage(d, r)
		d.Leave(around, g.key)
	}
}

func (g *group) readMessage(d *protobuf.Reader, r *Record) {
	for d.Next() {
		if int(d.Number) >= len(g.byNumber) {
			continue
		}
		switch f := g.byNumber[d.Number]; {
		case f == nil:
		case f.way == asText && d.Type == protowire.BytesType:
			*f.text(r) = d.Str()
		default:
			f.value.readProtobuf(d, r)
		}
	}
}

func (g *group) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	if !g.inProtobuf(r) {
		return b
	}
	b, start := protobuf.Begin(b, number)
	return protobuf.End(g.appendMessage(b, r), start)
}

func (g *group) appendMessage(b []byte, r *Record) []byte {
	for _, f := range g.numbered {
		b = f.value.appendProtobuf(b, protowire.Number(f.number), r)
	}
	return b
}

func (g *group) put(b *attributes, _ string, r *Record) {
	if !g.has(r) {
		return
	}
	for _, f := range g.toPut {
		if f.plain && f.way == asText {
			b.str(f.attribute, *f.text(r))
			continue
		}
		f.value.put(b, f.attribute, r)
	}
}

func (g *group) attributes(string) []attribute {
	var all []attribute
	for i := range g.fields {
		all = append(all, g.fields[i].value.attributes(g.fields[i].attribute)...)
	}
	return all
}

func (g *group) document(v pcommon.Value, r *Record) {
	m := v.SetEmptyMap()
	m.EnsureCapacity(len(g.fields))
	for i := range g.fields {
		g.fields[i].value.document(m.PutEmpty(g.fields[i].name), r)
	}
}

func (g *group) appendJSON(b []byte, r *Record) []byte {
	separator := byte('{')
	for i := range g.fields {
		f := &g.fields[i]
		if f.name == "" {
			continue
		}
		b = append(b, separator, '"')
		b = append(append(b, f.name...), `":`...)
		b = f.value.appendJSON(b, r)
		separator = ','
	}
	return append(b, '}')
}

func (g *group) clear(r *Record) {
	for i := range g.fields {
		g.fields[i].value.clear(r)
	}
}
