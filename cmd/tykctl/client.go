package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	redisconn "github.com/otelcol-tyk/otelcol-tyk/internal/connection"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
)

// connection is how to reach the Redis that the receiver reads.
type connection struct {
	addresses    string
	username     string
	password     string
	database     int
	cluster      bool
	sentinel     struct{ master, username, password string }
	useTLS       bool
	tls          configtls.ClientConfig
	timeout      time.Duration
	keyPrefix    string
	uptimePrefix string

	env func(string) string
}

// newConnection declares the flags that all commands share. The environment
// stands in for flags that are not given, under the names that the collector's
// shipped configuration uses.
func newConnection(f *flag.FlagSet, env func(string) string) *connection {
	c := &connection{env: env}
	or := func(name, otherwise string) string {
		if value := env(name); value != "" {
			return value
		}
		return otherwise
	}
	// A number that is none is said with the other faults of the flag.
	database, err := strconv.Atoi(or("TYK_REDIS_DATABASE", "0"))
	if err != nil {
		database = -1
	}
	f.StringVar(&c.addresses, "redis", or("TYK_REDIS_ADDRESS", "localhost:6379"), "Redis at `host:port[,host:port...]`; several with -cluster or -sentinel (env TYK_REDIS_ADDRESS)")
	f.StringVar(&c.username, "username", env("TYK_REDIS_USERNAME"), "ACL `user` (env TYK_REDIS_USERNAME)")
	f.StringVar(&c.password, "password", "", "its `password`; better given as REDIS_PASSWORD or TYK_REDIS_PASSWORD in the environment")
	f.IntVar(&c.database, "db", database, "database `number` (env TYK_REDIS_DATABASE)")
	f.BoolVar(&c.cluster, "cluster", false, "Redis is a cluster")
	f.StringVar(&c.sentinel.master, "sentinel", "", "the addresses are sentinels, which know the master by this `name`")
	f.StringVar(&c.sentinel.username, "sentinel-username", "", "the sentinels' ACL `user`")
	f.StringVar(&c.sentinel.password, "sentinel-password", "", "the sentinels' `password`; better given as REDIS_SENTINEL_PASSWORD in the environment")
	f.BoolVar(&c.useTLS, "tls", false, "connect with TLS")
	f.StringVar(&c.tls.CAFile, "tls-ca", "", "`file` with the authority that signed Redis' certificate; without it the system's")
	f.StringVar(&c.tls.CertFile, "tls-cert", "", "`file` with a client certificate")
	f.StringVar(&c.tls.KeyFile, "tls-key", "", "`file` with its key")
	f.StringVar(&c.tls.ServerName, "tls-server-name", "", "`name` that Redis' certificate is for, where it is not the address")
	f.BoolVar(&c.tls.InsecureSkipVerify, "tls-insecure-skip-verify", false, "take any certificate")
	f.DurationVar(&c.timeout, "timeout", 5*time.Second, "for connecting and for each command")
	f.StringVar(&c.keyPrefix, "key-prefix", "analytics-", "what stands before the names of the gateway's lists, the receiver's key_prefix")
	f.StringVar(&c.uptimePrefix, "uptime-key-prefix", analytics.UptimePrefix, "what stands before the name of the list of uptime checks, the receiver's uptime.key_prefix")
	return c
}

func (c *connection) validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	addresses := c.list()
	for _, address := range addresses {
		if _, _, err := net.SplitHostPort(address); err != nil {
			fault("-redis: %s: write host:port", netaddr.Shown(address))
		}
	}
	if len(addresses) > 1 && !c.cluster && c.sentinel.master == "" {
		fault("-redis: %d addresses: say with -cluster or -sentinel what they are", len(addresses))
	}
	if c.cluster && c.sentinel.master != "" {
		fault("-cluster and -sentinel: give only one of them")
	}
	if c.database < 0 {
		fault("-db: use a number from 0")
	}
	if c.cluster && c.database != 0 {
		fault("-db: %d: a cluster has only database 0", c.database)
	}
	if !c.useTLS && (c.tls.CAFile != "" || c.tls.CertFile != "" || c.tls.KeyFile != "" || c.tls.ServerName != "" || c.tls.InsecureSkipVerify) {
		fault("-tls-...: have no effect without -tls: add it")
	}
	if c.timeout < time.Millisecond {
		fault("-timeout: %s: use at least 1ms", c.timeout)
	}
	return errors.Join(errs...)
}

func (c *connection) list() []string { return strings.Split(c.addresses, ",") }

// view is what the commands look at, without a connection.
func (c *connection) view() *inspect.Redis {
	return &inspect.Redis{Addresses: c.addresses, Cluster: c.cluster, KeyPrefix: c.keyPrefix, UptimePrefix: c.uptimePrefix, Explain: c.explain}
}

