package msgpack

import (
	"maps"
	"slices"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// AppendInt prefers unsigned forms, as the gateways' library does and msgp does not.
func AppendInt(b []byte, value int64) []byte {
	if value >= 0 {
		return msgp.AppendUint64(b, uint64(value))
	}
	return msgp.AppendInt64(b, value)
}

// AppendTime writes an array of seconds and nanoseconds.
func AppendTime(b []byte, t time.Time) []byte {
	b = msgp.AppendArrayHeader(b, 2)
	b = AppendInt(b, t.Unix())
	return AppendInt(b, int64(t.Nanosecond()))
}

// AppendList tells nil from a list without elements, as the gateways' library does.
func AppendList[V any](b []byte, list []V, appendValue func([]byte, V) []byte) []byte {
	if list == nil {
		return msgp.AppendNil(b)
	}
	b = msgp.AppendArrayHeader(b, uint32(len(list)))
	for _, v := range list {
		b = appendValue(b, v)
	}
	return b
}

// AppendMap tells nil from a map without entries, as the gateways' library does. The entries come in the order of
// their keys.
func AppendMap[V any](b []byte, m map[string]V, appendValue func([]byte, V) []byte) []byte {
	if m == nil {
		return msgp.AppendNil(b)
	}
	b = msgp.AppendMapHeader(b, uint32(len(m)))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		b = appendValue(msgp.AppendString(b, key), m[key])
	}
	return b
}

// AppendPath writes a list of names and indices.
func AppendPath(b []byte, path []any) []byte {
	return AppendList(b, path, func(b []byte, step any) []byte {
		switch step := step.(type) {
		case string:
			return msgp.AppendString(b, step)
		case int64:
			return AppendInt(b, step)
		}
		return msgp.AppendNil(b)
	})
}
