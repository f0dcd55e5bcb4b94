package tykgelfexporter

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
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

// record is a small one with a path.
func record(path string) analytics.Record {
	return analytics.Record{Method: "GET", Path: path, RawPath: path, ResponseCode: 200}
}

// udpInput reads messages as GELF's page has it: chunks of one id together, in any order, then
// whatever compression their first bytes tell.
type udpInput struct {
	net.PacketConn
	parts map[uint64]map[byte][]byte
	most  int // bytes of a datagram so far
}

func listenUDP(t *testing.T) *udpInput {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return &udpInput{PacketConn: conn, parts: map[uint64]map[byte][]byte{}}
}

// next is the next whole message, empty if none comes any more.
func (u *udpInput) next(t *testing.T) []byte {
	t.Helper()
	buffer := make([]byte, 1<<16)
	for {
		require.NoError(t, u.SetReadDeadline(time.Now().Add(sinktest.Long)))
		n, _, err := u.ReadFrom(buffer)
		require.NoError(t, err)
		u.most = max(u.most, n)
		datagram := bytes.Clone(buffer[:n])
		if !bytes.HasPrefix(datagram, []byte{0x1e, 0x0f}) {
			return unpacked(t, datagram)
		}
		id, place, count := binary.BigEndian.Uint64(datagram[2:]), datagram[10], datagram[11]
		require.Less(t, place, count)
		require.LessOrEqual(t, count, byte(maxChunks))
		if u.parts[id] == nil {
			u.parts[id] = map[byte][]byte{}
		}
		u.parts[id][place] = datagram[chunkHeader:]
		if len(u.parts[id]) == int(count) {
			var whole []byte
			for i := range count {
				whole = append(whole, u.parts[id][i]...)
			}
			return unpacked(t, whole)
		}
	}
}

func unpacked(t *testing.T, packed []byte) []byte {
	t.Helper()
	var reader io.Reader = bytes.NewReader(packed)
	var err error
	switch {
	case bytes.HasPrefix(packed, []byte{0x1f, 0x8b}):
		reader, err = gzip.NewReader(reader)
	case packed[0] == 0x78:
		reader, err = zlib.NewReader(reader)
	}
	require.NoError(t, err)
	message, err := io.ReadAll(reader)
	require.NoError(t, err)
	return message
}

// tcpInput takes messages of connections, one connection after the other.
type tcpInput struct {
	net.Listener
	messages chan string
}

// listenTCP takes all messages of each connection.
func listenTCP(t *testing.T, wrap func(net.Listener) net.Listener) *tcpInput {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	input := &tcpInput{Listener: wrap(listener), messages: make(chan string, 100_000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := input.Accept()
			if err != nil {
				return
			}
			input.take(conn)
		}
	}()
	t.Cleanup(func() {
		assert.NoError(t, input.Close())
		<-done
	})
	return input
}

func asItIs(listener net.Listener) net.Listener { return listener }

func (i *tcpInput) take(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for reader := bufio.NewReader(conn); ; {
		message, err := reader.ReadString(0)
		if err != nil {
			return // after a whole message or within one, which then comes once more
		}
		i.messages <- message[:len(message)-1]
	}
}

// to sends to the input.
func (i *tcpInput) to(c *Config) { c.Address.Endpoint = i.Addr().String() }

// taken are the next messages.
func (i *tcpInput) taken(t *testing.T, n int) []string {
	t.Helper()
	var all []string
	hang := time.After(sinktest.Long)
	for len(all) < n {
		select {
		case message := <-i.messages:
			all = append(all, message)
		case <-hang:
			require.Fail(t, "messages do not arrive", "%d of %d", len(all), n)
		}
	}
	return all
}
