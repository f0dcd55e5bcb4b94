package socket

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Stream is a connection to a peer that acknowledges nothing. It is opened when it is first
// needed, and anew, with its name resolved again, after each failure. Its methods may be called from
// several goroutines.
type Stream struct {
	// Dial opens the connection.
	Dial func(ctx context.Context) (net.Conn, error)
	// TLS is nil for none.
	TLS *tls.Config

	mu   sync.Mutex // guards conn, and keeps batches apart
	conn *connection
}

// connection is an open one.
type connection struct {
	net.Conn          // what is written to
	plain    net.Conn // what lies below TLS, or the same

	gone  chan struct{} // closed once the peer is gone, after cause was set
	cause error
}

// Send writes a batch, and returns nil once the peer's kernel has acknowledged every byte and
// the connection still stands. Any error means that the peer may have some of the batch or all of it, and asks
// for another attempt with the whole batch.
func (s *Stream) Send(ctx context.Context, batch []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	conn, err := s.open(ctx)
	if err != nil {
		return err
	}
	if err := conn.send(ctx, batch); err != nil {
		s.close()
		return fmt.Errorf("send to %s: %w", conn.RemoteAddr(), err)
	}
	return nil
}

// Close ends the connection; another Send opens it again.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close()
}

func (s *Stream) close() {
	if s.conn == nil {
		return
	}
	_ = s.conn.Close() // whatever it says, the connection is over
	<-s.conn.gone
	s.conn = nil
}

// open gives a connection that stands, as far as is known.
func (s *Stream) open(ctx context.Context) (*connection, error) {
	if s.conn != nil {
		select {
		case <-s.conn.gone:
			s.close()
		default:
			return s.conn, nil
		}
	}
	plain, err := s.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn := &connection{Conn: plain, plain: plain, gone: make(chan struct{})}
	if s.TLS != nil {
		secure := tls.Client(plain, s.TLS)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = plain.Close() // there is the handshake's error
			return nil, fmt.Errorf("TLS handshake with %s: %w", plain.RemoteAddr(), err)
		}
		conn.Conn = secure
	}
	s.conn = conn
	go conn.watch()
	if secure, ok := conn.Conn.(*tls.Conn); ok && secure.ConnectionState().Version >= tls.VersionTLS13 {
		select {
		case <-conn.gone:
			s.conn = nil
			_ = plain.Close()
			return nil, fmt.Errorf("TLS handshake with %s: %w", plain.RemoteAddr(), conn.cause)
		case <-time.After(verdict):
		}
	}
	return conn, nil
}

// verdict is how long the peer has to refuse this side's certificate, or that there is none: in TLS 1.3
// the handshake is over before the peer has looked at it, and its kernel takes what is sent meanwhile.
const verdict = 500 * time.Millisecond

// watch waits for the peer to go away, so that this is known before the next batch.
func (c *connection) watch() {
	defer close(c.gone)
	buffer := make([]byte, 512)
	for {
		if _, err := c.Read(buffer); err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the peer has closed the connection")
			}
			c.cause = err
			return
		}
	}
}

// The pauses between two looks at the kernel's queue.
const (
	firstPause = 100 * time.Microsecond
	lastPause  = 20 * time.Millisecond
)

func (c *connection) send(ctx context.Context, batch []byte) error {
	deadline, _ := ctx.Deadline() // zero is none
	if err := c.SetWriteDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := c.Write(batch); errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.Join(cmp.Or(ctx.Err(), context.DeadlineExceeded), err) // the connection's clock may be ahead of ctx
	} else if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		waiting, err := unacknowledged(c.plain)
		if err != nil {
			return err
		}
		select {
		case <-c.gone:
			return c.cause
		case <-ctx.Done():
			return fmt.Errorf("%d bytes are not acknowledged: %w", waiting, ctx.Err())
		default:
		}
		if waiting == 0 {
			return nil
		}
		select {
		case <-c.gone:
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}
