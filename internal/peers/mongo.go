package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// How long a FerretDB may take to start and to end.
const (
	mongoStartTimeout = 3 * time.Minute
	mongoStopTimeout  = time.Minute
)

// ErrNoMongo says that there is no server of MongoDB's protocol to run, and how to
// get one.
var ErrNoMongo = errors.New("the test server FerretDB is not built; build it with: make bin/ferretdb")

// mongoProgram is the variable that names the server's program, where it is not
// bin/ferretdb of the repository that the test runs in.
const mongoProgram = "OTELCOL_TYK_FERRETDB"

// Mongo is a running FerretDB, which speaks MongoDB's protocol and keeps its data in
// SQLite files, on a loopback port. What it lacks: TTL indexes, transactions, update
// pipelines, projections of findAndModify. Of MongoDB's administration it has fsync
// and fsyncUnlock. Stop, Kill and Start keep port and data.
// Its methods may be called from several goroutines.
type Mongo struct {
	server

	program string
	dir     string       // of the data
	fresh   atomic.Int64 // numbers the databases of FreshDatabase
}

// StartMongo starts a FerretDB for a test and ends it with the test. Let subtests
// share one, each with a database of its own (FreshDatabase).
func StartMongo(tb testing.TB) *Mongo {
	tb.Helper()
	m, err := NewMongo(tb.Context())
	if err != nil {
		tb.Fatalf("start a FerretDB: %v", err)
	}
	tb.Cleanup(m.Close)
	return m
}

// NewMongo starts a FerretDB; ctx bounds only the start. It fails with ErrNoMongo
// where none is built. Close ends it and removes its data.
func NewMongo(ctx context.Context) (*Mongo, error) {
	program, err := findMongo()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "peer-mongo-")
	if err != nil {
		return nil, fmt.Errorf("make FerretDB's directory: %w", err)
	}
	m := &Mongo{program: program, dir: dir, server: server{startTimeout: mongoStartTimeout, stopTimeout: mongoStopTimeout}}
	m.run = m.serve
	if err := m.begin(ctx); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// findMongo gives the path of the server's program.
func findMongo() (string, error) {
	if path := os.Getenv(mongoProgram); path != "" {
		return path, nil
	}
	return built("ferretdb", ErrNoMongo)
}

// URI is that of a database, which need not exist.
func (m *Mongo) URI(database string) string { return "mongodb://" + m.Addr() + "/" + database }

// FreshDatabase gives the URI of an empty database.
func (m *Mongo) FreshDatabase() string {
	return m.URI(fmt.Sprintf("fresh_%d", m.fresh.Add(1)))
}

// serve runs the server and waits until it takes connections.
func (m *Mongo) serve(ctx context.Context) (*Process, error) {
	cmd := exec.Command(m.program, "-listen", m.Addr(), "-dir", m.dir) //nolint:gosec // the test server
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "GOGC=400") // it makes much garbage
	process, err := StartProcess(cmd)
	if err != nil {
		return nil, err
	}
	if err := process.WaitOutput(ctx, "ready to accept connections"); err != nil {
		process.Kill()
		if strings.Contains(process.Output(), "address already in use") {
			return nil, fmt.Errorf("start FerretDB on %s: %w", m.Addr(), errPortTaken)
		}
		return nil, err
	}
	return process, nil
}

// Stop ends the server, which first answers what it was asked.
func (m *Mongo) Stop(ctx context.Context) error { return m.end(ctx, syscall.SIGTERM) }

// Kill ends the server at once, whatever it does.
func (m *Mongo) Kill() { _ = m.end(context.Background(), syscall.SIGKILL) }

// Freeze lets the server neither work nor answer until Thaw, as a machine that is
// cut off would.
func (m *Mongo) Freeze() error { return m.signal(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (m *Mongo) Thaw() error { return m.signal(syscall.SIGCONT) }

func (m *Mongo) signal(sig syscall.Signal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process == nil {
		return nil
	}
	return m.process.Signal(sig)
}

// Close ends the server and removes its data.
func (m *Mongo) Close() {
	m.Kill()
	_ = os.RemoveAll(m.dir) // a leftover in the temporary directory harms nobody
}
