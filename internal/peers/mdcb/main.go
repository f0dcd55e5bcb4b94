// Command mdcb stands for Tyk's MDCB: the functions that Tyk Pump calls, behind Tyk's own RPC server. It prints a line of JSON
// for each call that it does, and reads from standard input, as a line of JSON each, how it behaves from then on; to each line, also an empty one, it
// answers that it was heard. It is a module of its
// own, since no program may have the server's library and a client of ours.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/TykTechnologies/gorpc"
)

// behaviour is how calls are answered.
type behaviour struct {
	RefuseKeys bool   `json:"refuse_keys"`
	Error      string `json:"error"`    // that functions answer with
	Panic      string `json:"panic"`    // that functions end with
	Contains   string `json:"contains"` // what an argument must contain for both; empty for any
	Times      int    `json:"times"`    // how often both happen; 0 is always
	DelayMS    int    `json:"delay_ms"` // of answers, after a call was done
}

type mdcb struct {
	mu       sync.Mutex // guards the fields below
	now      behaviour
	loggedIn map[string]bool // by the client's id
}

func main() {
	address := flag.String("listen", "", "host:port")
	certificate := flag.String("cert", "", "file of the server's certificate, for TLS")
	key := flag.String("key", "", "file of its key")
	authority := flag.String("ca", "", "file of the authority that clients must have a certificate of")
	flag.Parse()
	if err := serve(*address, *certificate, *key, *authority); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address, certificate, key, authority string) error {
	gorpc.SetErrorLogger(func(format string, args ...interface{}) { write(fmt.Appendf(nil, format, args...)) })
	m := &mdcb{loggedIn: map[string]bool{}}
	d := gorpc.NewDispatcher()
	d.AddFunc("Ping", func() bool { return true })
	d.AddFunc("Login", m.login)
	for _, name := range []string{"PurgeAnalyticsData", "PurgeAnalyticsDataAggregated", "PurgeAnalyticsDataMCPAggregated"} {
		d.AddFunc(name, func(client, argument string) error { return m.purge(client, name, argument) })
	}
	server := gorpc.NewTCPServer(address, d.NewHandlerFunc())
	if certificate != "" {
		settings, err := tlsSettings(certificate, key, authority)
		if err != nil {
			return err
		}
		server = gorpc.NewTLSServer(address, d.NewHandlerFunc(), settings)
	}
	server.OnConnect = greet
	if err := server.Start(); err != nil {
		return err
	}
	write([]byte("ready to accept connections"))
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); write([]byte("heard")) {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var next behaviour
		if err := json.Unmarshal(lines.Bytes(), &next); err != nil {
			return fmt.Errorf("read a behaviour: %w", err)
		}
		m.mu.Lock()
		m.now = next
		m.mu.Unlock()
	}
	select {} // until it is ended
}

func tlsSettings(certificate, key, authority string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{Certificates: []tls.Certificate{pair}}
	if authority != "" {
		text, err := os.ReadFile(authority)
		if err != nil {
			return nil, err
		}
		settings.ClientCAs, settings.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		settings.ClientCAs.AppendCertsFromPEM(text)
	}
	return settings, nil
}

// greet reads what Tyk's clients send before gorpc's own handshake. The client's id is its address from then on.
func greet(conn net.Conn) (net.Conn, string, error) {
	head := make([]byte, len("proto2")+1)
	if _, err := io.ReadFull(conn, head); err != nil {
		return nil, "", err
	}
	if string(head[:len(head)-1]) != "proto2" {
		return nil, "", fmt.Errorf("a client of the protocol %q", head[:len(head)-1])
	}
	id := make([]byte, head[len(head)-1])
	if _, err := io.ReadFull(conn, id); err != nil {
		return nil, "", err
	}
	return conn, string(id), nil
}

func (m *mdcb) login(client, key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	accepted := !m.now.RefuseKeys
	m.loggedIn[client] = accepted
	report(client, "Login", key)
	return accepted
}

func (m *mdcb) purge(client, function, argument string) error {
	m.mu.Lock()
	now, known := m.now, m.loggedIn[client]
	fails := (now.Error != "" || now.Panic != "") && strings.Contains(argument, now.Contains)
	if fails && now.Times > 0 {
		if m.now.Times--; m.now.Times == 0 {
			m.now = behaviour{}
		}
	}
	m.mu.Unlock()
	switch {
	case !known:
		return errors.New("client is not logged in")
	case fails && now.Panic != "":
		panic(now.Panic)
	case fails:
		return errors.New(now.Error)
	}
	report(client, function, argument)
	time.Sleep(time.Duration(now.DelayMS) * time.Millisecond)
	return nil
}

// report prints a call that was done.
func report(client, function, argument string) {
	line, err := json.Marshal(map[string]string{"client": client, "function": function, "argument": argument})
	if err != nil {
		return // texts are always JSON
	}
	write(line)
}

// output keeps lines apart.
var output sync.Mutex

func write(line []byte) {
	output.Lock()
	defer output.Unlock()
	_, _ = os.Stdout.Write(append(line, '\n')) // nobody is left to tell
}
