package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// How long a syslog server may take to start and to end.
const syslogTimeout = 3 * time.Minute

// ErrNoSyslog says that there is no rsyslog or no syslog-ng to run, and how to get them.
var ErrNoSyslog = errors.New("the syslog server is not installed; install it with: scripts/install-test-peers.sh")

// syslogNGFolder has Debian's syslog-ng unpacked, which cannot be installed beside rsyslog.
const syslogNGFolder = "/opt/syslog-ng"

// Syslog is a running rsyslog or syslog-ng, which writes what it understands of each message into a file.
type Syslog struct {
	server
	dir  string
	name string
	// configuration is written before each start.
	configuration func() string
	command       func(configuration string) *exec.Cmd
}

// SyslogMessage is a message as a server has understood it.
type SyslogMessage struct {
	// PRI, Host, App, ProcID, MsgID and Time are of the header; what there is not may be empty or a hyphen.
	PRI, Host, App, ProcID, MsgID, Time string
	// SD is the structured data, in the server's own form.
	SD string
	// Msg is the rest.
	Msg string
}

// StartRsyslog starts an rsyslog for a test and ends it with the test. It listens over TCP and UDP on Addr, and on
// the sockets Stream and Datagrams.
func StartRsyslog(tb testing.TB) *Syslog {
	tb.Helper()
	program, err := exec.LookPath("rsyslogd")
	if err != nil {
		program = "/usr/sbin/rsyslogd" // which is not in everybody's path
	}
	s := &Syslog{name: "rsyslog", command: func(configuration string) *exec.Cmd {
		return exec.Command(program, "-n", "-f", configuration, "-i", configuration+".pid") //nolint:gosec // the program that was looked for
	}}
	s.configuration = func() string {
		var properties strings.Builder
		for name, property := range map[string]string{
			"PRI": "pri", "Host": "hostname", "App": "app-name", "ProcID": "procid", "MsgID": "msgid", "SD": "structured-data", "Msg": "msg",
		} {
			fmt.Fprintf(&properties, "property(outname=%q name=%q format=\"jsonf\")\n", name, property)
		}
		return fmt.Sprintf(`global(workDirectory=%q)
module(load="imudp") module(load="imtcp") module(load="imptcp") module(load="imuxsock" SysSock.Use="off")
input(type="imtcp" address=%q port="%d")
input(type="imudp" address=%q port="%d")
input(type="imptcp" path=%q)
input(type="imuxsock" Socket=%q UseSpecialParser="off" ParseHostname="on" RateLimit.Interval="0")
template(name="taken" type="list" option.jsonf="on") {
%sproperty(outname="Time" name="timereported" dateFormat="rfc3339" format="jsonf")
}
action(type="omfile" file=%q template="taken")
`, s.dir, Loopback, s.port, Loopback, s.port, s.Stream(), s.Datagrams(), properties.String(), s.file())
	}
	s.startFor(tb, program)
	return s
}

// SyslogNGSettings say how a syslog-ng listens.
type SyslogNGSettings struct {
	// Certificates are those of TLS, with octet counting, as RFC 5425 has it; nil is TCP with a line feed behind
	// each message of RFC 3164.
	Certificates *Certificates
}

