package socket

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestASenderSendsByItsTransport(t *testing.T) {
	t.Parallel()
	for transport, want := range map[confignet.TransportType][]string{
		confignet.TransportTypeUDP: {"one", "two"},
		confignet.TransportTypeTCP: {"onetwo"},
	} {
		near, far := net.Pipe()
		address := confignet.NewDefaultAddrConfig()
		address.Endpoint, address.Transport = "peer:1", transport
		sender := NewSender(address)
		sender.Dial = func(context.Context) (net.Conn, error) { return near, nil }
		core, logs := observer.New(zap.InfoLevel)
		require.NoError(t, sender.Start(t.Context(), nil, zap.New(core)))
		assert.Equal(t, transport == confignet.TransportTypeUDP, sender.AsDatagrams())
		assert.Equal(t, sender.AsDatagrams(), logs.FilterMessage("sending datagrams, which nobody acknowledges: what is lost on the way counts as delivered").Len() == 1)
		require.NoError(t, sender.Send(t.Context()), "nothing")
		sent := make(chan error, 1)
		go func() { sent <- sender.Send(within(t, long), []byte("one"), []byte("two")) }()
		buffer := make([]byte, 100)
		for _, piece := range want {
			n, err := far.Read(buffer)
			require.NoError(t, err)
			assert.Equal(t, piece, string(buffer[:n]))
		}
		require.NoError(t, <-sent)
		sender.Close()
		require.NoError(t, far.Close())
	}
	address := confignet.NewDefaultAddrConfig()
	address.Endpoint, address.Transport = "peer:1", confignet.TransportTypeTCP
	wrong := configtls.NewDefaultClientConfig()
	wrong.CAFile = "/nowhere.pem"
	require.ErrorContains(t, NewSender(address).Start(t.Context(), &wrong, zap.NewNop()), "tls: ")
}
