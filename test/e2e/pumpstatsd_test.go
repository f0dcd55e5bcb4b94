//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// mute is a server whose protocol has no answer: it keeps what arrives.
type mute struct {
	// address is as Tyk Pump takes it.
	address string
	// end is what ends a message, or parts those of a datagram.
	end string

	mu    sync.Mutex // guards the fields below
	lines []string
	most  int // lines of one datagram
}

// startMute listens on a transport until the test ends.
func startMute(tb testing.TB, transport, end string) *mute {
	tb.Helper()
	s := &mute{end: end}
	if transport == "tcp" {
		listener, err := net.Listen("tcp", peers.Address(0))
		require.NoError(tb, err)
		s.address = listener.Addr().String()
		tb.Cleanup(func() { _ = listener.Close() })
		go s.accept(listener)
		return s
	}
	address := peers.Address(0)
	if transport == "unixgram" {
		address = filepath.Join(tb.TempDir(), "s")
	}
	conn, err := net.ListenPacket(transport, address)
	require.NoError(tb, err)
	s.address = conn.LocalAddr().String()
	if transport == "unixgram" {
		s.address = "unix://" + address
	}
	tb.Cleanup(func() { _ = conn.Close() })
	go s.receive(conn)
	return s
}

func (s *mute) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			for reader := bufio.NewReader(conn); ; {
				line, err := reader.ReadString(s.end[0])
				if err != nil {
					return
				}
				s.take(strings.TrimSuffix(line, s.end))
			}
		}()
	}
}

func (s *mute) receive(conn net.PacketConn) {
	buffer := make([]byte, 1<<16)
	for {
		n, _, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		s.take(strings.Split(string(buffer[:n]), s.end)...)
	}
}

func (s *mute) take(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines, s.most = append(s.lines, lines...), max(s.most, len(lines))
}

// taken waits for as many lines, and gives all, and how many were in one datagram at most.
func (s *mute) taken(tb testing.TB, n int) (lines []string, most int) {
	tb.Helper()
	eventually(tb, drainTimeout, func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		lines, most = slices.Clone(s.lines), s.most
		if len(lines) < n {
			return fmt.Sprintf("%d lines of %d", len(lines), n)
		}
		return ""
	})
	return lines, most
}

// formatted is what Tyk Pump's StatsD makes of a name with a percent sign, which it takes for a format.
var formatted = regexp.MustCompile(`%!.*MISSING|\(int64=`)

// statsdRuns are those of StatsD: over what, how many lines, and how many of them in one datagram at most.
var statsdRuns = map[string]struct {
	transport   string
	lines, most int
}{
	"statsd":                  {transport: "tcp", lines: 4 * goldenRecords, most: 1},
	"statsd-separated-method": {transport: "udp", lines: goldenRecords, most: 1432},
	"dogstatsd":               {transport: "unixgram", lines: goldenRecords, most: 1},
	"dogstatsd-tags-buffered": {transport: "unixgram", lines: goldenRecords, most: 8},
}

// TestRunsIntoStatsDSendWhatTykPumpSent compares lines, in any order. Other than there are only names with
// a percent sign, and lines that were too long for it.
func TestRunsIntoStatsDSendWhatTykPumpSent(t *testing.T) {
	t.Parallel()
	redis, servers := peers.StartRedis(t), map[string]*mute{}
	file := runsTogether(t, slices.Sorted(maps.Keys(statsdRuns)), func(name string, meta object) {
		servers[name] = startMute(t, statsdRuns[name].transport, "\n")
		meta["address"] = servers[name].address
	})
	c := newPump(t, file, redis, nil)
	c.args = append(c.args, "--set=exporters::tykstatsd/statsd::transport=tcp") // which Tyk Pump has not
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	for name, run := range statsdRuns {
		t.Run(name, func(t *testing.T) {
			lines, most := servers[name].taken(t, run.lines)
			require.Len(t, lines, run.lines)
			assert.LessOrEqual(t, most, run.most)
			requireSameLines(t, sentLines(t, name), lines)
		})
	}
	c.stop()
}

