package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// How long a PostgreSQL may take to start (it recovers from a crash first) and to end.
const (
	postgresStartTimeout = 3 * time.Minute
	postgresStopTimeout  = time.Minute
)

// ErrNoPostgres says that there is no PostgreSQL to run, and how to get one.
var ErrNoPostgres = errors.New("PostgreSQL's server is not installed; install it with: apt-get install -y postgresql")

// postgresUser is the superuser of the throwaway servers, who needs no password,
// and the operating system's user that they run as where this program runs as
// root, which PostgreSQL refuses.
const postgresUser = "postgres"

// PostgresOption changes how a PostgreSQL is started.
type PostgresOption func(*postgresSettings)

type postgresSettings struct {
	durable, tls bool
	config       []string
}

// PostgresDurable waits for the disk as a real server does. Without it a server is
// faster, and Kill and Stop still lose nothing, but a crash of the machine would.
func PostgresDurable() PostgresOption {
	return func(s *postgresSettings) { s.durable = true }
}

// PostgresTLS takes only connections with TLS, with certificates made for it (see
// Certificates). The superuser needs no password, the role "client" shows the
// client's certificate, and all other roles have a password.
func PostgresTLS() PostgresOption {
	return func(s *postgresSettings) { s.tls = true }
}

// PostgresConfig sets parameters of postgresql.conf, each as "name=value".
func PostgresConfig(parameters ...string) PostgresOption {
	return func(s *postgresSettings) { s.config = append(s.config, parameters...) }
}

// Postgres is a running PostgreSQL on a loopback port. Stop, Kill and Start keep
// port and data. Its methods may be called from several goroutines.
type Postgres struct {
	server

	settings postgresSettings
	bin      string              // directory of the programs
	dir      string              // of the data
	account  *syscall.Credential // nil: that of this program
	certs    *Certificates
	fresh    atomic.Int64 // numbers the databases of NewDatabase
}

// StartPostgres starts a PostgreSQL for a test and ends it with the test. That
// takes some seconds the first time, and one afterwards: let subtests share one,
// each with a database of its own (FreshDatabase).
func StartPostgres(tb testing.TB, opts ...PostgresOption) *Postgres {
	tb.Helper()
	p, err := NewPostgres(tb.Context(), opts...)
	if err != nil {
		tb.Fatalf("start a PostgreSQL: %v", err)
	}
	tb.Cleanup(p.Close)
	return p
}

// NewPostgres starts a PostgreSQL; ctx bounds only the start. It fails with
// ErrNoPostgres where none is installed. Close ends it and removes its data.
func NewPostgres(ctx context.Context, opts ...PostgresOption) (*Postgres, error) {
	p := &Postgres{server: server{startTimeout: postgresStartTimeout, stopTimeout: postgresStopTimeout}}
	p.run = p.serve
	for _, opt := range opts {
		opt(&p.settings)
	}
	var err error
	if p.bin, err = findPostgres(); err != nil {
		return nil, err
	}
	if err := p.prepare(ctx); err != nil {
		p.Close()
		return nil, err
	}
	if err := p.begin(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// findPostgres gives the directory of the newest server: where Debian keeps it, or
// of the first on the PATH.
func findPostgres() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", fmt.Errorf("look for PostgreSQL: %w", err)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0 for what is no number
		return n
	}
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", ErrNoPostgres
}

var postgresImage image

// prepare makes the data directory.
func (p *Postgres) prepare(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "peer-postgres-")
	if err != nil {
		return fmt.Errorf("make PostgreSQL's directory: %w", err)
	}
	p.dir = dir
	if os.Geteuid() == 0 {
		if p.account, err = accountOf(postgresUser); err != nil {
			return err
		}
		if err := os.Chown(dir, int(p.account.Uid), int(p.account.Gid)); err != nil {
			return fmt.Errorf("give PostgreSQL its directory: %w", err)
		}
	}
	initdb := func() error {
		process, err := StartProcess(p.command("initdb", "--pgdata="+p.dir, "--username="+postgresUser, "--auth=trust",
			"--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"))
		if err != nil {
			return err
		}
		return finish(ctx, process)
	}
	if p.settings.durable {
		err = initdb()
	} else {
		err = postgresImage.fill(p.dir, p.account, initdb)
	}
	if err != nil || !p.settings.tls {
		return err
	}
	return p.secure()
}

// postgresAccess says who may connect where connections have TLS.
const postgresAccess = `hostssl all ` + postgresUser + ` all trust
hostssl all ` + certifiedClient + ` all cert
hostssl all all all scram-sha-256
`

