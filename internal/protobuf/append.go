package protobuf

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Begin begins a message, whose length End puts in at start.
func Begin(b []byte, number protowire.Number) (begun []byte, start int) {
	b = protowire.AppendTag(b, number, protowire.BytesType)
	return b, len(b)
}

// End ends the message that begins at start.
func End(b []byte, start int) []byte {
	var length [5]byte
	return slices.Insert(b, start, protowire.AppendVarint(length[:0], uint64(len(b)-start))...)
}

// AppendString leaves an empty string out.
func AppendString(b []byte, number protowire.Number, value string) []byte {
	if value == "" {
		return b
	}
	return AppendElement(b, number, value)
}

// AppendElement writes a string even if it is empty, as elements of lists and maps are.
func AppendElement(b []byte, number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), value)
}

// AppendStrings writes a list.
func AppendStrings(b []byte, number protowire.Number, values []string) []byte {
	for _, value := range values {
		b = AppendElement(b, number, value)
	}
	return b
}

// AppendMap writes a map in the order of its keys; appendValue writes a value with its number, which is 2.
func AppendMap[V any](b []byte, number protowire.Number, m map[string]V, appendValue func([]byte, V) []byte) []byte {
	if len(m) == 0 {
		return b
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		var start int
		b, start = Begin(b, number)
		b = End(appendValue(AppendElement(b, 1, key), m[key]), start)
	}
	return b
}

// AppendInt leaves 0 out.
func AppendInt(b []byte, number protowire.Number, value int64) []byte {
	if value == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(value))
}

// AppendTime writes a google.protobuf.Timestamp.
func AppendTime(b []byte, number protowire.Number, t time.Time) []byte {
	b, start := Begin(b, number)
	b = AppendInt(b, 1, t.Unix())
	return End(AppendInt(b, 2, int64(t.Nanosecond())), start)
}