// look connects to what the commands look at. The function ends the connection.
func (c *connection) look(ctx context.Context) (*inspect.Redis, func(), error) {
	rdb, end, err := c.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	r := c.view()
	r.Client, r.Store = rdb, claim.NewStore(rdb)
	return r, end, nil
}

// chooseLists finds a list by its key; an empty key is for all of them.
func (c *connection) chooseLists(key string) ([]inspect.List, error) {
	r := c.view()
	if chosen := r.Choose(key); len(chosen) > 0 {
		return chosen, nil
	}
	all := r.Lists()
	return nil, fmt.Errorf("-source: no list %q: those with -key-prefix %q are %s, the same with _0 to _9, each of these with _protobuf, and %s",
		key, c.keyPrefix, all[0].Key, all[len(all)-1].Key)
}

// open connects and makes sure that Redis answers. The function ends the connection.
func (c *connection) open(ctx context.Context) (redis.UniversalClient, func(), error) {
	if err := c.validate(); err != nil {
		return nil, nil, err
	}
	if c.password == "" {
		c.password = c.env("REDIS_PASSWORD")
	}
	if c.password == "" {
		c.password = c.env("TYK_REDIS_PASSWORD")
	}
	if c.sentinel.password == "" {
		c.sentinel.password = c.env("REDIS_SENTINEL_PASSWORD")
	}
	cfg := redisconn.Config{
		Addresses: c.list(), Username: c.username, Password: configopaque.String(c.password), Database: c.database,
		Cluster: c.cluster, TLS: c.tls, Timeout: c.timeout,
		Sentinel: redisconn.SentinelConfig{
			MasterName: c.sentinel.master, Username: c.sentinel.username, Password: configopaque.String(c.sentinel.password),
		},
	}
	cfg.TLS.Insecure = !c.useTLS
	rdb, err := cfg.Client(ctx) // which sends nothing twice: what is taken away is counted
	if err != nil {
		return nil, nil, fmt.Errorf("-%w", err) // which begins with tls, as the flags do
	}
	end := func() { _ = rdb.Close() } // whatever was sent on it was answered
	if err := ping(ctx, rdb); err != nil && !redis.HasErrorPrefix(err, "NOPERM") {
		end()
		return nil, nil, c.explain(fmt.Errorf("connect to Redis at %s: %w", c.addresses, err))
	}
	return rdb, end, nil
}

// ping makes sure that Redis answers; of a cluster any master will do.
func ping(ctx context.Context, rdb redis.UniversalClient) error {
	cluster, ok := rdb.(*redis.ClusterClient)
	if !ok {
		return rdb.Ping(ctx).Err()
	}
	var answered atomic.Bool
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		err := node.Ping(ctx).Err()
		if err == nil {
			answered.Store(true)
		}
		return err
	})
	if answered.Load() {
		return nil
	}
	return err
}

// remedies tell what to do about what Redis or the way to it answers.
var remedies = []struct{ sign, remedy string }{
	{"all sentinels specified in configuration are unreachable", "are these sentinels, do they know this master's name, and is -sentinel-password right?"},
	{"WRONGPASS", "the password or the user is wrong: set REDIS_PASSWORD, and -username for an ACL user"},
	{"invalid password", "the password is wrong: set REDIS_PASSWORD"},
	{"NOAUTH", "Redis asks for a password: set REDIS_PASSWORD, and -username for an ACL user"},
	{"NOPERM", "the user lacks a right: the README of tykctl lists those it needs"},
	{"can't run this command", "the user lacks a right: the README of tykctl lists those it needs"},
	{"can't access", "the user lacks a right: the README of tykctl lists those it needs"},
	{"MOVED", "this Redis is a cluster: add -cluster"},
	{"CROSSSLOT", "this Redis is a cluster: add -cluster"},
	{"cluster support disabled", "this Redis is no cluster: leave -cluster out"},
	{"READONLY", "this Redis is a replica: name its master, or use -sentinel"},
	{"first record does not look like a TLS handshake", "this Redis does not speak TLS: leave -tls out"},
	{"certificate", "name the authority with -tls-ca, and a client certificate with -tls-cert and -tls-key where Redis wants one"},
	{"EOF", "does this Redis speak TLS? then add -tls"},
	{"connection reset", "does this Redis speak TLS? then add -tls"},
	{"connection refused", "nothing listens there: check -redis"},
	{"no such host", "check -redis"},
	{"i/o timeout", "check -redis, -timeout, and whether this Redis speaks TLS"},
	{"context deadline exceeded", "check -redis, -timeout, and whether this Redis speaks TLS"},
}

// explain adds a remedy where one is known.
func (c *connection) explain(err error) error {
	if err == nil {
		return nil
	}
	for _, r := range remedies {
		if c.useTLS && strings.HasSuffix(r.remedy, "add -tls") {
			continue
		}
		if strings.Contains(err.Error(), r.sign) {
			return fmt.Errorf("%w: %s", err, r.remedy)
		}
	}
	return err
}
