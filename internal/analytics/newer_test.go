package analytics

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/otelcol-tyk/otelcol-tyk/internal/msgpack"
)

// newer is an entry of a gateway that has more fields than we know: one before each that we know.
func newer(r *Record) []byte {
	entry := msgp.AppendMapHeader(nil, uint32(2*len(record.keyed)))
	for i, f := range record.keyed {
		entry = msgp.AppendString(entry, "New"+f.key)
		switch i % 3 {
		case 0:
			entry = msgp.AppendString(entry, "of a newer gateway")
		case 1:
			entry = msgp.AppendFloat64(entry, 1.5)
		default:
			entry = msgpack.AppendMap(entry, map[string]int64{"a": 1, "b": 2}, msgpack.AppendInt)
		}
		entry = f.value.appendMsgpack(msgp.AppendString(entry, f.key), r)
	}
	return entry
}

// A key that we do not know costs nothing but that key, wherever it is.
func TestUnknownKeysAreOnlyLeftOut(t *testing.T) {
	t.Parallel()
	for _, want := range capturedRecords(t, "records-msgpack") {
		var got Record
		require.NoError(t, DecodeMsgpack(newer(&want), &got))
		require.Equal(t, canonical(&want), canonical(&got))
	}
}

// BenchmarkDecodeNewer is BenchmarkDecodeMsgpack with one key, and with a key before each, that is unknown.
func BenchmarkDecodeNewer(b *testing.B) {
	for name, entry := range map[string]func(r *Record) []byte{
		"none": func(r *Record) []byte { return AppendMsgpack(nil, r) },
		"one": func(r *Record) []byte {
			all := msgp.AppendMapHeader(nil, uint32(len(record.keyed)+1))
			for i, f := range record.keyed {
				if i == len(record.keyed)/2 {
					all = msgp.AppendString(msgp.AppendString(all, "NewKey"), "of a newer gateway")
				}
				all = f.value.appendMsgpack(msgp.AppendString(all, f.key), r)
			}
			return all
		},
		"as many": newer,
	} {
		b.Run(name, func(b *testing.B) {
			var entries [][]byte
			for _, r := range capturedRecords(b, "records-msgpack") {
				entries = append(entries, entry(&r))
			}
			var r Record
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if err := DecodeMsgpack(entries[i], &r); err != nil {
					b.Fatal(err)
				}
				i = (i + 1) % len(entries)
			}
		})
	}
}
