package analytics

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tinylib/msgp/msgp"
)

// graphQLTypes maps each type to the fields asked of it.
type graphQLTypes struct{ absent }

func (graphQLTypes) readMsgpack(d *msgpackReader, r *Record) { r.GraphQL.Types = d.types() }

func (graphQLTypes) appendMsgpack(b []byte, r *Record) []byte {
	return appendMap(b, r.GraphQL.Types, appendStrs)
}

// readProtobuf takes one entry of the map: a name and the message RepeatedFields.
func (graphQLTypes) readProtobuf(d *protobufReader, r *Record) {
	if d.wireType != protowire.BytesType {
		return
	}
	around := d.enter()
	name, value := d.mapEntry()
	var fields []string
	if d.err == nil {
		d.bytes = value
		entry := d.enter()
		for d.next() {
			if d.number == 1 && d.wireType == protowire.BytesType {
				fields = append(fields, d.str())
			}
		}
		d.leave(entry, "fields")
	}
	if d.leave(around, "Types"); d.err != nil {
		return
	}
	if r.GraphQL.Types == nil {
		r.GraphQL.Types = make(map[string][]string)
	}
	r.GraphQL.Types[name] = fields
}

func (graphQLTypes) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	for _, name := range sortedKeys(r.GraphQL.Types) {
		var entry, fields int
		b, entry = pbBegin(b, number)
		b = pbAppendEntryStr(b, 1, name)
		b, fields = pbBegin(b, 2)
		b = pbEnd(pbAppendStrs(b, 1, r.GraphQL.Types[name]), fields)
		b = pbEnd(b, entry)
	}
	return b
}

func (graphQLTypes) put(b *attributes, key string, r *Record) {
	if len(r.GraphQL.Types) == 0 {
		return
	}
	types := b.room.Inner(len(r.GraphQL.Types))
	for name, fields := range cleanKeys(r.GraphQL.Types) {
		types.Strs(name, cleanTexts(fields))
	}
	types.Into(b.Empty(key).SetEmptyMap())
}

func (graphQLTypes) attributes(key string) []attribute {
	return one(key, func(r *Record, v pcommon.Value) {
		if v.Type() != pcommon.ValueTypeMap {
			return
		}
		r.GraphQL.Types = make(map[string][]string, v.Map().Len())
		for name, fields := range v.Map().All() {
			r.GraphQL.Types[name] = asStrs(fields, nil)
		}
	})
}

func (graphQLTypes) document(v pcommon.Value, r *Record) {
	if len(r.GraphQL.Types) == 0 {
		return
	}
	m := v.SetEmptyMap()
	m.EnsureCapacity(len(r.GraphQL.Types))
	for _, name := range sortedKeys(r.GraphQL.Types) {
		putStrs(m.PutEmpty(name), r.GraphQL.Types[name])
	}
}

func (graphQLTypes) clear(r *Record) { r.GraphQL.Types = nil }

// graphQLErrors are the errors of an answer, of which protobuf has the messages only.
type graphQLErrors struct{ absent }

var graphQLErrorKeys = newMsgpackKeys("Message", "Path")

// The keys of one error in log records and documents, those of a GraphQL answer.
const (
	errorMessage = "message"
	errorPath    = "path"
)

func (graphQLErrors) readMsgpack(d *msgpackReader, r *Record) {
	n := d.arrayHeader()
	if r.GraphQL.Errors = nil; n == 0 {
		return
	}
	list := make([]GraphQLError, 0, min(n, maxPreallocated))
	for range n {
		if d.err != nil {
			return
		}
		var e GraphQLError
		for w := d.begin(graphQLErrorKeys); d.next(&w); {
			switch w.field {
			case 0:
				e.Message = d.str()
			default:
				e.Path = d.path()
			}
		}
		list = append(list, e)
	}
	r.GraphQL.Errors = list
}

