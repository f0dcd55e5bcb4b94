package tykredisreceiver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The client would print what it also returns as errors, past the collector's log.
func init() { redis.SetLogger(silence{}) }

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// newClient prepares a client; it connects with the first command.
func newClient(ctx context.Context, cfg *Config) (redis.UniversalClient, error) {
	tls, err := cfg.TLS.LoadTLSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:                 cfg.Addresses,
		Username:              cfg.Username,
		Password:              string(cfg.Password),
		DB:                    cfg.Database,
		TLSConfig:             tls,
		DialTimeout:           cfg.Timeout,
		ReadTimeout:           cfg.Timeout,
		WriteTimeout:          cfg.Timeout,
		ContextTimeoutEnabled: true,
		// The receiver retries in its own rhythm, and says so.
		MaxRetries:    -1,
		DialerRetries: 1,
		// Neither of these is of use here, and both need rights that a narrow ACL user lacks.
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}), nil
}

// workerName tells this process from all others, for ever, and people which it is.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return fmt.Sprintf("%s:%d:%s", strings.Join(strings.Fields(host), "_"), os.Getpid(), hex.EncodeToString(b[:]))
}
