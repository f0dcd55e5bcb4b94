package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

const (
	msgpackList  = "analytics-tyk-system-analytics"
	protobufList = "analytics-tyk-system-analytics_0_protobuf"
)

// operator gives commands to tykctl.
type operator struct {
	t     *testing.T
	env   map[string]string
	flags []string // given with each command
	rdb   redis.UniversalClient
	store *claim.Store
}

func newOperator(t *testing.T, rdb redis.UniversalClient, flags ...string) *operator {
	return &operator{t: t, env: map[string]string{}, flags: flags, rdb: rdb, store: claim.NewStore(rdb)}
}

// onRedis is an operator of a Redis of the test's own.
func onRedis(t *testing.T, opts ...peers.RedisOption) *operator {
	t.Helper()
	r := peers.StartRedis(t, append(opts, peers.RedisMaxMemory(1<<30))...)
	return newOperator(t, r.Client(), "-redis", r.Addr())
}

// answer is what a command said.
type answer struct {
	stdout, stderr string
	status         int
}

func (o *operator) run(command string, args ...string) answer {
	o.t.Helper()
	return o.runContext(o.t.Context(), false, command, args...)
}

func (o *operator) runContext(ctx context.Context, terminal bool, command string, args ...string) answer {
	o.t.Helper()
	var stdout, stderr strings.Builder
	all := append(append(strings.Fields(command), o.flags...), args...)
	status := run(ctx, all, console{
		stdout: &stdout, stderr: &stderr, terminal: terminal,
		env: func(name string) string { return o.env[name] },
	})
	return answer{stdout.String(), stderr.String(), status}
}

// ok is what a command says that is to succeed.
func (o *operator) ok(command string, args ...string) string {
	o.t.Helper()
	a := o.run(command, args...)
	require.Equal(o.t, exitOK, a.status, "%s: %s", command, a.stderr)
	return a.stdout
}

// worker is a collector's view of a list.
func worker(list, group, name string, lease time.Duration) *claim.Source {
	return claim.NewSource(list, claim.Settings{
		Group: group, Worker: name, Lease: lease, MaxHeld: 4, MaxDead: 1_000_000, MaxDeadBytes: 1 << 30,
		GroupExpiry: 7 * 24 * time.Hour,
	})
}

// push adds n records to a list, as a gateway would.
func (o *operator) push(list string, n int) {
	o.t.Helper()
	for i := range n {
		require.NoError(o.t, o.rdb.RPush(o.t.Context(), list, fmt.Sprintf("entry %d", i)).Err())
	}
}

// visit claims what is there, as a segment of its own, and returns what the worker
// holds then.
func (o *operator) visit(src *claim.Source) []claim.Segment {
	o.t.Helper()
	segments := "otelcol-tyk:{" + msgpackList + "}:segments"
	for _, row := range o.rdb.ZRangeWithScores(o.t.Context(), segments, -1, -1).Val() {
		// The run of the server comes last: to another one, small lists are not added.
		description := row.Member.(string)
		o.rdb.ZRem(o.t.Context(), segments, description)
		row.Member = description[:strings.LastIndexByte(description, ' ')] + " another"
		o.rdb.ZAdd(o.t.Context(), segments, row)
	}
	visits, err := o.store.Visit(o.t.Context(), []*claim.Source{src}, nil)
	require.NoError(o.t, err)
	return visits[0].Held
}

func (o *operator) ack(g claim.Segment, done int64) {
	o.t.Helper()
	o.ackDead(g, done, 0)
}

// ackDead acknowledges entries of which some became dead letters.
func (o *operator) ackDead(g claim.Segment, done, dead int64) {
	o.t.Helper()
	require.NoError(o.t, o.store.Ack(o.t.Context(), g, done, claim.Outcome{Delivered: done - dead, Dead: dead}))
}

func (o *operator) keep(src *claim.Source, letters ...claim.Letter) {
	o.t.Helper()
	_, _, err := o.store.KeepDeadLetters(o.t.Context(), src, letters)
	require.NoError(o.t, err)
}

