package poll

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/health"
)

// reported is a host that keeps what was reported.
type reported struct {
	component.Host
	events []*componentstatus.Event
}

func (r *reported) Report(event *componentstatus.Event) { r.events = append(r.events, event) }

func TestMembersOfAGroupThatDeliverElsewhereAreWarnedOfOnce(t *testing.T) {
	t.Parallel()
	core, log := observer.New(zapcore.InfoLevel)
	host := &reported{}
	logger := zap.New(core)
	r := &rivals{logger: logger, health: health.New(host, logger, func(err error) error { return err })}
	member := func(group, worker, destinations string) claim.Member {
		return claim.Member{Group: group, Worker: worker, Destinations: destinations}
	}
	self := member("g", "me", "tyksql/a#1")
	same := []claim.Member{
		self, member("g", "twin", "tyksql/a#1"), member("g", "more", "tyksql/a#1"),
		member("g", "old", ""), member("other", "x", "kafka#2"),
	}
	r.note(self, same)
	assert.Empty(t, log.TakeAll())

	for range 3 {
		r.note(self, append(same, member("g", "rival", "kafka#2")))
	}
	said := log.TakeAll()
	require.Len(t, said, 1)
	assert.Equal(t, zapcore.WarnLevel, said[0].Level)
	const want = `group "g": this process delivers to tyksql/a#1, but rival to kafka#2: each record reaches one of them only: ` +
		`give each set of destinations a group of its own, or set destinations to the same words where they are the same`
	assert.Equal(t, want, said[0].ContextMap()["error"])
	require.Len(t, host.events, 1)
	assert.Equal(t, componentstatus.StatusOK, host.events[0].Status(), "a process that replaces the other one must become ready")
	require.EqualError(t, host.events[0].Err(), want)

	r.health.Note(health.Claiming, nil, assert.AnError)
	r.health.Note(health.Claiming, nil, nil)
	require.Len(t, host.events, 3)
	require.ErrorIs(t, host.events[1].Err(), assert.AnError)
	require.EqualError(t, host.events[2].Err(), want)
	log.TakeAll()

	r.note(self, same)
	require.Len(t, log.TakeAll(), 1)
	require.Len(t, host.events, 4)
	require.NoError(t, host.events[3].Err())
}

func TestAProcessThatDoesNotKnowItsDestinationsComparesNone(t *testing.T) {
	t.Parallel()
	r := &rivals{} // would panic without a logger
	r.note(claim.Member{Group: "g", Worker: "me"}, []claim.Member{{Group: "g", Worker: "other", Destinations: "kafka#2"}})
}