func (graphQLErrors) appendMsgpack(b []byte, r *Record) []byte {
	if r.GraphQL.Errors == nil {
		return msgp.AppendNil(b)
	}
	b = msgp.AppendArrayHeader(b, uint32(len(r.GraphQL.Errors)))
	for i := range r.GraphQL.Errors {
		e := &r.GraphQL.Errors[i]
		b = msgp.AppendMapHeader(b, uint32(len(graphQLErrorKeys)))
		b = msgp.AppendString(appendKey(b, "Message"), e.Message)
		b = e.appendPath(appendKey(b, "Path"))
	}
	return b
}

func (e *GraphQLError) appendPath(b []byte) []byte {
	if e.Path == nil {
		return msgp.AppendNil(b)
	}
	b = msgp.AppendArrayHeader(b, uint32(len(e.Path)))
	for _, step := range e.Path {
		switch step := step.(type) {
		case string:
			b = msgp.AppendString(b, step)
		case int64:
			b = appendSmallestInt(b, step)
		default:
			b = msgp.AppendNil(b)
		}
	}
	return b
}

func (graphQLErrors) readProtobuf(d *protobufReader, r *Record) {
	if d.wireType == protowire.BytesType {
		r.GraphQL.Errors = append(r.GraphQL.Errors, GraphQLError{Message: d.str()})
	}
}

func (graphQLErrors) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	for i := range r.GraphQL.Errors {
		b = pbAppendEntryStr(b, number, r.GraphQL.Errors[i].Message)
	}
	return b
}

func (graphQLErrors) put(b *attributes, key string, r *Record) {
	if len(r.GraphQL.Errors) == 0 {
		return
	}
	list := b.Empty(key).SetEmptySlice()
	list.EnsureCapacity(len(r.GraphQL.Errors))
	for i := range r.GraphQL.Errors {
		e := &r.GraphQL.Errors[i]
		m := list.AppendEmpty().SetEmptyMap()
		if e.Message != "" {
			m.PutStr(errorMessage, cleanUTF8(e.Message))
		}
		if len(e.Path) > 0 {
			e.putPath(m.PutEmpty(errorPath), cleanUTF8)
		}
	}
}

func (e *GraphQLError) putPath(v pcommon.Value, clean func(string) string) {
	path := v.SetEmptySlice()
	path.EnsureCapacity(len(e.Path))
	for _, step := range e.Path {
		switch step := step.(type) {
		case string:
			path.AppendEmpty().SetStr(clean(step))
		case int64:
			path.AppendEmpty().SetInt(step)
		}
	}
}

func (graphQLErrors) attributes(key string) []attribute {
	return one(key, func(r *Record, v pcommon.Value) {
		if v.Type() != pcommon.ValueTypeSlice {
			return
		}
		r.GraphQL.Errors = make([]GraphQLError, v.Slice().Len())
		for i, fault := range v.Slice().All() {
			r.GraphQL.Errors[i].take(fault)
		}
	})
}

func (e *GraphQLError) take(value pcommon.Value) {
	if value.Type() != pcommon.ValueTypeMap {
		e.Message = asStr(value)
		return
	}
	for key, value := range value.Map().All() {
		switch {
		case key == errorMessage:
			e.Message = asStr(value)
		case key == errorPath && value.Type() == pcommon.ValueTypeSlice:
			for _, step := range value.Slice().All() {
				switch step.Type() {
				case pcommon.ValueTypeStr:
					e.Path = append(e.Path, step.Str())
				case pcommon.ValueTypeInt:
					e.Path = append(e.Path, step.Int())
				}
			}
		}
	}
}

func (graphQLErrors) document(v pcommon.Value, r *Record) {
	if len(r.GraphQL.Errors) == 0 {
		return
	}
	list := v.SetEmptySlice()
	list.EnsureCapacity(len(r.GraphQL.Errors))
	for i := range r.GraphQL.Errors {
		e := &r.GraphQL.Errors[i]
		m := list.AppendEmpty().SetEmptyMap()
		m.PutStr(errorMessage, e.Message)
		if path := m.PutEmpty(errorPath); len(e.Path) > 0 {
			e.putPath(path, func(step string) string { return step })
		}
	}
}

func (graphQLErrors) clear(r *Record) { r.GraphQL.Errors = nil }
