package peers_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func TestSentinelsReplaceADeadMaster(t *testing.T) {
	t.Parallel()
	s := peers.StartRedisSentinel(t, peers.RedisReplicas(2))
	assert.Len(t, s.SentinelAddrs(), 3)
	require.NoError(t, s.Client().Set(t.Context(), "k", "v", 0).Err())
	require.EqualValues(t, 2, s.Client().Wait(t.Context(), 2, 0).Val())

	old, err := s.KillMaster(t.Context())
	require.NoError(t, err)
	master, err := s.WaitFailover(t.Context(), old)
	require.NoError(t, err)
	assert.NotEqual(t, old, master)
	assert.Equal(t, "v", master.Client().Get(t.Context(), "k").Val())
	named, err := s.Master(t.Context())
	require.NoError(t, err)
	assert.Equal(t, master, named)
	require.NoError(t, s.Client().Set(t.Context(), "k", "w", 0).Err(), "the client follows")
}

func TestSentinelsAndServersHaveUsersAndTLS(t *testing.T) {
	t.Parallel()
	s := peers.StartRedisSentinel(t, peers.RedisTLS(true), peers.RedisPassword("server"),
		peers.RedisSentinelPassword("watcher"), peers.RedisSentinelUser("asker", "ask", "allchannels +@all"))
	require.NoError(t, s.Client().Set(t.Context(), "k", "v", 0).Err())

	options, err := s.Options()
	require.NoError(t, err)
	for name, adapt := range map[string]func(*redis.FailoverOptions){
		"wrong password": func(o *redis.FailoverOptions) { o.SentinelPassword = "wrong" },
		"no password":    func(o *redis.FailoverOptions) { o.SentinelPassword = "" },
		"no certificate": func(o *redis.FailoverOptions) {
			o.TLSConfig = o.TLSConfig.Clone()
			o.TLSConfig.Certificates = nil
		},
	} {
		wrong := *options
		wrong.MaxRetries = -1
		adapt(&wrong)
		rdb := redis.NewFailoverClient(&wrong)
		require.Error(t, rdb.Ping(t.Context()).Err(), name)
		require.NoError(t, rdb.Close())
	}
	options.SentinelUsername, options.SentinelPassword = "asker", "ask"
	rdb := redis.NewFailoverClient(options)
	defer func() { require.NoError(t, rdb.Close()) }()
	assert.Equal(t, "v", rdb.Get(t.Context(), "k").Val())

	old, err := s.KillMaster(t.Context())
	require.NoError(t, err)
	_, err = s.WaitFailover(t.Context(), old)
	require.NoError(t, err, "sentinels reach each other and the servers with their passwords")
}
