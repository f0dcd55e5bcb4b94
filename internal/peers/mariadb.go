package peers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// How long a MariaDB may take to start (it recovers from a crash first) and to end.
const (
	mariaDBStartTimeout = 3 * time.Minute
	mariaDBStopTimeout  = time.Minute
)

// ErrNoMariaDB says that there is no MariaDB to run, and how to get one.
var ErrNoMariaDB = errors.New("MariaDB's server is not installed; install it with: apt-get install -y mariadb-server-core mariadb-client-core")

// mariaDBUser is the superuser of the throwaway servers, who needs no password.
const mariaDBUser = "root"

// mariaDBAccount is the operating system's user that they run as where this
// program runs as root: any that owns nothing will do.
const mariaDBAccount = "nobody"

// MariaDBOption changes how a MariaDB is started.
type MariaDBOption func(*mariaDBSettings)

type mariaDBSettings struct {
	durable, tls bool
	config       []string
}

// MariaDBDurable waits for the disk as a real server does. Without it a server is
// faster, and Kill and Stop still lose nothing, but a crash of the machine would.
func MariaDBDurable() MariaDBOption {
	return func(s *mariaDBSettings) { s.durable = true }
}

// MariaDBTLS takes only connections with TLS, with certificates made for it (see
// Certificates).
func MariaDBTLS() MariaDBOption {
	return func(s *mariaDBSettings) { s.tls = true }
}

// MariaDBConfig sets server variables, each as "name=value".
func MariaDBConfig(variables ...string) MariaDBOption {
	return func(s *mariaDBSettings) { s.config = append(s.config, variables...) }
}

// MariaDB is a running MariaDB on a loopback port. Stop, Kill and Start keep port
// and data. Its methods may be called from several goroutines.
type MariaDB struct {
	server

	settings mariaDBSettings
	daemon   string              // path of the server's program
	dir      string              // of the data
	account  *syscall.Credential // nil: that of this program
	certs    *Certificates
	fresh    atomic.Int64 // numbers the databases of NewDatabase
}

// StartMariaDB starts a MariaDB for a test and ends it with the test. That takes a
// few seconds: let subtests share one, each with a database of its own
// (FreshDatabase).
func StartMariaDB(tb testing.TB, opts ...MariaDBOption) *MariaDB {
	tb.Helper()
	m, err := NewMariaDB(tb.Context(), opts...)
	if err != nil {
		tb.Fatalf("start a MariaDB: %v", err)
	}
	tb.Cleanup(m.Close)
	return m
}

// NewMariaDB starts a MariaDB; ctx bounds only the start. It fails with
// ErrNoMariaDB where none is installed. Close ends it and removes its data.
func NewMariaDB(ctx context.Context, opts ...MariaDBOption) (*MariaDB, error) {
	m := &MariaDB{server: server{startTimeout: mariaDBStartTimeout, stopTimeout: mariaDBStopTimeout}}
	m.run = m.serve
	for _, opt := range opts {
		opt(&m.settings)
	}
	install, err := m.find()
	if err != nil {
		return nil, err
	}
	if err := m.prepare(ctx, install); err != nil {
		m.Close()
		return nil, err
	}
	if err := m.begin(ctx); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// find looks for the server's program, and gives the path of the one that makes
// its system tables.
func (m *MariaDB) find() (string, error) {
	path := func(names ...string) string {
		for _, name := range names {
			if found, err := exec.LookPath(name); err == nil {
				return found
			}
		}
		return ""
	}
	m.daemon = path("mariadbd", "/usr/sbin/mariadbd") // which only root has on the PATH
	install := path("mariadb-install-db")
	if m.daemon == "" || install == "" || path("my_print_defaults") == "" {
		return "", ErrNoMariaDB
	}
	return install, nil
}

// prepare makes the directory, the certificates and the system tables.
func (m *MariaDB) prepare(ctx context.Context, install string) error {
	dir, err := os.MkdirTemp("", "peer-mariadb-")
	if err != nil {
		return fmt.Errorf("make MariaDB's directory: %w", err)
	}
	m.dir = dir
	if os.Geteuid() == 0 {
		if m.account, err = accountOf(mariaDBAccount); err != nil {
			return err
		}
	}
	if err := os.Mkdir(m.temporary(), 0o700); err != nil {
		return fmt.Errorf("make MariaDB's directory: %w", err)
	}
	if err := errors.Join(m.own(dir), m.own(m.temporary())); err != nil {
		return err
	}
	if m.settings.tls {
		if m.certs, err = NewCertificates(dir, "client"); err != nil {
			return err
		}
		if err := m.own(m.certs.ServerKeyFile); err != nil {
			return err
		}
	}
	program := func() error {
		process, err := StartProcess(m.command(install, "--no-defaults", "--datadir="+m.data(), "--tmpdir="+m.temporary(),
			"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"))
		if err != nil {
			return err
		}
		return finish(ctx, process)
	}
	if m.settings.durable {
		return program()
	}
	return mariaDBImage.fill(m.data(), m.account, program)
}

var mariaDBImage image

// data is the directory of the tables.
func (m *MariaDB) data() string { return filepath.Join(m.dir, "data") }

// temporary is the directory of temporary tables, whose names servers that share
// one would both use.
func (m *MariaDB) temporary() string { return filepath.Join(m.dir, "tmp") }

// own gives a file to the user that the server runs as.
func (m *MariaDB) own(file string) error {
	if m.account == nil {
		return nil
	}
	if err := os.Chown(file, int(m.account.Uid), int(m.account.Gid)); err != nil {
		return fmt.Errorf("give MariaDB its files: %w", err)
	}
	return nil
}

// command prepares a program, run as the server's user.
func (m *MariaDB) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...) //nolint:gosec // MariaDB's own programs
	cmd.Dir = m.dir
	// A server that starts deletes other servers' temporary tables where they share
	// a directory.
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC", "TMPDIR="+m.dir)
	if m.account != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: m.account}
	}
	return cmd
}