// StartSyslogNG starts a syslog-ng for a test and ends it with the test.
func StartSyslogNG(tb testing.TB, settings SyslogNGSettings) *Syslog {
	tb.Helper()
	program, err := exec.LookPath("syslog-ng")
	var more []string
	if err != nil {
		program = filepath.Join(syslogNGFolder, "usr", "sbin", "syslog-ng")
		modules, _ := filepath.Glob(filepath.Join(syslogNGFolder, "usr", "lib", "syslog-ng", "[0-9]*")) // the pattern is right
		more = append(more, "--module-path="+strings.Join(modules, ":"))
	}
	s := &Syslog{name: "syslog-ng", command: func(configuration string) *exec.Cmd {
		args := append([]string{
			"-F", "--no-caps", "--stderr", "-f", configuration, "-R", configuration + ".persist", "-c", configuration + ".control", "-p", configuration + ".pid",
		}, more...)
		cmd := exec.Command(program, args...) //nolint:gosec // the program that was looked for
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(syslogNGFolder, "usr", "lib", "syslog-ng"))
		return cmd
	}}
	s.configuration = func() string {
		source := fmt.Sprintf(`network(ip(%q) port(%d) transport("tcp"))`, Loopback, s.port)
		if c := settings.Certificates; c != nil {
			source = fmt.Sprintf(`syslog(ip(%q) port(%d) transport("tls") tls(cert-file(%q) key-file(%q) ca-file(%q) peer-verify(required-trusted)))`,
				Loopback, s.port, c.ServerCertFile, c.ServerKeyFile, c.CAFile)
		}
		return fmt.Sprintf(`@version: 3.38
options { keep-hostname(yes); use-dns(no); stats-freq(0); };
log {
  source { %s; };
  destination { file(%q frac-digits(6) time-zone("UTC")
    template("$(format-json PRI=$PRI Host=$HOST App=$PROGRAM ProcID=$PID MsgID=$MSGID Time=$ISODATE SD=$SDATA Msg=$MSG)\n")); };
};
`, source, s.file())
	}
	s.startFor(tb, program)
	return s
}

func (s *Syslog) startFor(tb testing.TB, program string) {
	tb.Helper()
	if _, err := os.Stat(program); err != nil {
		tb.Fatalf("start %s: %v", s.name, ErrNoSyslog)
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "peer-syslog-"); err != nil { //nolint:usetesting // a short path, which sockets need
		tb.Fatalf("make the directory of %s: %v", s.name, err)
	}
	tb.Cleanup(func() {
		_ = s.end(context.WithoutCancel(tb.Context()), syscall.SIGKILL) // nothing survives that
		_ = os.RemoveAll(s.dir)                                         // a leftover in the temporary directory harms nobody
	})
	s.server = server{startTimeout: syslogTimeout, stopTimeout: syslogTimeout, run: s.execute}
	if err := s.begin(tb.Context()); err != nil {
		tb.Fatalf("start %s: %v", s.name, err)
	}
}

// Stream and Datagrams are paths of an rsyslog's Unix sockets.
func (s *Syslog) Stream() string { return filepath.Join(s.dir, "stream") }

// Datagrams is the one that is like /dev/log.
func (s *Syslog) Datagrams() string { return filepath.Join(s.dir, "datagrams") }

func (s *Syslog) file() string { return filepath.Join(s.dir, "messages") }

// Stop ends the server; Start starts it again, with what it has taken.
func (s *Syslog) Stop(ctx context.Context) error { return s.end(ctx, syscall.SIGTERM) }

func (s *Syslog) execute(ctx context.Context) (*Process, error) {
	file := filepath.Join(s.dir, "conf")
	if err := os.WriteFile(file, []byte(s.configuration()), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration of %s: %w", s.name, err)
	}
	process, err := StartProcess(s.command(file))
	if err != nil {
		return nil, err
	}
	if err := s.waitListening(ctx, process); err != nil {
		process.Kill()
		if strings.Contains(strings.ToLower(process.Output()), "address already in use") {
			return nil, fmt.Errorf("start %s on %s: %w", s.name, s.Addr(), errPortTaken)
		}
		return nil, err
	}
	return process, nil
}

func (s *Syslog) waitListening(ctx context.Context, process *Process) error {
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", s.Addr())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-process.Done():
			return process.failure("ended before it listened", process.Err())
		case <-ctx.Done():
			return process.failure("did not listen", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Messages are those that the server has taken so far.
func (s *Syslog) Messages() ([]SyslogMessage, error) {
	content, err := os.ReadFile(s.file())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read what %s has taken: %w", s.name, err)
	}
	var all []SyslogMessage
	for line := range bytes.Lines(content) {
		if !bytes.HasSuffix(line, []byte{'\n'}) {
			break // the rest of it is not written yet
		}
		var m SyslogMessage
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("read %q, which %s has taken: %w", line, s.name, err)
		}
		all = append(all, m)
	}
	return all, nil
}
