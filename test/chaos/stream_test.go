//go:build e2e || chaos

package chaos

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// overTCP is a destination whose protocol has no answer. What its kernel has acknowledged is delivered, so it reads
// whatever comes, and nothing stands between it and the collector that could lose what was acknowledged.
type overTCP struct {
	*counter

	of       product
	listener *net.TCPListener
	readers  sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	conns   map[*net.TCPConn]bool
	closing bool // it closes each connection
}

func newOverTCP(of product, counts *counter) (*overTCP, error) {
	listener, err := net.Listen("tcp", peers.Address(0))
	if err != nil {
		return nil, err
	}
	o := &overTCP{counter: counts, of: of, listener: listener.(*net.TCPListener), conns: map[*net.TCPConn]bool{}}
	o.readers.Go(o.accept)
	return o, nil
}

func (o *overTCP) exporter(func(string) (string, error)) (destination, error) {
	return o.of.destination(o.listener.Addr().String()), nil
}

func (o *overTCP) accept() {
	for {
		conn, err := o.listener.AcceptTCP()
		if err != nil {
			return // closed
		}
		o.mu.Lock()
		o.conns[conn] = true
		if o.closing {
			_ = conn.CloseWrite() // may have gone
		}
		o.mu.Unlock()
		o.readers.Go(func() { o.read(conn) })
	}
}

// read takes messages until the collector ends the connection; what is cut off then is no message.
func (o *overTCP) read(conn *net.TCPConn) {
	for reader := bufio.NewReader(conn); ; {
		message, err := reader.ReadBytes(o.of.end)
		if err != nil {
			break
		}
		one, err := o.of.line(message[:len(message)-1])
		if err != nil || one.alias == "" {
			o.unreadable(err, message)
			continue
		}
		o.writing.Lock()
		o.take(time.Now(), false, one)
		o.writing.Unlock()
		o.came(false, false)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = conn.Close() // which was read to its end
	delete(o.conns, conn)
}

// finish closes its end of all connections; with lasting, of new ones too.
func (o *overTCP) finish(lasting bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closing = lasting
	for conn := range o.conns {
		_ = conn.CloseWrite() // may have gone
	}
}

func (o *overTCP) faults() []fault {
	return []fault{
		{"a destination closes its connections (TCP)", func(_ context.Context, d *dice) error {
			return volley(d, func() error { o.finish(false); return nil })
		}},
		{"a destination closes each connection at once (TCP)", func(_ context.Context, d *dice) error {
			o.finish(true)
			time.Sleep(d.between(200*time.Millisecond, 4*time.Second))
			o.finish(false)
			return nil
		}},
		{"a destination reads nothing (TCP)", func(ctx context.Context, d *dice) error {
			unblock, err := o.block(ctx)
			time.Sleep(d.between(500*time.Millisecond, 8*time.Second))
			unblock()
			return err
		}},
	}
}

// tally waits until all that was sent is read; the collectors have ended their connections.
func (o *overTCP) tally(ctx context.Context) (*tally, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for o.reading() {
		select {
		case <-ctx.Done():
			return nil, errors.Join(errors.New("connections do not end"), ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return o.counter.tally(ctx)
}

func (o *overTCP) reading() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.conns) > 0
}

func (o *overTCP) close() {
	_ = o.listener.Close()
	o.mu.Lock()
	for conn := range o.conns {
		_ = conn.Close()
	}
	o.mu.Unlock()
	o.readers.Wait()
}
