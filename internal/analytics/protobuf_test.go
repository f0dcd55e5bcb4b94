package analytics

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/otelcol-tyk/otelcol-tyk/internal/protobuf"
)

// Numbers of the message's fields.
const (
	pbHost          protowire.Number = 1
	pbMethod        protowire.Number = 2
	pbPath          protowire.Number = 3
	pbContentLength protowire.Number = 5
	pbDay           protowire.Number = 7
	pbYear          protowire.Number = 9
	pbResponseCode  protowire.Number = 11
	pbTimeStamp     protowire.Number = 13
	pbAPIID         protowire.Number = 16
	pbLatency       protowire.Number = 19
	pbGeo           protowire.Number = 23
	pbNetwork       protowire.Number = 24
	pbTags          protowire.Number = 25
	pbTimeZone      protowire.Number = 30
	pbGraphQL       protowire.Number = 32
	pbMCP           protowire.Number = 33
	pbListenPath    protowire.Number = 35
)

// lengthy writes a field with a length.
func lengthy(number protowire.Number, value string) string {
	return string(protobuf.AppendElement(nil, number, value))
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
		"missing sub-messages":      {entry: []byte(lengthy(pbAPIID, "a")), want: Record{APIID: "a"}},
		"empty sub-messages":        {entry: []byte(lengthy(pbGeo, lengthy(1, "")+lengthy(2, "")+lengthy(3, "")) + lengthy(pbLatency, "") + lengthy(pbNetwork, "") + lengthy(pbGraphQL, "") + lengthy(pbMCP, "") + lengthy(pbAPIID, "a")), want: Record{APIID: "a"}},
		"only a zone":               {entry: []byte(lengthy(pbTimeZone, "Nowhere/Land"))},
		"an empty time":             {entry: []byte(lengthy(pbTimeStamp, "")), want: Record{TimeStamp: time.Unix(0, 0).UTC()}},
		"no time":                   {entry: []byte(lengthy(pbAPIID, "a")), want: Record{APIID: "a"}},
		"fields in another order":   {entry: []byte(lengthy(pbListenPath, "/l") + lengthy(pbHost, "h")), want: Record{Host: "h", ListenPath: "/l"}},
		"the last of equal fields":  {entry: []byte(lengthy(pbHost, "g") + lengthy(pbHost, "h")), want: Record{Host: "h"}},
		"sub-messages in parts":     {entry: []byte(lengthy(pbLatency, number(1, 5)) + lengthy(pbLatency, number(2, 3))), want: Record{Latency: Latency{Total: 5, Upstream: 3, Gateway: 2}}},
		"numbers that are negative": {entry: []byte(number(pbResponseCode, 1<<64-1) + number(pbContentLength, 1<<64-1)), want: Record{ResponseCode: -1, ContentLength: -1}},
		"numbers of 32 bits":        {entry: []byte(number(pbYear, 1<<33|2026)), want: Record{Year: 2026}},
		"unknown fields of every type": {
			entry: []byte(number(1000, 7) + lengthy(1001, "x") + fixed(1002, protowire.Fixed32Type, "1234") + fixed(1003, protowire.Fixed64Type, "12345678") +
				fixed(1004, protowire.StartGroupType, number(1, 2)+fixed(1004, protowire.EndGroupType, "")) + lengthy(pbHost, "h")),
			want: Record{Host: "h"},
		},
		"unknown fields in sub-messages": {
			entry: []byte(lengthy(pbGeo, lengthy(9, "x")+lengthy(1, lengthy(9, "x")+lengthy(1, "DE"))) + lengthy(pbMCP, number(9, 1)+number(1, 1)) + lengthy(pbTimeStamp, number(9, 1)+number(1, 5))),
			want:  Record{Geo: Geo{CountryISOCode: "DE"}, MCP: MCPStats{IsMCP: true}, TimeStamp: time.Unix(5, 0).UTC()},
		},
		"known fields of other types": {
			entry: []byte(number(pbHost, 5) + lengthy(pbDay, "x") + fixed(pbPath, protowire.Fixed32Type, "1234") + number(pbGeo, 1) + number(pbTags, 1) +
				lengthy(pbLatency, lengthy(1, "x")+number(2, 0)) + lengthy(pbGeo, lengthy(3, number(1, 5))) + lengthy(pbAPIID, "a")),
			want: Record{APIID: "a"},
		},
		"maps without keys or values": {
			entry: []byte(lengthy(pbGeo, lengthy(2, lengthy(1, lengthy(1, "en"))+lengthy(1, lengthy(2, "x")))) + lengthy(pbGraphQL, lengthy(2, ""))),
			want:  Record{Geo: Geo{CityNames: map[string]string{"en": "", "": "x"}}, GraphQL: GraphQLStats{Types: map[string][]string{"": nil}}},
		},
		"bytes that are not UTF-8": {entry: []byte(lengthy(pbPath, "/\xff\x00")), want: Record{Path: "/\xff\x00"}},
		"GraphQL errors, which have messages only": {
			entry: []byte(lengthy(pbGraphQL, number(1, 1)+lengthy(2, lengthy(1, "T")+lengthy(2, lengthy(1, "f")+lengthy(1, "g")))+number(3, 2)+lengthy(4, "{}")+lengthy(5, "r")+number(6, 1)+lengthy(7, "m")+lengthy(7, ""))),
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
	host := lengthy(pbHost, "h")
	tests := map[string]struct{ entry, want string }{
		"no bytes":          {"", "entry has no bytes"},
		"half a tag":        {host + "\xff", "decode protobuf: tag at byte 3: unexpected EOF"},
		"a field number 0":  {host + "\x00", "decode protobuf: tag at byte 3: proto: invalid field number"},
		"half a string":     {host + lengthy(pbMethod, "GET")[:3], "decode protobuf: field 2 at byte 3: unexpected EOF"},
		"half a number":     {number(pbDay, 1<<40)[:3], "decode protobuf: field 7 at byte 0: unexpected EOF"},
		"an endless number": {"\x38" + strings.Repeat("\xff", 11), "decode protobuf: field 7 at byte 0: proto: variable length integer overflow"},
		"half a geo": {
			host + lengthy(pbGeo, lengthy(3, lengthy(3, "Z")+lengthy(3, "Zone")[:3])),
			"decode protobuf: Geo.Location.field 3 at byte 11: unexpected EOF",
		},
		"half a name":  {lengthy(pbGeo, lengthy(2, lengthy(1, "\x0a\x05e"))), "decode protobuf: Geo.City.Names.field 1 at byte 7: unexpected EOF"},
		"half a type":  {lengthy(pbGraphQL, lengthy(2, lengthy(1, "T")+"\x12")), "decode protobuf: GraphQLStats.Types.field 2 at byte 8: unexpected EOF"},
		"half a time":  {lengthy(pbTimeStamp, "\x08"), "decode protobuf: field 13.field 1 at byte 2: unexpected EOF"},
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
