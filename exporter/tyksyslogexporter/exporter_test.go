package tyksyslogexporter

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func start(t *testing.T, host component.Host, change func(*Config)) exporter.Logs {
	t.Helper()
	config := configured(func(c *Config) {
		c.Retry.Enabled = false
		c.Retry.InitialInterval, c.Retry.MaxInterval = time.Millisecond, 10*time.Millisecond
	})
	change(config)
	return sinktest.Start(t, NewFactory(), config, host)
}

// sent pushes records until the push is taken, as over UDP it is not while nobody listens.
func sent(t *testing.T, e exporter.Logs, records []analytics.Record) {
	t.Helper()
	require.Eventually(t, func() bool {
		err := e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...))
		assert.False(t, consumererror.IsPermanent(err), "%v", err)
		return err == nil || consumererror.IsPermanent(err)
	}, sinktest.Long, 10*time.Millisecond)
}

// taken waits until a server has a message of each record, and gives them by the records' identities, which are in the JSON.
func taken(t *testing.T, server *peers.Syslog, records int) map[string]peers.SyslogMessage {
	t.Helper()
	var byUID map[string]peers.SyslogMessage
	require.Eventually(t, func() bool {
		messages, err := server.Messages()
		require.NoError(t, err)
		byUID = map[string]peers.SyslogMessage{}
		for _, m := range messages {
			var content struct {
				UID string `json:"log.record.uid"`
			}
			require.NoError(t, json.Unmarshal([]byte(m.Msg), &content), "%+v", m)
			byUID[content.UID] = m
		}
		return len(byUID) == records
	}, sinktest.Long, 50*time.Millisecond)
	return byUID
}

// requireSame wants of each record what its server should have understood.
func requireSame(t *testing.T, records []analytics.Record, messages map[string]peers.SyslogMessage, check func(r *analytics.Record, m peers.SyslogMessage)) {
	t.Helper()
	for i := range records {
		uid := analytics.UID{Segment: "seg", Index: int64(i)}.String()
		m, ok := messages[uid]
		require.True(t, ok, uid)
		assert.Equal(t, "gw-1", m.Host)
		assert.Equal(t, "tyk-gateway", m.App)
		assert.Equal(t, string(appendJSON(nil, chosen(configured(func(*Config) {})), &records[i], uid)), strings.TrimSpace(m.Msg))
		severity := 6
		if records[i].ResponseCode >= 500 {
			severity = 3
		} else if records[i].ResponseCode >= 400 {
			severity = 4
		}
		assert.Equal(t, strconv.Itoa(16*8+severity), m.PRI)
		check(&records[i], m)
	}
}

// common are golden records whose messages rsyslog takes as a whole, by default.
func common(t *testing.T, n int) []analytics.Record {
	t.Helper()
	e := newEncoder(configured(func(*Config) {}), "gw-1")
	var records []analytics.Record
	for _, r := range sinktest.GoldenRecords(t) {
		if len(e.append(nil, &r, "")) < rsyslogBytes/2 && len(records) < n {
			records = append(records, r)
		}
	}
	require.Len(t, records, n)
	return records
}

func TestRsyslogUnderstandsWhatIsSent(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config, *peers.Syslog){
		"tcp":            func(*Config, *peers.Syslog) {},
		"octet counting": func(c *Config, _ *peers.Syslog) { c.Framing = "octet_counting" },
		"udp":            func(c *Config, _ *peers.Syslog) { c.Address.Transport = confignet.TransportTypeUDP },
		"unix": func(c *Config, s *peers.Syslog) {
			c.Address.Transport, c.Address.Endpoint = confignet.TransportTypeUnix, s.Stream()
		},
		"unixgram": func(c *Config, s *peers.Syslog) {
			c.Address.Transport, c.Address.Endpoint = confignet.TransportTypeUnixgram, s.Datagrams()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, records := peers.StartRsyslog(t), common(t, 50)
			e := start(t, sinktest.NewHost(), func(c *Config) {
				c.Address.Endpoint, c.Hostname = server.Addr(), "gw-1"
				change(c, server)
			})
			sent(t, e, records)
			requireSame(t, records, taken(t, server, len(records)), func(r *analytics.Record, m peers.SyslogMessage) {
				assert.Equal(t, "tyk.request", m.MsgID)
				assert.Contains(t, m.SD, fmt.Sprintf("[tyk@32473 api_id=%q", r.APIID))
				if name != "unixgram" { // for which rsyslog takes the time of arrival
					assert.Equal(t, r.TimeStamp.UTC().Format("2006-01-02T15:04:05.000000Z"), m.Time)
				}
			})
		})
	}
}

func TestRsyslogUnderstandsTheOlderForms(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{protocolRFC3164, protocolTyk} {
		server, records := peers.StartRsyslog(t), common(t, 50)
		e := start(t, sinktest.NewHost(), func(c *Config) { c.Address.Endpoint, c.Hostname, c.Protocol = server.Addr(), "gw-1", protocol })
		sent(t, e, records)
		requireSame(t, records, taken(t, server, len(records)), func(r *analytics.Record, m peers.SyslogMessage) {
			assert.Contains(t, m.Time, r.TimeStamp.Local().Format("-01-02T15:04:05"))
			assert.Equal(t, protocol == protocolRFC3164, m.ProcID == "-", m.ProcID)
		})
	}
}

