package peers

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// server is what the database servers have in common: a process on a loopback
// port that is started, ended and started again with the same data.
type server struct {
	port int
	// run starts a process on the port and waits until it takes connections. It
	// fails with errPortTaken where another program has the port.
	run func(ctx context.Context) (*Process, error)
	// startTimeout and stopTimeout are how long it may take to start, which
	// includes to recover from a crash, and to end.
	startTimeout, stopTimeout time.Duration

	mu      sync.Mutex // guards process
	process *Process   // nil while stopped
}

// Addr is host:port.
func (s *server) Addr() string { return Address(s.port) }

// begin starts the server for the first time, on a port of its choice.
func (s *server) begin(ctx context.Context) error {
	const attempts = 10
	for attempt := 1; ; attempt++ {
		var err error
		if s.port, err = FreePort(); err != nil {
			return err
		}
		if err = s.launch(ctx); err == nil {
			return nil
		}
		if !errors.Is(err, errPortTaken) || attempt == attempts {
			return err
		}
	}
}

// Start starts a stopped server again, on the same port and with its data. It
// does nothing while it runs.
func (s *server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.startTimeout)
	defer cancel()
	for {
		err := s.launch(ctx)
		if !errors.Is(err, errPortTaken) {
			return err
		}
		select { // another program uses the port for a moment
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func (s *server) launch(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.startTimeout)
	defer cancel()
	process, err := s.run(ctx)
	if err != nil {
		return err
	}
	s.process = process
	return nil
}

// end ends the server with a signal, or by force where that does not help.
func (s *server) end(ctx context.Context, sig syscall.Signal) error {
	s.mu.Lock()
	process := s.process
	s.process = nil
	s.mu.Unlock()
	if process == nil {
		return nil
	}
	if err := process.Signal(sig); err != nil {
		process.Kill()
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.stopTimeout)
	defer cancel()
	select {
	case <-process.Done():
		return nil
	case <-ctx.Done():
		process.Kill()
		return process.failure("did not end when told to and was killed", ctx.Err())
	}
}

// Output is the end of what the running server has logged, empty while stopped.
func (s *server) Output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return ""
	}
	return s.process.Output()
}

// PID is the process id of the running server, 0 while stopped.
func (s *server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.PID()
}

// finish waits for a program that prepares a server's data.
func finish(ctx context.Context, process *Process) error {
	select {
	case <-process.Done():
	case <-ctx.Done():
		process.Kill()
		return process.failure("did not end", ctx.Err())
	}
	if err := process.Err(); err != nil {
		return process.failure("failed", err)
	}
	return nil
}

// accountOf looks up the user that a server runs as in place of root.
func accountOf(name string) (*syscall.Credential, error) {
	account, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("the server does not run as root, and there is nobody else to run it as: %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the user id of %s: %w", name, err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the group id of %s: %w", name, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