// sentLines are those that the real Tyk Pump sent.
func sentLines(tb testing.TB, run string) []string {
	tb.Helper()
	var all []string
	decoder := json.NewDecoder(strings.NewReader(string(reference(tb, "exporter", "tykstatsdexporter", "testdata", "golden", run+".jsonl.gz"))))
	for {
		var datagram string
		err := decoder.Decode(&datagram)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(tb, err)
		all = append(all, strings.Split(datagram, "\n")...)
	}
}

func requireSameLines(t *testing.T, want, got []string) {
	t.Helper()
	missing, garbled := map[string]int{}, 0
	for _, line := range want {
		if formatted.MatchString(line) {
			garbled++
			continue
		}
		missing[line]++
	}
	repaired := 0
	for _, line := range got {
		if missing[line] == 0 {
			repaired++
			assert.True(t, strings.Contains(line, "%") || len(line) > 1432, line)
			continue
		}
		missing[line]--
	}
	maps.DeleteFunc(missing, func(_ string, n int) bool { return n == 0 })
	require.Empty(t, missing)
	assert.Equal(t, len(got)-len(want)+garbled, repaired)
}

// TestTheExampleOfStatsDSendsEachRecord counts what comes of an example.
func TestTheExampleOfStatsDSendsEachRecord(t *testing.T) {
	t.Parallel()
	redis, server := peers.StartRedis(t), startMute(t, "tcp", "\n")
	c := newExample(t, []string{"statsd.yaml"}, object{"receivers": object{"tykredis": object{"poll_interval": "20ms"}}},
		"TYK_REDIS_ADDRESS="+redis.Addr(), "STATSD_ADDRESS="+server.address)
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	lines, _ := server.taken(t, 2*goldenRecords)
	counted := 0
	for _, line := range lines {
		assert.Regexp(t, `^tyk\.(requests\.[\w-]+\.[\w-]+:1\|c|request_time\.[\w-]+\.[\w-]+:-?\d+\|ms)$`, line)
		if strings.HasPrefix(line, "tyk.requests.") {
			counted++
		}
	}
	assert.Equal(t, goldenRecords, counted)
	assert.Len(t, lines, 2*goldenRecords)
}

// TestEachNameThatTykPumpKnowsIsTakenHere asks the exporters about all fields and tags, and about all priorities of syslog.
func TestEachNameThatTykPumpKnowsIsTakenHere(t *testing.T) {
	t.Parallel()
	times := []string{"request_time", "latency_total", "latency_upstream", "latency_gateway"}
	common := []string{"path", "method", "response_code", "api_version", "api_name", "api_id", "org_id", "oauth_id"}
	raw := []string{"api_key", "raw_request", "raw_response", "ip_address"}
	pumps := object{
		"s": object{"type": "statsd", "meta": object{
			"address": "localhost:8125", "separated_method": true, "fields": times,
			"tags": slices.Concat(common, times, raw, []string{"time_stamp", "nope"}),
		}},
		"d": object{"type": "dogstatsd", "meta": object{"sample_rate": 0.5, "tags": append(common, "tracked")}},
		"g": object{"type": "graylog", "meta": object{"port": 12201, "tags": slices.Concat(common, raw, []string{"request_time"})}},
	}
	const facilities, severities = 24, 8
	for facility := range facilities {
		pumps[fmt.Sprint("y", facility)] = object{"type": "syslog", "meta": object{
			"network_addr": fmt.Sprint("localhost:", 5140+facility), "log_level": facility*severities + facility%severities,
		}}
	}
	text, err := json.Marshal(object{"purge_delay": 1, "dont_purge_uptime_data": true, "analytics_storage_config": object{}, "pumps": pumps})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "pump.conf")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	out, err := run(t, []string{"DD_AGENT_HOST=localhost"}, "validate", "--config", "tykpump:"+file)
	require.NoError(t, err, out)
}
