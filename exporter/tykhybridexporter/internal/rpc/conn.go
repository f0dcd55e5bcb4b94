package rpc

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/tls"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// version begins each connection.
const version = "proto2"

// answerBytes bounds what is read for one answer, which is a boolean or a text.
const answerBytes = 4 << 20

// Settings say how connections are made.
type Settings struct {
	// Dial opens a connection.
	Dial func(ctx context.Context) (net.Conn, error)
	// TLS is nil for none.
	TLS *tls.Config
	// Compressed deflates both directions.
	Compressed bool
	// ID is the client's, the same on all its connections: the server ties the login to it.
	ID string
	// Timeout bounds making a connection, and each call.
	Timeout time.Duration
}

// connection is an open one. Its methods may be called by one goroutine at a time; after an error it can only be closed.
type connection struct {
	net.Conn

	timeout time.Duration
	id      uint64
	used    time.Time

	encoder *gob.Encoder
	flush   func() error
	out     bytes.Buffer // what the encoder wrote, on its way

	answers chan wireResponse
	gone    chan struct{} // closed once nothing more comes, after cause was set
	cause   error
}

// open connects, and says who the client is.
func open(ctx context.Context, s *Settings) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	plain, err := s.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &connection{Conn: plain, timeout: s.Timeout, used: time.Now(), answers: make(chan wireResponse, 1), gone: make(chan struct{})}
	if s.TLS != nil {
		secure := tls.Client(plain, s.TLS)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = plain.Close() // there is the handshake's error
			return nil, fmt.Errorf("TLS handshake with %s: %w", plain.RemoteAddr(), err)
		}
		c.Conn = secure
	}
	compressed := byte(0)
	if s.Compressed {
		compressed = 1
	}
	preamble := append([]byte(version), byte(len(s.ID)))
	preamble = append(append(preamble, s.ID...), compressed)
	if _, err := c.write(ctx, preamble); err != nil {
		_ = c.Close() // there is the first error
		return nil, fmt.Errorf("greet %s: %w", plain.RemoteAddr(), err)
	}
	in := c.streams(s.Compressed)
	go c.receive(in)
	return c, nil
}

// streams sets up what lives as long as the connection, and gives what answers are read from.
func (c *connection) streams(compressed bool) io.Reader {
	if !compressed {
		c.encoder, c.flush = gob.NewEncoder(&c.out), func() error { return nil }
		return c.Conn
	}
	deflate, _ := flate.NewWriter(&c.out, flate.BestSpeed) // fails only for an unknown level
	c.encoder, c.flush = gob.NewEncoder(deflate), deflate.Flush
	return flate.NewReader(c.Conn)
}

// receive takes answers until the connection ends, so that its end is known before the next call.
func (c *connection) receive(in io.Reader) {
	defer close(c.gone)
	limited := &io.LimitedReader{R: in}
	decoder := gob.NewDecoder(limited)
	for {
		limited.N = answerBytes
		var answer wireResponse
		if err := decoder.Decode(&answer); err != nil {
			c.cause = err
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				c.cause = errors.New("the server has closed the connection")
			}
			return
		}
		select {
		case c.answers <- answer:
		default:
			c.cause = errors.New("the server sends answers that nobody asked for")
			return
		}
	}
}

// alive tells whether the connection stands, as far as is known.
func (c *connection) alive() bool {
	select {
	case <-c.gone:
		return false
	default:
		return true
	}
}

func (c *connection) close() {
	_ = c.Close() // whatever it says, the connection is over
	<-c.gone
}

// tail is what a request may lack of its end without being incomplete: the mark of the flush, and the end of a block.
const tail = 16

// call calls a function and waits for its answer.
func (c *connection) call(ctx context.Context, function string, argument any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	c.id++
	c.out.Reset()
	err := c.encoder.Encode(wireRequest{ID: c.id, Request: &dispatcherRequest{Request: argument, Name: function}})
	if err == nil {
		err = c.flush()
	}
	if err != nil {
		return nil, fmt.Errorf("encode the call of %s: %w", function, err)
	}
	if sent, err := c.write(ctx, c.out.Bytes()); err != nil {
		err = fmt.Errorf("send the call of %s to %s: %w", function, c.RemoteAddr(), err)
		if sent >= c.out.Len()-tail {
			return nil, &OutcomeError{Function: function, Cause: err}
		}
		return nil, err
	}
	answer, err := c.answer(ctx)
	if err != nil {
		return nil, &OutcomeError{Function: function, Cause: err}
	}
	if answer.ID != c.id {
		return nil, &OutcomeError{Function: function, Cause: fmt.Errorf("the server answers to call %d instead of %d", answer.ID, c.id)}
	}
	c.used = time.Now()
	return answer.result(function)
}

// answer waits for the next one.
func (c *connection) answer(ctx context.Context) (wireResponse, error) {
	select {
	case answer := <-c.answers:
		return answer, nil
	case <-c.gone:
	case <-ctx.Done():
		return wireResponse{}, fmt.Errorf("wait for %s: %w", c.RemoteAddr(), ctx.Err())
	}
	select {
	case answer := <-c.answers: // came before the end
		return answer, nil
	default:
		return wireResponse{}, c.cause
	}
}

// write sends what it can until ctx is done.
func (c *connection) write(ctx context.Context, b []byte) (int, error) {
	deadline, _ := ctx.Deadline()
	if err := c.SetWriteDeadline(deadline); err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	n, err := c.Write(b)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return n, err
}
