package socket

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/confignet"
)

func TestDatagrams(t *testing.T) {
	t.Parallel()
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.LocalAddr().String()
	var dialer net.Dialer
	datagrams := &Datagrams{Dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "udp", address) }}
	defer datagrams.Close()
	require.NoError(t, datagrams.Send(within(t, long), [][]byte{[]byte("one"), []byte("two")}))
	buffer := make([]byte, 10)
	for _, want := range []string{"one", "two"} {
		n, _, err := listener.ReadFrom(buffer)
		require.NoError(t, err)
		assert.Equal(t, want, string(buffer[:n]))
	}
	require.NoError(t, listener.Close())
	// That nobody listens any more is told of an earlier datagram.
	require.Eventually(t, func() bool { return datagrams.Send(within(t, long), [][]byte{[]byte("lost")}) != nil }, long, 10*time.Millisecond)
	require.ErrorContains(t, (&Datagrams{Dial: func(context.Context) (net.Conn, error) { return nil, net.ErrClosed }}).Send(t.Context(), nil), "connect: ")

	listener, err = net.ListenPacket("udp", address)
	require.NoError(t, err)
	require.NoError(t, datagrams.Send(within(t, long), [][]byte{[]byte("again")}), "over another socket")
	n, _, err := listener.ReadFrom(buffer)
	require.NoError(t, err)
	assert.Equal(t, "again", string(buffer[:n]))
	require.NoError(t, listener.Close())
}

func TestPackLines(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lines, want string
		bytes, most int
	}{
		"as many as fit":          {lines: "aa bb cc dd", want: "aa\nbb cc\ndd", bytes: 5},
		"exactly as many bytes":   {lines: "aaa bbb c", want: "aaa\nbbb c", bytes: 7},
		"a long one stays alone":  {lines: "aaaaaaaa b c", want: "aaaaaaaa b\nc", bytes: 5},
		"so many lines":           {lines: "a b c d e", want: "a\nb c\nd e", bytes: 100, most: 2},
		"one line a datagram":     {lines: "a b", want: "a b", bytes: 100, most: 1},
		"nothing from no lines":   {},
		"a long one in the midst": {lines: "a bbbbbbbb c", want: "a bbbbbbbb c", bytes: 3},
	} {
		var lines [][]byte
		for _, line := range strings.Fields(test.lines) {
			lines = append(lines, []byte(line+"\n"))
		}
		var got []string
		for _, datagram := range PackLines(lines, test.bytes, test.most) {
			got = append(got, string(datagram))
		}
		assert.Equal(t, test.want, strings.Join(got, " "), name)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	all := Transports{confignet.TransportTypeUDP, confignet.TransportTypeTCP, confignet.TransportTypeUnixgram}
	for endpoint, want := range map[string]string{
		"udp localhost:1":     "",
		"tcp [::1]:1":         "",
		"unixgram /run/s":     "",
		"unixgram s:1":        `endpoint: "s:1" is no path of a Unix socket`,
		"tcp localhost":       `endpoint: "localhost" is no address: use one like host:port`,
		"tcp :1":              `endpoint: ":1" is no address`,
		"tcp localhost:99999": `endpoint: "localhost:99999" is no address: its port must be from 1 to 65535`,
		"tcp ":                "endpoint: must be set",
		"unix /run/s":         `transport: "unix" is not known here: use udp, tcp, unixgram`,
		"udp http://host:123": `endpoint: "http://host:123" is no address`,
	} {
		transport, address, _ := strings.Cut(endpoint, " ")
		config := confignet.NewDefaultAddrConfig()
		config.Endpoint, config.Transport = address, confignet.TransportType(transport)
		err := ValidateTarget(config, all)
		if want == "" {
			require.NoError(t, err, endpoint)
		} else {
			require.ErrorContains(t, err, want, endpoint)
		}
	}
	var transport confignet.TransportType
	require.ErrorContains(t, all.Explain(transport.UnmarshalText([]byte("tpc"))), `"tpc": use udp, tcp, unixgram`)
	require.NoError(t, all.Explain(nil))
	assert.True(t, IsDatagram(confignet.TransportTypeUDP6))
	assert.True(t, IsDatagram(confignet.TransportTypeUnixgram))
	assert.False(t, IsDatagram(confignet.TransportTypeUnix))
}
