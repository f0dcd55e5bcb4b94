package tykstatsdexporter

import (
	"bufio"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/statsdreceiver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func start(t *testing.T, host component.Host, change func(*Config)) exporter.Logs {
	t.Helper()
	config := createDefaultConfig().(*Config)
	config.Retry.Enabled = false
	change(config)
	return sinktest.Start(t, NewFactory(), config, host)
}

// The collector's own receiver understands what is sent, over UDP and over TCP.
func TestStockReceiver(t *testing.T) {
	t.Parallel()
	for _, transport := range []confignet.TransportType{confignet.TransportTypeUDP, confignet.TransportTypeTCP} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			address := freeAddress(t)
			factory := statsdreceiver.NewFactory()
			settings := factory.CreateDefaultConfig()
			require.NoError(t, confmap.NewFromStringMap(map[string]any{
				"endpoint": address, "transport": string(transport), "aggregation_interval": "100ms",
			}).Unmarshal(settings))
			sink := new(consumertest.MetricsSink)
			receiver, err := factory.CreateMetrics(t.Context(), receivertest.NewNopSettings(factory.Type()), settings, sink)
			require.NoError(t, err)
			require.NoError(t, receiver.Start(t.Context(), componenttest.NewNopHost()))
			defer func() { require.NoError(t, receiver.Shutdown(context.WithoutCancel(t.Context()))) }()

			e := start(t, sinktest.NewHost(), func(c *Config) {
				c.Address.Endpoint, c.Address.Transport = address, transport
				c.Prefix, c.Fields, c.Tags = "tyk", []string{"requests", "request_time"}, []string{"api_id", "response_code"}
			})
			records := sinktest.GoldenRecords(t)
			require.Eventually(t, func() bool { return e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)) == nil }, sinktest.Long, 10*time.Millisecond)
			require.Eventually(t, func() bool { return counted(sink) >= int64(len(records)) }, sinktest.Long, 10*time.Millisecond)
			assert.EqualValues(t, len(records), counted(sink))
			require.NoError(t, e.Shutdown(t.Context()), "before the receiver, which waits for connections to end")
		})
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := peers.FreePort()
	require.NoError(t, err)
	return net.JoinHostPort(peers.Loopback, strconv.Itoa(port))
}

// counted is the sum of the requests in what a receiver gave.
func counted(sink *consumertest.MetricsSink) int64 {
	var sum int64
	for _, metrics := range sink.AllMetrics() {
		for _, resource := range metrics.ResourceMetrics().All() {
			for _, scope := range resource.ScopeMetrics().All() {
				for _, metric := range scope.Metrics().All() {
					if strings.HasPrefix(metric.Name(), "tyk.requests.") {
						for _, point := range metric.Sum().DataPoints().All() {
							sum += point.IntValue()
						}
					}
				}
			}
		}
	}
	return sum
}

func TestUnixDatagrams(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "statsd") //nolint:usetesting // a short path, which sockets need
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	path := filepath.Join(folder, "s")
	host := sinktest.NewHost()
	e := start(t, host, func(c *Config) {
		c.Dialect, c.Address.Transport, c.Address.Endpoint = dialectDogStatsD, confignet.TransportTypeUnixgram, path
		c.Tags, c.MaxDatagramLines = []string{"api_id"}, 2
	})
	record := analytics.Record{APIID: "a", RequestTime: 1}
	err = e.ConsumeLogs(t.Context(), sinktest.LogsOf(record))
	require.Error(t, err, "nobody listens")
	assert.False(t, consumererror.IsPermanent(err))
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)

	agent, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer func() { require.NoError(t, agent.Close()) }()
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(record, record, record)))
	assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
	buffer := make([]byte, 1000)
	for _, lines := range []int{2, 1} {
		n, err := agent.Read(buffer)
		require.NoError(t, err)
		line := "request_time:1|h|#tyk-pump,api_id:a"
		assert.Equal(t, strings.TrimSuffix(strings.Repeat(line+"\n", lines), "\n"), string(buffer[:n]))
	}
}

// Over TCP a StatsD that goes away gets the whole push once more.
func TestNothingIsLostOverTCP(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := start(t, sinktest.NewHost(), func(c *Config) {
		c.Address.Endpoint, c.Address.Transport, c.Retry.Enabled = listener.Addr().String(), confignet.TransportTypeTCP, true
		c.Retry.InitialInterval, c.Retry.MaxInterval = time.Millisecond, 10*time.Millisecond
	})
	lines, sent := make(chan int, 1), make(chan struct{})
	go func() {
		first, err := listener.Accept()
		assert.NoError(t, err)
		assert.NoError(t, first.(*net.TCPConn).SetLinger(0))
		_ = first.Close()
		second, err := listener.Accept()
		assert.NoError(t, err)
		n := 0
		for scanner := bufio.NewScanner(second); n < 50_000 && scanner.Scan(); {
			n++
		}
		lines <- n
		<-sent // who closes too early gets everything once more
		assert.NoError(t, second.Close())
	}()
	records := make([]analytics.Record, 50_000)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	close(sent)
	assert.Equal(t, len(records), <-lines)
	require.NoError(t, listener.Close())
}

