package connection

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// remedy is what to do about an answer of Redis, or of the way to it.
type remedy struct{ sign, text string }

// misconfigurations do not pass by themselves.
var misconfigurations = []remedy{
	{"NOPERM", "the ACL user lacks a right: ACL LOG on the server names it, the component's README lists all"},
	{"can't run this command", "the ACL user lacks a right: ACL LOG on the server names it, the component's README lists all"},
	{"WRONGPASS", "check username and password"},
	{"invalid password", "check password"},
	{"NOAUTH", "Redis wants a password: set password, and username for an ACL user"},
	// To whom it does not know, Redis listens only for so long.
	{"unauthenticated multibulk length", "Redis wants a password: set password, and username for an ACL user"},
	{"DB index is out of range", "Redis has no such database: choose database below its setting databases, 16 by default"},
	{"cluster support disabled", "this Redis is no cluster: leave cluster out"},
	{"are unreachable: redis: nil", "the sentinels do not know this sentinel::master_name"},
	{"first record does not look like a TLS handshake", "this Redis does not speak TLS: set tls::insecure to true"},
	{"running in protected mode", "Redis listens to its own host only, since it has no password: give it one, and set password"},
}

// standalone are signs of a server that is part of something bigger; clients of
// that meet them in passing.
var standalone = []remedy{
	{"MOVED ", "this Redis is a cluster: set cluster to true"},
	{"READONLY", "this Redis is a replica: name its master, or use sentinel"},
	{"unknown command", "this server knows not even scripts: for a sentinel set sentinel::master_name; for a Redis, use 5.0 or newer"},
}

// Explain adds to an error what the writer of the configuration can do about it.
func (cfg *Config) Explain(err error) error {
	known := misconfigurations
	if !cfg.Cluster && cfg.Sentinel.MasterName == "" {
		known = append(standalone, known...)
	}
	for _, r := range known {
		if strings.Contains(err.Error(), r.sign) {
			return fmt.Errorf("%w: %s", err, r.text)
		}
	}
	if cfg.TLS.Insecure && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) {
		return fmt.Errorf("%w: the server ends the connection: where it speaks TLS only, set tls::insecure to false", err)
	}
	if !cfg.TLS.Insecure && claim.IsLate(err) {
		// A Redis without TLS waits for the end of what it takes for a line.
		return fmt.Errorf("%w: the server does not answer: where it does not speak TLS, set tls::insecure to true, and write redis:// for rediss://", err)
	}
	return err
}
