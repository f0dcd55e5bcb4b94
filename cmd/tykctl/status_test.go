package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

func TestStatusOfATroubledRedis(t *testing.T) {
	t.Parallel()
	o := troubled(t)
	args := []string{"-sample", "5ms", "-stuck-after", "1ms"}
	a := o.run("status", append(args, "-check")...)
	assert.Equal(t, exitTrouble, a.status)
	assert.Empty(t, a.stderr)
	golden(t, "status.txt", masked(a.stdout))
	assert.NotContains(t, a.stdout, "\x1b")

	a = o.run("", append(args, "-json")...)
	assert.Equal(t, exitOK, a.status, "without -check trouble is only told")
	golden(t, "status.json", maskedJSON(t, a.stdout))
}

func TestStatusOfAnEmptyRedis(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	out := o.ok("status", "-check")
	assert.Contains(t, out, "No gateway has pushed anything")
	assert.Contains(t, out, "Nothing is stuck.")

	var view map[string]any
	require.NoError(t, json.Unmarshal([]byte(o.ok("status", "-json")), &view))
	for _, name := range []string{"lists", "groups", "leases", "dead_letters", "findings"} {
		assert.Equal(t, []any{}, view[name], "%s is a list also where it is empty", name)
	}
}

func TestStatusTellsWhatMoves(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	src := worker(msgpackList, "default", "host-1:7:aa", time.Minute)
	o.push(msgpackList, 500)
	segment := o.visit(src)[0]
	ctx, stop := context.WithCancel(t.Context())
	acked := make(chan struct{})
	go func() {
		defer close(acked)
		for done := int64(1); done < 400 && ctx.Err() == nil; done++ {
			assert.NoError(t, o.store.Ack(t.Context(), segment, done, claim.Outcome{Delivered: done}))
			time.Sleep(time.Millisecond)
		}
	}()
	var view inspect.Status
	out := o.ok("status", "-json", "-check", "-sample", "100ms", "-stuck-after", "1ms")
	stop()
	<-acked
	require.NoError(t, json.Unmarshal([]byte(out), &view))
	list := view.Groups[0].Lists[0]
	assert.Equal(t, inspect.Moving, list.Movement)
	assert.Positive(t, list.PerSecond)
	require.Len(t, view.Findings, 1)
	assert.Equal(t, "behind", view.Findings[0].Code)
}

func TestStatusLooksOnceWhereNothingWaits(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	o.push(msgpackList, 1)
	segment := o.visit(worker(msgpackList, "default", "host-1:7:aa", time.Minute))[0]
	o.ack(segment, 1)
	began := time.Now()
	assert.Contains(t, o.ok("status", "-sample", "1h"), "idle")
	assert.Less(t, time.Since(began), time.Minute)
}

func TestWatchShowsPageAfterPageUntilInterrupted(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	o.push(msgpackList, 1)
	o.visit(worker(msgpackList, "default", "host-1:7:aa", time.Minute))
	watch := func(terminal bool, args ...string) string {
		ctx, interrupt := context.WithCancel(t.Context())
		defer time.AfterFunc(500*time.Millisecond, interrupt).Stop()
		a := o.runContext(ctx, terminal, "status", append([]string{"-watch", "10ms", "-sample", "0"}, args...)...)
		assert.Equal(t, exitOK, a.status, a.stderr)
		return a.stdout
	}
	page := watch(false)
	assert.Greater(t, strings.Count(page, "WORKER"), 1)
	assert.NotContains(t, page, "\x1b")
	assert.Contains(t, page, string(inspect.Stalled), "the page before is the first look")
	assert.Contains(t, watch(true), "\x1b[2J")
	for line := range strings.Lines(watch(false, "-json")) {
		assert.True(t, json.Valid([]byte(line)), line)
	}
}

func TestReasonsAreCountedUpToALimit(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	src := worker(msgpackList, "default", "w", time.Minute)
	for i := range 30 {
		o.keep(src, letter("default", i, fmt.Sprintf("refused: row %d is odd", i), nil))
	}
	reasons := func(limit string) []inspect.Reason {
		var view inspect.Status
		require.NoError(t, json.Unmarshal([]byte(o.ok("status", "-json", "-letters", limit)), &view))
		return view.DeadLetters
	}
	all := inspect.Reason{Source: msgpackList, Group: "default", Reason: "refused: row # is odd", Count: 30}
	assert.Equal(t, []inspect.Reason{all}, reasons("30"))
	some := all
	some.Count, some.More = 20, true
	assert.Equal(t, []inspect.Reason{some}, reasons("20"))
	assert.Empty(t, reasons("0"))
}

func TestStatusRefusesWrongFlags(t *testing.T) {
	t.Parallel()
	o := newOperator(t, nil)
	for flags, want := range map[string]string{
		"-sample=-1s":  "-sample: -1s: use 0 or more",
		"-watch=-1s":   "-watch: -1s: use 0 or more",
		"-letters=-1":  "-letters: -1: use 0 or more",
		"-nonsense":    "flag provided but not defined: -nonsense: see tykctl status -help",
		"leftover":     `unexpected argument "leftover"`,
		"-sample soon": "invalid value",
	} {
		a := o.run("status " + flags)
		assert.Equal(t, exitFailed, a.status, flags)
		assert.Contains(t, a.stderr, want)
	}
}

// Receivers find what waits with other prefixes than theirs, and so does who looks.
func TestStatusShowsListsWithOtherKeyPrefixes(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	const old = "old-tyk-system-analytics_3_protobuf"
	o.push(old, 5)
	src := worker(old, "gone", "w", time.Minute)
	o.visit(src)
	o.keep(src, letter("gone", 1, "refused: odd", nil))
	out := o.ok("status", "-sample", "0")
	assert.Contains(t, out, old)
	assert.Contains(t, out, "tykctl dead list -key-prefix old- -source "+old)
	assert.Contains(t, o.ok("dead list -key-prefix old- -source "+old), "refused: odd")

	require.NoError(t, o.rdb.ZAdd(t.Context(), "otelcol-tyk:{"+old+"}:groups", redis.Z{Score: 1000, Member: "gone"}).Err())
	assert.Contains(t, o.ok("status", "-sample", "0"), "tykctl groups remove -key-prefix old- gone")
	assert.Contains(t, o.ok("groups remove -key-prefix old- gone"), "removed group gone")
}

func TestDeadLettersOfWhichTheOrderIsLostAreShown(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	src := worker(msgpackList, "default", "w", time.Minute)
	o.push(msgpackList, 3)
	o.visit(src)
	o.keep(src, letter("default", 1, "refused: odd", nil), letter("default", 2, "refused: odd", nil))
	require.NoError(t, o.rdb.Del(t.Context(), "otelcol-tyk:{"+msgpackList+"}:dead:order").Err())
	assert.Contains(t, o.ok("status", "-sample", "0"), "refused: odd")
	assert.Contains(t, o.ok("dead replay -all -old"), "replayed 2")
}
