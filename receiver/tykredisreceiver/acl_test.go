package tykredisreceiver

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/backlog"
)

const (
	aclUser     = "otelcol-tyk"
	aclPassword = "collector's own"
)

// documentedRules are the rules in the README's line for servers (0) or sentinels (1).
func documentedRules(t *testing.T, line int) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	lines := regexp.MustCompile(`(?m)^ACL SETUSER `+aclUser+` (.*)$`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, lines, 2)
	rules := strings.Fields(lines[line][1])
	require.Contains(t, rules, ">PASSWORD")
	for i, rule := range rules {
		if rule == ">PASSWORD" {
			rules[i] = ">" + aclPassword
		}
	}
	return rules
}

// setUser makes the receiver's user with some rules.
func setUser(t *testing.T, admin *redis.Client, rules ...string) {
	t.Helper()
	args := []any{"acl", "setuser", aclUser}
	for _, rule := range rules {
		args = append(args, rule)
	}
	require.NoError(t, admin.Do(t.Context(), args...).Err())
}

func asUser(cfg *Config) { cfg.Username, cfg.Password = aclUser, configopaque.String(aclPassword) }

// requireNothingDenied fails with what a server refused anybody.
func requireNothingDenied(t *testing.T, admin *redis.Client) {
	t.Helper()
	denied, err := admin.Do(t.Context(), "acl", "log").Slice()
	require.NoError(t, err)
	require.Empty(t, denied)
}

// sent notes the commands that a client sends.
type sent struct {
	mu    sync.Mutex
	names map[string]bool
}

func (s *sent) note(cmds ...redis.Cmder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cmd := range cmds {
		switch name := cmd.Name(); name {
		case "config", "memory":
			second, _ := cmd.Args()[1].(string)
			s.names[name+"|"+strings.ToLower(second)] = true
		case "hello": // which needs no right
		default:
			s.names[name] = true
		}
	}
}

func (*sent) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *sent) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		s.note(cmd)
		return next(ctx, cmd)
	}
}

func (s *sent) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		s.note(cmds...)
		return next(ctx, cmds)
	}
}

// TestTheDocumentedRightsAreThoseOfTheWholeLifeOfAReceiver runs everything that a
// receiver does as a user with the rules in the README.
func TestTheDocumentedRightsAreThoseOfTheWholeLifeOfAReceiver(t *testing.T) {
	t.Parallel()
	r := newRedis(t, peers.RedisMaxMemory(100<<20))
	rules := documentedRules(t, 0)
	setUser(t, r.Client(), rules...)
	options, err := r.Options()
	require.NoError(t, err)
	options.DB = 2
	admin := redis.NewClient(options)
	t.Cleanup(func() { assert.NoError(t, admin.Close()) })

	// What waits: records, poison, uptime checks, and a group that nobody works for.
	pushHeavy(t, admin, 200)
	for _, poison := range []string{"\xc1", "\xc1\xc1"} {
		require.NoError(t, admin.RPush(t.Context(), list, poison).Err())
	}
	require.NoError(t, admin.RPush(t.Context(), analytics.UptimeList, "\xc1").Err())
	own := "otelcol-tyk:{" + list + "}:"
	require.NoError(t, admin.ZAdd(t.Context(), own+"groups", redis.Z{Score: 1, Member: "gone"}).Err())
	require.NoError(t, admin.HSet(t.Context(), own+"progress", "gone|expiry", 1000).Err())

	var down atomic.Bool
	down.Store(true)
	d := newDestination()
	d.answer = func(context.Context, []string, plog.Logs) error {
		if down.Load() {
			return errors.New("down")
		}
		return nil
	}
	life := func(cfg *Config) {
		asUser(cfg)
		cfg.Database, cfg.Uptime.Enabled, cfg.DeadLetters.MaxEntries = 2, true, 2
		cfg.Backlog.MaxMemoryShare, cfg.Backlog.Shed = 0.001, []string{backlog.Bodies, backlog.Successes}
		cfg.GroupExpiry = time.Minute
	}
	rec := start(t, r.Addr(), d, life)
	commands := &sent{names: map[string]bool{}}
	receiver := rec.Logs.(*redisReceiver)
	receiver.client.AddHook(commands)
	eventually(t, "a claim", func() bool { return rec.sum(t, "tykredis_records_claimed") == 203 })
	limit := backlog.New(receiver.cfg.Backlog, receiver.store, receiver.sources, receiver.telemetry, receiver.set.Logger)
	require.NoError(t, limit.Keep(t.Context()))
	down.Store(false)
	eventually(t, "the records that were not shed", func() bool { return d.count() >= 40 })
	eventually(t, "all of them delivered or dead", func() bool { return len(admin.Keys(t.Context(), own+"seg:*").Val()) == 0 })
	dead := letters(t, admin, list)
	require.Len(t, dead, 2)
	eventually(t, "the removal of the group", func() bool { return admin.ZScore(t.Context(), own+"groups", "gone").Err() != nil })

	// A replay, which fails again; and a shutdown that gives leases back.
	tool, src := claim.NewStore(admin), claim.NewSource(list, claim.Settings{Group: "default", MaxDead: 2})
	_, err = tool.Replay(t.Context(), src, slices.Collect(maps.Values(dead)))
	require.NoError(t, err)
	eventually(t, "the letters again", func() bool { return len(letters(t, admin, list)) == 2 })
	down.Store(true)
	pushHeavy(t, admin, 10)
	eventually(t, "a held segment", func() bool { return admin.HLen(t.Context(), own+"leases").Val() == 1 })
	require.NoError(t, rec.Shutdown(t.Context()))
	assert.Zero(t, admin.HLen(t.Context(), own+"leases").Val())
	requireNothingDenied(t, r.Client())
	assert.NotEqual(t, componentstatus.StatusPermanentError, rec.host.last())

	assertGranted(t, rules, commands)
}