// Certificates are those of MariaDBTLS, else nil.
func (m *MariaDB) Certificates() *Certificates { return m.certs }

// DSN is the driver's name of the database "mysql", as a superuser. With
// MariaDBTLS it asks for TLS, but does not say which authority to trust.
func (m *MariaDB) DSN() string { return m.config("mysql").FormatDSN() }

func (m *MariaDB) config(database string) *mysql.Config {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.DBName = mariaDBUser, "tcp", m.Addr(), database
	if m.settings.tls {
		config.TLSConfig = "true"
	}
	return config
}

// NewDatabase makes an empty database, for text of any language, and gives its DSN.
func (m *MariaDB) NewDatabase(ctx context.Context) (string, error) {
	name := fmt.Sprintf("fresh_%d", m.fresh.Add(1))
	config := m.config("mysql")
	if m.certs != nil {
		var err error
		if config.TLS, err = m.certs.ClientConfig(); err != nil {
			return "", err
		}
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }() // nothing depends on a good end
	if _, err := db.ExecContext(ctx, "create database "+name+" character set utf8mb4"); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return m.config(name).FormatDSN(), nil
}

// FreshDatabase makes an empty database for a test and gives its DSN.
func (m *MariaDB) FreshDatabase(tb testing.TB) string {
	tb.Helper()
	dsn, err := m.NewDatabase(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return dsn
}

// serve runs the server and waits until it takes connections.
func (m *MariaDB) serve(ctx context.Context) (*Process, error) {
	args := []string{"--no-defaults"}
	for _, variable := range m.variables() {
		args = append(args, "--"+variable)
	}
	process, err := StartProcess(m.command(m.daemon, args...))
	if err != nil {
		return nil, err
	}
	if err := process.WaitOutput(ctx, "ready for connections"); err != nil {
		process.Kill()
		if strings.Contains(process.Output(), "Address already in use") {
			return nil, fmt.Errorf("start MariaDB on %s: %w", m.Addr(), errPortTaken)
		}
		return nil, err
	}
	return process, nil
}

// variables are the server's, the caller's last so that they win.
func (m *MariaDB) variables() []string {
	variables := []string{
		"datadir=" + m.data(),
		"tmpdir=" + m.temporary(),
		"bind-address=" + Loopback,
		fmt.Sprintf("port=%d", m.port),
		"socket=mariadb.sock", // in the data's directory
		"pid-file=mariadb.pid",
		"skip-name-resolve=on",
		"default-time-zone=+00:00",
		"max-connections=200",
		"innodb-buffer-pool-size=128M",
	}
	if !m.settings.durable {
		variables = append(variables, "innodb-flush-log-at-trx-commit=2", "innodb-flush-method=nosync", "innodb-doublewrite=off", "sync-frm=off")
	}
	if m.certs != nil {
		variables = append(variables, "require-secure-transport=on",
			"ssl-ca="+m.certs.CAFile, "ssl-cert="+m.certs.ServerCertFile, "ssl-key="+m.certs.ServerKeyFile)
	}
	return append(variables, m.settings.config...)
}

// Stop ends the server in good order: it ends all sessions.
func (m *MariaDB) Stop(ctx context.Context) error {
	return m.end(ctx, syscall.SIGTERM)
}

// Kill ends the server as a crash would: it recovers when it starts again.
func (m *MariaDB) Kill() {
	_ = m.end(context.Background(), syscall.SIGKILL) // nothing survives that
}

// Close ends the server and removes its data.
func (m *MariaDB) Close() {
	m.Kill()
	if m.dir != "" {
		_ = os.RemoveAll(m.dir) // a leftover in the temporary directory harms nobody
	}
}
