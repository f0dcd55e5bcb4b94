//go:build e2e

package e2e

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// pumpHeader is what differs from run to run in Tyk Pump's messages.
var pumpHeader = regexp.MustCompile(`^(<\d+>)\S+ \S+ (\S+)\[\d+\]: `)

var syslogRuns = []string{"syslog-tcp", "syslog-udp"}

// TestRunsIntoSyslogSendWhatTykPumpSent compares messages, in any order, over TCP, which loses none. Other than there are
// only line feeds within a message, which are two characters here.
func TestRunsIntoSyslogSendWhatTykPumpSent(t *testing.T) {
	t.Parallel()
	redis, servers := peers.StartRedis(t), map[string]*mute{}
	file := runsTogether(t, syslogRuns, func(name string, meta object) {
		servers[name] = startMute(t, "tcp", "\n")
		meta["network_addr"] = servers[name].address
	})
	c := newPump(t, file, redis, nil, "TZ=UTC")
	c.args = append(c.args, "--set=exporters::tyksyslog/syslog-udp::transport=tcp")
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	for name, want := range map[string][]string{"syslog-tcp": sentOverTCP(t), "syslog-udp": sentOverUDP(t)} {
		require.Len(t, want, goldenRecords)
		got, _ := servers[name].taken(t, goldenRecords)
		for i := range got {
			got[i] = pumpHeader.ReplaceAllString(got[i], "$1<time> <host> $2[<pid>]: ")
		}
		assert.ElementsMatch(t, want, got, name)
	}
}

// sentOverTCP are the messages of one stream.
func sentOverTCP(tb testing.TB) []string {
	tb.Helper()
	const begin = "<3><time> "
	stream := string(reference(tb, "exporter", "tyksyslogexporter", "testdata", "golden", "syslog-tcp.txt.gz"))
	var all []string
	for _, text := range strings.Split(strings.TrimSuffix(stream, "\n"), "\n"+begin) {
		all = append(all, begin+strings.ReplaceAll(strings.TrimPrefix(text, begin), "\n", `\n`))
	}
	return all
}

// sentOverUDP are the messages of datagrams.
func sentOverUDP(tb testing.TB) []string {
	tb.Helper()
	var all []string
	for line := range strings.Lines(string(reference(tb, "exporter", "tyksyslogexporter", "testdata", "golden", "syslog-udp.jsonl.gz"))) {
		var datagram string
		require.NoError(tb, json.Unmarshal([]byte(line), &datagram))
		all = append(all, strings.ReplaceAll(strings.TrimSuffix(datagram, "\n"), "\n", `\n`))
	}
	return all
}

// TestTheExampleOfSyslogSendsEachRecord reads what comes of an example.
func TestTheExampleOfSyslogSendsEachRecord(t *testing.T) {
	t.Parallel()
	redis, server := peers.StartRedis(t), startMute(t, "tcp", "\n")
	c := newExample(t, []string{"syslog.yaml"}, object{"receivers": object{"tykredis": object{"poll_interval": "20ms"}}},
		"TYK_REDIS_ADDRESS="+redis.Addr(), "SYSLOG_ADDRESS="+server.address)
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	got, _ := server.taken(t, goldenRecords)
	seen := map[string]bool{}
	for _, text := range got {
		header, content, found := strings.Cut(text, "] {")
		require.True(t, found, text)
		assert.Regexp(t, `^<13[124]>1 \S+ \S+ tyk-gateway - tyk\.request \[tyk@32473 `, header)
		var message struct {
			UID string `json:"log.record.uid"`
		}
		require.NoError(t, json.Unmarshal([]byte("{"+content), &message), text)
		seen[message.UID] = true
	}
	assert.Len(t, seen, goldenRecords)
}