// assertGranted compares the commands that rules grant with those that were
// sent and those that the scripts call: neither may have more than the other.
func assertGranted(t *testing.T, rules []string, commands *sent) {
	t.Helper()
	needed := map[string]bool{
		// These the client sends by itself: for a database, and in a cluster.
		"select": true, "cluster|slots": true, "asking": true,
		// Sent where replicas are connected, and when a receiver starts.
		"wait": true, "scan": true,
	}
	commands.mu.Lock()
	maps.Copy(needed, commands.names)
	commands.mu.Unlock()
	scripts, err := filepath.Glob("../../internal/claim/*.lua")
	require.NoError(t, err)
	for _, file := range scripts {
		if slices.Contains([]string{"take.lua", "push.lua"}, filepath.Base(file)) {
			continue // the companion command's, and the exporter's
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, call := range regexp.MustCompile(`redis\.call\('(\w+)'`).FindAllStringSubmatch(string(text), -1) {
			if name := strings.ToLower(call[1]); name != "memory" { // memory|usage, which the bound sends too
				needed[name] = true
			}
		}
	}
	granted := map[string]bool{}
	for _, rule := range rules {
		if name, ok := strings.CutPrefix(rule, "+"); ok {
			granted[name] = true
		}
	}
	assert.Equal(t, slices.Sorted(maps.Keys(needed)), slices.Sorted(maps.Keys(granted)))
}

// featureRights are the rights that the README says only some features need.
func featureRights(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "| rights | needed for |\n|---|---|\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	var rights []string
	for row := range strings.Lines(table) {
		cell := strings.Split(row, "`")[1]
		rights = append(rights, strings.Fields(strings.ReplaceAll(cell, `\|`, "|"))...)
	}
	return rights
}

func TestRightsForFeaturesThatAreOffAreNotNeeded(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	unneeded := featureRights(t)
	rules := documentedRules(t, 0)
	require.Subset(t, rules, unneeded)
	setUser(t, r.Client(), slices.DeleteFunc(rules, func(rule string) bool { return slices.Contains(unneeded, rule) })...)
	n := pushToAll(t, r.Client(), 20)
	for _, poison := range []string{"\xc1", "\xc1\xc1"} {
		require.NoError(t, r.Client().RPush(t.Context(), list, poison).Err())
	}
	d := newDestination()
	rec := start(t, r.Addr(), d, func(cfg *Config) {
		asUser(cfg)
		cfg.WaitForReplicas, cfg.Backlog.MaxMemoryShare = 0, 0
	})
	eventually(t, "all records", func() bool { return d.count() == n })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	assert.Len(t, letters(t, r.Client(), list), 2)
	require.NoError(t, rec.Shutdown(t.Context()))
	requireNothingDenied(t, r.Client())
}

func TestAMissingRightIsSaid(t *testing.T) {
	t.Parallel()
	const remedy = "the ACL user lacks a right: ACL LOG on the server names it, the component's README lists all"
	rules := documentedRules(t, 0)
	for missing, message := range map[string]string{
		"+evalsha":       "note at " + list + " that the group lives: NOPERM this user has no permissions to run the 'evalsha' command",
		"+rename":        "claim list " + list + ": ERR The user executing the script can't run this command or subcommand",
		"+lrange":        "The user executing the script can't run this command or subcommand",
		"+role":          "count replicas: NOPERM this user has no permissions to run the 'role' command",
		"+select":        "NOPERM this user has no permissions to run the 'select' command",
		"~analytics-*":   "note at " + list + " that the group lives: NOPERM this user has no permissions to access one of the keys used as arguments",
		"~otelcol-tyk:*": "register a worker of group default: NOPERM this user has no permissions to access one of the keys used as arguments",
	} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			r := newRedis(t)
			setUser(t, r.Client(), slices.DeleteFunc(slices.Clone(rules), func(rule string) bool { return rule == missing })...)
			options, err := r.Options()
			require.NoError(t, err)
			options.DB = 1
			admin := redis.NewClient(options)
			t.Cleanup(func() { assert.NoError(t, admin.Close()) })
			pushRecords(t, admin, list, analytics.AppendMsgpack, 0, 5)
			d := newDestination()
			rec := start(t, r.Addr(), d, func(cfg *Config) {
				asUser(cfg)
				cfg.Database = 1
			})
			said := rec.requireTrouble(t)
			assert.Contains(t, said, message)
			assert.Contains(t, said, remedy)
			rec.requireLastingTrouble(t)
			assert.Zero(t, d.count())

			// Nothing is lost meanwhile, and granting it is enough.
			setUser(t, r.Client(), rules...)
			eventually(t, "all records", func() bool { return d.count() == 5 })
			eventually(t, "an empty Redis", func() bool { return len(leftover(t, admin)) == 0 })
			eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
		})
	}
}

