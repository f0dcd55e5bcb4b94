package tykredisexporter

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// A Redis that is away is waited for.
func TestOutages(t *testing.T) {
	t.Parallel()
	r, host := peers.StartRedis(t), sinktest.NewHost()
	e := start(t, r.Addr(), host, func(c *Config) { c.Timeout = 2 * time.Second })
	r.Kill()
	err := numbered("00aa.1.x", 0, 9).to(t.Context(), e)
	require.ErrorContains(t, err, "connect: ")
	require.False(t, consumererror.IsPermanent(err))
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	require.NoError(t, r.Start(t.Context()))
	require.NoError(t, numbered("00aa.1.x", 0, 9).to(t.Context(), e))
	assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
	require.NoError(t, r.Pause())
	err = numbered("00aa.1.x", 5, 14).to(t.Context(), e)
	require.NoError(t, r.Resume())
	require.ErrorContains(t, err, "i/o timeout")
	require.NoError(t, numbered("00aa.1.x", 5, 14).to(t.Context(), e))
	assert.Equal(t, numbers(0, 14), content(t, r.Client(), list), "what was on its way in the pause counts once")
}

// A server that is killed in the middle, again and again, and keeps what it was given, has everything once.
func TestKillsOfTheServer(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t, peers.RedisAppendOnly(), peers.RedisConfig("appendfsync always"))
	e := start(t, r.Addr(), sinktest.NewHost(), retrying)
	const pushes, each = 60, 700
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() {
		defer cancel()
		for i := range int64(pushes) {
			assert.NoError(t, numbered(fmt.Sprintf("00aa.%d.x", i), i*each, i*each+each-1).to(t.Context(), e))
			// The same once more, as after a lost acknowledgement.
			assert.NoError(t, numbered(fmt.Sprintf("00aa.%d.x", i), i*each, i*each+each-1).to(t.Context(), e))
		}
	})
	kills := 0
	for wait := 5 * time.Millisecond; ctx.Err() == nil && kills < 8; kills++ {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		r.Kill()
		require.NoError(t, r.Start(t.Context()))
		wait += 5 * time.Millisecond
	}
	work.Wait()
	assert.Positive(t, kills)
	assert.Equal(t, numbers(0, pushes*each-1), content(t, r.Client(), list))
}

func TestEncryptedWithAUser(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	rules := regexp.MustCompile(`(?m)^ACL SETUSER relay reset (on >PASSWORD .*)$`).FindStringSubmatch(string(text))
	require.Len(t, rules, 2)
	r := peers.StartRedis(t, peers.RedisTLS(true), peers.RedisPassword("admin's own"))
	args := []any{"acl", "setuser", "relay"}
	for rule := range strings.FieldsSeq(strings.ReplaceAll(rules[1], "PASSWORD", "s3cret")) {
		args = append(args, rule)
	}
	require.NoError(t, r.Client().Do(t.Context(), args...).Err())
	host := sinktest.NewHost()
	e := start(t, r.Addr(), host, func(c *Config) {
		c.Username, c.Password, c.Database = "relay", configopaque.String("s3cret"), 3
		certificates := r.Certificates()
		c.TLS.Insecure, c.TLS.CAFile = false, certificates.CAFile
		c.TLS.CertFile, c.TLS.KeyFile = certificates.ClientCertFile, certificates.ClientKeyFile
	})
	for i := range int64(1100) { // beyond which marks are dropped
		require.NoError(t, numbered(fmt.Sprintf("00aa.%d.x", i), i, i).to(t.Context(), e))
	}
	require.NoError(t, numbered("00aa.1099.x", 1099, 1099).to(t.Context(), e))
	options, err := r.Options()
	require.NoError(t, err)
	options.DB = 3
	admin := redis.NewClient(options)
	defer func() { require.NoError(t, admin.Close()) }()
	assert.Equal(t, numbers(0, 1099), content(t, admin, list))

	require.NoError(t, r.Client().Do(t.Context(), "acl", "setuser", "relay", "-rpush").Err())
	err = numbered("00aa.2000.x", 0, 0).to(t.Context(), e)
	require.ErrorContains(t, err, "the ACL user lacks a right")
	require.NotContains(t, err.Error(), "s3cret")
	require.False(t, consumererror.IsPermanent(err))
}

func TestACluster(t *testing.T) {
	t.Parallel()
	cluster := peers.StartRedisCluster(t)
	e := start(t, cluster.Addrs()[0], sinktest.NewHost(), func(c *Config) {
		retrying(c)
		c.Addresses, c.Cluster = cluster.Addrs(), true
	})
	d := newDelivery()
	for i := range int64(1000) {
		d.add(fmt.Sprintf("%s_%d", listName, i%10), fmt.Sprintf("00aa.%d.x", i%10), i, strconv.FormatInt(i, 10))
	}
	for range 2 {
		require.NoError(t, d.to(t.Context(), e))
	}
	moved := fmt.Sprintf("%s_%d", list, 3)
	move, err := cluster.MoveSlotOf(t.Context(), moved)
	require.NoError(t, err)
	more := newDelivery()
	for i := range int64(1000) {
		more.add(listName+"_3", "00aa.3.x", 1000+i, strconv.FormatInt(1000+i, 10))
	}
	pushed := make(chan error, 1)
	go func() { pushed <- more.to(t.Context(), e) }()
	for left := 1; left > 0; {
		left, err = move.Keys(t.Context(), 1)
		require.NoError(t, err)
	}
	require.NoError(t, move.Finish(t.Context()))
	require.NoError(t, <-pushed)
	require.NoError(t, more.to(t.Context(), e))

	var all []string
	for i := range 10 {
		all = append(all, content(t, cluster.Client(), fmt.Sprintf("%s_%d", list, i))...)
	}
	assert.ElementsMatch(t, numbers(0, 1999), all)
}

// What counts as pushed survives the loss of the master.
func TestAFailover(t *testing.T) {
	t.Parallel()
	group := peers.StartRedisSentinel(t)
	e := start(t, group.SentinelAddrs()[0], sinktest.NewHost(), func(c *Config) {
		retrying(c)
		c.Addresses, c.Sentinel.MasterName, c.Timeout = group.SentinelAddrs(), group.MasterName(), 2*time.Second
	})
	require.NoError(t, numbered("00aa.1.x", 0, 999).to(t.Context(), e))
	old, err := group.KillMaster(t.Context())
	require.NoError(t, err)
	require.NoError(t, numbered("00aa.1.x", 500, 1499).to(t.Context(), e))
	_, err = group.WaitFailover(t.Context(), old)
	require.NoError(t, err)
	assert.Equal(t, numbers(0, 1499), content(t, group.Client(), list))
}
