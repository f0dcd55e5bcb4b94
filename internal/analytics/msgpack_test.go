package analytics

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"
)

// packed writes a map from keys and raw values, one after the other.
func packed(pairs ...string) []byte {
	b := msgp.AppendMapHeader(nil, uint32(len(pairs)/2))
	for i := 0; i < len(pairs); i += 2 {
		b = msgp.AppendString(b, pairs[i])
		b = append(b, pairs[i+1]...)
	}
	return b
}

type decodeCase struct {
	entry []byte
	want  Record
}

// msgpackTolerated are entries that no gateway writes today, but that are records.
func msgpackTolerated() map[string]decodeCase {
	at := time.Unix(1787220672, 123456789).UTC()
	const stamp = "\x92\xce\x6a\x86\xd2\xc0\xce\x07\x5b\xcd\x15"
	return map[string]decodeCase{
		"nil instead of the record": {entry: []byte("\xc0")},
		"a record without fields":   {entry: []byte("\x80")},
		"an array without fields":   {entry: []byte("\x90")},
		"missing keys":              {entry: packed("APIID", "\xa1a"), want: Record{APIID: "a"}},
		"keys in another order": {
			entry: packed("OrgID", "\xa1o", "Latency", string(packed("Upstream", "\x02", "Total", "\x03")), "Method", "\xa3GET"),
			want:  Record{OrgID: "o", Method: "GET", Latency: Latency{Total: 3, Upstream: 2}},
		},
		"keys as bin":            {entry: []byte("\x81\xc4\x05APIID\xa1a"), want: Record{APIID: "a"}},
		"keys as str8":           {entry: []byte("\x81\xd9\x05APIID\xa1a"), want: Record{APIID: "a"}},
		"a map16":                {entry: []byte("\xde\x00\x01\xa5APIID\xa1a"), want: Record{APIID: "a"}},
		"a map32":                {entry: []byte("\xdf\x00\x00\x00\x01\xa5APIID\xa1a"), want: Record{APIID: "a"}},
		"the last of equal keys": {entry: packed("APIID", "\xa1a", "APIID", "\xa1b"), want: Record{APIID: "b"}},
		"keys that only begin like known ones": {
			entry: packed("ClosedConnections", "\x01", "Methods", "\xa1x", "APIID", "\xa1a"), want: Record{APIID: "a"},
		},
		"unknown keys of every type": {
			entry: packed(
				"A", "\xc0", "B", "\xc3", "C", "\xff", "D", "\xcb12345678", "E", "\xa3abc", "F", "\xc4\x03abc",
				"G", "\x92\x01\x91\x02", "H", "\x81\xa1a\x82\x01\x02\x03\x04",
				"I", "\xd6\x0512345"[:6], "J", "\xc7\x03\x05abc", "K", "\xd8\xff1234567812345678", "L", "\xd7\xff12345678",
				"APIID", "\xa1a"),
			want: Record{APIID: "a"},
		},
		"a collection name":  {entry: packed("CollectionName", "\xa1c", "APIID", "\xa1a"), want: Record{APIID: "a"}},
		"trailing bytes":     {entry: append(packed("APIID", "\xa1a"), 0xc1, 0xff), want: Record{APIID: "a"}},
		"strings as bin":     {entry: packed("APIID", "\xc4\x01a", "OrgID", "\xc5\x00\x01o"), want: Record{APIID: "a", OrgID: "o"}},
		"strings of any len": {entry: packed("APIID", "\xda\x00\x01a", "OrgID", "\xdb\x00\x00\x00\x01o"), want: Record{APIID: "a", OrgID: "o"}},
		"bytes that are not UTF-8": {
			entry: packed("Path", "\xa3/\xff\x00"), want: Record{Path: "/\xff\x00"},
		},
		"nil instead of values": {
			entry: packed("APIID", "\xc0", "Day", "\xc0", "TrackPath", "\xc0", "Tags", "\xc0", "Geo", "\xc0", "Network", "\xc0",
				"Latency", "\xc0", "GraphQLStats", "\xc0", "MCPStats", "\xc0", "OrgID", "\xa1o"),
			want: Record{OrgID: "o"},
		},
		"nil inside of structs": {
			entry: packed("Geo", string(packed("Country", "\xc0", "City", string(packed("Names", "\xc0", "GeoNameID", "\xc0")),
				"Location", string(packed("Latitude", "\xc0"))))),
		},
		"nil inside of lists and maps": {
			entry: packed("Tags", "\x92\xc0\xa1t", "Geo", string(packed("City", string(packed("Names", "\x81\xa2en\xc0"))))),
			want:  Record{Tags: []string{"", "t"}, Geo: Geo{CityNames: map[string]string{"en": ""}}},
		},
		"unsigned integers of any width": {
			entry: packed("Day", "\xcc\x01", "Month", "\xcd\x00\x02", "Year", "\xce\x00\x00\x07\xea", "Hour", "\xcf\x00\x00\x00\x00\x00\x00\x00\x04"),
			want:  Record{Day: 1, Month: 2, Year: 2026, Hour: 4},
		},
		"signed integers of any width": {
			entry: packed("Day", "\xd0\xff", "Month", "\xd1\xff\xff", "Year", "\xd2\xff\xff\xff\xff", "Hour", "\xd3\xff\xff\xff\xff\xff\xff\xff\xff", "RequestTime", "\xe0"),
			want:  Record{Day: -1, Month: -1, Year: -1, Hour: -1, RequestTime: -32},
		},
		"integers that wrap": {
			entry: packed("ContentLength", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "Geo", string(packed("City", string(packed("GeoNameID", "\xcf\xff\xff\xff\xff\xff\xff\xff\xfe"))))),
			want:  Record{ContentLength: -1, Geo: Geo{CityGeoNameID: 1<<64 - 2}},
		},
		"numbers for floats": {
			entry: packed("Geo", string(packed("Location", string(packed("Latitude", "\x05", "Longitude", "\xca\x3f\x00\x00\x00"))))),
			want:  Record{Geo: Geo{Latitude: 5, Longitude: 0.5}},
		},
		"times of any width":  {entry: packed("TimeStamp", stamp, "ExpireAt", "\x92\xd3\x00\x00\x00\x00\x6a\x86\xd2\xc0\xce\x07\x5b\xcd\x15"), want: Record{TimeStamp: at, ExpireAt: at}},
		"structs as arrays":   {entry: packed("Latency", "\x93\x03\x02\x01", "Geo", "\x93\x91\xa2DE\x92\x07\xc0\x90"), want: Record{Latency: Latency{Total: 3, Upstream: 2, Gateway: 1}, Geo: Geo{CountryISOCode: "DE", CityGeoNameID: 7}}},
		"arrays of fewer":     {entry: packed("Latency", "\x92\x03\x02"), want: Record{Latency: Latency{Total: 3, Upstream: 2}}},
		"arrays of more":      {entry: packed("Latency", "\x95\x03\x02\x01\x92\x01\x02\xa1x", "APIID", "\xa1a"), want: Record{Latency: Latency{Total: 3, Upstream: 2, Gateway: 1}, APIID: "a"}},
		"array16 and array32": {entry: packed("Tags", "\xdc\x00\x01\xa1a", "Latency", "\xdd\x00\x00\x00\x01\x03"), want: Record{Tags: []string{"a"}, Latency: Latency{Total: 3}}},
		"the record as array": {
			entry: []byte("\x9d\xa3GET\xa1h\xa1p\xa1r\x01\xa1u\x02\x03\x04\x05\x06\xa1k" + stamp),
			want:  Record{Method: "GET", Host: "h", Path: "p", RawPath: "r", ContentLength: 1, UserAgent: "u", Day: 2, Month: 3, Year: 4, Hour: 5, ResponseCode: 6, APIKey: "k", TimeStamp: at},
		},
		"paths of GraphQL errors": {
			entry: packed("GraphQLStats", string(packed("Errors", "\x92"+
				string(packed("Message", "\xa1m", "Path", "\x96\xa1a\x02\xcb\x40\x08\x00\x00\x00\x00\x00\x00\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00\xc0\xc4\x01b"))+"\xc0"))),
			want: Record{GraphQL: GraphQLStats{Errors: []GraphQLError{{Message: "m", Path: []any{"a", int64(2), int64(3), "b"}}, {}}}},
		},
	}
}

