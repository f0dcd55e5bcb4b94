package analytics

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// field writes a field with a length.
func field(number protowire.Number, value string) string {
	return string(pbAppendEntryStr(nil, number, value))
}

// number writes a varint field.
func number(n protowire.Number, value uint64) string {
	return string(protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), value))
}

// protobufTolerated are entries that no gateway writes today, but that are records.
func protobufTolerated() map[string]decodeCase {
	fixed := func(n protowire.Number, wire protowire.Type, value string) string {
		return string(protowire.AppendTag(nil, n, wire)) + value
	}
	return map[string]decodeCase{
		"missing sub-messages":      {entry: []byte(field(pbAPIID, "a")), want: Record{APIID: "a"}},
		"empty sub-messages":        {entry: []byte(field(pbGeo, field(1, "")+field(2, "")+field(3, "")) + field(pbLatency, "") + field(pbNetwork, "") + field(pbGraphQL, "") + field(pbMCP, "") + field(pbAPIID, "a")), want: Record{APIID: "a"}},
		"only a zone":               {entry: []byte(field(pbTimeZone, "Nowhere/Land"))},
		"an empty time":             {entry: []byte(field(pbTimeStamp, "")), want: Record{TimeStamp: time.Unix(0, 0).UTC()}},
		"no time":                   {entry: []byte(field(pbAPIID, "a")), want: Record{APIID: "a"}},
		"fields in another order":   {entry: []byte(field(pbListenPath, "/l") + field(pbHost, "h")), want: Record{Host: "h", ListenPath: "/l"}},
		"the last of equal fields":  {entry: []byte(field(pbHost, "g") + field(pbHost, "h")), want: Record{Host: "h"}},
		"sub-messages in parts":     {entry: []byte(field(pbLatency, number(1, 5)) + field(pbLatency, number(2, 3))), want: Record{Latency: Latency{Total: 5, Upstream: 3, Gateway: 2}}},
		"numbers that are negative": {entry: []byte(number(pbResponseCode, 1<<64-1) + number(pbContentLength, 1<<64-1)), want: Record{ResponseCode: -1, ContentLength: -1}},
		"numbers of 32 bits":        {entry: []byte(number(pbYear, 1<<33|2026)), want: Record{Year: 2026}},
		"unknown fields of every type": {
			entry: []byte(number(1000, 7) + field(1001, "x") + fixed(1002, protowire.Fixed32Type, "1234") + fixed(1003, protowire.Fixed64Type, "12345678") +
				fixed(1004, protowire.StartGroupType, number(1, 2)+fixed(1004, protowire.EndGroupType, "")) + field(pbHost, "h")),
			want: Record{Host: "h"},
		},
		"unknown fields in sub-messages": {
			entry: []byte(field(pbGeo, field(9, "x")+field(1, field(9, "x")+field(1, "DE"))) + field(pbMCP, number(9, 1)+number(1, 1)) + field(pbTimeStamp, number(9, 1)+number(1, 5))),
			want:  Record{Geo: Geo{CountryISOCode: "DE"}, MCP: MCPStats{IsMCP: true}, TimeStamp: time.Unix(5, 0).UTC()},
		},
		"known fields of other types": {
			entry: []byte(number(pbHost, 5) + field(pbDay, "x") + fixed(pbPath, protowire.Fixed32Type, "1234") + number(pbGeo, 1) + number(pbTags, 1) +
				field(pbLatency, field(1, "x")+number(2, 0)) + field(pbGeo, field(3, number(1, 5))) + field(pbAPIID, "a")),
			want: Record{APIID: "a"},
		},
		"maps without keys or values": {
			entry: []byte(field(pbGeo, field(2, field(1, field(1, "en"))+field(1, field(2, "x")))) + field(pbGraphQL, field(2, ""))),
			want:  Record{Geo: Geo{CityNames: map[string]string{"en": "", "": "x"}}, GraphQL: GraphQLStats{Types: map[string][]string{"": nil}}},
		},
		"bytes that are not UTF-8": {entry: []byte(field(pbPath, "/\xff\x00")), want: Record{Path: "/\xff\x00"}},
		"GraphQL errors, which have messages only": {
			entry: []byte(field(pbGraphQL, number(1, 1)+field(2, field(1, "T")+field(2, field(1, "f")+field(1, "g")))+number(3, 2)+field(4, "{}")+field(5, "r")+number(6, 1)+field(7, "m")+field(7, ""))),
			want: Record{GraphQL: GraphQLStats{
				IsGraphQL: true, Types: map[string][]string{"T": {"f", "g"}}, OperationType: OperationMutation, Variables: "{}",
				RootFields: []string{"r"}, HasErrors: true, Errors: []GraphQLError{{Message: "m"}, {}},
			}},
		},
	}
}

func TestDecodeProtobufTolerates(t *testing.T) {
	t.Parallel()
	for name, test := range protobufTolerated() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got Record
			require.NoError(t, DecodeProtobuf(test.entry, &got))
			assert.Equal(t, canonical(&test.want), canonical(&got))
		})
	}
}

func TestDecodeProtobufRefuses(t *testing.T) {
	t.Parallel()
	host := field(pbHost, "h")
	tests := map[string]struct{ entry, want string }{
		"no bytes":          {"", "entry has no bytes"},
		"half a tag":        {host + "\xff", "decode protobuf: tag at byte 3: unexpected EOF"},
		"a field number 0":  {host + "\x00", "decode protobuf: tag at byte 3: proto: invalid field number"},
		"half a string":     {host + field(pbMethod, "GET")[:3], "decode protobuf: field 2 at byte 3: unexpected EOF"},
		"half a number":     {number(pbDay, 1<<40)[:3], "decode protobuf: field 7 at byte 0: unexpected EOF"},
		"an endless number": {"\x38" + strings.Repeat("\xff", 11), "decode protobuf: field 7 at byte 0: proto: variable length integer overflow"},
		"half a geo": {
			host + field(pbGeo, field(3, field(3, "Z")+field(3, "Zone")[:3])),
			"decode protobuf: Geo.Location.field 3 at byte 11: unexpected EOF",
		},
		"half a name":  {field(pbGeo, field(2, field(1, "\x0a\x05e"))), "decode protobuf: Geo.City.Names.field 1 at byte 7: unexpected EOF"},
		"half a type":  {field(pbGraphQL, field(2, field(1, "T")+"\x12")), "decode protobuf: GraphQLStats.Types.field 2 at byte 8: unexpected EOF"},
		"half a time":  {field(pbTimeStamp, "\x08"), "decode protobuf: field 13.field 1 at byte 2: unexpected EOF"},
		"a text entry": {"hello", "decode protobuf: field 13 at byte 2: proto: mismatching end group marker"},
		"an end alone": {host + "\x0c", "decode protobuf: field 1 at byte 3: proto: mismatching end group marker"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r Record
			err := DecodeProtobuf([]byte(test.entry), &r)
			require.Error(t, err)
			// protowire puts one or the other space into its errors, so that nobody relies on them.
			assert.Equal(t, test.want, strings.ReplaceAll(err.Error(), "\u00a0", " "))
		})
	}
}

// A cut between two fields gives a smaller message that is whole.
func TestDecodeProtobufOfCutRecordsNeverPanics(t *testing.T) {
	t.Parallel()
	entry := vectorProtobuf(t)
	failed := 0
	for n := range entry {
		var r Record
		if DecodeProtobuf(entry[:n], &r) != nil {
			failed++
		}
	}
	assert.Greater(t, failed, len(entry)*3/4)
}
