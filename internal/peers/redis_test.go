package peers_test

import (
	"context"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func TestRedisAnswersOnItsPort(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	require.NoError(t, r.Client().Set(t.Context(), "k", "v", 0).Err())
	assert.Equal(t, "v", r.Client().Get(t.Context(), "k").Val())
	host, _, err := net.SplitHostPort(r.Addr())
	require.NoError(t, err)
	assert.Equal(t, peers.Loopback, host)
}

func TestRedisKeepsDataOverACrashWhenAppendOnly(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t, peers.RedisAppendOnly())
	addr := r.Addr()
	require.NoError(t, r.Client().RPush(t.Context(), "list", "a", "b").Err())
	r.Kill()
	require.Error(t, r.Client().Ping(t.Context()).Err())
	require.NoError(t, r.Start(t.Context()))
	assert.Equal(t, addr, r.Addr())
	assert.Equal(t, []string{"a", "b"}, r.Client().LRange(t.Context(), "list", 0, -1).Val())
}

func TestRedisStartsEmptyAfterAStopWithoutAppendOnly(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	require.NoError(t, r.Client().Set(t.Context(), "k", "v", 0).Err())
	require.NoError(t, r.Stop(t.Context()))
	require.NoError(t, r.Stop(t.Context()), "stopping twice is harmless")
	require.NoError(t, r.Start(t.Context()))
	require.NoError(t, r.Start(t.Context()), "starting twice is harmless")
	assert.Zero(t, r.Client().DBSize(t.Context()).Val())
}

func TestRedisAsksForPasswordAndUsers(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t, peers.RedisPassword("s3cret #1"), peers.RedisUser("reader", "p w", "~a* +get"))
	require.NoError(t, r.Client().Set(t.Context(), "abc", "v", 0).Err())

	nobody := redis.NewClient(&redis.Options{Addr: r.Addr()})
	defer func() { require.NoError(t, nobody.Close()) }()
	require.ErrorContains(t, nobody.Get(t.Context(), "abc").Err(), "NOAUTH")

	reader := redis.NewClient(&redis.Options{Addr: r.Addr(), Username: "reader", Password: "p w", DisableIdentity: true, Protocol: 2})
	defer func() { require.NoError(t, reader.Close()) }()
	assert.Equal(t, "v", reader.Get(t.Context(), "abc").Val())
	require.ErrorContains(t, reader.Get(t.Context(), "xyz").Err(), "NOPERM")
}

func TestRedisServesTLS(t *testing.T) {
	t.Parallel()
	for name, clientAuth := range map[string]bool{"server only": false, "client certificate too": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := peers.StartRedis(t, peers.RedisTLS(clientAuth))
			require.NoError(t, r.Client().Ping(t.Context()).Err())
			plain := redis.NewClient(&redis.Options{Addr: r.Addr(), MaxRetries: -1})
			defer func() { require.NoError(t, plain.Close()) }()
			require.Error(t, plain.Ping(t.Context()).Err())

			options, err := r.Options()
			require.NoError(t, err)
			options.TLSConfig.Certificates = nil
			anonymous := redis.NewClient(options)
			defer func() { require.NoError(t, anonymous.Close()) }()
			err = anonymous.Ping(t.Context()).Err()
			assert.Equal(t, clientAuth, err != nil, "without a client certificate: %v", err)
		})
	}
}

func TestRedisRefusesWritesAboveItsMemory(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t, peers.RedisMaxMemory(1))
	require.ErrorContains(t, r.Client().Set(t.Context(), "k", "v", 0).Err(), "OOM")
}

func TestRedisPausesAndResumes(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	require.NoError(t, r.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Error(t, r.Client().Ping(ctx).Err())
	require.NoError(t, r.Resume())
	require.NoError(t, r.Client().Ping(t.Context()).Err())
}

func TestRedisKeepsItsDataInAGivenDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := peers.NewRedis(t.Context(), peers.RedisDirectory(dir), peers.RedisAppendOnly())
	require.NoError(t, err)
	require.NoError(t, first.Client().Set(t.Context(), "k", "v", 0).Err())
	first.Close()
	second := peers.StartRedis(t, peers.RedisDirectory(dir), peers.RedisAppendOnly())
	assert.Equal(t, "v", second.Client().Get(t.Context(), "k").Val())
}

func TestRedisReportsAConfigurationThatItRefuses(t *testing.T) {
	t.Parallel()
	_, err := peers.NewRedis(t.Context(), peers.RedisConfig("no-such-setting 1"))
	require.ErrorContains(t, err, "no-such-setting")
}

func TestRedisTellsHowToInstallIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := peers.NewRedis(t.Context())
	require.ErrorIs(t, err, peers.ErrNoRedis)
	assert.ErrorContains(t, err, "apt-get install -y redis-server")
}

func TestProcessIsKilledWhenItDoesNotStop(t *testing.T) {
	t.Parallel()
	p, err := peers.StartProcess(exec.Command("sh", "-c", `trap "" TERM; echo ready; while :; do sleep 1; done`))
	require.NoError(t, err)
	require.NoError(t, p.WaitOutput(t.Context(), "ready"))
	require.NoError(t, p.Err())
	assert.Nil(t, p.State())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, p.Stop(ctx), "was killed")
	<-p.Done()
	require.Error(t, p.Err())
	assert.NotNil(t, p.State())
}

func TestProcessThatEndsEarlyIsReportedWithItsLastLines(t *testing.T) {
	t.Parallel()
	p, err := peers.StartProcess(exec.Command("sh", "-c", "echo the reason; exit 3"))
	require.NoError(t, err)
	err = p.WaitOutput(t.Context(), "never said")
	require.ErrorContains(t, err, "the reason")
	require.ErrorContains(t, err, "exit status 3")
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "c\nd", peers.LastLines("a\nb\nc\nd\n", 2))
	assert.Equal(t, "a", peers.LastLines("a\n", 5))
	assert.Empty(t, peers.LastLines("", 5))
}

func TestFreePortsDiffer(t *testing.T) {
	t.Parallel()
	ports, err := peers.FreePorts(20)
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, port := range ports {
		assert.False(t, seen[port])
		seen[port] = true
	}
}
