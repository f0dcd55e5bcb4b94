package analytics

import (
	"maps"
	"slices"

	"github.com/tinylib/msgp/msgp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/msgpack"
	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/protobuf"
)

// typesCodec is of the types, and the fields asked of each.
var typesCodec = some(codec[map[string][]string]{
	readMsgpack: func(d *msgpack.Reader, _ map[string][]string) map[string][]string {
		return msgpack.ReadMap(d, nil, func(d *msgpack.Reader) []string { return d.Strs(nil) })
	},
	appendMsgpack: func(b []byte, types map[string][]string) []byte { return msgpack.AppendMap(b, types, appendTexts) },
	wire:          protowire.BytesType,
	readProtobuf: func(d *protobuf.Reader, old map[string][]string) map[string][]string {
		name, value, ok := d.MapEntry("Types")
		if !ok {
			return old
		}
		d.Bytes = value // the message RepeatedFields
		var fields []string
		around := d.Enter()
		for d.Next() {
			if d.Number == 1 && d.Type == protowire.BytesType {
				fields = append(fields, d.Str())
			}
		}
		if !d.Leave(around, "Types.fields") {
			return old
		}
		return with(old, name, fields)
	},
	appendProtobuf: func(b []byte, number protowire.Number, types map[string][]string) []byte {
		return protobuf.AppendMap(b, number, types, func(b []byte, fields []string) []byte {
			b, start := protobuf.Begin(b, 2)
			return protobuf.End(protobuf.AppendStrings(b, 1, fields), start)
		})
	},
	put: func(b *attributes, key string, all map[string][]string) {
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
	document: func(v pcommon.Value, types map[string][]string) {
		setMap(v, types, func(v pcommon.Value, fields []string) {
			if len(fields) > 0 {
				setTexts(v, fields)
			}
		})
	},
	appendJSON: func(b []byte, types map[string][]string) []byte {
		separator := byte('{')
		for _, name := range slices.Sorted(maps.Keys(types)) {
			b = append(jsontext.AppendString(append(b, separator), name), ':')
			if fields := types[name]; len(fields) > 0 {
				b = jsontext.AppendStrings(b, fields)
			} else {
				b = append(b, "null"...)
			}
			separator = ','
		}
		return append(b, '}')
	},
}, func(types map[string][]string) int { return len(types) })

// errorsCodec is of the errors of an answer, of which protobuf has the messages only.
var errorsCodec = some(codec[[]GraphQLError]{
	readMsgpack: func(d *msgpack.Reader, _ []GraphQLError) []GraphQLError {
		return msgpack.ReadList(d, func(d *msgpack.Reader) (e GraphQLError) {
			for w := d.Begin(graphQLErrorKeys); d.Next(&w); {
				if w.Field == 0 {
					e.Message = d.Str()
				} else {
					e.Path = d.Path()
				}
			}
			return e
		})
	},
	appendMsgpack: func(b []byte, faults []GraphQLError) []byte {
		return msgpack.AppendList(b, faults, func(b []byte, e GraphQLError) []byte {
			b = msgp.AppendMapHeader(b, uint32(len(graphQLErrorKeys)))
			b = msgp.AppendString(msgp.AppendString(b, "Message"), e.Message)
			return msgpack.AppendPath(msgp.AppendString(b, "Path"), e.Path)
		})
	},
	wire: protowire.BytesType,
	readProtobuf: func(d *protobuf.Reader, old []GraphQLError) []GraphQLError {
		return append(old, GraphQLError{Message: d.Str()})
	},
	appendProtobuf: func(b []byte, number protowire.Number, faults []GraphQLError) []byte {
		for i := range faults {
			b = protobuf.AppendElement(b, number, faults[i].Message)
		}
		return b
	},
	put: func(b *attributes, key string, faults []GraphQLError) { setErrors(b.Empty(key), faults, false) },
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
	document: func(v pcommon.Value, faults []GraphQLError) { setErrors(v, faults, true) },
	appendJSON: func(b []byte, faults []GraphQLError) []byte {
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
}, func(faults []GraphQLError) int { return len(faults) })

var graphQLErrorKeys = msgpack.NewKeys("Message", "Path")

// The keys of one error in log records and documents, those of a GraphQL answer.
const (
	errorMessage = "message"
	errorPath    = "path"
)

// setErrors writes a map an error; whole ones have what is empty, too, and texts as they are.
func setErrors(v pcommon.Value, faults []GraphQLError, whole bool) {
	list := v.SetEmptySlice()
	list.EnsureCapacity(len(faults))
	for i := range faults {
		m := list.AppendEmpty().SetEmptyMap()
		if message := faults[i].Message; whole {
			m.PutStr(errorMessage, message)
		} else if message != "" {
			m.PutStr(errorMessage, plaintext.CleanUTF8(message))
		}
		if steps := faults[i].Path; len(steps) > 0 {
			setPath(m.PutEmpty(errorPath).SetEmptySlice(), steps)
		} else if whole {
			m.PutEmpty(errorPath)
		}
	}
}

func setPath(path pcommon.Slice, steps []any) {
	path.EnsureCapacity(len(steps))
	for _, step := range steps {
		switch step := step.(type) {
		case string:
			path.AppendEmpty().SetStr(plaintext.CleanUTF8(step))
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
