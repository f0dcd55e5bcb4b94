package sinktest

import (
	"bufio"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// CheckNothingIsLostOverTCP pushes more than kernels hold to a server that resets its first connection, closes it, or
// does not read: each time the status says so, and all messages, which end with a byte, arrive later. start starts an
// exporter that retries, with a bound for an attempt.
func CheckNothingIsLostOverTCP(t *testing.T, end byte, start func(t *testing.T, address string, host component.Host, timeout time.Duration) exporter.Logs) {
	t.Helper()
	records := make([]analytics.Record, 4_000)
	for i := range records {
		records[i] = analytics.Record{Path: "/" + strconv.Itoa(i) + strings.Repeat("x", 5000)}
	}
	release := make(chan struct{})
	for name, first := range map[string]func(*net.TCPConn){
		"reset": func(c *net.TCPConn) {
			_, err := c.Read(make([]byte, 1000))
			assert.NoError(t, err)
			assert.NoError(t, c.SetLinger(0))
			_ = c.Close()
		},
		"closed": func(c *net.TCPConn) { _ = c.Close() },
		"not reading": func(c *net.TCPConn) {
			<-release
			_ = c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer func() { require.NoError(t, listener.Close()) }()
			arrived := &messages{end: end, seen: map[string]bool{}}
			go arrived.serve(listener, first)
			host, timeout := NewHost(), Long
			if name == "not reading" {
				timeout = 10 * time.Second
			}
			e := start(t, listener.Addr().String(), host, timeout)
			result := make(chan error, 1)
			go func() { result <- e.ConsumeLogs(t.Context(), LogsOf(slices.Clone(records)...)) }() // which writing uses
			assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
			if name == "not reading" {
				close(release)
			}
			require.NoError(t, <-result)
			require.Eventually(t, func() bool { return arrived.different() == len(records) }, Long, 20*time.Millisecond)
		})
	}
}

// messages keeps what arrives on a listener, once each.
type messages struct {
	end  byte
	mu   sync.Mutex // guards the field below
	seen map[string]bool
}

// serve lets first have the first connection.
func (m *messages) serve(listener net.Listener, first func(*net.TCPConn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if first != nil {
			first(conn.(*net.TCPConn))
			first = nil
			continue
		}
		m.take(conn)
	}
}

func (m *messages) take(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for reader := bufio.NewReader(conn); ; {
		message, err := reader.ReadString(m.end)
		if err != nil {
			return // after a whole message or within one, which then comes once more
		}
		m.mu.Lock()
		m.seen[message] = true
		m.mu.Unlock()
	}
}

func (m *messages) different() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.seen)
}