func TestWhatCannotBeSentIsRefusedByName(t *testing.T) {
	t.Parallel()
	agent, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, agent.Close()) }()
	e := start(t, sinktest.NewHost(), func(c *Config) { c.Address.Endpoint, c.Tags = agent.LocalAddr().String(), []string{"path"} })
	logs := sinktest.LogsOf(analytics.Record{Path: "/a"}, analytics.Record{Path: strings.Repeat("x", 70_000)}, analytics.Record{Path: "/b"})
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(2).SetEventName("other")
	err = e.ConsumeLogs(t.Context(), logs)
	require.True(t, consumererror.IsPermanent(err))
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Records, 2)
	assert.EqualValues(t, 1, refused.Records[0].UID.Index)
	assert.Contains(t, refused.Records[0].Reason, "too_large: a line of 70019 bytes is longer than a datagram can be")
	assert.Contains(t, refused.Records[1].Reason, `foreign: not an analytics record: its event name is "other"`)
	buffer := make([]byte, 1000)
	n, _, err := agent.ReadFrom(buffer)
	require.NoError(t, err)
	assert.Equal(t, "request_time._a:0|ms", string(buffer[:n]))
}

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	graphite := createDefaultConfig().(*Config)
	graphite.Address.Endpoint, graphite.Address.Transport = "graphite.example:8125", confignet.TransportTypeTCP
	graphite.Prefix, graphite.Fields, graphite.Tags = "tyk", []string{"request_time", "requests"}, []string{"api_id", "method", "response_code"}
	graphite.SeparatedMethod, graphite.Timeout.Timeout = true, 5*time.Second
	datadog := createDefaultConfig().(*Config)
	datadog.Dialect, datadog.Address.Endpoint, datadog.Address.Transport = dialectDogStatsD, "/var/run/datadog/dsd.socket", confignet.TransportTypeUnixgram
	datadog.Prefix, datadog.Tags, datadog.GlobalTags = "tyk", []string{"api_name", "response_code"}, []string{"region:eu"}
	datadog.SampleRate, datadog.MaxDatagramLines = 0.25, 16
	for name, want := range map[string]*Config{"": createDefaultConfig().(*Config), "graphite": graphite, "datadog": datadog} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name))
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		`dialect: "influx" is unknown: use statsd or dogstatsd`:              func(c *Config) { c.Dialect = "influx" },
		"fields: must not be empty":                                          func(c *Config) { c.Fields = nil },
		`fields: "size" is unknown: use latency_gateway, latency_total`:      func(c *Config) { c.Fields = []string{"size"} },
		`tags: "nope" is unknown: use api_id, api_key`:                       func(c *Config) { c.Tags = []string{"nope"} },
		`tags: "method" is part of the path: set separated_method`:           func(c *Config) { c.Tags = []string{"method"} },
		`tags: "raw_request" is unknown: use alias`:                          func(c *Config) { c.Dialect, c.Tags = dialectDogStatsD, []string{"raw_request"} },
		`sanitize: "all" is unknown: use graphite, tyk or none`:              func(c *Config) { c.Sanitize = "all" },
		"sample_rate: 0 must be above 0 and at most 1":                       func(c *Config) { c.SampleRate = 0 },
		"max_datagram_bytes: 70000 must be from 0 to 65507":                  func(c *Config) { c.MaxDatagramBytes = 70_000 },
		"max_datagram_lines: -1 must not be negative":                        func(c *Config) { c.MaxDatagramLines = -1 },
		"prefix: \"a b\" must not contain":                                   func(c *Config) { c.Prefix = "a b" },
		`prefix: "a\r" must not contain`:                                     func(c *Config) { c.Prefix = "a\r" },
		`global_tags: "a\x00" must not be empty`:                             func(c *Config) { c.GlobalTags = []string{"a\x00"} },
		`global_tags: "a,b" must not be empty, nor contain commas`:           func(c *Config) { c.GlobalTags = []string{"a,b"} },
		`endpoint: "localhost" is no address: use one like host:port`:        func(c *Config) { c.Address.Endpoint = "localhost" },
		`transport: "unix" is not known here: use udp, udp4, udp6, tcp`:      func(c *Config) { c.Address.Transport = confignet.TransportTypeUnix },
		"endpoint: must be set":                                              func(c *Config) { c.Address.Endpoint = "" },
		"sending_queue::wait_for_result: false loses":                        func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
		`endpoint: "dsd.socket" is no path of a Unix socket: use one like /`: func(c *Config) { c.Address.Endpoint, c.Address.Transport = "dsd.socket", "unixgram" },
	} {
		config := createDefaultConfig().(*Config)
		change(config)
		assert.ErrorContains(t, config.Validate(), want)
	}
}

func TestTheAgentIsTakenFromTheEnvironment(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.Dialect, config.Address.Endpoint = dialectDogStatsD, ""
	require.ErrorContains(t, config.Validate(), "endpoint: must be set")
	t.Setenv("DD_AGENT_HOST", "agent")
	assert.Equal(t, "agent:8125", config.endpoint())
	t.Setenv("DD_DOGSTATSD_PORT", "18125")
	assert.Equal(t, "agent:18125", config.endpoint())
	require.NoError(t, config.Validate())
	config.Dialect = dialectStatsD
	assert.Empty(t, config.endpoint())
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireSchema(t, NewFactory())
}
