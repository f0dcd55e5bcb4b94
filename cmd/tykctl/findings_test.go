package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

func stateKey(name string) string { return "otelcol-tyk:{" + msgpackList + "}:" + name }

// states are what a Redis may be found in, each with the codes of what is said about it.
var states = map[string]struct {
	make   func(o *operator)
	codes  []string
	status int
}{
	"a list that waits for its first collector": {
		func(o *operator) { o.push(msgpackList, 3) }, []string{"unwatched"}, exitTrouble,
	},
	"a list that Redis drops soon": {
		func(o *operator) {
			o.push(msgpackList, 3)
			o.rdb.Expire(o.t.Context(), msgpackList, 50*time.Second)
		}, []string{"expiring"}, exitTrouble,
	},
	"a list just pushed to, with a collector": {
		func(o *operator) {
			o.visit(worker(msgpackList, "default", "w", time.Minute))
			o.push(msgpackList, 3)
			o.rdb.Expire(o.t.Context(), msgpackList, 59*time.Second)
		}, nil, exitOK,
	},
	"a list that a collector does not claim": {
		func(o *operator) {
			o.visit(worker(msgpackList, "default", "w", time.Minute))
			o.push(msgpackList, 3)
			o.rdb.Expire(o.t.Context(), msgpackList, 20*time.Second)
		}, []string{"claimed_late"}, exitTrouble,
	},
	"a collector that has acknowledged nothing yet": {
		func(o *operator) {
			o.push(msgpackList, 3)
			o.visit(worker(msgpackList, "default", "w", time.Minute))
		}, []string{"stalled"}, exitOK,
	},
	"a collector that is stalled": {
		func(o *operator) {
			o.push(msgpackList, 3)
			o.visit(worker(msgpackList, "default", "w", time.Minute))
			old(o, 2*time.Minute)
		}, []string{"stalled"}, exitTrouble,
	},
	"a collector that died": {
		func(o *operator) {
			o.push(msgpackList, 3)
			o.visit(worker(msgpackList, "default", "w", time.Millisecond))
			time.Sleep(2 * time.Millisecond)
		}, []string{"no_lease"}, exitTrouble,
	},
	"a group that is away, with nothing to do": {
		func(o *operator) {
			o.visit(worker(msgpackList, "default", "w", time.Minute))
			o.silence(msgpackList, "default", time.Hour)
		}, []string{"group_away"}, exitOK,
	},
	"a group that is away and keeps what another is done with": {
		func(o *operator) {
			o.push(msgpackList, 3)
			o.ack(o.visit(worker(msgpackList, "default", "w", time.Minute))[0], 3)
			o.push(msgpackList, 2)
			o.visit(worker(msgpackList, "kafka", "w", time.Minute))
			o.ack(o.visit(worker(msgpackList, "default", "w", time.Minute))[0], 2)
			o.silence(msgpackList, "kafka", time.Hour)
		}, []string{"group_away"}, exitTrouble,
	},
	"segments without any group": {
		func(o *operator) {
			src := worker(msgpackList, "default", "w", time.Minute)
			o.push(msgpackList, 3)
			o.visit(src)
			_, err := o.store.Forget(o.t.Context(), src, "default")
			require.NoError(o.t, err)
		}, []string{"no_group"}, exitTrouble,
	},
	"a segment that Redis lost": {
		func(o *operator) {
			o.push(msgpackList, 3)
			g := o.visit(worker(msgpackList, "default", "w", time.Minute))[0]
			o.rdb.Del(o.t.Context(), g.Key())
		}, []string{"missing", "stalled"}, exitTrouble,
	},
	"entries that Redis lost once": {
		func(o *operator) {
			o.push(msgpackList, 3)
			g := o.visit(worker(msgpackList, "default", "w", time.Minute))[0]
			require.NoError(o.t, o.store.Ack(o.t.Context(), g, 3, claim.Outcome{Lost: 3}))
		}, []string{"lost"}, exitOK,
	},
	"entries that were shed": {
		func(o *operator) {
			o.push(msgpackList, 3)
			g := o.visit(worker(msgpackList, "default", "w", time.Minute))[0]
			require.NoError(o.t, o.store.Ack(o.t.Context(), g, 3, claim.Outcome{Delivered: 1, Shed: 2}))
		}, []string{"shed"}, exitOK,
	},
	"receipts that are off": {
		func(o *operator) {
			o.push(msgpackList, 3)
			o.ack(o.visit(worker(msgpackList, "default", "w", time.Minute))[0], 3)
			o.rdb.HIncrBy(o.t.Context(), stateKey("receipts"), "default|delivered", -1)
		}, []string{"receipts_off"}, exitTrouble,
	},
	"a lease from a clock that was set back": {
		func(o *operator) {
			o.push(msgpackList, 3)
			o.visit(worker(msgpackList, "default", "w", 3*time.Hour))
		}, []string{"odd_lease", "stalled"}, exitTrouble,
	},
	"dead letters": {
		func(o *operator) {
			o.keep(worker(msgpackList, "default", "w", time.Minute), letter("default", 1, "refused: odd", nil))
		},
		[]string{"dead_letters"},
		exitOK,
	},
	"a replay for a group that is away": {
		func(o *operator) {
			src := worker(msgpackList, "default", "w", time.Minute)
			o.visit(src)
			l := letter("default", 1, "refused: odd", nil)
			o.keep(src, l)
			_, err := o.store.Replay(o.t.Context(), src, []claim.Letter{l})
			require.NoError(o.t, err)
			o.silence(msgpackList, "default", time.Hour)
		}, []string{"unwatched", "group_away"}, exitTrouble,
	},
}

// old makes the segments of the list look as if they were claimed so long ago.
func old(o *operator, age time.Duration) {
	rows, err := o.rdb.ZRangeWithScores(o.t.Context(), stateKey("segments"), 0, -1).Result()
	require.NoError(o.t, err)
	for _, row := range rows {
		description := row.Member.(string)
		claimed := time.Now().Add(-age).UnixMilli()
		require.NoError(o.t, o.rdb.ZRem(o.t.Context(), stateKey("segments"), description).Err())
		fields := strings.Fields(description)
		fields[2] = number(claimed)
		require.NoError(o.t, o.rdb.ZAdd(o.t.Context(), stateKey("segments"), redis.Z{Score: row.Score, Member: strings.Join(fields, " ")}).Err())
	}
}

func number(n int64) string {
	text, _ := json.Marshal(n)
	return string(text)
}

func TestEachKindOfTroubleIsSaid(t *testing.T) {
	t.Parallel()
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := onRedis(t)
			state.make(o)
			a := o.run("status", "-json", "-check", "-sample", "5ms")
			var view inspect.Status
			require.NoError(t, json.Unmarshal([]byte(a.stdout), &view), a.stderr)
			var codes []string
			for _, f := range view.Findings {
				codes = append(codes, f.Code)
				assert.NotEmpty(t, f.Text)
			}
			assert.ElementsMatch(t, state.codes, codes, a.stdout)
			assert.Equal(t, state.status, a.status)
		})
	}
}
