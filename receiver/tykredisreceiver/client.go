package tykredisreceiver

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.opentelemetry.io/collector/config/configopaque"
)

// The client would print what it also returns as errors, past the collector's log.
func init() { redis.SetLogger(silence{}) }

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// stateEvery is how old a cluster client's picture of who serves what may get. A
// master that is dead cannot tell it that another one has taken over.
const stateEvery = 2 * time.Second

// newClient prepares a client; it connects with the first command. Commands that
// fail are not repeated: the receiver does that in its own rhythm, and says so.
// Only a cluster client follows redirections, and then repeats scripts that have
// failed on the way, each of which may run twice.
//
// All clients speak RESP2 without naming themselves: neither pushed messages nor
// names are of use here, and a narrow ACL user lacks the rights for them.
func newClient(ctx context.Context, cfg *Config) (redis.UniversalClient, error) {
	tls, err := cfg.TLS.LoadTLSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	switch {
	case cfg.Cluster:
		return newClusterClient(cfg, tls), nil
	case cfg.Sentinel.MasterName != "":
		return newSentinelClient(cfg, tls), nil
	default:
		return newStandaloneClient(cfg, tls), nil
	}
}

func newStandaloneClient(cfg *Config, tls *tls.Config) redis.UniversalClient {
	return redis.NewClient(&redis.Options{
		Addr:                     cfg.Addresses[0],
		Username:                 cfg.Username,
		Password:                 password(cfg.Username, cfg.Password),
		DB:                       cfg.Database,
		TLSConfig:                tls,
		DialTimeout:              cfg.Timeout,
		ReadTimeout:              cfg.Timeout,
		WriteTimeout:             cfg.Timeout,
		ContextTimeoutEnabled:    true,
		MaxRetries:               -1,
		DialerRetries:            1,
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

func newClusterClient(cfg *Config, tls *tls.Config) redis.UniversalClient {
	return redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:                      cfg.Addresses,
		Username:                   cfg.Username,
		Password:                   password(cfg.Username, cfg.Password),
		TLSConfig:                  tls,
		DialTimeout:                cfg.Timeout,
		ReadTimeout:                cfg.Timeout,
		WriteTimeout:               cfg.Timeout,
		ContextTimeoutEnabled:      true,
		DialerRetries:              1,
		Protocol:                   2,
		DisableIdentity:            true,
		MaintNotificationsConfig:   &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		ClusterStateReloadInterval: stateEvery,
		// They need the server's list of commands, and all of ours name their keys.
		DisableRoutingPolicies: true,
	})
}

// newSentinelClient follows the master that the sentinels name. They are spoken
// to with the same TLS settings and timeouts.
func newSentinelClient(cfg *Config, tls *tls.Config) redis.UniversalClient {
	return redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName:            cfg.Sentinel.MasterName,
		SentinelAddrs:         cfg.Addresses,
		SentinelUsername:      cfg.Sentinel.Username,
		SentinelPassword:      password(cfg.Sentinel.Username, cfg.Sentinel.Password),
		Username:              cfg.Username,
		Password:              password(cfg.Username, cfg.Password),
		DB:                    cfg.Database,
		TLSConfig:             tls,
		DialTimeout:           cfg.Timeout,
		ReadTimeout:           cfg.Timeout,
		WriteTimeout:          cfg.Timeout,
		ContextTimeoutEnabled: true,
		MaxRetries:            -1,
		DialerRetries:         1,
		Protocol:              2,
		DisableIdentity:       true,
	})
}

// password is what a user logs in with. Without one the client would stay the default
// user; a user that has none takes any.
func password(user string, given configopaque.String) string {
	if user != "" && given == "" {
		return "none"
	}
	return string(given)
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