// certifiedClient is the name in the client's certificate.
const certifiedClient = "client"

// secure makes the certificates, and lets nobody in without.
func (p *Postgres) secure() error {
	var err error
	if p.certs, err = NewCertificates(p.dir, certifiedClient); err != nil {
		return err
	}
	if p.account != nil {
		if err := os.Chown(p.certs.ServerKeyFile, int(p.account.Uid), int(p.account.Gid)); err != nil {
			return fmt.Errorf("give PostgreSQL its key: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(p.dir, "pg_hba.conf"), []byte(postgresAccess), 0o600); err != nil {
		return fmt.Errorf("say who may connect to PostgreSQL: %w", err)
	}
	return nil
}

// Certificates are those of PostgresTLS, else nil.
func (p *Postgres) Certificates() *Certificates { return p.certs }

// command prepares one of PostgreSQL's programs, run as the server's user.
func (p *Postgres) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, program), args...) //nolint:gosec // PostgreSQL's own programs
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	if p.account != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account}
	}
	return cmd
}

// DSN is the URL of the database "postgres", as a superuser. With PostgresTLS it asks
// for TLS, but does not say which authority to trust.
func (p *Postgres) DSN() string { return p.dsn(postgresUser) }

func (p *Postgres) dsn(database string) string {
	mode := "disable"
	if p.settings.tls {
		mode = "require"
	}
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=%s", postgresUser, p.Addr(), database, mode)
}

// Program is the path of one of the server's programs, such as psql.
func (p *Postgres) Program(name string) string { return filepath.Join(p.bin, name) }

// NewDatabase makes an empty database and gives its URL.
func (p *Postgres) NewDatabase(ctx context.Context) (string, error) {
	name := fmt.Sprintf("fresh_%d", p.fresh.Add(1))
	conn, err := pgx.Connect(ctx, p.DSN())
	if err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing depends on a good end
	create := "create database " + name
	if !p.settings.durable {
		create += " strategy file_copy" // which is faster than a log of every page where nothing is flushed to disk
	}
	if _, err := conn.Exec(ctx, create); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return p.dsn(name), nil
}

// FreshDatabase makes an empty database for a test and gives its URL.
func (p *Postgres) FreshDatabase(tb testing.TB) string {
	tb.Helper()
	dsn, err := p.NewDatabase(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return dsn
}

// serve runs the server and waits until it takes connections.
func (p *Postgres) serve(ctx context.Context) (*Process, error) {
	args := []string{"-D", p.dir}
	for _, parameter := range p.parameters() {
		args = append(args, "-c", parameter)
	}
	process, err := StartProcess(p.command("postgres", args...))
	if err != nil {
		return nil, err
	}
	if err := process.WaitOutput(ctx, "database system is ready to accept connections"); err != nil {
		process.Kill()
		if strings.Contains(process.Output(), "Address already in use") {
			return nil, fmt.Errorf("start PostgreSQL on %s: %w", p.Addr(), errPortTaken)
		}
		return nil, err
	}
	return process, nil
}

// parameters are the server's, the caller's last so that they win.
func (p *Postgres) parameters() []string {
	parameters := []string{
		"listen_addresses=" + Loopback,
		fmt.Sprintf("port=%d", p.port),
		"unix_socket_directories=",
		"timezone=UTC",
		"log_timezone=UTC",
		"max_connections=100",
	}
	if !p.settings.durable {
		// Tests have many small databases of few rows: vacuuming each of them, and room for much, only takes time.
		parameters = append(parameters, "fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=32MB")
	}
	if p.certs != nil {
		parameters = append(parameters, "ssl=on", "ssl_ca_file="+p.certs.CAFile,
			"ssl_cert_file="+p.certs.ServerCertFile, "ssl_key_file="+p.certs.ServerKeyFile)
	}
	return append(parameters, p.settings.config...)
}

// Stop ends the server in good order, but at once: it ends all sessions.
func (p *Postgres) Stop(ctx context.Context) error {
	return p.end(ctx, syscall.SIGINT)
}

// Kill ends the server as a crash would: it recovers when it starts again.
func (p *Postgres) Kill() {
	ctx, cancel := context.WithTimeout(context.Background(), postgresStopTimeout)
	defer cancel()
	// A server that does not even crash when told to is killed by end.
	_ = p.end(ctx, syscall.SIGQUIT)
}

// Close ends the server and removes its data.
func (p *Postgres) Close() {
	p.Kill()
	if p.dir != "" {
		_ = os.RemoveAll(p.dir) // a leftover in the temporary directory harms nobody
	}
}
