//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// state is what a link does with bytes.
type state int

const (
	whole  state = iota // they pass
	deaf                // requests pass, answers are dropped
	silent              // nothing passes for now, and connecting seems to work
)

// link is the network between one collector and one server.
type link struct {
	target   string
	listener net.Listener

	mu      sync.Mutex // guards the fields below
	changed *sync.Cond // of state
	state   state
	conns   map[net.Conn]bool
	closed  bool
}

func newLink(target string) (*link, error) {
	listener, err := net.Listen("tcp", peers.Address(0))
	if err != nil {
		return nil, err
	}
	l := &link{target: target, listener: listener, conns: map[net.Conn]bool{}}
	l.changed = sync.NewCond(&l.mu)
	go l.accept()
	return l, nil
}

// addr is host:port of the collector's end.
func (l *link) addr() string { return l.listener.Addr().String() }

func (l *link) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		far, err := net.Dial("tcp", l.target)
		if err != nil || !l.add(near, far) {
			_ = near.Close() // as the server would refuse
			continue
		}
		go func() {
			var both sync.WaitGroup
			both.Go(func() { l.pass(far, near, false) })
			both.Go(func() { l.pass(near, far, true) })
			both.Wait()
			l.drop(near, far)
		}()
	}
}

// pass copies bytes as the state says. What comes while the link is silent is
// sent on later, whoever has given up by then.
func (l *link) pass(to, from net.Conn, answers bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if now := l.wait(); n > 0 && (!answers || now != deaf) {
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	if half, ok := to.(*net.TCPConn); ok {
		_ = half.CloseWrite() // fails only for what is closed
	}
}

// wait returns the state once it is not silent.
func (l *link) wait() state {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.state == silent && !l.closed {
		l.changed.Wait()
	}
	return l.state
}

func (l *link) set(s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
	l.changed.Broadcast()
}

func (l *link) add(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		if l.closed {
			_ = conn.Close()
			continue
		}
		l.conns[conn] = true
	}
	return !l.closed
}

func (l *link) drop(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close() // may have been before
		delete(l.conns, conn)
	}
}

// cut closes all connections.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.conns {
		_ = conn.Close()
	}
}

func (l *link) close() {
	_ = l.listener.Close()
	l.cut()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.changed.Broadcast()
}

// faults are those of the network; to is the server's name.
func (l *link) faults(to string) []fault {
	during := func(s state, least, most time.Duration, cut bool) func(context.Context, *dice) error {
		return func(_ context.Context, d *dice) error {
			l.set(s)
			time.Sleep(d.between(least, most))
			if cut {
				l.cut()
			}
			l.set(whole)
			return nil
		}
	}
	return []fault{
		{"network to " + to + " cut", func(_ context.Context, d *dice) error {
			return volley(d, func() error { l.cut(); return nil })
		}},
		{"network to " + to + " loses answers", during(deaf, 100*time.Millisecond, 3*time.Second, true)},
		{"network to " + to + " silent, then cut", during(silent, time.Second, 8*time.Second, true)},
		{"network to " + to + " silent, then all arrives", during(silent, time.Second, 8*time.Second, false)},
	}
}

func TestALinkLosesAnswersOrDelaysEverything(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", peers.Address(0))
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	heard := make(chan byte, 10)
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				b := make([]byte, 1)
				for {
					if _, err := conn.Read(b); err != nil {
						return
					}
					heard <- b[0]
					_, _ = conn.Write(b)
				}
			}()
		}
	}()
	l, err := newLink(server.Addr().String())
	require.NoError(t, err)
	defer l.close()
	say := func(s string) net.Conn {
		conn, err := net.Dial("tcp", l.addr())
		require.NoError(t, err)
		_, err = io.WriteString(conn, s)
		require.NoError(t, err)
		return conn
	}
	answer := func(conn net.Conn) (string, error) {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
		b := make([]byte, 1)
		n, err := conn.Read(b)
		return string(b[:n]), err
	}

	conn := say("a")
	got, err := answer(conn)
	require.NoError(t, err)
	assert.Equal(t, "a", got)
	assert.Equal(t, byte('a'), <-heard)

	l.set(deaf)
	conn = say("b")
	assert.Equal(t, byte('b'), <-heard, "the server is asked")
	_, err = answer(conn)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)

	l.set(silent)
	conn = say("c")
	require.NoError(t, conn.Close())
	assert.Empty(t, heard)
	l.set(whole)
	assert.Equal(t, byte('c'), <-heard, "also what was said by somebody who has gone")

	conn = say("d")
	assert.Equal(t, byte('d'), <-heard)
	l.cut()
	_, err = answer(conn)
	for err == nil { // the answer may have come before the cut
		_, err = answer(conn)
	}
	assert.False(t, errors.As(err, &timeout) && timeout.Timeout(), "closed")
}
