package analytics

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// sameLog asserts that two log records say the same; the order of city names in a map
// is any.
func sameLog(t require.TestingT, want, got plog.LogRecord) {
	var wanted, gotten Record
	require.Equal(t, wanted.FromLog(want), gotten.FromLog(got))
	require.Equal(t, canonical(&wanted), canonical(&gotten))
	for key := range want.Attributes().All() {
		_, ok := got.Attributes().Get(key)
		require.True(t, ok, key)
	}
	require.Equal(t, want.Attributes().Len(), got.Attributes().Len())
	w, g := plog.NewLogRecord(), plog.NewLogRecord()
	want.CopyTo(w)
	got.CopyTo(g)
	w.Attributes().Clear()
	g.Attributes().Clear()
	require.Equal(t, w, g)
}

// appendMsgpackLog makes a log record of entry in both ways, and asserts that they agree.
// It tells whether AppendMsgpackLog took it.
func appendMsgpackLog(t require.TestingT, s *slab.Slab, entry []byte) bool {
	list := plog.NewLogRecordSlice()
	got, ok := AppendMsgpackLog(s, list, entry, "s-1", nil)
	if !ok {
		require.Zero(t, list.Len())
		return false
	}
	require.Equal(t, 1, list.Len())
	var r Record
	require.NoError(t, DecodeMsgpack(entry, &r), "only a record may become a log record")
	want := plog.NewLogRecord()
	r.ToLog(want, "s-1")
	sameLog(t, want, got)
	return true
}

// Whatever a gateway wrote is read without a Record in between.
func TestMsgpackOfGatewaysBecomesLogRecordsDirectly(t *testing.T) {
	t.Parallel()
	for _, name := range msgpackCaptures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entries := captured(t, name)
			room := slab.New(len(entries))
			for i, entry := range entries {
				require.True(t, appendMsgpackLog(t, room, entry), "entry %d", i)
			}
		})
	}
}

func TestMsgpackLogsAreThoseOfRecords(t *testing.T) {
	t.Parallel()
	room := slab.New(100)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		entry := AppendMsgpack(nil, &r)
		require.True(t, appendMsgpackLog(t, room, entry) || !allASCII(r.Geo.CityNames), "left to a Record")
		at := rapid.IntRange(0, len(entry)).Draw(t, "end")
		appendMsgpackLog(t, room, entry[:at])
		if at < len(entry) {
			odd := slices.Clone(entry) // what was read shares memory with entry
			odd[at] = rapid.Byte().Draw(t, "byte")
			appendMsgpackLog(t, room, odd)
		}
	})
}

// What is left out, and that nothing keeps the entry's memory.
func TestMsgpackLogsWithoutFields(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		entry := AppendMsgpack(nil, &r)
		ignored := NewFieldSet(rapid.SliceOf(rapid.Map(rapid.Uint8Range(0, uint8(fieldCount)-1), func(f uint8) Field { return Field(f) })).Draw(t, "ignored")...)
		var less Record
		require.NoError(t, DecodeMsgpack(slices.Clone(entry), &less))
		less.Clear(ignored)
		want := plog.NewLogRecord()
		less.ToLog(want, "s-1")

		room, list := slab.New(100), plog.NewLogRecordSlice()
		abridging := Detaching{Ignored: ignored}
		for range 2 { // the second finds its names in the slab
			got, ok := AppendMsgpackLog(room, list, entry, "s-1", &abridging)
			require.True(t, ok || !allASCII(r.Geo.CityNames))
			if ok {
				sameLog(t, want, got)
			}
		}
		odd := slices.Clone(entry)
		odd[rapid.IntRange(0, len(odd)-1).Draw(t, "place")] = rapid.Byte().Draw(t, "byte")
		if _, ok := AppendMsgpackLog(room, plog.NewLogRecordSlice(), odd, "s-1", &abridging); ok {
			require.NoError(t, DecodeMsgpack(odd, &less), "only a record may become a log record")
		}
		for i := range entry {
			entry[i] = '!'
		}
		for i := range list.Len() {
			sameLog(t, want, list.At(i))
		}
	})
}

func allASCII(names map[string]string) bool {
	for language := range names {
		if !isASCII(language) {
			return false
		}
	}
	return true
}

// Older gateways do not know all fields.
func TestMsgpackLogsOfFewerFields(t *testing.T) {
	t.Parallel()
	for left := range recordKeys {
		entry := msgp.AppendMapHeader(nil, uint32(len(recordKeys)-1)) //nolint:gosec // few
		for i, key := range recordKeys {
			if i == left {
				continue
			}
			entry = msgp.AppendString(entry, key.name)
			switch i {
			case keyTimeStamp, keyExpireAt:
				entry = append(entry, 0x92, 5, 7)
			default:
				entry = msgp.AppendNil(entry)
			}
		}
		assert.True(t, appendMsgpackLog(t, slab.New(1), entry), recordKeys[left].name)
	}
}

func TestMsgpackLogsLeaveTheOddToRecords(t *testing.T) {
	t.Parallel()
	for name, test := range msgpackTolerated() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			appendMsgpackLog(t, slab.New(1), test.entry)
		})
	}
	assert.True(t, appendMsgpackLog(t, slab.New(1), AppendMsgpack(nil, &Record{})))
	assert.False(t, appendMsgpackLog(t, nil, AppendMsgpack(nil, &Record{})), "where pdata's types are not known")
}
