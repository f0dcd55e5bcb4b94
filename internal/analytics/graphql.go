package analytics

import (
	"github.com/tinylib/msgp/msgp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
)

// typesCodec is of the types, and the fields asked of each.
var typesCodec = codec[map[string][]string]{
	readMsgpack: func(d *msgpackReader, _ map[string][]string) map[string][]string {
		return readMap(d, nil, func(d *msgpackReader) []string { return d.strs(nil) })
	},
	appendMsgpack: func(b []byte, types map[string][]string) []byte { return appendMap(b, types, appendStrs) },
	wire:          protowire.BytesType,
	readProtobuf:  readProtobufType,
	appendProtobuf: func(b []byte, number protowire.Number, types map[string][]string) []byte {
		for _, name := range sortedKeys(types) {
			var entry, fields int
			b, entry = pbBegin(b, number)
			b = pbAppendEntryStr(b, 1, name)
			b, fields = pbBegin(b, 2)
			b = pbEnd(pbAppendStrs(b, 1, types[name]), fields)
			b = pbEnd(b, entry)
		}
		return b
	},
	put: func(b *attributes, key string, all map[string][]string) {
		if len(all) == 0 {
			return
		}
		types := b.room.Inner(len(all))
		for name, fields := range cleanKeys(all) {
			putTexts(&types, name, fields)
		}
		types.Into(b.Empty(key).SetEmptyMap())
	},
	take: func(v pcommon.Value, old map[string][]string) map[string][]string {
		if v.Type() != pcommon.ValueTypeMap {
			return old
		}
		types := make(map[string][]string, v.Map().Len())
		for name, fields := range v.Map().All() {
			types[name] = asStrs(fields, nil)
		}
		return types
	},
	document: func(v pcommon.Value, types map[string][]string) { documentMap(v, types, putStrs) },
	appendJSON: func(b []byte, types map[string][]string) []byte {
		if len(types) == 0 {
			return append(b, "null"...)
		}
		separator := byte('{')
		for _, name := range sortedKeys(types) {
			b = append(jsontext.AppendString(append(b, separator), name), ':')
			b = appendJSONStrings(b, types[name])
			separator = ','
		}
		return append(b, '}')
	},
}

// readProtobufType takes one entry of the map: a name and the message RepeatedFields.
func readProtobufType(d *protobufReader, old map[string][]string) map[string][]string {
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
		return old
	}
	return with(old, name, fields)
}

// errorsCodec is of the errors of an answer, of which protobuf has the messages only.
var errorsCodec = codec[[]GraphQLError]{
	readMsgpack: fresh((*msgpackReader).graphQLErrors),
	appendMsgpack: func(b []byte, faults []GraphQLError) []byte {
		if faults == nil {
			return msgp.AppendNil(b)
		}
		b = msgp.AppendArrayHeader(b, uint32(len(faults)))
		for i := range faults {
			b = appendMapHeader(b, len(graphQLErrorKeys))
			b = msgp.AppendString(appendKey(b, "Message"), faults[i].Message)
			b = faults[i].appendPath(appendKey(b, "Path"))
		}
		return b
	},
	wire: protowire.BytesType,
	readProtobuf: func(d *protobufReader, old []GraphQLError) []GraphQLError {
		return append(old, GraphQLError{Message: d.str()})
	},
	appendProtobuf: func(b []byte, number protowire.Number, faults []GraphQLError) []byte {
		for i := range faults {
			b = pbAppendEntryStr(b, number, faults[i].Message)
		}
		return b
	},
	put: func(b *attributes, key string, faults []GraphQLError) {
		if len(faults) == 0 {
			return
		}
		list := b.Empty(key).SetEmptySlice()
		list.EnsureCapacity(len(faults))
		for i := range faults {
			m := list.AppendEmpty().SetEmptyMap()
			if message := faults[i].Message; message != "" {
				m.PutStr(errorMessage, CleanUTF8(message))
			}
			if len(faults[i].Path) > 0 {
				faults[i].putPath(m.PutEmpty(errorPath))
			}
		}
	},
	take: func(v pcommon.Value, old []GraphQLError) []GraphQLError {
		if v.Type() != pcommon.ValueTypeSlice {
			return old
		}
		faults := make([]GraphQLError, v.Slice().Len())
		for i, fault := range v.Slice().All() {
			faults[i].take(fault)
		}
		return faults
	},
	document: func(v pcommon.Value, faults []GraphQLError) {
		if len(faults) == 0 {
			return
		}
		list := v.SetEmptySlice()
		list.EnsureCapacity(len(faults))
		for i := range faults {
			m := list.AppendEmpty().SetEmptyMap()
			m.PutStr(errorMessage, faults[i].Message)
			if path := m.PutEmpty(errorPath); len(faults[i].Path) > 0 {
				faults[i].putPath(path)
			}
		}
	},
	appendJSON: func(b []byte, faults []GraphQLError) []byte {
		if len(faults) == 0 {
			return append(b, "null"...)
		}
		separator := byte('[')
		for i := range faults {
			b = append(append(b, separator), `{"message":`...)
			b = append(jsontext.AppendString(b, faults[i].Message), `,"path":`...)
			if len(faults[i].Path) == 0 {
				b = append(b, "null}"...)
			} else {
				b = append(jsontext.AppendPath(b, faults[i].Path), '}')
			}
			separator = ','
		}
		return append(b, ']')
	},
}

var graphQLErrorKeys = newMsgpackKeys("Message", "Path")

// The keys of one error in log records and documents, those of a GraphQL answer.
const (
	errorMessage = "message"
	errorPath    = "path"
)

func (d *msgpackReader) graphQLErrors() []GraphQLError {
	n := d.arrayHeader()
	if n == 0 {
		return nil
	}
	list := make([]GraphQLError, 0, min(n, maxPreallocated))
	for range n {
		if d.err != nil {
			return nil
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
	return list
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

func (e *GraphQLError) putPath(v pcommon.Value) {
	path := v.SetEmptySlice()
	path.EnsureCapacity(len(e.Path))
	for _, step := range e.Path {
		switch step := step.(type) {
		case string:
			path.AppendEmpty().SetStr(CleanUTF8(step))
		case int64:
			path.AppendEmpty().SetInt(step)
		}
	}
}

func (e *GraphQLError) take(value pcommon.Value) {
	if value.Type() != pcommon.ValueTypeMap {
		e.Message = AttributeString(value)
		return
	}
	for key, value := range value.Map().All() {
		switch {
		case key == errorMessage:
			e.Message = AttributeString(value)
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