func TestWrongSettingsAreExplained(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server func(t *testing.T) func(*Config)
		said   string
	}{
		"no password": {func(t *testing.T) func(*Config) {
			r := newRedis(t, peers.RedisPassword("secret"))
			return func(cfg *Config) { cfg.Addresses = []string{r.Addr()} }
		}, "Redis wants a password"},
		"wrong password": {func(t *testing.T) func(*Config) {
			r := newRedis(t, peers.RedisPassword("secret"))
			return func(cfg *Config) { cfg.Addresses, cfg.Password = []string{r.Addr()}, "wrong" }
		}, "check username and password"},
		"no cluster": {func(t *testing.T) func(*Config) {
			r := newRedis(t)
			return func(cfg *Config) { cfg.Addresses, cfg.Cluster = []string{r.Addr()}, true }
		}, "leave cluster out"},
		"no TLS": {func(t *testing.T) func(*Config) {
			r := newRedis(t)
			return func(cfg *Config) { cfg.Addresses, cfg.TLS.Insecure = []string{r.Addr()}, false }
		}, "where it does not speak TLS, set tls::insecure to true"},
		"a database that is not there": {func(t *testing.T) func(*Config) {
			r := newRedis(t)
			return func(cfg *Config) { cfg.Addresses, cfg.Database = []string{r.Addr()}, 99 }
		}, "Redis has no such database"},
		"a cluster": {func(t *testing.T) func(*Config) {
			c := peers.StartRedisCluster(t)
			return func(cfg *Config) { cfg.Addresses = c.Addrs()[:1] }
		}, "set cluster to true"},
		"another master's name": {func(t *testing.T) func(*Config) {
			s := peers.StartRedisSentinel(t)
			return func(cfg *Config) { cfg.Addresses, cfg.Sentinel.MasterName = s.SentinelAddrs(), "other" }
		}, "the sentinels do not know this sentinel::master_name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := start(t, "", newDestination(), test.server(t))
			assert.Contains(t, rec.requireTrouble(t), test.said)
			rec.requireLastingTrouble(t)
		})
	}
}

func TestAUserWithoutAPasswordIsTheUser(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	setUser(t, r.Client(), append(documentedRules(t, 0), "nopass")...)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	d := newDestination()
	start(t, r.Addr(), d, func(cfg *Config) { cfg.Username, cfg.Database = aclUser, 0 })
	eventually(t, "all records", func() bool { return d.count() == 10 })
	clients, err := r.Client().ClientList(t.Context()).Result()
	require.NoError(t, err)
	assert.Contains(t, clients, "user="+aclUser+" ")
}
