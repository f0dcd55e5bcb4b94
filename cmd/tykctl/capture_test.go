package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

func TestACaptureIsReplayedElsewhere(t *testing.T) {
	o := onRedis(t)
	entry := string(analytics.AppendMsgpack(nil, record()))
	require.NoError(t, o.rdb.RPush(t.Context(), msgpackList, entry, "odd").Err())
	require.NoError(t, o.rdb.RPush(t.Context(), protobufList, "proto").Err())
	require.NoError(t, o.rdb.RPush(t.Context(), analytics.UptimeList, "check").Err())
	file := filepath.Join(t.TempDir(), "an-hour.capture")
	a := o.run("capture", "-out", file)
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "-unredacted")
	a = o.run("capture", "-out", file, "-unredacted")
	assert.Equal(t, exitOK, a.status, a.stderr)
	assert.Contains(t, a.stderr, "4 entries")
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode().Perm())
	assert.EqualValues(t, 2, o.rdb.LLen(t.Context(), msgpackList).Val(), "nothing is taken away")

	a = o.run("replay-file", file)
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "twice")
	assert.Equal(t, "4 entries pushed\n", o.ok("replay-file", file, "-key-prefix", "shadow-", "-uptime-key-prefix", "shadow-"))
	assert.Equal(t, []string{entry, "odd"}, o.rdb.LRange(t.Context(), "shadow-tyk-system-analytics", 0, -1).Val())
	assert.Equal(t, []string{"proto"}, o.rdb.LRange(t.Context(), "shadow-tyk-system-analytics_0_protobuf", 0, -1).Val())
	assert.Equal(t, []string{"check"}, o.rdb.LRange(t.Context(), analytics.UptimeListBehind("shadow-"), 0, -1).Val())
	a = o.run("capture", "-out", file, "-unredacted")
	assert.Contains(t, a.stderr, "exists", "a file is not written over")
}

func TestARedactedCaptureHasNoCredentials(t *testing.T) {
	o := onRedis(t)
	r := record()
	r.RawRequest = base64.StdEncoding.EncodeToString([]byte("GET /orders?access_token=sekrit-1&x=2 HTTP/1.1\r\nAuthorization: Bearer sekrit-2\r\nHost: a\r\n\r\nbody"))
	require.NoError(t, o.rdb.RPush(t.Context(), msgpackList, string(analytics.AppendMsgpack(nil, r)), "odd").Err())
	require.NoError(t, o.rdb.RPush(t.Context(), protobufList, string(analytics.AppendProtobuf(nil, r))).Err())
	file := filepath.Join(t.TempDir(), "an-hour.capture")
	a := o.run("capture", "-out", file, "-redact")
	require.Equal(t, exitOK, a.status, a.stderr)
	assert.Contains(t, a.stderr, "1 entry could not be decoded")
	o.ok("replay-file", file, "-key-prefix", "shadow-", "-uptime-key-prefix", "shadow-")
	for list, decode := range map[string]func([]byte, *analytics.Record) error{
		"shadow-tyk-system-analytics": analytics.DecodeMsgpack, "shadow-tyk-system-analytics_0_protobuf": analytics.DecodeProtobuf,
	} {
		entries := o.rdb.LRange(t.Context(), list, 0, -1).Val()
		require.Len(t, entries, 1)
		var got analytics.Record
		require.NoError(t, decode([]byte(entries[0]), &got))
		raw, err := base64.StdEncoding.DecodeString(got.RawRequest)
		require.NoError(t, err)
		assert.NotContains(t, string(raw), "sekrit")
		assert.Contains(t, string(raw), "body")
		assert.Equal(t, "/orders", got.Path)
	}
}
