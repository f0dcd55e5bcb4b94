package tykmongoexporter

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// link passes messages between exporters and a real server, and lets a test change
// the answers: for what other databases answer, and for connections that break.
type link struct {
	listener net.Listener
	server   string

	mu   sync.Mutex // guards the fields below
	hook hook
	wait func(bson.Raw)
}

// hook is asked for each command that a push leads to. A nil verdict lets it pass.
type hook func(command bson.Raw) *verdict

// verdict is what becomes of a command.
type verdict struct {
	answer bson.D // in place of the server's
	pass   bool   // the server gets the command all the same
	cut    bool   // the connection breaks before the answer
}

// startLink gives a target whose exporters reach the server through the link.
func startLink(t testing.TB, server *peers.Mongo) (target, *link) {
	t.Helper()
	listener, err := net.Listen("tcp", peers.Address(0))
	require.NoError(t, err)
	return linkOn(t, server, listener)
}

func linkOn(t testing.TB, server *peers.Mongo, listener net.Listener) (target, *link) {
	t.Helper()
	t.Cleanup(func() { _ = listener.Close() })
	l := &link{listener: listener, server: server.Addr()}
	go l.run()
	d := freshTarget(t, server)
	d.config.URI = configopaque.String(strings.Replace(string(d.config.URI), server.Addr(), listener.Addr().String(), 1))
	return d, l
}

// on sets the hook.
func (l *link) on(h hook) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hook = h
}

// hold has each command wait for wait.
func (l *link) hold(wait func(bson.Raw)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wait = wait
}

func (l *link) waits(command bson.Raw) {
	l.mu.Lock()
	wait := l.wait
	l.mu.Unlock()
	if wait != nil {
		wait(command)
	}
}

func (l *link) judge(command bson.Raw) *verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hook == nil || forgets(command) {
		return nil
	}
	return l.hook(command)
}

// forgets tells whether a command takes the memory out of old documents. An exporter sends
// those in the background from its start on, so that no test can say when.
func forgets(command bson.Raw) bool {
	unset, err := command.LookupErr("updates", "0", "u", "$unset")
	if err != nil {
		return false
	}
	_, err = unset.Document().LookupErr(appliedField)
	return err == nil
}

func (l *link) run() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = client.Close() }()
			server, err := net.Dial("tcp", l.server)
			if err != nil {
				return
			}
			defer func() { _ = server.Close() }()
			for l.pass(client, server) {
			}
		}()
	}
}

// messageHeader is the length of a message's header; a command's document follows it,
// four bytes of flags and the kind of its section.
const messageHeader = 16

func (l *link) pass(client, server net.Conn) bool {
	request, ok := readMessage(client)
	if !ok {
		return false
	}
	l.waits(command(request))
	v := l.judge(command(request))
	answer, asked := []byte(nil), v == nil || v.pass
	if asked {
		if _, err := server.Write(request); err != nil {
			return false
		}
		if answer, ok = readMessage(server); !ok {
			return false
		}
	}
	if v != nil && v.cut {
		return false
	}
	if v != nil && v.answer != nil {
		answer = message(request, v.answer)
	}
	_, err := client.Write(answer)
	return err == nil
}

// How a command comes, and how an answer to the older form goes.
const (
	operationReply   = 1
	operationQuery   = 2004 // of the driver's first greeting
	operationMessage = 2013
)

func operation(message []byte) uint32 { return binary.LittleEndian.Uint32(message[12:]) }

// command gives the command's document in a message, with the lists that a driver may send behind it.
func command(request []byte) bson.Raw {
	body := request[messageHeader+4:]
	if operation(request) != operationMessage {
		return body[bytes.IndexByte(body, 0)+1+8:] // behind a name and two numbers
	}
	if flags := binary.LittleEndian.Uint32(request[messageHeader:]); flags&1 != 0 {
		body = body[:len(body)-4] // a checksum
	}
	whole := bson.D{}
	for len(body) > 0 {
		kind, size := body[0], binary.LittleEndian.Uint32(body[1:])
		section := body[1 : 1+size]
		body = body[1+size:]
		if kind == 0 {
			if err := bson.Unmarshal(section, &whole); err != nil {
				panic(err) // as a test's driver sent it
			}
			continue
		}
		end := 4 + bytes.IndexByte(section[4:], 0)
		list := bson.A{}
		for documents := section[end+1:]; len(documents) > 0; {
			n := binary.LittleEndian.Uint32(documents)
			list = append(list, bson.Raw(documents[:n]))
			documents = documents[n:]
		}
		whole = append(whole, bson.E{Key: string(section[4:end]), Value: list})
	}
	raw, err := bson.Marshal(whole)
	if err != nil {
		panic(err)
	}
	return raw
}

func readMessage(from io.Reader) ([]byte, bool) {
	header := make([]byte, messageHeader)
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, false
	}
	whole := append(header, make([]byte, binary.LittleEndian.Uint32(header)-messageHeader)...)
	_, err := io.ReadFull(from, whole[messageHeader:])
	return whole, err == nil
}

// message is an answer to a request.
func message(request []byte, answer bson.D) []byte {
	document, err := bson.Marshal(answer)
	if err != nil {
		panic(err) // a test's own answer
	}
	answered, body := uint32(operationMessage), make([]byte, 5)
	if operation(request) == operationQuery {
		answered, body = operationReply, append(make([]byte, 16), 1, 0, 0, 0) // one document
	}
	body = append(body, document...)
	whole := binary.LittleEndian.AppendUint32(nil, uint32(messageHeader+len(body)))
	whole = append(whole, 1, 0, 0, 0)
	whole = append(whole, request[4:8]...)
	whole = binary.LittleEndian.AppendUint32(whole, answered)
	return append(whole, body...)
}

// named tells whether a command has a name.
func named(command bson.Raw, name string) bool {
	_, err := command.LookupErr(name)
	return err == nil
}

// once answers the first command of a name.
func once(name string, v verdict) hook {
	done := false
	return func(command bson.Raw) *verdict {
		if done || !named(command, name) {
			return nil
		}
		done = true
		return &v
	}
}

// failed is an answer to a command that the server does not carry out.
func failed(code int32, name, text string) bson.D {
	return bson.D{{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: text}, {Key: "code", Value: code}, {Key: "codeName", Value: name}}
}

// faulty is an answer that refuses single documents.
func faulty(n int, faults ...bson.D) bson.D {
	list := bson.A{}
	for _, f := range faults {
		list = append(list, f)
	}
	return bson.D{{Key: "n", Value: int32(n)}, {Key: "ok", Value: 1.0}, {Key: "writeErrors", Value: list}}
}

func fault(index, code int32, text string, more ...bson.E) bson.D {
	return append(bson.D{{Key: "index", Value: index}, {Key: "code", Value: code}, {Key: "errmsg", Value: text}}, more...)
}