// silence makes a group look as if it had not been heard of for so long.
func (o *operator) silence(list, group string, ago time.Duration) {
	o.t.Helper()
	now, err := o.rdb.Time(o.t.Context()).Result()
	require.NoError(o.t, err)
	require.NoError(o.t, o.rdb.ZAdd(o.t.Context(), "otelcol-tyk:{"+list+"}:groups",
		redis.Z{Score: float64(now.Add(-ago).UnixMilli()), Member: group}).Err())
}

// At is when the tests' letters were given up.
var at = time.Date(2026, 8, 20, 10, 0, 0, 0, time.UTC)

// letter is the n-th letter of a group, an hour after the one before.
func letter(group string, n int, reason string, entry []byte) claim.Letter {
	return claim.Letter{UID: fmt.Sprintf("5eed.1.cafe-%d", n), Group: group, Reason: reason, At: at.Add(time.Duration(n) * time.Hour), Entry: entry}
}

func record() *analytics.Record {
	return &analytics.Record{Method: "GET", Path: "/orders", ResponseCode: 200, APIID: "o", OrgID: "acme", TimeStamp: at}
}

// troubled makes a Redis of an outage: a destination is down, one collector
// died, another group's went away, poison came, and a gateway pushes on.
func troubled(t *testing.T) *operator {
	o := onRedis(t)
	one, two := worker(msgpackList, "default", "host-1:7:aa", time.Minute), worker(msgpackList, "default", "host-2:9:bb", time.Millisecond)
	o.push(msgpackList, 12)
	o.ackDead(o.visit(one)[0], 5, 3)
	o.visit(worker(msgpackList, "kafka", "host-3:1:cc", time.Millisecond))
	o.push(msgpackList, 3)
	o.visit(two) // holds this one, and dies
	o.keep(one,
		letter("default", 1, "undecodable: decode msgpack: record at byte 0: found int (0x68), want a map", []byte("hello")),
		letter("default", 2, "undecodable: decode msgpack: record at byte 7: found int (0x69), want a map", []byte("hello")),
		letter("default", 3, "refused: too odd", analytics.AppendMsgpack(nil, record())))
	_, err := o.store.Replay(t.Context(), one, []claim.Letter{letter("default", 3, "", []byte("x"))})
	require.NoError(t, err)
	o.visit(one.Replay())
	o.silence(msgpackList, "kafka", 3*time.Hour+time.Minute)

	o.push(protobufList, 4)
	o.push(analytics.UptimeList, 2)
	require.NoError(t, o.rdb.Expire(t.Context(), protobufList, 41*time.Second).Err())
	return o
}

// spaces and times vary from run to run.
var (
	gaps      = regexp.MustCompile(` {2,}`)
	durations = regexp.MustCompile(`\b(\d+d\d\dh|\d+h\d\dm|\d+m\d\ds|\d+s|\d+ms)\b`)
	stamps    = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d by`)
	sizes     = regexp.MustCompile(`\d+(\.\d)? [kM]?B\b`)
	addresses = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

// masked takes out of a page what varies from run to run.
func masked(page string) string {
	page = stamps.ReplaceAllString(page, "<now> by")
	page = durations.ReplaceAllString(page, "<time>")
	page = sizes.ReplaceAllString(page, "<size>")
	page = addresses.ReplaceAllString(page, "<redis>")
	return gaps.ReplaceAllString(page, "  ")
}

// maskedJSON does the same for a document, by the names of its fields.
func maskedJSON(t *testing.T, text string) string {
	t.Helper()
	var document any
	require.NoError(t, json.Unmarshal([]byte(text), &document))
	var mask func(value any) any
	mask = func(value any) any {
		switch value := value.(type) {
		case map[string]any:
			for name, field := range value {
				switch {
				case strings.HasSuffix(name, "_seconds"), strings.HasSuffix(name, "bytes"), name == "redis", name == "at", name == "seen", name == "policy", name == "url":
					value[name] = "<" + name + ">"
				default:
					value[name] = mask(field)
				}
			}
		case []any:
			for i := range value {
				value[i] = mask(value[i])
			}
		case string:
			return masked(value)
		}
		return value
	}
	out, err := json.MarshalIndent(mask(document), "", "  ")
	require.NoError(t, err)
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(out)) + "\n"
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}
