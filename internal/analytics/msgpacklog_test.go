package analytics

import (
	"fmt"
	"slices"
	"testing"
	"time"

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

// msgpackLogs makes log records of entries in both ways.
type msgpackLogs struct {
	logs *MsgpackLogs
	list plog.LogRecordSlice
}

func newMsgpackLogs(s *slab.Slab) *msgpackLogs {
	list := plog.NewLogRecordSlice()
	return &msgpackLogs{logs: NewMsgpackLogs(s, list, 0), list: list}
}

// append asserts that both ways agree, and tells whether no Record was needed.
func (m *msgpackLogs) append(t require.TestingT, entry []byte) bool {
	before := m.list.Len()
	got, ok := m.logs.Append(entry, "s-1")
	if !ok {
		require.Equal(t, before, m.list.Len())
		return false
	}
	require.Equal(t, before+1, m.list.Len())
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
			logs := newMsgpackLogs(slab.New(len(entries)))
			for i, entry := range entries {
				require.True(t, logs.append(t, entry), "entry %d", i)
			}
		})
	}
}

func TestMsgpackLogsAreThoseOfRecords(t *testing.T) {
	t.Parallel()
	room := slab.New(100)
	rapid.Check(t, func(t *rapid.T) {
		logs := newMsgpackLogs(room)
		r := drawRecord(t)
		for range 3 {
			entry := AppendMsgpack(nil, &r)
			require.True(t, logs.append(t, entry) || !allASCII(r.Geo.CityNames), "left to a Record")
			at := rapid.IntRange(0, len(entry)).Draw(t, "end")
			logs.append(t, entry[:at])
			if at < len(entry) {
				odd := slices.Clone(entry) // what was read shares memory with entry
				odd[at] = rapid.Byte().Draw(t, "byte")
				logs.append(t, odd)
			}
			r = drawAlike(t, &r)
		}
	})
}

// drawAlike draws a record that has something of the one before it.
func drawAlike(t *rapid.T, before *Record) Record {
	r := drawRecord(t)
	if rapid.Bool().Draw(t, "same calendar") {
		r.Day, r.Month, r.Year, r.Hour = before.Day, before.Month, before.Year, before.Hour
		r.TimeStamp = before.TimeStamp.Add(time.Duration(rapid.Int64Range(-4000, 4000).Draw(t, "later")) * time.Second)
	}
	if rapid.Bool().Draw(t, "UTC") {
		r.Day, r.Month, r.Year, r.Hour = calendar(r.TimeStamp)
	}
	if rapid.Bool().Draw(t, "same name") {
		r.APIName = before.APIName
		if rapid.Bool().Draw(t, "same ID") {
			r.APIID = before.APIID
		}
		if rapid.Bool().Draw(t, "same organisation") {
			r.OrgID = before.OrgID
		}
	}
	return r
}

// Some fields are left out.
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
		logs := NewMsgpackLogs(room, list, ignored)
		for range 2 { // the second finds its names in the slab
			got, ok := logs.Append(entry, "s-1")
			require.True(t, ok || !allASCII(r.Geo.CityNames))
			if ok {
				sameLog(t, want, got)
			}
		}
		odd := slices.Clone(entry)
		odd[rapid.IntRange(0, len(odd)-1).Draw(t, "place")] = rapid.Byte().Draw(t, "byte")
		if _, ok := NewMsgpackLogs(room, plog.NewLogRecordSlice(), ignored).Append(odd, "s-1"); ok {
			require.NoError(t, DecodeMsgpack(odd, &less), "only a record may become a log record")
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
		assert.True(t, newMsgpackLogs(slab.New(1)).append(t, entry), recordKeys[left].name)
	}
}

func TestMsgpackLogsLeaveTheOddToRecords(t *testing.T) {
	t.Parallel()
	for name, test := range msgpackTolerated() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newMsgpackLogs(slab.New(1)).append(t, test.entry)
		})
	}
	assert.True(t, newMsgpackLogs(slab.New(1)).append(t, AppendMsgpack(nil, &Record{})))
	assert.False(t, newMsgpackLogs(nil).append(t, AppendMsgpack(nil, &Record{})), "where pdata's types are not known")
}

// What records have in common is found again, and nothing else is taken for it.
func TestMsgpackLogsKnowWhatRecordsBeforeHad(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 59, 58, 0, time.UTC)
	first := Record{
		Host: "internal:8080", APIName: "Users", APIID: "u1", OrgID: "o1", TimeStamp: at, Hour: 12, Day: 1, Month: 3, Year: 2026,
		Geo: Geo{CountryISOCode: "DE", CityGeoNameID: 2950159, CityNames: map[string]string{"ja": "ベルリン"}, TimeZone: "Europe/Berlin"},
	}
	changed := func(change func(r *Record)) Record {
		r := first
		change(&r)
		return r
	}
	logs := newMsgpackLogs(slab.New(100))
	for _, test := range []struct {
		name   string
		record Record
		kept   int // runs so far; one may take the place of another
	}{
		{"first", first, 3},
		{"the same", first, 3},
		{"next second", changed(func(r *Record) { r.TimeStamp = at.Add(time.Second) }), 3},
		{"next hour, calendar of the one before", changed(func(r *Record) { r.TimeStamp = at.Add(3 * time.Second) }), 3},
		{"hour before, calendar of the next", changed(func(r *Record) { r.TimeStamp = at.Add(-time.Hour) }), 3},
		{"other hour", changed(func(r *Record) { r.Hour = 13 }), 3},
		{"port", changed(func(r *Record) { r.Host = "internal:8081" }), 4},
		{"organisation", changed(func(r *Record) { r.OrgID = "o2" }), 5},
		{"language", changed(func(r *Record) { r.Geo.CityNames = map[string]string{"fr": "Berlin"} }), 7},
		{"no place", changed(func(r *Record) { r.Geo = Geo{} }), 7},
		{"no API", changed(func(r *Record) { r.APIName, r.APIID, r.OrgID = "", "", "" }), 9},
		{"port again", changed(func(r *Record) { r.Host = "internal:8081" }), 9},
	} {
		require.True(t, logs.append(t, AppendMsgpack(nil, &test.record)), test.name)
		assert.Equal(t, test.kept, logs.logs.runs.kept, test.name)
	}
}

// Thousands of APIs in a chunk are not kept, each for nothing.
func TestMsgpackLogsKeepNotEverything(t *testing.T) {
	t.Parallel()
	logs := newMsgpackLogs(slab.New(100))
	for i := range 3 * mostKept {
		require.True(t, logs.append(t, AppendMsgpack(nil, &Record{APIName: fmt.Sprint("name ", i), OrgID: "o"})))
	}
	assert.Equal(t, mostKept, logs.logs.runs.kept)
}
