package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// How long a Redis may take to start (it loads its data first) and to end.
const (
	redisStartTimeout = 3 * time.Minute
	redisStopTimeout  = time.Minute
)

// ErrNoRedis says that there is no redis-server to run, and how to get one.
var ErrNoRedis = errors.New("redis-server is not installed; install it with: apt-get install -y redis-server")

// RedisOption changes how a Redis is started.
type RedisOption func(*redisSettings)

type redisSettings struct {
	password   string
	users      []string
	tls        bool
	clientAuth bool
	config     []string
	directory  string
	replicas   int

	sentinelPassword string
	sentinelUsers    []string

	// certs are shared by the servers of a group, instead of made for one.
	certs *Certificates
	// lastPort is the highest to listen on.
	lastPort int
}

func newRedisSettings(opts []RedisOption) redisSettings {
	s := redisSettings{lastPort: lastPort}
	for _, opt := range opts {
		opt(&s)
	}
	return s
}

// RedisPassword asks for a password of the default user.
func RedisPassword(password string) RedisOption {
	return func(s *redisSettings) { s.password = password }
}

// RedisUser adds an ACL user with a password and rules such as "~* +@all".
func RedisUser(name, password, rules string) RedisOption {
	return func(s *redisSettings) {
		s.users = append(s.users, fmt.Sprintf("user %s on %q %s", name, ">"+password, rules))
	}
}

// RedisTLS serves TLS only, with certificates made for it (see Certificates).
// With clientAuth, clients must show a certificate too.
func RedisTLS(clientAuth bool) RedisOption {
	return func(s *redisSettings) { s.tls, s.clientAuth = true, clientAuth }
}

// RedisAppendOnly keeps the data over Stop, Kill and Start. Without it a Redis
// that starts again is empty.
func RedisAppendOnly() RedisOption { return RedisConfig("appendonly yes") }

// RedisMaxMemory refuses writes (OOM) above this many bytes.
func RedisMaxMemory(bytes int64) RedisOption {
	return RedisConfig(fmt.Sprintf("maxmemory %d", bytes), "maxmemory-policy noeviction")
}

// RedisConfig adds lines of redis.conf.
func RedisConfig(lines ...string) RedisOption {
	return func(s *redisSettings) { s.config = append(s.config, lines...) }
}

// RedisDirectory keeps the data in dir, which must exist and outlives Close,
// instead of in a temporary directory.
func RedisDirectory(dir string) RedisOption {
	return func(s *redisSettings) { s.directory = dir }
}

// Redis is a running redis-server on a loopback port. Stop, Kill and Start keep
// port and directory. Its methods may be called from several goroutines.
type Redis struct {
	settings  redisSettings
	port      int
	dir       string
	temporary bool
	certs     *Certificates
	client    *redis.Client

	mu      sync.Mutex // guards process
	process *Process   // nil while stopped
}

// StartRedis starts a Redis for a test and ends it with the test.
func StartRedis(tb testing.TB, opts ...RedisOption) *Redis {
	tb.Helper()
	r, err := NewRedis(tb.Context(), opts...)
	if err != nil {
		tb.Fatalf("start a Redis: %v", err)
	}
	tb.Cleanup(r.Close)
	return r
}

// NewRedis starts a Redis; ctx bounds only the start. It fails with ErrNoRedis
// where no redis-server is installed. Close ends it and removes its data.
func NewRedis(ctx context.Context, opts ...RedisOption) (*Redis, error) {
	s := newRedisSettings(opts)
	if s.replicas > 0 {
		return nil, errors.New("a single Redis has no replicas: start a RedisCluster or a RedisSentinel")
	}
	return newRedis(ctx, s)
}

func newRedis(ctx context.Context, s redisSettings) (*Redis, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, ErrNoRedis
	}
	r := &Redis{settings: s}
	if err := r.prepare(); err != nil {
		r.Close()
		return nil, err
	}
	const attempts = 10
	for attempt := 1; ; attempt++ {
		port, err := freePort(s.lastPort)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.port = port
		err = r.launch(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, errPortTaken) || attempt == attempts {
			r.Close()
			return nil, err
		}
	}
	options, err := r.Options()
	if err != nil {
		r.Close()
		return nil, err
	}
	r.client = redis.NewClient(options)
	return r, nil
}

// prepare makes the directory and the certificates.
func (r *Redis) prepare() error {
	r.dir = r.settings.directory
	if r.dir == "" {
		dir, err := os.MkdirTemp("", "peer-redis-")
		if err != nil {
			return fmt.Errorf("make Redis' directory: %w", err)
		}
		r.dir, r.temporary = dir, true
	}
	r.certs = r.settings.certs
	if !r.settings.tls || r.certs != nil {
		return nil
	}
	certs, err := NewCertificates(r.dir, "client")
	r.certs = certs
	return err
}