func TestSyslogNGUnderstandsWhatIsSent(t *testing.T) {
	t.Parallel()
	certificates, err := peers.NewCertificates(t.TempDir(), "client")
	require.NoError(t, err)
	for name, test := range map[string]struct {
		settings peers.SyslogNGSettings
		change   func(*Config)
	}{
		"RFC 3164 over TCP": {change: func(c *Config) { c.Protocol = protocolRFC3164 }},
		"RFC 5424 over TLS": {settings: peers.SyslogNGSettings{Certificates: certificates}, change: func(c *Config) {
			settings := configtls.NewDefaultClientConfig()
			settings.CAFile, settings.CertFile, settings.KeyFile = certificates.CAFile, certificates.ClientCertFile, certificates.ClientKeyFile
			c.TLS = configoptional.Some(settings)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, records := peers.StartSyslogNG(t, test.settings), common(t, 50)
			e := start(t, sinktest.NewHost(), func(c *Config) {
				c.Address.Endpoint, c.Hostname = server.Addr(), "gw-1"
				test.change(c)
			})
			sent(t, e, records)
			requireSame(t, records, taken(t, server, len(records)), func(r *analytics.Record, m peers.SyslogMessage) {
				if test.settings.Certificates != nil {
					assert.Equal(t, "tyk.request", m.MsgID)
					assert.Equal(t, r.TimeStamp.UTC().Format("2006-01-02T15:04:05.000000+00:00"), m.Time)
					assert.Contains(t, m.SD, fmt.Sprintf("api_id=%q", r.APIID))
				}
			})
		})
	}
}

// A server that is stopped in the midst of the traffic: pushes wait, and each record is there once it is back.
func TestAServerThatRestartsGetsEachRecord(t *testing.T) {
	t.Parallel()
	server, host := peers.StartRsyslog(t), sinktest.NewHost()
	e := start(t, host, func(c *Config) { c.Address.Endpoint, c.Retry.Enabled = server.Addr(), true })
	records := common(t, 200)
	sent(t, e, records[:100])
	taken(t, server, 100)
	require.NoError(t, server.Stop(t.Context()))
	result := make(chan error, 1)
	go func() { result <- e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)) }()
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	require.NoError(t, server.Start(t.Context()))
	require.NoError(t, <-result)
	taken(t, server, len(records))
}

// Connections that are reset, closed and not read: each time the status says so, and the push arrives as a whole later.
func TestNothingIsLostOverTCP(t *testing.T) {
	t.Parallel()
	sinktest.CheckNothingIsLostOverTCP(t, '\n', func(t *testing.T, address string, host component.Host, timeout time.Duration) exporter.Logs {
		t.Helper()
		return start(t, host, func(c *Config) {
			c.Address.Endpoint, c.Retry.Enabled, c.Timeout.Timeout = address, true, timeout
		})
	})
}

func TestWhatIsTooLargeIsRefusedOrCut(t *testing.T) {
	t.Parallel()
	server := peers.StartRsyslog(t)
	large := analytics.Record{Path: "/large", RawRequest: base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 30_000)))}
	whole := func(c *Config) { c.Address.Endpoint, c.Fields = server.Addr(), []string{"path", "raw_request"} }
	logs := sinktest.LogsOf(analytics.Record{Path: "/a"}, large, analytics.Record{Path: "/b"}, analytics.Record{})
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(3).SetEventName("other")
	err := start(t, sinktest.NewHost(), whole).ConsumeLogs(t.Context(), logs)
	require.True(t, consumererror.IsPermanent(err))
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Records, 2)
	assert.EqualValues(t, 1, refused.Records[0].UID.Index)
	assert.Regexp(t, `^too_large: a message of \d+ bytes is longer than 8192: raise max_message_bytes if the server takes more, leave raw_request`, refused.Records[0].Reason)
	assert.Contains(t, refused.Records[1].Reason, `foreign: not an analytics record: its event name is "other"`)
	taken(t, server, 2)

	e := start(t, sinktest.NewHost(), func(c *Config) { whole(c); c.Truncate = true })
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(analytics.Record{}, analytics.Record{}, analytics.Record{}, large)))
	m := taken(t, server, 4)[analytics.UID{Segment: "seg", Index: 3}.String()]
	var cut struct {
		Raw string `json:"raw_request"`
	}
	require.NoError(t, json.Unmarshal([]byte(m.Msg), &cut))
	content, err := base64.StdEncoding.DecodeString(cut.Raw)
	require.NoError(t, err)
	assert.Greater(t, len(content), 1000)

	huge := start(t, sinktest.NewHost(), func(c *Config) {
		whole(c)
		c.Address.Transport, c.MaxMessageBytes = confignet.TransportTypeUDP, 0
	})
	large.RawRequest = strings.Repeat("x", 70_000)
	require.ErrorContains(t, huge.ConsumeLogs(t.Context(), sinktest.LogsOf(large)), "is longer than 65507", "than a datagram can be")
}

// Over UDP, Tyk Pump's form ends in a line feed, and no other does.
func TestDatagramsOfTykPumpEndInALineFeed(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	for _, protocol := range []string{protocolTyk, protocolRFC3164} {
		e := start(t, sinktest.NewHost(), func(c *Config) {
			c.Address.Endpoint, c.Address.Transport, c.Protocol = conn.LocalAddr().String(), confignet.TransportTypeUDP, protocol
		})
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(analytics.Record{Path: "/a"})))
		buffer := make([]byte, 10_000)
		n, _, err := conn.ReadFrom(buffer)
		require.NoError(t, err)
		assert.Equal(t, protocol == protocolTyk, buffer[n-1] == '\n')
	}
}
