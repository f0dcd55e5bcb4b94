package tykgelfexporter

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net"
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

// noise is base64 of bytes that nothing compresses.
func noise(n int) string {
	content := make([]byte, n)
	_, _ = rand.Read(content) // which never fails
	return base64.StdEncoding.EncodeToString(content)
}

func TestDatagramsAreMessagesAgain(t *testing.T) {
	t.Parallel()
	for _, compression := range []string{compressionZlib, compressionGzip, compressionNone} {
		input := listenUDP(t)
		config := func(c *Config) {
			c.Address.Endpoint, c.Address.Transport, c.Compression = input.LocalAddr().String(), confignet.TransportTypeUDP, compression
			c.Tags = knownTags(formatGELF)
		}
		e := start(t, sinktest.NewHost(), config)
		records := sinktest.GoldenRecords(t)[:40]
		records[7].RawRequest = noise(20_000)
		plain := newEncoder(configured(config))
		for i := range records { // each push alone, so that no receive buffer is full
			require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records[i])))
			assert.Equal(t, string(plain.append(nil, &records[i], analytics.UID{Segment: "seg"}.String())), string(input.next(t)), compression)
		}
		assert.Equal(t, wideAreaBytes, input.most)
	}
}

// A message that needs more chunks than GELF has is refused, and nothing else is.
func TestAMessageOfTooManyChunksIsRefusedAlone(t *testing.T) {
	t.Parallel()
	input := listenUDP(t)
	host := sinktest.NewHost()
	to := func(c *Config) {
		c.Address.Endpoint, c.Address.Transport, c.MaxDatagramBytes = input.LocalAddr().String(), confignet.TransportTypeUDP, 112
		c.Tags = []string{"path", "raw_request"}
	}
	huge := record("/huge")
	huge.RawRequest = noise(20_000)
	logs := sinktest.LogsOf(record("/a"), huge, record("/b"))
	err := start(t, host, to).ConsumeLogs(t.Context(), logs)
	require.True(t, consumererror.IsPermanent(err))
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Records, 1)
	assert.EqualValues(t, 1, refused.Records[0].UID.Index)
	assert.Regexp(t, `^too_large: a message of \d+ bytes needs \d+ chunks, and GELF has at most 128: raise max_datagram_bytes, or leave raw_request`, refused.Records[0].Reason)
	assert.Contains(t, string(input.next(t)), `"_url_path":"/a"`)
	assert.Contains(t, string(input.next(t)), `"_url_path":"/b"`)

	e := start(t, host, func(c *Config) { to(c); c.Truncate = true })
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(huge)))
	var cut struct {
		Raw string `json:"_tyk_raw_request"`
	}
	require.NoError(t, json.Unmarshal(input.next(t), &cut))
	assert.NotEmpty(t, cut.Raw)
	huge.OrgID, huge.Path = "x", strings.Repeat("x", 3<<20)
	err = e.ConsumeLogs(t.Context(), sinktest.LogsOf(huge))
	require.ErrorContains(t, err, "is longer than max_message_bytes, 2097152", "there is nothing more to cut")
	assert.True(t, consumererror.IsPermanent(err))
	assert.Empty(t, host.Statuses, "the input is not to blame")
}

func TestMessagesOverTCP(t *testing.T) {
	t.Parallel()
	input := listenTCP(t, asItIs)
	e := start(t, sinktest.NewHost(), input.to)
	logs := sinktest.LogsOf(record("/a"), record("/b"), record("/c"))
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).SetEventName("other")
	err := e.ConsumeLogs(t.Context(), logs)
	require.ErrorContains(t, err, `foreign: not an analytics record: its event name is "other"`)
	messages := input.taken(t, 2)
	for i, path := range []string{"/a", "/c"} {
		assert.Equal(t, path, requireGELF(t, []byte(messages[i]))["_url_path"])
	}
}

// An input that is away at the start, that ends a connection within a push, and that does not read: each time the
// status says so, and the push arrives as a whole later.
func TestNothingIsLostOverTCP(t *testing.T) {
	t.Parallel()
	sinktest.CheckNothingIsLostOverTCP(t, 0, func(t *testing.T, address string, host component.Host, timeout time.Duration) exporter.Logs {
		t.Helper()
		return start(t, host, func(c *Config) {
			c.Address.Endpoint, c.Retry.Enabled, c.Timeout.Timeout = address, true, timeout
		})
	})
}

func TestAnInputThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	port, err := peers.FreePort()
	require.NoError(t, err)
	host := sinktest.NewHost()
	e := start(t, host, func(c *Config) {
		c.Address.Endpoint, c.Retry.Enabled = peers.Address(port), true
	})
	result := make(chan error, 1)
	go func() { result <- e.ConsumeLogs(t.Context(), sinktest.LogsOf(record("/a"))) }()
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	listener, err := net.Listen("tcp", peers.Address(port))
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	conn, err := listener.Accept()
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	require.NoError(t, <-result)
	assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certificates, err := peers.NewCertificates(t.TempDir(), "client")
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(certificates.ServerCertFile, certificates.ServerKeyFile)
	require.NoError(t, err)
	input := listenTCP(t, func(l net.Listener) net.Listener {
		return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	})
	e := start(t, sinktest.NewHost(), func(c *Config) {
		input.to(c)
		settings := configtls.NewDefaultClientConfig()
		settings.CAFile = certificates.CAFile
		c.TLS = configoptional.Some(settings)
	})
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(record("/secret"))))
	assert.Contains(t, input.taken(t, 1)[0], "/secret")
}
