package analytics

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// requireDirect asserts that an entry's log record is the one that a decoded record gives.
func requireDirect(t require.TestingT, entry []byte, ignored FieldSet) {
	var r, scratch Record
	want, got := plog.NewLogRecordSlice(), plog.NewLogRecordSlice()
	room := slab.New(3)
	fault := DecodeMsgpack(entry, &r)
	if fault == nil {
		r.Clear(ignored)
		r.ToLog(want.AppendEmpty(), "segment-1")
	}
	for range 2 { // nothing of the first may be left
		_, err := scratch.MsgpackToLog(room, got, entry, "segment-1", ignored)
		require.Equal(t, fault, err)
	}
	require.Equal(t, 2*want.Len(), got.Len())
	for i := range got.Len() {
		requireSameLog(t, want.At(0), got.At(i))
	}
}

func requireSameLog(t require.TestingT, want, got plog.LogRecord) {
	require.Equal(t, want.Attributes().AsRaw(), got.Attributes().AsRaw())
	require.Equal(t, want.Attributes().Len(), got.Attributes().Len(), "some attribute is there twice")
	require.Equal(t, want.Timestamp(), got.Timestamp())
	require.Equal(t, want.TraceID(), got.TraceID())
	require.Equal(t, want.SeverityText(), got.SeverityText())
	require.Equal(t, want.SeverityNumber(), got.SeverityNumber())
	require.Equal(t, want.EventName(), got.EventName())
}

func drawFields(t *rapid.T) FieldSet {
	if rapid.Bool().Draw(t, "all fields") {
		return 0
	}
	return FieldSet(rapid.Uint64().Draw(t, "ignored"))
}

func TestLogRecordsOfEntriesAreThoseOfRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		keyed := slices.Clone(record.keyed)
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 1:
			keyed = rapid.Permutation(keyed).Draw(t, "order")
		case 2:
			keyed = slices.DeleteFunc(keyed, func(*field) bool { return rapid.Bool().Draw(t, "missing") })
		case 3:
			keyed = append(keyed, rapid.SampledFrom(keyed).Draw(t, "twice"))
		}
		entry := msgp.AppendMapHeader(nil, uint32(len(keyed)))
		for _, f := range keyed {
			entry = f.value.appendMsgpack(msgp.AppendString(entry, f.key), &r)
		}
		if rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
			entry = entry[:rapid.IntRange(0, len(entry)).Draw(t, "at")]
		}
		requireDirect(t, entry, drawFields(t))
	})
}

func TestOddEntriesBecomeTheSameLogRecords(t *testing.T) {
	t.Parallel()
	for name, test := range msgpackTolerated() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireDirect(t, test.entry, 0)
		})
	}
}

// What gateways write, and newer ones with more fields, takes the direct way: reading by the table is slower.
func TestEntriesOfGatewaysTakeTheDirectWay(t *testing.T) {
	t.Parallel()
	for _, capture := range msgpackCaptures {
		var r, scratch Record
		for i, entry := range captured(t, capture) {
			require.NoError(t, DecodeMsgpack(entry, &r))
			for _, entry := range [][]byte{entry, newer(&r)} {
				_, ok := scratch.directly(slab.New(1), plog.NewLogRecordSlice(), entry, "s-1", 0)
				require.True(t, ok, "%s, entry %d", capture, i)
			}
			requireDirect(t, entry, 0)
			requireDirect(t, entry, 1<<(i%len(fieldNames)))
		}
	}
}

func FuzzMsgpackToLog(f *testing.F) {
	for _, capture := range msgpackCaptures {
		entries := captured(f, capture)
		for i := 0; i < len(entries); i += len(entries)/8 + 1 {
			f.Add(entries[i], uint64(0))
			f.Add(entries[i], ^uint64(0)>>i)
		}
	}
	for _, test := range msgpackTolerated() {
		f.Add(test.entry, uint64(0))
	}
	f.Fuzz(func(t *testing.T, entry []byte, ignored uint64) { requireDirect(t, entry, FieldSet(ignored)) })
}
