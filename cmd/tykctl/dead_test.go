package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

// withLetters makes a Redis with letters of two groups and three lists: see the table
// of TestFiltersChooseLetters.
func withLetters(t *testing.T) *operator {
	t.Helper()
	o := onRedis(t)
	one := worker(msgpackList, "default", "w", time.Minute)
	o.visit(one)
	o.visit(worker(msgpackList, "kafka", "w", time.Minute))
	o.keep(one,
		letter("default", 1, "undecodable: decode msgpack: record at byte 0", []byte("hel\x00lo")),
		letter("default", 2, "refused: too_large: Path \x1b[31m is too long", analytics.AppendMsgpack(nil, record())))
	l := letter("kafka", 2, "refused: odd", analytics.AppendMsgpack(nil, record()))
	l.Destination = "kafka/eu"
	o.keep(worker(msgpackList, "kafka", "w", time.Minute), l)
	protobuf := worker(protobufList, "default", "w", time.Minute)
	o.visit(protobuf)
	o.keep(protobuf, letter("default", 3, "refused: constraint: undecodable text", analytics.AppendProtobuf(nil, record())))
	uptime := worker(analytics.UptimeList, "gone", "w", time.Minute)
	o.keep(uptime, letter("gone", 4, "refused: odd", analytics.AppendUptime(nil, &analytics.Uptime{URL: "http://up", ResponseCode: 521, TimeStamp: at})))
	return o
}

// listed are the letters that dead list shows, as <group>/<number>.
func (o *operator) letters(args ...string) []string {
	o.t.Helper()
	var all []string
	for line := range strings.Lines(o.ok("dead list", append(args, "-json")...)) {
		var v inspect.Letter
		require.NoError(o.t, json.Unmarshal([]byte(line), &v))
		all = append(all, v.Group+"/"+v.UID[strings.LastIndex(v.UID, "-")+1:])
	}
	return all
}

func TestFiltersChooseLetters(t *testing.T) {
	t.Parallel()
	o := withLetters(t)
	for filter, want := range map[string][]string{
		"":                            {"default/1", "default/2", "kafka/2", "default/3", "gone/4"},
		"-source " + msgpackList:      {"default/1", "default/2", "kafka/2"},
		"-group default":              {"default/1", "default/2", "default/3"},
		"-group nobody":               nil,
		"-reason undecodable":         {"default/1"},
		"-reason refused":             {"default/2", "kafka/2", "default/3", "gone/4"},
		"-reason TOO_LARGE":           {"default/2"},
		"-uid 5eed.1.cafe-2":          {"default/2", "kafka/2"},
		"-since 2026-08-20T12:00:00Z": {"default/2", "kafka/2", "default/3", "gone/4"},
		"-until 2026-08-20T12:00:00Z": {"default/1"},
		"-since 2026-08-20T12:00:00Z -until 2026-08-20T13:00:00Z": {"default/2", "kafka/2"},
		"-until 1ms":                     {"default/1", "default/2", "kafka/2", "default/3", "gone/4"},
		"-limit 2":                       {"default/1", "default/2"},
		"-destination kafka/eu":          {"kafka/2"},
		"-limit 0":                       {"default/1", "default/2", "kafka/2", "default/3", "gone/4"},
		"-group default -reason refused": {"default/2", "default/3"},
	} {
		assert.Equal(t, want, o.letters(strings.Fields(filter)...), filter)
	}
	assert.Contains(t, o.run("dead list", "-limit", "2").stderr, "there are more than -limit 2")
	assert.Empty(t, o.run("dead list", "-limit", "5").stderr)
	assert.Contains(t, o.ok("dead", "-group", "nobody"), "No dead letters.")
}

func TestFiltersThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	o := newOperator(t, nil)
	for flags, want := range map[string]string{
		"-since yesterday":                      "use RFC 3339",
		"-since -1h":                            "use RFC 3339",
		"-since 1h -until 2d":                   "no letter can be of such a time",
		"-limit -1":                             "-limit: -1",
		"-source analytics-elsewhere":           `no list "analytics-elsewhere"`,
		"-key-prefix x- -source " + msgpackList: "those with -key-prefix \"x-\" are x-tyk-system-analytics",
	} {
		a := o.run("dead list " + flags)
		assert.Equal(t, exitFailed, a.status, flags)
		assert.Contains(t, a.stderr, want)
	}
}

func TestAgesAreReadInDaysToo(t *testing.T) {
	t.Parallel()
	var m moment
	require.NoError(t, m.Set("1.5d"))
	assert.WithinDuration(t, time.Now().Add(-36*time.Hour), m.Time, time.Minute)
}

func TestLettersAreListedAndShown(t *testing.T) {
	t.Parallel()
	o := withLetters(t)
	list := o.ok("dead list")
	golden(t, "dead_list.txt", gaps.ReplaceAllString(list, "  "))
	assert.NotContains(t, list, "\x1b", "letters bring control characters of strangers")
	show := o.ok("dead show")
	golden(t, "dead_show.txt", show)
	assert.NotContains(t, show, "\x1b")
	golden(t, "dead_show.jsonl", o.ok("dead show", "-json"))
}

