package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
)

// gate takes the clients' connections and passes their messages on to FerretDB.
//
// MongoDB changes a document in one step. FerretDB 1 reads it, and writes it later,
// so that of two changes at the same time one is lost. The gate lets such commands
// through one at a time, and so gives clients what MongoDB promises them.
type gate struct {
	listener net.Listener
	socket   string
	changes  sync.RWMutex // held for writing by what changes documents, for reading by all else
}

// newGate listens; it ends with ctx.
func newGate(ctx context.Context, listen, socket string) (*gate, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	return &gate{listener: listener, socket: socket}, nil
}

// run takes connections until the listener is closed.
func (g *gate) run() {
	for {
		client, err := g.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = client.Close() }()
			server, err := (&net.Dialer{}).DialContext(context.Background(), "unix", g.socket)
			if err != nil {
				return
			}
			defer func() { _ = server.Close() }()
			for g.pass(client, server) == nil {
			}
		}()
	}
}

// pass passes one message on, and its answer back.
func (g *gate) pass(client, server net.Conn) error {
	request, err := readMessage(client)
	if err != nil {
		return err
	}
	answer, err := g.exchange(server, request)
	if err != nil {
		return err
	}
	_, err = client.Write(answer)
	return err
}

func (g *gate) exchange(server net.Conn, request []byte) ([]byte, error) {
	if changesDocuments(request) {
		g.changes.Lock()
		defer g.changes.Unlock()
	} else {
		g.changes.RLock()
		defer g.changes.RUnlock()
	}
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	return readMessage(server)
}

// headerBytes is the length of a message's header, which begins with the length of
// the whole message.
const headerBytes = 16

func readMessage(from io.Reader) ([]byte, error) {
	message := make([]byte, headerBytes)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, err
	}
	const most = 48_000_000 // what MongoDB takes
	length := binary.LittleEndian.Uint32(message)
	if length < headerBytes || length > most {
		return nil, errors.New("not a message of MongoDB's protocol")
	}
	message = append(message, make([]byte, length-headerBytes)...)
	_, err := io.ReadFull(from, message[headerBytes:])
	return message, err
}

// changesDocuments tells whether a message is a command that changes documents.
func changesDocuments(message []byte) bool {
	// Flags, the kind of the section, the document's length, the type of its first field.
	const before = headerBytes + 4 + 1 + 4 + 1
	if len(message) < before {
		return false
	}
	name, _, _ := bytes.Cut(message[before:], []byte{0})
	return slices.Contains([]string{"update", "findAndModify", "findandmodify", "delete"}, string(name))
}
