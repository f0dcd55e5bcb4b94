package socket

import (
	"bytes"
	"context"
	"net"

	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/zap"
)

// Sender sends to one address, as datagrams or over a connection, by its transport. Its methods may be called
// from several goroutines.
type Sender struct {
	// Dial connects; NewSender sets it.
	Dial func(ctx context.Context) (net.Conn, error)

	address   confignet.AddrConfig
	datagrams *Datagrams // one of the two
	stream    *Stream
}

// NewSender makes what sends to an address. It connects when there is something to send.
func NewSender(address confignet.AddrConfig) *Sender {
	s := &Sender{address: address, Dial: address.Dial}
	dial := func(ctx context.Context) (net.Conn, error) { return s.Dial(ctx) }
	if IsDatagram(address.Transport) {
		s.datagrams = &Datagrams{Dial: dial}
	} else {
		s.stream = &Stream{Dial: dial}
	}
	return s
}

// Start reads TLS settings, nil for none, and tells what can be lost.
func (s *Sender) Start(ctx context.Context, settings *configtls.ClientConfig, logger *zap.Logger) error {
	if s.datagrams != nil {
		logger.Info("sending datagrams, which nobody acknowledges: what is lost on the way counts as delivered",
			zap.String("transport", string(s.address.Transport)), zap.String("endpoint", s.address.Endpoint))
		return nil
	}
	var err error
	s.stream.TLS, err = TLS(ctx, settings, s.address.Endpoint)
	return err
}

// AsDatagrams tells whether each piece that is sent is a datagram.
func (s *Sender) AsDatagrams() bool { return s.datagrams != nil }

// Send sends pieces, in order. An error asks for another attempt with all of them.
func (s *Sender) Send(ctx context.Context, pieces ...[]byte) error {
	switch {
	case len(pieces) == 0:
		return nil
	case s.datagrams != nil:
		return s.datagrams.Send(ctx, pieces)
	}
	return s.stream.Send(ctx, bytes.Join(pieces, nil))
}

// Close ends the connection; another Send opens it again.
func (s *Sender) Close() {
	if s.datagrams != nil {
		s.datagrams.Close()
	} else {
		s.stream.Close()
	}
}
