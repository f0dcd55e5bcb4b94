package tykredisreceiver

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// relay is a destination that wants entries as they came.
type relay struct {
	refuse func(entry string) bool // nil for nothing

	mu      sync.Mutex // guards the fields below
	entries map[string][]string
	events  map[string]int
	strange int // log records without an entry
}

func newRelay() *relay { return &relay{entries: map[string][]string{}, events: map[string]int{}} }

func (*relay) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (r *relay) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	entries := analytics.EntriesOf(ctx)
	if entries == nil {
		return errors.New("no entries")
	}
	if _, ok := entries.Entry(analytics.UID{Segment: "another", Index: 0}); ok {
		return errors.New("an entry of another delivery")
	}
	refused := &analytics.RefusedError{}
	eachRecord(ld, func(lr plog.LogRecord) {
		value, _ := lr.Attributes().Get(analytics.AttrUID)
		uid, err := analytics.ParseUID(value.Str())
		entry, ok := entries.Entry(uid)
		if err != nil || !ok {
			r.strange++
			return
		}
		if r.refuse != nil && r.refuse(string(entry.Bytes)) {
			refused.Records = append(refused.Records, analytics.RefusedRecord{UID: uid, Reason: "no", Destination: "relay"})
			return
		}
		r.events[lr.EventName()]++
		r.entries[entry.List] = append(r.entries[entry.List], string(entry.Bytes))
	})
	if len(refused.Records) > 0 {
		return consumererror.NewPermanent(refused)
	}
	return nil
}

func (r *relay) of(list string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.entries[list]...)
}

func (r *relay) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, all := range r.entries {
		n += len(all)
	}
	return n
}

// Whoever wants the entries of a delivery has them, of all kinds of lists, also what cannot be decoded.
func TestEntriesAreHandedOnAsTheyCame(t *testing.T) {
	t.Parallel()
	redis := newRedis(t)
	want := map[string][]string{}
	pushEntry := func(prefix, name, entry string) {
		require.NoError(t, redis.Client().RPush(t.Context(), prefix+name, entry).Err())
		want[name] = append(want[name], entry)
	}
	for i := range 25 {
		record := analytics.Record{APIKey: strconv.Itoa(i), TimeStamp: time.Unix(1_700_000_000, 0)}
		pushEntry("analytics-", "tyk-system-analytics", string(analytics.AppendMsgpack(nil, &record)))
		pushEntry("analytics-", "tyk-system-analytics_3_protobuf", string(analytics.AppendProtobuf(nil, &record)))
		pushEntry("analytics-", "tyk-system-analytics", "odd "+strconv.Itoa(i))
		pushEntry("analytics-", "tyk-system-analytics_3_protobuf", "\xff odd "+strconv.Itoa(i))
		pushEntry("host-checker:", "tyk-uptime-analytics", "odd check "+strconv.Itoa(i))
	}
	to := newRelay()
	r := start(t, redis.Addr(), to, func(c *Config) { c.Undecodable, c.Uptime.Enabled = undecodableDelivered, true })
	require.Eventually(t, func() bool { return to.count() >= 125 }, 5*time.Minute, time.Millisecond)
	require.NoError(t, r.Shutdown(context.Background()))
	for name, entries := range want {
		assert.ElementsMatch(t, entries, to.of(name), name)
	}
	assert.Equal(t, map[string]int{analytics.EventRequest: 50, analytics.EventEntry: 75}, to.events)
	assert.Zero(t, to.strange)
	assert.Zero(t, r.sum(t, "tykredis_records_dead_lettered"))
}

// A dead letter that is replayed comes with its entry, and its identity.
func TestReplayedEntriesAreHandedOn(t *testing.T) {
	t.Parallel()
	redis := newRedis(t)
	to := newRelay()
	healed := false
	to.refuse = func(entry string) bool { return !healed && strings.Contains(entry, "bad") }
	for _, key := range []string{"a", "bad", "b"} {
		record := analytics.Record{APIKey: key}
		require.NoError(t, redis.Client().RPush(t.Context(), list, string(analytics.AppendMsgpack(nil, &record))).Err())
	}
	start(t, redis.Addr(), to, nil)
	store := claim.NewStore(redis.Client())
	src := claim.NewSource(list, claim.Settings{Group: "default", Worker: "test", Lease: time.Minute, MaxHeld: 1, MaxDead: 1, MaxDeadBytes: 1})
	var letters []claim.Letter
	require.Eventually(t, func() bool {
		letters = nil
		err := store.Letters(t.Context(), src, func(l claim.Letter) bool {
			letters = append(letters, l)
			return true
		})
		return err == nil && len(letters) == 1 && to.count() == 2
	}, 5*time.Minute, 5*time.Millisecond)
	to.mu.Lock()
	healed = true
	to.mu.Unlock()
	_, err := store.Replay(t.Context(), src, letters)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return to.count() == 3 }, 5*time.Minute, 5*time.Millisecond)
	assert.Contains(t, to.of("tyk-system-analytics"), string(letters[0].Entry))
}

// Who wants no entries is given no log records of what cannot be decoded.
func TestUndecodableEntriesAreDeadLettersUnlessTheyAreWanted(t *testing.T) {
	t.Parallel()
	redis := newRedis(t)
	record := analytics.Record{APIKey: "a"}
	require.NoError(t, redis.Client().RPush(t.Context(), list, "odd", string(analytics.AppendMsgpack(nil, &record))).Err())
	to := newRelay()
	r := start(t, redis.Addr(), to, nil)
	require.Eventually(t, func() bool { return r.sum(t, "tykredis_records_dead_lettered") == 1 && to.count() == 1 }, 5*time.Minute, time.Millisecond)
	assert.Equal(t, map[string]int{analytics.EventRequest: 1}, to.events)
}
