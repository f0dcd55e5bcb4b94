package tyksqlexporter

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
)

// cutter is a proxy before a server that cuts a connection at a chosen point.
type cutter struct {
	listener net.Listener
	server   string
	// cut looks at what a client sends. It says whether that is passed on, and
	// whether the connection ends once the server has got it and has answered.
	cut func(sent []byte) (pass, end bool)
	wg  sync.WaitGroup
}

func startCutter(t *testing.T, server string, cut func([]byte) (bool, bool)) *cutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cutter{listener: listener, server: server, cut: cut}
	c.wg.Go(c.accept)
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		c.wg.Wait()
	})
	return c
}

func (c *cutter) accept() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		var ending atomic.Bool
		c.wg.Go(func() { c.up(client, server, &ending) })
		c.wg.Go(func() { c.down(client, server, &ending) })
	}
}

// up carries what the client sends.
func (c *cutter) up(client, server net.Conn, ending *atomic.Bool) {
	defer func() { _ = server.Close() }()
	buf := make([]byte, 256<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		pass, end := c.cut(buf[:n])
		if end {
			ending.Store(true)
		}
		if pass {
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
		if end && !pass {
			_ = client.Close()
			return
		}
	}
}

// down carries the answers, until the one that must not arrive.
func (c *cutter) down(client, server net.Conn, ending *atomic.Bool) {
	defer func() { _ = client.Close() }()
	buf := make([]byte, 256<<10)
	for {
		n, err := server.Read(buf)
		if err != nil || ending.Load() {
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// through points a target's exporter at the proxy.
func through(d target, c *cutter, server databasePeer) target {
	d.config.Datasource = configopaque.String(strings.Replace(string(d.config.Datasource), server.Addr(), c.listener.Addr().String(), 1))
	return d
}