func TestDecodeMsgpackTolerates(t *testing.T) {
	t.Parallel()
	for name, test := range msgpackTolerated() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got Record
			require.NoError(t, DecodeMsgpack(test.entry, &got))
			assert.Equal(t, canonical(&test.want), canonical(&got))
		})
	}
}

func TestDecodeMsgpackRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		entry []byte
		want  string
	}{
		"no bytes":        {nil, "entry has no bytes"},
		"text":            {[]byte("hello"), "decode msgpack: record at byte 0: found int (0x68), want a map"},
		"an unused byte":  {[]byte("\xc1"), "decode msgpack: record at byte 0: found 0xc1, which starts no value; want a map"},
		"half a header":   {[]byte("\xde\x00"), "decode msgpack: record at byte 0: msgp: too few bytes left to read object: 2 bytes left for a map"},
		"half a key":      {[]byte("\x81\xa5API"), "decode msgpack: record at byte 1: msgp: too few bytes left to read object: 4 bytes left for a string"},
		"no value":        {[]byte("\x81\xa5APIID"), "decode msgpack: field APIID at byte 7: msgp: too few bytes left to read object: 0 bytes left for a string"},
		"a key of number": {[]byte("\x82\xa5APIID\xa1a\x05\x06"), "decode msgpack: record at byte 9: found int (0x05), want a string"},
		"a nil key":       {[]byte("\x81\xc0\x06"), "decode msgpack: record at byte 1: found nil (0xc0), want a key"},
		"a string for a number": {
			packed("Method", "\xa3GET", "Day", "\xa1x"), "decode msgpack: field Day at byte 16: found str (0xa1), want an integer",
		},
		"a float for an integer": {packed("Day", "\xca\x00\x00\x00\x00"), "decode msgpack: field Day at byte 5: found float32 (0xca), want an integer"},
		"a number for a boolean": {packed("TrackPath", "\x01"), "decode msgpack: field TrackPath at byte 11: found int (0x01), want a boolean"},
		"a string for a list":    {packed("Tags", "\xa1t"), "decode msgpack: field Tags at byte 6: found str (0xa1), want an array"},
		"a number in a list":     {packed("Tags", "\x91\x05"), "decode msgpack: field Tags at byte 7: found int (0x05), want a string"},
		"a string for a struct":  {packed("Geo", "\xa1t"), "decode msgpack: field Geo at byte 5: found str (0xa1), want a map"},
		"a nested field": {
			packed("Geo", string(packed("Location", string(packed("Latitude", "\xa1x"))))),
			"decode msgpack: field Geo.Location.Latitude at byte 25: found str (0xa1), want a number",
		},
		"a value in a map": {
			packed("Geo", string(packed("City", string(packed("Names", "\x81\xa2en\x05"))))),
			"decode msgpack: field Geo.City.Names at byte 22: found int (0x05), want a string",
		},
		"a nil time": {packed("TimeStamp", "\xc0"), "decode msgpack: field TimeStamp at byte 11: found nil (0xc0), want a time, which is an array of 2 integers"},
		"a time of the time type": {
			packed("TimeStamp", "\xd7\xff12345678"), "decode msgpack: field TimeStamp at byte 11: found ext (0xd7), want a time, which is an array of 2 integers",
		},
		"a time of three":     {packed("ExpireAt", "\x93\x01\x02\x03"), "decode msgpack: field ExpireAt at byte 10: found array (0x93), want a time, which is an array of 2 integers"},
		"a time of strings":   {packed("ExpireAt", "\x92\xa1a\x02"), "decode msgpack: field ExpireAt at byte 11: found str (0xa1), want an integer"},
		"half a time":         {packed("ExpireAt", "\x92\x01"), "decode msgpack: field ExpireAt at byte 12: msgp: too few bytes left to read object: 0 bytes left for an integer"},
		"half an unknown key": {packed("Nobody", "\x92\x01"), "decode msgpack: field Nobody at byte 10: msgp: too few bytes left to read object: 0 bytes left for a value"},
		"a string of 4 GiB":   {packed("APIID", "\xdb\xff\xff\xff\xffabc"), "decode msgpack: field APIID at byte 7: msgp: too few bytes left to read object: 8 bytes left for a string"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r Record
			assert.EqualError(t, DecodeMsgpack(test.entry, &r), test.want)
		})
	}
}

