package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// mdcbTimeout is how long an MDCB may take to start and to end.
const mdcbTimeout = time.Minute

// ErrNoMDCB says that there is no server of Tyk's RPC to run, and how to get one.
var ErrNoMDCB = errors.New("the test server MDCB is not built; build it with: make bin/mdcb")

// MDCB is a running server of Tyk's RPC, with the functions of MDCB that Tyk Pump calls. Its logins end with its process.
type MDCB struct {
	server

	program string
	flags   []string

	mu      sync.Mutex // guards the fields below
	stdin   io.Writer
	partial []byte
	heard   int // lines that it was told
	calls   []MDCBCall
}

// MDCBCall is a call that was done.
type MDCBCall struct {
	// Client is the id that the caller gave itself.
	Client string `json:"client"`
	// Function is the name, without the dot before it.
	Function string `json:"function"`
	// Argument is the text that came along.
	Argument string `json:"argument"`
	// At is when it was heard of.
	At time.Time `json:"-"`
}

// MDCBBehaviour is how an MDCB answers.
type MDCBBehaviour struct {
	// RefuseKeys refuses all API keys.
	RefuseKeys bool `json:"refuse_keys"`
	// Error is what functions answer with, Panic what they end with.
	Error string `json:"error"`
	Panic string `json:"panic"`
	// Contains is what an argument must have for both; empty is any.
	Contains string `json:"contains"`
	// Times is how often both happen; 0 is always.
	Times int `json:"times"`
	// DelayMS is of answers, in milliseconds, after a call was done.
	DelayMS int `json:"delay_ms"`
}

// StartMDCB starts an MDCB for a test and ends it with the test. With certificates it has TLS, and wants one of its clients.
func StartMDCB(tb testing.TB, certificates *Certificates) *MDCB {
	tb.Helper()
	m, err := NewMDCB(tb.Context(), certificates)
	if err != nil {
		tb.Fatalf("start an MDCB: %v", err)
	}
	tb.Cleanup(m.Kill)
	return m
}

// NewMDCB starts an MDCB; ctx bounds only the start. It fails with ErrNoMDCB where none is built. Kill ends it.
func NewMDCB(ctx context.Context, certificates *Certificates) (*MDCB, error) {
	program, err := built("mdcb", ErrNoMDCB)
	if err != nil {
		return nil, err
	}
	m := &MDCB{program: program, server: server{startTimeout: mdcbTimeout, stopTimeout: mdcbTimeout}}
	if certificates != nil {
		m.flags = []string{"-cert", certificates.ServerCertFile, "-key", certificates.ServerKeyFile, "-ca", certificates.CAFile}
	}
	m.run = m.serve
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *MDCB) serve(ctx context.Context) (*Process, error) {
	cmd := exec.Command(m.program, append(m.flags, "-listen", m.Addr())...) //nolint:gosec // the test server
	in, out, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	cmd.Stdin, cmd.Stdout = in, m
	process, err := StartProcess(cmd)
	_ = in.Close() // the child has its own
	if err != nil {
		_ = out.Close() // nobody writes to it
		return nil, err
	}
	m.mu.Lock()
	m.stdin = out
	m.mu.Unlock()
	go func() {
		<-process.Done()
		_ = out.Close() // nobody reads it any more
	}()
	if err := process.WaitOutput(ctx, "ready to accept connections"); err != nil {
		process.Kill()
		if strings.Contains(process.Output(), "address already in use") {
			return nil, fmt.Errorf("start an MDCB on %s: %w", m.Addr(), errPortTaken)
		}
		return nil, err
	}
	return process, nil
}

// Write takes what the process prints.
func (m *MDCB) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.partial = append(m.partial, b...)
	for {
		line, rest, whole := bytes.Cut(m.partial, []byte{'\n'})
		if !whole {
			return len(b), nil
		}
		call := MDCBCall{At: time.Now()}
		switch {
		case string(line) == "heard":
			m.heard++
		case json.Unmarshal(line, &call) == nil:
			m.calls = append(m.calls, call)
		}
		m.partial = rest
	}
}

// Calls are all that were done, but for logins unless they are asked for.
func (m *MDCB) Calls(ctx context.Context, logins bool) ([]MDCBCall, error) {
	if err := m.tell(ctx, ""); err != nil { // what it has printed before is here then
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []MDCBCall
	for _, call := range m.calls {
		if logins || call.Function != "Login" {
			all = append(all, call)
		}
	}
	return all, nil
}

// Behave changes how it answers, until it is started again.
func (m *MDCB) Behave(ctx context.Context, b MDCBBehaviour) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return m.tell(ctx, string(text))
}

// tell hands a line to the process and waits until it has read it.
func (m *MDCB) tell(ctx context.Context, line string) error {
	m.mu.Lock()
	stdin, heard := m.stdin, m.heard
	m.mu.Unlock()
	if _, err := io.WriteString(stdin, line+"\n"); err != nil {
		return fmt.Errorf("tell an MDCB something: %w", err)
	}
	for m.timesHeard() == heard {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("tell an MDCB something: %w", ctx.Err())
		}
	}
	return nil
}

func (m *MDCB) timesHeard() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heard
}

// Kill ends the server at once; Start starts it again on the same port.
func (m *MDCB) Kill() { _ = m.end(context.Background(), syscall.SIGKILL) } // nothing survives that
