package analytics

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// seed adds some entries of each capture, small and large.
func seed(f *testing.F, captures []string) {
	f.Helper()
	for _, capture := range captures {
		entries := captured(f, capture)
		step := len(entries)/8 + 1
		for i := 0; i < len(entries); i += step {
			f.Add(entries[i])
		}
	}
}

// survives asserts that a record, however odd the entry it comes from, goes into
// a log record and through OTLP, and comes out as it was but for invalid UTF-8.
func survives(t *testing.T, r *Record) {
	t.Helper()
	logs := plog.NewLogs()
	r.ToLog(AppendScope(logs).AppendEmpty(), "s-1")
	wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	logs, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
	require.NoError(t, err)
	var back Record
	require.Equal(t, "s-1", back.FromLog(logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)))
	require.Equal(t, cleaned(r), canonical(&back))
}

func FuzzDecodeMsgpack(f *testing.F) {
	seed(f, msgpackCaptures)
	for _, test := range msgpackTolerated() {
		f.Add(test.entry)
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		var r, again Record
		if DecodeMsgpack(entry, &r) != nil {
			return
		}
		survives(t, &r)
		require.NoError(t, DecodeMsgpack(AppendMsgpack(nil, &r), &again))
		require.Equal(t, canonical(&r), canonical(&again))
	})
}

func FuzzDecodeProtobuf(f *testing.F) {
	seed(f, protobufCaptures)
	for _, test := range protobufTolerated() {
		f.Add(test.entry)
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		var r, again Record
		if DecodeProtobuf(entry, &r) != nil {
			return
		}
		survives(t, &r)
		require.NoError(t, DecodeProtobuf(AppendProtobuf(nil, &r), &again))
		want := throughProtobuf(&r)
		require.Equal(t, want, canonical(&again))
	})
}

func FuzzDecodeUptime(f *testing.F) {
	seed(f, []string{"uptime-msgpack"})
	f.Fuzz(func(t *testing.T, entry []byte) {
		var u, again Uptime
		if DecodeUptime(entry, &u) != nil {
			return
		}
		require.NoError(t, DecodeUptime(AppendUptime(nil, &u), &again))
		require.Equal(t, u, again)
	})
}