func TestDecodeMsgpackRefusesEveryCutRecord(t *testing.T) {
	t.Parallel()
	entry := vectorMsgpack(t)
	for n := range entry {
		var r Record
		require.Error(t, DecodeMsgpack(entry[:n], &r), "%d bytes", n)
	}
}

// Headers may announce 4 billion elements in some bytes: neither time nor memory
// may go by the header.
func TestForgedLengthsCostNothing(t *testing.T) {
	t.Parallel()
	const many = "\xff\xff\xff\xff"
	list, table := "\xdd"+many, "\xdf"+many
	entries := map[string][]byte{
		"record as map":   []byte(table),
		"record as array": []byte(list),
		"tags":            packed("Tags", list+"\xa1a"),
		"names":           packed("Geo", string(packed("City", string(packed("Names", table+"\xa1a\xa1b"))))),
		"types":           packed("GraphQLStats", string(packed("Types", table+"\xa1a\x91\xa1b"))),
		"fields of types": packed("GraphQLStats", string(packed("Types", "\x81\xa1a"+list+"\xa1b"))),
		"errors":          packed("GraphQLStats", string(packed("Errors", list+"\xc0"))),
		"path":            packed("GraphQLStats", string(packed("Errors", "\x91"+string(packed("Path", list+"\x01"))))),
		"unknown map":     packed("X", table),
		"unknown array":   packed("X", list),
		"nested unknown":  packed("X", strings.Repeat("\xdd\x00\x00\x00\xff", 1000)),
	}
	for name, entry := range entries {
		t.Run(name, func(t *testing.T) {
			var r Record
			require.ErrorIs(t, DecodeMsgpack(entry, &r), msgp.ErrShortBytes)
			const times = 1000
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range times {
				_ = DecodeMsgpack(entry, &r)
			}
			runtime.ReadMemStats(&after)
			assert.Less(t, (after.TotalAlloc-before.TotalAlloc)/times, uint64(64<<10))
		})
	}
}

