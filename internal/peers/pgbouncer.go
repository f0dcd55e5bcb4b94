package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// How long a PgBouncer may take to start and to end.
const (
	pgBouncerStartTimeout = 3 * time.Minute
	pgBouncerStopTimeout  = time.Minute
)

// ErrNoPgBouncer says that there is no PgBouncer to run, and how to get one.
var ErrNoPgBouncer = errors.New("PgBouncer is not installed; install it with: apt-get install -y pgbouncer")

// Pooling says for how long a client of a PgBouncer keeps a connection to the server.
type Pooling string

// The poolings that know transactions.
const (
	SessionPooling     Pooling = "session"
	TransactionPooling Pooling = "transaction"
)

// PgBouncer is a running PgBouncer on a loopback port, in front of a Postgres.
type PgBouncer struct {
	server

	program     string
	postgres    *Postgres
	pooling     Pooling
	connections int
	ignored     []string
	dir         string
	account     *syscall.Credential // nil: that of this program
}

// StartPgBouncer starts a PgBouncer for a test and ends it with the test. It opens at
// most so many connections to each database of the server. Clients' startup parameters that are
// ignored do nothing; others that it does not know it refuses.
func StartPgBouncer(tb testing.TB, postgres *Postgres, pooling Pooling, connections int, ignored ...string) *PgBouncer {
	tb.Helper()
	b, err := NewPgBouncer(tb.Context(), postgres, pooling, connections, ignored...)
	if err != nil {
		tb.Fatalf("start a PgBouncer: %v", err)
	}
	tb.Cleanup(b.Close)
	return b
}

// NewPgBouncer starts a PgBouncer; ctx bounds only the start. It fails with
// ErrNoPgBouncer where none is installed. Close ends it.
func NewPgBouncer(ctx context.Context, postgres *Postgres, pooling Pooling, connections int, ignored ...string) (*PgBouncer, error) {
	b := &PgBouncer{
		server:   server{startTimeout: pgBouncerStartTimeout, stopTimeout: pgBouncerStopTimeout},
		postgres: postgres, pooling: pooling, connections: connections, ignored: ignored,
	}
	b.run = b.serve
	if err := b.prepare(); err != nil {
		b.Close()
		return nil, err
	}
	if err := b.begin(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// prepare makes the directory of the configuration.
func (b *PgBouncer) prepare() error {
	var err error
	if b.program, err = findPgBouncer(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "peer-pgbouncer-"); err != nil {
		return fmt.Errorf("make PgBouncer's directory: %w", err)
	}
	if os.Geteuid() != 0 {
		return nil
	}
	if b.account, err = accountOf(postgresUser); err != nil { // it does not run as root
		return err
	}
	if err := os.Chown(b.dir, int(b.account.Uid), int(b.account.Gid)); err != nil {
		return fmt.Errorf("give PgBouncer its directory: %w", err)
	}
	return nil
}

// findPgBouncer looks on the PATH, and where Debian has it, which is not on everyone's.
func findPgBouncer() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoPgBouncer
}

// serve runs the program and waits until it takes connections.
func (b *PgBouncer) serve(ctx context.Context) (*Process, error) {
	file := filepath.Join(b.dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(b.settings()), 0o644); err != nil { //nolint:gosec // nothing secret is in there
		return nil, fmt.Errorf("write PgBouncer's configuration: %w", err)
	}
	cmd := exec.Command(b.program, file) //nolint:gosec // the program that was looked for
	cmd.Dir = b.dir
	if b.account != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: b.account}
	}
	process, err := StartProcess(cmd)
	if err != nil {
		return nil, err
	}
	if err := process.WaitOutput(ctx, "process up"); err != nil {
		process.Kill()
		if strings.Contains(process.Output(), "Address already in use") {
			return nil, fmt.Errorf("start PgBouncer on %s: %w", b.Addr(), errPortTaken)
		}
		return nil, err
	}
	return process, nil
}

// settings is the configuration: any user is the server's superuser, in any database.
func (b *PgBouncer) settings() string {
	return fmt.Sprintf(`[databases]
* = host=%s port=%d user=%s

[pgbouncer]
listen_addr = %s
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = %s
default_pool_size = %d
max_client_conn = 500
ignore_startup_parameters = %s
`, Loopback, b.postgres.port, postgresUser, Loopback, b.port, b.pooling, b.connections, strings.Join(b.ignored, ", "))
}

// Through gives the URL of a database of the server, as it is reached through the pooler.
func (b *PgBouncer) Through(dsn string) string {
	return strings.Replace(dsn, b.postgres.Addr(), b.Addr(), 1)
}

// Close ends the pooler, and all connections through it.
func (b *PgBouncer) Close() {
	_ = b.end(context.Background(), syscall.SIGKILL) // nothing survives that
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // a leftover in the temporary directory harms nobody
	}
}
