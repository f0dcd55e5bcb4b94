package connection

import (
	"context"
	"fmt"
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

// Client prepares a client; it connects with the first command. Commands that
// fail are not repeated: the receiver does that in its own rhythm, and says so.
// Only a cluster client follows redirections, and then repeats scripts that have
// failed on the way, each of which may run twice.
//
// All clients speak RESP2 without naming themselves: neither pushed messages nor
// names are of use here, and a narrow ACL user lacks the rights for them.
func (cfg *Config) Client(ctx context.Context) (redis.UniversalClient, error) {
	tls, err := cfg.TLS.LoadTLSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	options := &redis.UniversalOptions{
		Addrs: cfg.Addresses, Username: cfg.Username, Password: password(cfg.Username, cfg.Password), DB: cfg.Database,
		MasterName:       cfg.Sentinel.MasterName,
		SentinelUsername: cfg.Sentinel.Username, SentinelPassword: password(cfg.Sentinel.Username, cfg.Sentinel.Password),
		TLSConfig: tls, DialTimeout: cfg.Timeout, ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout, ContextTimeoutEnabled: true,
		MaxRetries: -1, DialerRetries: 1, Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	switch {
	case cfg.Cluster:
		cluster := options.Cluster()
		cluster.ClusterStateReloadInterval = stateEvery
		// They need the server's list of commands, and all of ours name their keys.
		cluster.DisableRoutingPolicies = true
		return redis.NewClusterClient(cluster), nil
	case cfg.Sentinel.MasterName != "":
		return redis.NewFailoverClient(options.Failover()), nil
	default:
		return redis.NewClient(options.Simple()), nil
	}
}

// password is what a user logs in with. Without one the client would stay the default
// user; a user that has none takes any.
func password(user string, given configopaque.String) string {
	if user != "" && given == "" {
		return "none"
	}
	return string(given)
}