func TestLongEntriesAndReasonsAreShortenedUnlessAskedFor(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	reason := "undecodable: " + strings.Repeat("why ", 100) + "END"
	o.keep(worker(msgpackList, "default", "w", time.Minute), letter("default", 1, reason, []byte(strings.Repeat("x", 1000))))
	assert.NotContains(t, o.ok("dead list"), "END")
	assert.Contains(t, o.ok("dead list", "-wide"), "END")
	assert.Contains(t, o.ok("dead show"), "... and 488 bytes more")
	assert.NotContains(t, o.ok("dead show", "-bytes", "0"), "more")
}

func TestReplayAndDropNeedAFilterOrAll(t *testing.T) {
	t.Parallel()
	o := withLetters(t)
	for _, verb := range []string{"replay", "drop"} {
		for _, flags := range []string{"", " -limit 3", " -dry-run"} {
			a := o.run("dead " + verb + flags)
			assert.Equal(t, exitFailed, a.status)
			assert.Contains(t, a.stderr, "give a filter, or -all")
		}
	}
	assert.Len(t, o.letters(), 5)
}

func TestDryRunsTakeNothing(t *testing.T) {
	t.Parallel()
	o := withLetters(t)
	assert.Contains(t, o.ok("dead drop", "-all", "-dry-run"), "5 dead letters would be dropped")
	assert.Contains(t, o.ok("dead replay -old", "-group", "kafka", "-dry-run"), "1 dead letter would be replayed")
	assert.Len(t, o.letters(), 5)
}

func TestReplayedLettersGoToTheirGroupOnce(t *testing.T) {
	t.Parallel()
	o := withLetters(t)
	out := o.ok("dead replay -old", "-group", "default", "-source", msgpackList)
	assert.Contains(t, out, "replayed 2 dead letters")
	assert.Contains(t, o.ok("dead replay -old", "-group", "default", "-source", msgpackList), "replayed 0 dead letters")
	assert.Equal(t, []string{"kafka/2", "default/3", "gone/4"}, o.letters())

	src := worker(msgpackList, "default", "w", time.Minute).Replay()
	held := o.visit(src)
	require.Len(t, held, 1)
	entries, err := o.store.Read(t.Context(), held[0], &claim.Ahead{}, 0, 2, 1<<20)
	require.NoError(t, err)
	uid, entry, err := claim.Unframe([]byte(entries[0]))
	require.NoError(t, err)
	assert.Equal(t, "5eed.1.cafe-1", uid)
	assert.Equal(t, "hel\x00lo", string(entry))
	assert.Zero(t, claim.GivenUp([]byte(entries[0])), "with -old, stores are not to mind the age")
	assert.Contains(t, o.ok("status"), "(replay to default)")
}

func TestLettersThatNobodyWouldDeliverStay(t *testing.T) {
	t.Parallel()
	o := withLetters(t)
	require.NoError(t, o.rdb.HSet(t.Context(), "otelcol-tyk:{"+protobufList+"}:dead", "default|5eed.1.cafe-3", "no JSON").Err())
	a := o.run("dead replay -old", "-all", "-json")
	assert.Equal(t, exitFailed, a.status, "not all was replayed")
	assert.Contains(t, a.stderr, "1 dead letter left: no collector reads these lists")
	assert.Contains(t, a.stderr, "1 dead letter left: they cannot be read, only dropped")
	assert.JSONEq(t, `{"action":"replayed","dry_run":false,"matched":3,"taken":3,"lists":[
		{"source":"`+msgpackList+`","group":"default","matched":2,"taken":2},
		{"source":"`+msgpackList+`","group":"kafka","matched":1,"taken":1}]}`, a.stdout)
	assert.Contains(t, o.ok("dead show", "-reason", "unreadable"), "invalid character")
	assert.Contains(t, o.ok("dead drop", "-all"), "dropped 2 dead letters")
	assert.Empty(t, o.letters())
	assert.JSONEq(t, `{"action":"dropped","dry_run":false,"matched":0,"taken":0,"lists":[]}`, o.ok("dead drop", "-all", "-json"))
}

func TestLimitBoundsWhatIsTaken(t *testing.T) {
	t.Parallel()
	o := withLetters(t)
	assert.Contains(t, o.ok("dead drop", "-all", "-limit", "2"), "dropped 2 dead letters")
	assert.Equal(t, []string{"kafka/2", "default/3", "gone/4"}, o.letters())
}

// Twenty thousand letters of 1 kB are a fifth of what a list keeps by default.
func TestManyLettersAreReplayedInPages(t *testing.T) {
	o := onRedis(t)
	src := worker(msgpackList, "default", "w", time.Minute)
	o.visit(src)
	const n = 20_000
	entry := []byte(strings.Repeat("x", 1000))
	for from := 0; from < n; from += 4000 {
		letters := make([]claim.Letter, 4000)
		for i := range letters {
			letters[i] = letter("default", from+i, "refused: odd", entry)
		}
		o.keep(src, letters...)
	}
	assert.Equal(t, n, strings.Count(o.ok("dead list", "-limit", "0"), "refused: odd"))

	var peak atomic.Uint64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for o.rdb.HLen(t.Context(), stateKey("dead")).Val() > 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
		}
	}()
	assert.Contains(t, o.ok("dead replay -old", "-all"), fmt.Sprintf("replayed %d dead letters", n))
	<-done
	assert.EqualValues(t, n, o.rdb.LLen(t.Context(), src.Replay().Key()).Val())
	assert.Less(t, peak.Load(), uint64(100<<20), "memory does not go by the number of letters")
}
