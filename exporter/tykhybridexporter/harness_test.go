package tykhybridexporter

import (
	"encoding/json"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// start starts an exporter to an address, in the clear and without retries.
func start(t *testing.T, address string, host component.Host, change func(*Config)) exporter.Logs {
	t.Helper()
	config := createDefaultConfig().(*Config)
	config.Address.Endpoint, config.APIKey, config.TLS.Insecure, config.Retry.Enabled = address, "secret", true, false
	change(config)
	return sinktest.Start(t, NewFactory(), config, host)
}

// retrying tries again soon.
func retrying(c *Config) {
	c.Retry.Enabled, c.Retry.InitialInterval, c.Retry.MaxInterval = true, time.Millisecond, 10*time.Millisecond
}

func behave(t *testing.T, server *peers.MDCB, b peers.MDCBBehaviour) {
	t.Helper()
	require.NoError(t, server.Behave(t.Context(), b))
}

// callsOf are those that a server has done, without logins.
func callsOf(t *testing.T, server *peers.MDCB) []peers.MDCBCall {
	t.Helper()
	calls, err := server.Calls(t.Context(), false)
	require.NoError(t, err)
	return calls
}

// paths are those of all records that a server has, in the order in which they came.
func paths(t *testing.T, server *peers.MDCB) []string {
	t.Helper()
	var all []string
	for _, call := range callsOf(t, server) {
		require.Equal(t, "PurgeAnalyticsData", call.Function)
		var records []struct{ Path string }
		require.NoError(t, json.Unmarshal([]byte(call.Argument), &records))
		for _, r := range records {
			all = append(all, r.Path)
		}
	}
	return all
}

// relay lies between an exporter and a server.
type relay struct {
	address string

	mu    sync.Mutex // guards the fields below
	conns []net.Conn // from the exporter
	mute  []net.Conn // of these, those whose answers are not handed on
}

func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", peers.Address(0))
	require.NoError(t, err)
	r := &relay{address: listener.Addr().String()}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, near)
			r.mu.Unlock()
			wait.Go(func() {
				_, _ = io.Copy(far, near)
				_ = far.Close()
			})
			wait.Go(func() {
				_, _ = io.Copy(answers{near, r}, far)
				_ = near.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		r.cut()
		wait.Wait()
	})
	return r
}

// answers go to the exporter.
type answers struct {
	net.Conn

	relay *relay
}

// Write drops them once the connection is mute.
func (a answers) Write(b []byte) (int, error) {
	a.relay.mu.Lock()
	mute := slices.Contains(a.relay.mute, a.Conn)
	a.relay.mu.Unlock()
	if mute {
		return len(b), nil
	}
	return a.Conn.Write(b)
}

// silence makes the connections that there are mute, for good.
func (r *relay) silence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mute = slices.Clone(r.conns)
}

// cut resets all connections.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	r.conns = nil
}