func TestDeepNestingIsSkippedWithoutRecursion(t *testing.T) {
	t.Parallel()
	const depth = 2_000_000
	entry := packed("X", strings.Repeat("\x91", depth)+"\xc0", "APIID", "\xa1a")
	var r Record
	require.NoError(t, DecodeMsgpack(entry, &r))
	assert.Equal(t, "a", r.APIID)
	assert.Error(t, DecodeMsgpack(packed("X", strings.Repeat("\x91", depth)), &r))
}

func TestDecodingEmptiesTheRecordBefore(t *testing.T) {
	t.Parallel()
	full := capturedRecords(t, "records-otel-msgpack")
	decoders := map[string]func(*Record) error{
		"msgpack":  func(r *Record) error { return DecodeMsgpack([]byte("\x80"), r) },
		"protobuf": func(r *Record) error { return DecodeProtobuf([]byte("\xa0\x06\x01"), r) },
	}
	for name, decode := range decoders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range full {
				r := full[i]
				r.Tags = append([]string(nil), r.Tags...)
				r.Geo.CityNames = map[string]string{"en": "x"}
				require.NoError(t, decode(&r))
				require.Equal(t, Record{}, canonical(&r))
			}
		})
	}
}

func TestResetKeepsNoHugeMemory(t *testing.T) {
	t.Parallel()
	r := Record{Tags: make([]string, 0, 100_000), Geo: Geo{CityNames: map[string]string{}}}
	for i := range 1000 {
		r.Geo.CityNames[strings.Repeat("x", i)] = ""
	}
	r.Reset()
	assert.Zero(t, cap(r.Tags))
	assert.Nil(t, r.Geo.CityNames)
}

func TestDecodeUptimeRefuses(t *testing.T) {
	t.Parallel()
	var u Uptime
	require.EqualError(t, DecodeUptime(nil, &u), "entry has no bytes")
	require.EqualError(t, DecodeUptime(packed("Minute", "\xa1x"), &u),
		"decode msgpack: field Minute at byte 8: found str (0xa1), want an integer")
	assert.NoError(t, DecodeUptime([]byte("\xc0"), &u))
}
