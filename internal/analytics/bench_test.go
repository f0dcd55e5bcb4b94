package analytics

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

const benchmarkUID = "0f1e2d3c4b5a6978.000123.a1b2c3d4-4711"

// newLogSlice is a slice of a chunk's size, as the receiver fills it.
func newLogSlice() plog.LogRecordSlice {
	list := plog.NewLogRecordSlice()
	list.EnsureCapacity(1000)
	return list
}

func benchmarkDecode(b *testing.B, capture string, decode func([]byte, *Record) error) {
	entries := captured(b, capture)
	var r Record
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := decode(entries[i], &r); err != nil {
			b.Fatal(err)
		}
		i = (i + 1) % len(entries)
	}
}

func BenchmarkDecodeMsgpack(b *testing.B)  { benchmarkDecode(b, "records-msgpack", DecodeMsgpack) }
func BenchmarkDecodeProtobuf(b *testing.B) { benchmarkDecode(b, "records-protobuf", DecodeProtobuf) }

func BenchmarkToLog(b *testing.B) {
	records := capturedRecords(b, "records-msgpack")
	list, room := newLogSlice(), slab.New(1000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if list.Len() == 1000 {
			list, room = newLogSlice(), slab.New(1000)
		}
		records[i].ToLogIn(room, list.AppendEmpty(), benchmarkUID)
		i = (i + 1) % len(records)
	}
}

func BenchmarkFromLog(b *testing.B) {
	list := newLogSlice()
	records := capturedRecords(b, "records-msgpack")
	for i := range records {
		records[i].ToLog(list.AppendEmpty(), benchmarkUID)
	}
	var r Record
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r.FromLog(list.At(i))
		i = (i + 1) % len(records)
	}
}

// benchmarkReceive is the receiver's share: from the bytes to the log record.
func benchmarkReceive(b *testing.B, capture string, decode func([]byte, *Record) error) {
	entries := captured(b, capture)
	list, room := newLogSlice(), slab.New(1000)
	var r Record
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if list.Len() == 1000 {
			list, room = newLogSlice(), slab.New(1000)
		}
		if err := decode(entries[i], &r); err != nil {
			b.Fatal(err)
		}
		r.ToLogIn(room, list.AppendEmpty(), benchmarkUID)
		i = (i + 1) % len(entries)
	}
}

func BenchmarkMsgpackToLog(b *testing.B) {
	entries := captured(b, "records-msgpack")
	list, room := newLogSlice(), slab.New(1000)
	var r Record
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if list.Len() == 1000 {
			list, room = newLogSlice(), slab.New(1000)
		}
		if _, err := r.MsgpackToLog(room, list, entries[i], benchmarkUID, 0); err != nil {
			b.Fatal(err)
		}
		i = (i + 1) % len(entries)
	}
}

func BenchmarkMsgpackToLogByTable(b *testing.B) {
	benchmarkReceive(b, "records-msgpack", DecodeMsgpack)
}

func BenchmarkProtobufToLog(b *testing.B) { benchmarkReceive(b, "records-protobuf", DecodeProtobuf) }

func benchmarkAppend(b *testing.B, encode func([]byte, *Record) []byte) {
	records := capturedRecords(b, "records-msgpack")
	var entry []byte
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		entry = encode(entry[:0], &records[i])
		i = (i + 1) % len(records)
	}
}

func BenchmarkAppendMsgpack(b *testing.B)  { benchmarkAppend(b, AppendMsgpack) }
func BenchmarkAppendProtobuf(b *testing.B) { benchmarkAppend(b, AppendProtobuf) }

func BenchmarkClear(b *testing.B) {
	fields := NewFieldSet(FieldRawRequest, FieldRawResponse, fieldNamed("geo.city"), fieldNamed("geo.location"))
	r := Record{RawRequest: "x", RawResponse: "y"}
	b.ReportAllocs()
	for b.Loop() {
		r.Clear(fields)
	}
}
