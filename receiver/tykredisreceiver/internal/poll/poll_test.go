package poll

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTroubleOfATaskLastsUntilTheNext(t *testing.T) {
	t.Parallel()
	done := 0
	beat := &task{}
	for range 3 {
		require.ErrorIs(t, beat.do(time.Hour, func() error { done++; return assert.AnError }), assert.AnError)
	}
	assert.Equal(t, 1, done)
	assert.LessOrEqual(t, time.Until(beat.next), again, "what failed is tried again soon")
	beat.next = time.Time{}
	require.NoError(t, beat.do(time.Hour, func() error { return nil }))
	require.NoError(t, beat.do(time.Hour, func() error { return assert.AnError }))
	assert.Greater(t, time.Until(beat.next), again)
}

func TestLooksAreMoreFrequentWhileRecordsCome(t *testing.T) {
	t.Parallel()
	p := &Poller{Settings: Settings{Interval: 250 * time.Millisecond}}
	pause, pauses := p.Interval, []time.Duration{}
	for _, growing := range []bool{false, true, true, false, false, false, false, true} {
		p.growing = growing
		pause = p.next(pause)
		pauses = append(pauses, pause/time.Millisecond)
	}
	assert.Equal(t, []time.Duration{250, 50, 50, 100, 200, 250, 250, 50}, pauses)
}
