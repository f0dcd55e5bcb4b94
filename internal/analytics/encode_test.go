package analytics

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// vector is the record of the contract's test vectors (records and raw stores,
// section 2.7).
func vector() Record {
	at := time.Date(2026, time.August, 20, 10, 11, 12, 123456789, time.UTC)
	return Record{
		Method: "GET", Host: "u.example:8080", Path: "/a", RawPath: "/a", ContentLength: -1, UserAgent: "ua",
		Day: 20, Month: 8, Year: 2026, Hour: 10, ResponseCode: 200, APIKey: "00000000", TimeStamp: at,
		APIVersion: "Non Versioned", APIName: "n", APIID: "api1", OrgID: "org1", RequestTime: 300,
		IPAddress: "1.2.3.4", Latency: Latency{Total: 300, Upstream: 299, Gateway: 1},
		Tags: []string{"key-00000000", "org-org1", "api-api1"}, ExpireAt: at.Add(time.Hour),
		OriginalPath: "/l/a", ListenPath: "/l/",
	}
}

func readVector(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	bytes, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	require.NoError(t, err)
	return bytes
}

func vectorMsgpack(t *testing.T) []byte  { return readVector(t, "vector-msgpack.hex") }
func vectorProtobuf(t *testing.T) []byte { return readVector(t, "vector-protobuf.hex") }

func TestMsgpackVector(t *testing.T) {
	t.Parallel()
	want := vector()
	require.Len(t, vectorMsgpack(t), 775)
	assert.Equal(t, vectorMsgpack(t), AppendMsgpack(nil, &want))
	var got Record
	require.NoError(t, DecodeMsgpack(vectorMsgpack(t), &got))
	assert.Equal(t, canonical(&want), canonical(&got))
}

func TestProtobufVector(t *testing.T) {
	t.Parallel()
	want := vector()
	require.Len(t, vectorProtobuf(t), 216)
	assert.Equal(t, vectorProtobuf(t), AppendProtobuf(nil, &want))
	var got Record
	require.NoError(t, DecodeProtobuf(vectorProtobuf(t), &got))
	assert.Equal(t, canonical(&want), canonical(&got))
}

func TestEncodersAppend(t *testing.T) {
	t.Parallel()
	r := vector()
	assert.Equal(t, append([]byte("before"), vectorMsgpack(t)...), AppendMsgpack([]byte("before"), &r))
	assert.Equal(t, append([]byte("before"), vectorProtobuf(t)...), AppendProtobuf([]byte("before"), &r))
}

func TestMsgpackTellsEmptyFromNil(t *testing.T) {
	t.Parallel()
	assert.Contains(t, string(AppendMsgpack(nil, &Record{})), "\xa4Tags\xc0")
	assert.Contains(t, string(AppendMsgpack(nil, &Record{Tags: []string{}})), "\xa4Tags\x90")
}

func TestMsgpackZeroTimeIsTheGatewaysOwn(t *testing.T) {
	t.Parallel()
	zero := "\xa9TimeStamp\x92\xd3\xff\xff\xff\xf1\x88\x6e\x09\x00\x00"
	assert.Contains(t, string(AppendMsgpack(nil, &Record{})), zero)
	var r Record
	require.NoError(t, DecodeMsgpack([]byte("\x81"+zero), &r))
	assert.True(t, r.TimeStamp.IsZero())
	assert.Equal(t, time.Time{}, r.TimeStamp)
}
