package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// resolveEvery is how long an address is taken for the peer's: nothing tells that it has moved.
	resolveEvery = time.Minute
	// After so many datagrams there is a pause, since a receiver's default buffer holds some
	// hundred, and what finds no room is lost.
	burst      = 64
	burstPause = time.Millisecond
)

// MaxDatagram is the most bytes that a UDP datagram over IPv4 carries.
const MaxDatagram = 65507

// Datagrams sends over UDP or a Unix datagram socket. That a datagram was sent says nothing of whether
// it arrived. Its methods may be called from several goroutines.
type Datagrams struct {
	// Dial connects the socket.
	Dial func(ctx context.Context) (net.Conn, error)

	mu     sync.Mutex // guards the fields below, and keeps batches apart
	conn   net.Conn
	opened time.Time
}

// Send sends datagrams one after the other. An error, such as that nobody listens, which is told
// of an earlier datagram, asks for another attempt with all of them.
func (d *Datagrams) Send(ctx context.Context, datagrams [][]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil && time.Since(d.opened) > resolveEvery {
		d.close()
	}
	if d.conn == nil {
		conn, err := d.Dial(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		d.conn, d.opened = conn, time.Now()
	}
	if err := d.send(ctx, datagrams); err != nil {
		address := d.conn.RemoteAddr()
		d.close()
		return fmt.Errorf("send to %s: %w", address, err)
	}
	return nil
}

func (d *Datagrams) send(ctx context.Context, datagrams [][]byte) error {
	conn := d.conn
	deadline, _ := ctx.Deadline() // zero is none
	if err := conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	for i, datagram := range datagrams {
		if i > 0 && i%burst == 0 {
			time.Sleep(burstPause)
		}
		if _, err := conn.Write(datagram); err != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
	return nil
}

// Close ends the socket; another Send opens it again.
func (d *Datagrams) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.close()
}

func (d *Datagrams) close() {
	if d.conn != nil {
		_ = d.conn.Close() // nothing waits in it
		d.conn = nil
	}
}

// PackLines joins lines, which end in a line feed each, to datagrams of at most so many bytes and
// lines, 0 being any number, without the last line feed. A longer line has a datagram of its own.
func PackLines(lines [][]byte, bytes, most int) [][]byte {
	var packed [][]byte
	var datagram []byte
	n := 0
	for _, line := range lines {
		if n > 0 && (len(datagram)+len(line)-1 > bytes || n == most) {
			packed = append(packed, datagram[:len(datagram)-1])
			datagram, n = nil, 0
		}
		datagram = append(datagram, line...)
		n++
	}
	if n > 0 {
		packed = append(packed, datagram[:len(datagram)-1])
	}
	return packed
}
