//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

const graylogRun = "graylog"

// TestARunIntoGraylogSendsWhatTykPumpSent compares messages, byte for byte and in any order, over TCP, which loses none.
func TestARunIntoGraylogSendsWhatTykPumpSent(t *testing.T) {
	t.Parallel()
	redis, server := peers.StartRedis(t), startMute(t, "tcp", "\x00")
	file := runsTogether(t, []string{graylogRun}, func(_ string, meta object) {
		host, port, _ := strings.Cut(server.address, ":")
		meta["host"], meta["port"] = host, json.Number(port)
	})
	c := newPump(t, file, redis, nil)
	c.args = append(c.args, "--set=exporters::tykgelf/graylog::transport=tcp") // which Tyk Pump has not
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	want := strings.Split(strings.TrimSuffix(string(reference(t, "exporter", "tykgelfexporter", "testdata", "golden", "graylog.jsonl.gz")), "\n"), "\n")
	got, _ := server.taken(t, len(want))
	assert.ElementsMatch(t, want, got)
}

// TestTheExampleOfGraylogSendsEachRecord reads what comes of an example.
func TestTheExampleOfGraylogSendsEachRecord(t *testing.T) {
	t.Parallel()
	redis, server := peers.StartRedis(t), startMute(t, "tcp", "\x00")
	c := newExample(t, []string{"graylog.yaml"}, object{"receivers": object{"tykredis": object{"poll_interval": "20ms"}}},
		"TYK_REDIS_ADDRESS="+redis.Addr(), "GRAYLOG_ADDRESS="+server.address)
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	got, _ := server.taken(t, goldenRecords)
	seen := map[string]bool{}
	for _, text := range got {
		var message struct {
			Version, Host string
			Short         string `json:"short_message"`
			UID           string `json:"_uid"`
		}
		require.NoError(t, json.Unmarshal([]byte(text), &message), text)
		assert.Equal(t, "1.1", message.Version)
		assert.NotEmpty(t, message.Short)
		seen[message.UID] = true
	}
	assert.Len(t, seen, goldenRecords)
}
