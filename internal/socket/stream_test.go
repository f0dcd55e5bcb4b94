package socket

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/goleak"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer does with each connection what a test wants.
func peer(t *testing.T, serve func(conn net.Conn)) *Stream {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return listening(t, listener, serve)
}

func listening(t *testing.T, listener net.Listener, serve func(conn net.Conn)) *Stream {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	var dialer net.Dialer
	address := listener.Addr()
	stream := &Stream{Dial: func(ctx context.Context) (net.Conn, error) {
		return dialer.DialContext(ctx, address.Network(), address.String())
	}}
	t.Cleanup(func() {
		stream.Close()
		require.NoError(t, listener.Close())
		<-done
	})
	return stream
}

func within(t *testing.T, timeout time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}

const long = time.Minute // which only what hangs meets

func TestABatchIsSentOnceThePeerHasIt(t *testing.T) {
	t.Parallel()
	got := make(chan []byte, 1)
	stream := peer(t, func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		content, err := io.ReadAll(conn)
		assert.NoError(t, err)
		got <- content
	})
	big := bytes.Repeat([]byte("0123456789"), 1<<20)
	require.NoError(t, stream.Send(within(t, long), big))
	require.NoError(t, stream.Send(within(t, long), []byte("and more")))
	stream.Close()
	assert.Equal(t, append(big, "and more"...), <-got, "over one connection")
}

// A peer that goes away after any number of bytes has not got a batch that its kernel cannot hold.
func TestAPeerThatDiesHasNotGotTheBatch(t *testing.T) {
	t.Parallel()
	batch := bytes.Repeat([]byte("x"), 16<<20)
	for _, n := range []int64{0, 1, 1000, 1 << 20, 5 << 20} {
		for name, end := range map[string]func(*net.TCPConn) error{
			"reset":  func(c *net.TCPConn) error { return c.SetLinger(0) },
			"closed": func(*net.TCPConn) error { return nil },
		} {
			first := true
			whole := make(chan int64, 1)
			stream := peer(t, func(conn net.Conn) {
				defer func() { _ = conn.Close() }()
				if !first {
					got, err := io.Copy(io.Discard, conn)
					assert.NoError(t, err)
					whole <- got
					return
				}
				first = false
				_, err := io.CopyN(io.Discard, conn, n)
				assert.NoError(t, err)
				assert.NoError(t, end(conn.(*net.TCPConn)))
			})
			require.Error(t, stream.Send(within(t, long), batch), "%s after %d bytes", name, n)
			require.NoError(t, stream.Send(within(t, long), batch))
			stream.Close()
			assert.EqualValues(t, len(batch), <-whole, "another attempt has the whole batch")
		}
	}
}

func TestAPeerThatWentAwayIsKnownBeforeTheNextBatch(t *testing.T) {
	t.Parallel()
	got, leave := make(chan []byte, 2), make(chan struct{}, 2)
	defer close(leave)
	stream := peer(t, func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		content := make([]byte, 3)
		_, err := io.ReadFull(conn, content)
		assert.NoError(t, err)
		got <- content
		<-leave
	})
	require.NoError(t, stream.Send(within(t, long), []byte("one")))
	assert.Equal(t, "one", string(<-got))
	leave <- struct{}{}
	stream.mu.Lock()
	gone := stream.conn.gone
	stream.mu.Unlock()
	<-gone
	require.NoError(t, stream.Send(within(t, long), []byte("two")), "over another connection")
	assert.Equal(t, "two", string(<-got))
}

func TestAPeerThatDoesNotReadIsGivenUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	stream := peer(t, func(conn net.Conn) {
		<-release
		_ = conn.Close()
	})
	err := stream.Send(within(t, 200*time.Millisecond), bytes.Repeat([]byte("x"), 64<<20))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	cancelled, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	require.ErrorIs(t, stream.Send(cancelled, bytes.Repeat([]byte("x"), 64<<20)), context.Canceled)
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	var dialer net.Dialer
	stream := &Stream{Dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", "127.0.0.1:1") }}
	require.ErrorContains(t, stream.Send(within(t, long), []byte("x")), "connect: ")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certificates, err := peers.NewCertificates(folder, "client")
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(certificates.ServerCertFile, certificates.ServerKeyFile)
	require.NoError(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	got := make(chan []byte, 1)
	stream := listening(t, listener, func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		if content, _ := io.ReadAll(conn); len(content) > 0 {
			got <- content
		}
	})
	address := listener.Addr().String()
	config := configtls.NewDefaultClientConfig()
	stream.TLS, err = TLS(t.Context(), &config, address)
	require.NoError(t, err)
	require.ErrorContains(t, stream.Send(within(t, long), []byte("x")), "TLS handshake with "+address)
	config.CAFile = certificates.CAFile
	stream.TLS, err = TLS(t.Context(), &config, address)
	require.NoError(t, err)
	require.NoError(t, stream.Send(within(t, long), []byte("secret")))
	stream.Close()
	assert.Equal(t, "secret", string(<-got))

	off, err := TLS(t.Context(), nil, address)
	require.NoError(t, err)
	assert.Nil(t, off)
	config.CAFile = filepath.Join(folder, "none.pem")
	_, err = TLS(t.Context(), &config, address)
	require.ErrorContains(t, err, "tls: ")
}

// In TLS 1.3 a client's handshake is over before the server has looked at its certificate.
func TestATLSServerThatRefusesTheClient(t *testing.T) {
	t.Parallel()
	certificates, err := peers.NewCertificates(t.TempDir(), "client")
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(certificates.ServerCertFile, certificates.ServerKeyFile)
	require.NoError(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert,
		VerifyConnection: func(tls.ConnectionState) error {
			time.Sleep(100 * time.Millisecond) // in which the client has sent its batch
			return errors.New("not this one")
		},
	})
	require.NoError(t, err)
	stream := listening(t, listener, func(conn net.Conn) {
		_, _ = io.ReadAll(conn)
		_ = conn.Close()
	})
	config := configtls.NewDefaultClientConfig()
	config.CAFile = certificates.CAFile
	for _, client := range []configtls.Config{{}, {CertFile: certificates.ClientCertFile, KeyFile: certificates.ClientKeyFile}} {
		config.CertFile, config.KeyFile = client.CertFile, client.KeyFile
		stream.TLS, err = TLS(t.Context(), &config, listener.Addr().String())
		require.NoError(t, err)
		require.ErrorContains(t, stream.Send(within(t, long), []byte("x")), "remote error: tls: ")
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "socket") //nolint:usetesting // a short path, which sockets need
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	listener, err := net.Listen("unix", filepath.Join(folder, "s"))
	require.NoError(t, err)
	got := make(chan []byte, 1)
	stream := listening(t, listener, func(conn net.Conn) {
		content, _ := io.ReadAll(conn)
		_ = conn.Close()
		got <- content
	})
	require.NoError(t, stream.Send(within(t, long), []byte("local")))
	stream.Close()
	assert.Equal(t, "local", string(<-got))
}
