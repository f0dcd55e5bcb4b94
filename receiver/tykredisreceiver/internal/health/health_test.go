package health

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// statusHost keeps the statuses that are reported.
type statusHost struct {
	component.Host
	events []*componentstatus.Event
}

func newStatusHost() *statusHost { return &statusHost{Host: componenttest.NewNopHost()} }

func (h *statusHost) Report(event *componentstatus.Event) { h.events = append(h.events, event) }

func (h *statusHost) last() *componentstatus.Event { return h.events[len(h.events)-1] }

func asItIs(err error) error { return err }

func messages(logs *observer.ObservedLogs) (all []string) {
	for _, entry := range logs.All() {
		all = append(all, entry.Message)
	}
	return all
}

func TestAnOutageOfRedisIsRepeatedWhileItLasts(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	h := New(componenttest.NewNopHost(), zap.New(core), asItIs)
	h.Note(Claiming, nil, errors.New("read tcp 127.0.0.1:40001->127.0.0.1:6379: i/o timeout"))
	began := h.outages[Claiming].since
	for _, after := range []time.Duration{0, 59 * time.Second, time.Minute, 90 * time.Second, 2 * time.Minute} {
		h.remind(began.Add(after))
	}
	h.Note(Claiming, nil, nil)
	h.remind(began.Add(time.Hour))
	got := messages(logs)
	require.Len(t, got, 4, "%q", got)
	assert.Equal(t, firstWords(Claiming), got[0])
	assert.NotContains(t, got[0], "nothing is lost")
	assert.Contains(t, got[1], "Redis still cannot be read")
	assert.Equal(t, "Working again", got[3])
	assert.WithinDuration(t, began, logs.All()[2].ContextMap()["since"].(time.Time), 0, "when it began, not when it was first repeated")
	assert.WithinDuration(t, began, logs.All()[1].ContextMap()["expires_before"].(time.Time), time.Millisecond)
}

func TestAStoreThatIsAwayIsRepeatedAndNotWellAtTheStop(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	h := New(componenttest.NewNopHost(), zap.New(core), asItIs)
	h.Note(Destination, "a", errors.New("connection refused"))
	began := h.outages[Destination].since
	for _, after := range []time.Duration{0, 59 * time.Second, time.Minute, 90 * time.Second, 2 * time.Minute} {
		h.remind(began.Add(after))
	}
	h.Abandon("a")
	require.Equal(t, []string{firstWords(Destination), stillWords(Destination), stillWords(Destination)}, messages(logs))
	h.Note(Destination, "b", errors.New("connection refused"))
	h.Note(Destination, "b", nil)
	require.Equal(t, []string{firstWords(Destination), "Working again"}, messages(logs)[3:])
}

func TestOnlyChangesAreReported(t *testing.T) {
	t.Parallel()
	seen := newStatusHost()
	h := New(seen, zap.NewNop(), asItIs)
	for _, text := range []string{"NOAUTH on 127.0.0.1:40001", "NOAUTH on 127.0.0.1:40002", "WRONGPASS on 127.0.0.1:40003"} {
		h.Note(Claiming, nil, errors.New(text))
	}
	h.Note(Claiming, nil, nil)
	require.Len(t, seen.events, 3)
	assert.Equal(t, componentstatus.StatusOK, seen.events[2].Status())
}

func TestAnErrorForEachRecordIsCut(t *testing.T) {
	t.Parallel()
	host := newStatusHost()
	h := New(host, zap.NewNop(), asItIs)
	h.Note(Destination, "a", errors.New(strings.Repeat("message too large; ", 2000)))
	require.EqualError(t, host.last().Err(), "message too large;  ... (38000 bytes)")
	h.Note(Claiming, nil, errors.Join(errors.New(strings.Repeat("note that the group lives: unknown command 'evalsha' ", 2000)), errors.New("what to do about it")))
	assert.Less(t, len(host.last().Err().Error()), 2100)
	assert.Contains(t, host.last().Err().Error(), "what to do about it")
	short := errors.New("short")
	assert.Equal(t, short, Brief(short))
}
