package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// gate takes the clients' connections and passes their messages on to FerretDB.
//
// MongoDB changes a document in one step. FerretDB 1 reads it, and writes it later,
// so that of two changes at the same time one is lost. The gate lets such commands
// through one at a time, and so gives clients what MongoDB promises them. It also
// answers MongoDB's commands fsync and fsyncUnlock, which FerretDB lacks: between the
// two, whatever writes has to wait.
type gate struct {
	listener net.Listener
	socket   string
	changes  sync.RWMutex // held for writing by what changes documents, for reading by nearly all else

	mu       sync.Mutex // guards locked
	locked   bool
	unlocked *sync.Cond
}

// newGate listens; it ends with ctx.
func newGate(ctx context.Context, listen, socket string) (*gate, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	g := &gate{listener: listener, socket: socket}
	g.unlocked = sync.NewCond(&g.mu)
	return g, nil
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
	switch command := commandOf(request); command {
	case "fsync", "fsyncUnlock":
		g.lock(command == "fsync")
		return done(request), nil
	case "update", "findAndModify", "findandmodify", "delete":
		g.waitUnlocked()
		g.changes.Lock()
		defer g.changes.Unlock()
	case "count": // sees changes that are under way or does not; it makes nobody lose one
	case "createIndexes":
		g.waitUnlocked()
		g.changes.RLock()
		defer g.changes.RUnlock()
		return createIndexes(server, request)
	default:
		if command == "insert" || command == "create" {
			g.waitUnlocked()
		}
		g.changes.RLock()
		defer g.changes.RUnlock()
	}
	return ask(server, request)
}

// createIndexes gives the last answer, or the first that refuses an index.
func createIndexes(server net.Conn, request []byte) ([]byte, error) {
	requests, err := splitIndexes(request)
	if err != nil {
		return nil, err
	}
	var answer []byte
	for _, one := range requests {
		if answer, err = ask(server, one); err != nil || !bytes.Contains(answer, succeeded) {
			break
		}
	}
	return answer, err
}

func ask(server net.Conn, request []byte) ([]byte, error) {
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	return readMessage(server)
}

func (g *gate) lock(locked bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.locked = locked
	g.unlocked.Broadcast()
}

func (g *gate) waitUnlocked() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.locked {
		g.unlocked.Wait()
	}
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

// commandOf is the name of the command that a message is.
func commandOf(message []byte) string {
	// Flags, the kind of the section, the document's length, the type of its first field.
	const before = headerBytes + 4 + 1 + 4 + 1
	if len(message) < before {
		return ""
	}
	name, _, _ := bytes.Cut(message[before:], []byte{0})
	return string(name)
}

// succeeded is the field {ok: 1} of an answer.
var succeeded = []byte("\x01ok\x00\x00\x00\x00\x00\x00\x00\xf0\x3f")

// done is the answer {ok: 1} to a message.
func done(request []byte) []byte {
	const message = 2013 // OP_MSG
	body := []byte("\x00\x00\x00\x00" + "\x00" + "\x11\x00\x00\x00" + string(succeeded) + "\x00")
	answer := binary.LittleEndian.AppendUint32(nil, uint32(headerBytes+len(body)))
	answer = binary.LittleEndian.AppendUint32(answer, 0)
	answer = append(answer, request[4:8]...) // which request is answered
	answer = binary.LittleEndian.AppendUint32(answer, message)
	return append(answer, body...)
}
