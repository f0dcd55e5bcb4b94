package tykredisreceiver

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func messages(logs *observer.ObservedLogs) (all []string) {
	for _, entry := range logs.All() {
		all = append(all, entry.Message)
	}
	return all
}

func TestTheFirstRecordsAndTheLastWordAreSaid(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	cfg := createDefaultConfig().(*Config)
	cfg.Destinations = "kafka#01234567,tyksql/a#89abcdef"
	n := &news{cfg: cfg, logger: zap.New(core), stats: &atomic.Pointer[[]claim.Stat]{}}
	n.acknowledged(0)
	n.acknowledged(500)
	n.acknowledged(7)
	n.stats.Store(&[]claim.Stat{{Unclaimed: 2, Claimed: 3}, {}})
	n.ended()
	require.Equal(t, []string{"First records delivered", "Stopped reading Redis"}, messages(logs))
	assert.Equal(t, map[string]any{"records": int64(500), "to": "kafka, tyksql/a"}, logs.All()[0].ContextMap())
	assert.Equal(t, map[string]any{"delivered": int64(507), "waiting": int64(5), "to": "kafka, tyksql/a"}, logs.All()[1].ContextMap())
}

func TestListsOfOtherDatabasesAndPrefixesAreFound(t *testing.T) {
	t.Parallel()
	server := peers.StartRedis(t)
	rdb := server.Client()
	ctx := t.Context()
	require.NoError(t, rdb.RPush(ctx, "edge-tyk-system-analytics_3", "x").Err())
	require.NoError(t, rdb.RPush(ctx, "otelcol-tyk:{analytics-tyk-system-analytics}:seq", "x").Err())
	require.NoError(t, rdb.Do(ctx, "copy", "edge-tyk-system-analytics_3", "analytics-tyk-system-analytics", "db", "3").Err())
	cfg := createDefaultConfig().(*Config)
	cfg.Addresses = []string{server.Addr()}
	client, err := newClient(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	found, err := (&news{cfg: cfg, client: client}).seek(ctx)
	require.NoError(t, err)
	assert.Equal(t, []string{"database 0, key_prefix edge-", "database 3, key_prefix analytics-"}, found)
}

func TestAnOutageOfRedisIsRepeatedWhileItLasts(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	h := &health{host: componenttest.NewNopHost(), logger: zap.New(core)}
	h.redis(errors.New("read tcp 127.0.0.1:40001->127.0.0.1:6379: i/o timeout"))
	began := h.outages[claimingSide].since
	for _, after := range []time.Duration{0, 59 * time.Second, time.Minute, 90 * time.Second, 2 * time.Minute} {
		h.remind(began.Add(after))
	}
	h.redis(nil)
	h.remind(began.Add(time.Hour))
	got := messages(logs)
	require.Len(t, got, 4, "%q", got)
	assert.Equal(t, firstWords(claimingSide), got[0])
	assert.NotContains(t, got[0], "nothing is lost")
	assert.Contains(t, got[1], "Redis still cannot be read")
	assert.Equal(t, "Working again", got[3])
	assert.WithinDuration(t, began, logs.All()[2].ContextMap()["since"].(time.Time), 0, "when it began, not when it was first repeated")
	assert.WithinDuration(t, began, logs.All()[1].ContextMap()["expires_before"].(time.Time), time.Millisecond)
}

func TestAStoreThatIsAwayIsRepeatedAndNotWellAtTheStop(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	h := &health{host: componenttest.NewNopHost(), logger: zap.New(core)}
	a, b := &delivery{}, &delivery{}
	h.delivery(a, errors.New("connection refused"))
	began := h.outages[destinationSide].since
	for _, after := range []time.Duration{0, 59 * time.Second, time.Minute, 90 * time.Second, 2 * time.Minute} {
		h.remind(began.Add(after))
	}
	h.forget(a, false)
	require.Equal(t, []string{firstWords(destinationSide), stillWords(destinationSide), stillWords(destinationSide)}, messages(logs))
	h.delivery(b, errors.New("connection refused"))
	h.forget(b, true)
	require.Equal(t, []string{firstWords(destinationSide), "Working again"}, messages(logs)[3:])
}

func TestTroubleOfAHeartbeatLastsUntilTheNext(t *testing.T) {
	t.Parallel()
	c := &claimer{nextBeat: time.Now().Add(time.Hour), beating: assert.AnError, lastStat: time.Now(), measuring: assert.AnError}
	require.ErrorIs(t, c.beat(t.Context(), nil), assert.AnError)
	require.ErrorIs(t, c.measure(t.Context(), nil), assert.AnError)
}

func TestOnlyChangesAreReported(t *testing.T) {
	t.Parallel()
	seen := newStatusHost()
	h := &health{host: seen, logger: zap.NewNop()}
	for _, text := range []string{"NOAUTH on 127.0.0.1:40001", "NOAUTH on 127.0.0.1:40002", "WRONGPASS on 127.0.0.1:40003"} {
		h.redis(errors.New(text))
	}
	h.redis(nil)
	require.Len(t, seen.events, 3)
	assert.Equal(t, componentstatus.StatusOK, seen.events[2].Status())
}

func TestAddressesInTheFormsThatPeopleHave(t *testing.T) {
	t.Parallel()
	read := func(settings map[string]any) (*Config, error) {
		cfg := createDefaultConfig().(*Config)
		return cfg, confmap.NewFromStringMap(settings).Unmarshal(cfg)
	}
	cfg, err := read(map[string]any{"addresses": []any{"a:1, b:2"}, "cluster": true})
	require.NoError(t, err)
	assert.Equal(t, []string{"a:1", "b:2"}, cfg.Addresses)
	require.NoError(t, confmap.Validate(cfg))

	cfg, err = read(map[string]any{"addresses": []any{"redis://tyk:s3cret@redis.test/2"}, "password": "", "database": 0})
	require.NoError(t, err)
	assert.Equal(t, []string{"redis.test:6379"}, cfg.Addresses)
	assert.Equal(t, "tyk s3cret 2 true", fmt.Sprint(cfg.Username, " ", string(cfg.Password), " ", cfg.Database, " ", cfg.TLS.Insecure))
	require.NoError(t, confmap.Validate(cfg))

	cfg, err = read(map[string]any{"addresses": []any{"redis://tyk:s3cret@redis.test"}, "username": nil, "password": nil})
	require.NoError(t, err, "as of ${env:UNSET:-}")
	assert.Equal(t, "tyk s3cret", cfg.Username+" "+string(cfg.Password))

	cfg, err = read(map[string]any{"addresses": []any{"rediss://redis.test:6380"}, "password": "other"})
	require.NoError(t, err)
	assert.Equal(t, "other", string(cfg.Password))
	assert.False(t, cfg.TLS.Insecure)

	for address, want := range map[string]string{
		"redis+sentinel://a:1":     "begins with redis+sentinel",
		"redis://a:s3cret@b:1/x":   "has a path that is no number",
		"redis://a:s3cret@b:1?x=1": "has parameters",
		"redis://a:s3cret@b:port":  "cannot be read",
		"redis://a:s3cret@b:1/3":   "names database 3, and database is 2",
	} {
		_, err := read(map[string]any{"addresses": []any{address}, "database": 2})
		require.ErrorContains(t, err, want, address)
		assert.NotContains(t, err.Error(), "s3cret")
	}
}

func TestAnErrorForEachRecordIsCut(t *testing.T) {
	t.Parallel()
	host := newStatusHost()
	h := &health{host: host, logger: zap.NewNop()}
	h.delivery(&delivery{}, errors.New(strings.Repeat("message too large; ", 2000)))
	assert.Equal(t, "message too large;  ... (38000 bytes)", host.said())
	h.redis(errors.Join(errors.New(strings.Repeat("note that the group lives: unknown command 'evalsha' ", 2000)), errors.New("what to do about it")))
	assert.Less(t, len(host.said()), 2100)
	assert.Contains(t, host.said(), "what to do about it")
	short := errors.New("short")
	assert.Equal(t, short, brief(short))
}
