package main

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// spoiled is the list that cannot be read in most of these tests.
const spoiled = "analytics-tyk-system-analytics_3"

// What commands show of the other list.
var (
	ofLists = map[string]string{
		"status -sample 1ms":     msgpackList + " ",
		"status -sample 0 -json": `"source": "` + msgpackList + `"`,
		"groups list":            "default",
		"groups list -json":      `"name": "default"`,
		"receipts":               "adds up",
		"receipts -json":         `"adds_up": true`,
	}
	ofLetters = map[string]string{
		"status -sample 0":          "refused: odd",
		"dead list":                 "refused: odd",
		"dead show":                 "refused: odd",
		"dead list -json":           "refused: odd",
		"dead replay -all -dry-run": "1 dead letter would be replayed",
	}
)

// requireTheRest runs commands, which must show what the other list has, and say which cannot be read and why.
func requireTheRest(t *testing.T, o *operator, spoiled string, commands map[string]string, why string) {
	t.Helper()
	for command, shown := range commands {
		a := o.run(command)
		assert.Equal(t, exitFailed, a.status, command)
		assert.Contains(t, a.stdout, shown, command)
		assert.Contains(t, a.stderr, "cannot read ", command)
		assert.Contains(t, a.stderr, spoiled, command)
		assert.Contains(t, a.stderr, why, command)
		assert.NotContains(t, a.stderr, msgpackList+",", command)
		assert.NotContains(t, a.stderr, "check -redis", command)
	}
	var view inspect.Status
	require.NoError(t, json.Unmarshal([]byte(o.run("status -sample 0 -json").stdout), &view))
	require.NotEmpty(t, view.Unreadable)
	codes := map[string]string{}
	for _, f := range view.Findings {
		codes[f.Source] += f.Code + " "
	}
	assert.Contains(t, codes[spoiled], "unreadable")
	assert.NotContains(t, o.run("status -sample 0").stdout, "Nothing is stuck")
}

// used gives a list a group, a claimed segment and a dead letter of today.
func (o *operator) used(list string) {
	o.t.Helper()
	src := worker(list, "default", "w", time.Minute)
	o.push(list, 3)
	segment := o.visit(src)[0]
	today := letter("default", 0, "refused: odd", nil)
	today.At = time.Now()
	o.keep(src, today)
	o.ackDead(segment, 1, 1)
}

func TestOneListThatCannotBeReadHidesNoOther(t *testing.T) {
	t.Parallel()
	for spoil, commands := range map[string]map[string]string{
		spoiled:                                  ofLists,
		"otelcol-tyk:{" + spoiled + "}:segments": ofLists,
		"otelcol-tyk:{" + spoiled + "}:dead:order": ofLetters,
	} {
		o := onRedis(t)
		o.used(msgpackList)
		o.used(spoiled)
		require.NoError(t, o.rdb.Set(t.Context(), spoil, "x", 0).Err())
		requireTheRest(t, o, spoiled, commands, "another program has written it")
		a := o.run("dead replay -all")
		assert.Contains(t, a.stdout, "replayed 1", spoil)
	}
}

func TestWhatIsDoneIsDoneToTheListsThatCanBeRead(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	o.used(msgpackList)
	require.NoError(t, o.rdb.Set(t.Context(), spoiled, "x", 0).Err())
	a := o.run("receipts", "-source", spoiled)
	assert.Empty(t, a.stdout, "there is nothing else to show")
	assert.Contains(t, a.stderr, "WRONGTYPE")
	assert.NotContains(t, o.run("receipts").stdout, "Everything adds up")
	a = o.run("groups remove default -force")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stdout, "removed group default from 1 list")
	assert.Contains(t, a.stderr, "cannot read "+spoiled)
}

func TestANodeOfAClusterThatIsDownHidesNoOther(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t)
	require.NoError(t, c.Client().ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
		return node.ConfigSet(ctx, "cluster-require-full-coverage", "no").Err()
	}))
	stays, err := c.MasterOf(t.Context(), msgpackList)
	require.NoError(t, err)
	o := newOperator(t, c.Client(), "-redis", stays.Addr(), "-cluster", "-timeout", "5s")
	o.used(msgpackList)
	all := (&connection{keyPrefix: "analytics-", uptimePrefix: analytics.UptimePrefix}).view().Lists()
	elsewhere := slices.IndexFunc(all, func(l inspect.List) bool {
		master, err := c.MasterOf(t.Context(), l.Key)
		require.NoError(t, err)
		return master != stays
	})
	require.Positive(t, elsewhere)
	spoiled := all[elsewhere].Key
	_, err = c.KillMasterOf(t.Context(), spoiled)
	require.NoError(t, err)
	requireTheRest(t, o, spoiled, ofLists, "down?")
	requireTheRest(t, o, spoiled, ofLetters, "down?")
}

func TestLettersOlderThanTheStoresMemoryAreReplayedOnlyWhenToldSo(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	src := worker(msgpackList, "default", "w", time.Minute)
	o.visit(src)
	aged, fresh := letter("default", 1, "refused: odd", nil), letter("default", 2, "refused: odd", nil)
	aged.At, fresh.At = time.Now().Add(-73*time.Hour), time.Now().Add(-71*time.Hour)
	o.keep(src, aged, fresh)
	const says = "1 dead letter left: they are older than -ledger-retention 3d00h, and stores have forgotten since then what they stored"
	for _, dry := range []bool{true, false} {
		command, done := "dead replay -all", "replayed 1 dead letter"
		if dry {
			command, done = command+" -dry-run", "1 dead letter would be replayed"
		}
		a := o.run(command)
		assert.Equal(t, exitFailed, a.status)
		assert.Contains(t, a.stdout, done)
		assert.Contains(t, a.stderr, says)
	}
	assert.Equal(t, []string{"default/1"}, o.letters())
	assert.Contains(t, o.run("dead replay -all -ledger-retention -1s").stderr, "use 0 or more")
	assert.Contains(t, o.ok("dead replay -all -dry-run -ledger-retention 74h"), "1 dead letter would be")
	assert.Contains(t, o.ok("dead replay -all -dry-run -ledger-retention 0"), "1 dead letter would be")
	assert.Contains(t, o.ok("dead replay -all -old"), "replayed 1 dead letter")
}