// Addr is host:port.
func (r *Redis) Addr() string { return Address(r.port) }

// Password is the default user's, empty unless RedisPassword gave one.
func (r *Redis) Password() string { return r.settings.password }

// Certificates are those of RedisTLS, else nil.
func (r *Redis) Certificates() *Certificates { return r.certs }

// Client is a client of the default user on database 0. It lives as long as the
// Redis does and finds it again after Start; do not close it.
func (r *Redis) Client() *redis.Client { return r.client }

// Options are what a client of the default user needs, for clients of one's own.
func (r *Redis) Options() (*redis.Options, error) {
	options := &redis.Options{
		Addr:     r.Addr(),
		Password: r.settings.password,
		// Neither the client's name nor its wish for push messages matters here.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if r.certs == nil {
		return options, nil
	}
	config, err := r.certs.ClientConfig()
	if err != nil {
		return nil, err
	}
	options.TLSConfig = config
	return options, nil
}

// Start starts a stopped Redis again, on the same port and with the data that it
// keeps (see RedisAppendOnly). It does nothing while it runs.
func (r *Redis) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisStartTimeout)
	defer cancel()
	for {
		err := r.launch(ctx)
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

// launch runs redis-server and waits until it answers.
func (r *Redis) launch(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process != nil {
		return nil
	}
	file := filepath.Join(r.dir, "redis.conf")
	if err := os.WriteFile(file, []byte(r.configuration()), 0o600); err != nil {
		return fmt.Errorf("write Redis' configuration: %w", err)
	}
	cmd := exec.Command("redis-server", file)
	cmd.Dir = r.dir
	process, err := StartProcess(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, redisStartTimeout)
	defer cancel()
	// The log, and not an answer on the port, tells that this process is the one that listens.
	if err := process.WaitOutput(ctx, "eady to accept connections"); err != nil {
		process.Kill()
		if strings.Contains(strings.ToLower(process.Output()), "address already in use") {
			return fmt.Errorf("start Redis on %s: %w", r.Addr(), errPortTaken)
		}
		return err
	}
	r.process = process
	return nil
}

// configuration is the text of redis.conf.
func (r *Redis) configuration() string {
	lines := []string{
		"bind " + Loopback,
		fmt.Sprintf("dir %q", r.dir),
		"daemonize no",
		`logfile ""`,
		`save ""`,
		"tcp-backlog 128",
	}
	if r.certs == nil {
		lines = append(lines, fmt.Sprintf("port %d", r.port))
	} else {
		lines = append(lines, r.tlsConfiguration(r.port)...)
	}
	if r.settings.password != "" {
		lines = append(lines, fmt.Sprintf("requirepass %q", r.settings.password))
	}
	lines = append(lines, r.settings.users...)
	lines = append(lines, r.settings.config...)
	return strings.Join(lines, "\n") + "\n"
}

// tlsConfiguration is what makes a server speak TLS only.
func (r *Redis) tlsConfiguration(port int) []string {
	auth := "no"
	if r.settings.clientAuth {
		auth = "yes"
	}
	return []string{
		"port 0", fmt.Sprintf("tls-port %d", port),
		fmt.Sprintf("tls-cert-file %q", r.certs.ServerCertFile),
		fmt.Sprintf("tls-key-file %q", r.certs.ServerKeyFile),
		fmt.Sprintf("tls-ca-cert-file %q", r.certs.CAFile),
		"tls-auth-clients " + auth,
	}
}

// Stop ends Redis in good order: clients are told, an append-only file is flushed.
func (r *Redis) Stop(ctx context.Context) error {
	process := r.take()
	if process == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, redisStopTimeout)
	defer cancel()
	return process.Stop(ctx)
}

// Kill ends Redis at once, as a crash would.
func (r *Redis) Kill() {
	if process := r.take(); process != nil {
		process.Kill()
	}
}

// take hands the process to whoever ends it.
func (r *Redis) take() *Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	process := r.process
	r.process = nil
	return process
}

// Pause freezes Redis: connections stay, nothing is answered, until Resume.
func (r *Redis) Pause() error { return r.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (r *Redis) Resume() error { return r.signal(syscall.SIGCONT) }

func (r *Redis) signal(sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return errors.New("signal Redis: it is stopped")
	}
	return r.process.Signal(sig)
}

// Output is the end of what the running Redis has logged, empty while stopped.
func (r *Redis) Output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		return ""
	}
	return r.process.Output()
}

// Close ends Redis and removes its temporary directory.
func (r *Redis) Close() {
	if r.client != nil {
		_ = r.client.Close() // reports only that it was closed before
	}
	r.Kill()
	if r.temporary {
		_ = os.RemoveAll(r.dir) // a leftover in the temporary directory harms nobody
	}
}
