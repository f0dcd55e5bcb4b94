package analytics

import (
	"maps"
	"slices"
	"time"

	"github.com/tinylib/msgp/msgp"
	"google.golang.org/protobuf/encoding/protowire"
)

// AppendMsgpack appends r in the msgpack form, byte for byte as a gateway writes
// it (contract: records and raw stores, section 2.1), and returns the extended
// slice. Maps come in the order of their keys; a gateway's order is random.
func AppendMsgpack(dst []byte, r *Record) []byte { return record.appendMsgpack(dst, r) }

// sortedKeys makes nothing for the many records whose maps are empty.
func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

func appendMapHeader(b []byte, fields int) []byte { return msgp.AppendMapHeader(b, uint32(fields)) }

func appendKey(b []byte, key string) []byte { return msgp.AppendString(b, key) }

// appendMap tells nil from a map without entries, as the gateways' library does.
func appendMap[V any](b []byte, m map[string]V, appendValue func([]byte, V) []byte) []byte {
	if m == nil {
		return msgp.AppendNil(b)
	}
	b = appendMapHeader(b, len(m))
	for _, key := range sortedKeys(m) {
		b = appendValue(appendKey(b, key), m[key])
	}
	return b
}

// appendSmallestInt prefers unsigned forms, as the gateways' library does and msgp does not.
func appendSmallestInt(b []byte, value int64) []byte {
	if value >= 0 {
		return msgp.AppendUint64(b, uint64(value))
	}
	return msgp.AppendInt64(b, value)
}

func appendTime(b []byte, t time.Time) []byte {
	b = msgp.AppendArrayHeader(b, 2)
	b = appendSmallestInt(b, t.Unix())
	return appendSmallestInt(b, int64(t.Nanosecond()))
}

func appendStrs(b []byte, values []string) []byte {
	if values == nil {
		return msgp.AppendNil(b)
	}
	b = msgp.AppendArrayHeader(b, uint32(len(values)))
	for _, value := range values {
		b = msgp.AppendString(b, value)
	}
	return b
}

// AppendProtobuf appends r in the protobuf form, byte for byte as a gateway
// writes it (contract: records and raw stores, section 2.2), and returns the
// extended slice. The zone is that of r.TimeStamp. Maps come in the order of
// their keys; a gateway's order is random. What this form lacks is lost:
// Latency.Gateway, the paths of GraphQL errors, GraphQL and MCP unless IsGraphQL
// and IsMCP, and all but 32 bits of some numbers. A gateway drops records with
// invalid UTF-8 in this form; here it is the caller's task.
func AppendProtobuf(dst []byte, r *Record) []byte { return record.appendMessage(dst, r) }

// pbBegin begins a message, whose length pbEnd puts in at start.
func pbBegin(b []byte, number protowire.Number) (begun []byte, start int) {
	b = protowire.AppendTag(b, number, protowire.BytesType)
	return b, len(b)
}

func pbEnd(b []byte, start int) []byte {
	var length [5]byte
	return slices.Insert(b, start, protowire.AppendVarint(length[:0], uint64(len(b)-start))...)
}

func pbAppendStr(b []byte, number protowire.Number, value string) []byte {
	if value == "" {
		return b
	}
	return pbAppendEntryStr(b, number, value)
}

// pbAppendEntryStr writes a string even if it is empty, as elements of lists and maps are.
func pbAppendEntryStr(b []byte, number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func pbAppendStrs(b []byte, number protowire.Number, values []string) []byte {
	for _, value := range values {
		b = pbAppendEntryStr(b, number, value)
	}
	return b
}

func pbAppendInt(b []byte, number protowire.Number, value int64) []byte {
	if value == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(value))
}
