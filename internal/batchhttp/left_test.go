package batchhttp

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// What is left of a push may be at fault as a whole, and nothing else may be sent until it is refused: that others
// were accepted before a failure counts for it, yet not at once.
func TestWhatIsLeftOfAPushIsRefusedInTheEnd(t *testing.T) {
	t.Parallel()
	closed := true
	d := &destination{}
	d.judge = func(items []Item) []Verdict {
		switch {
		case !slices.ContainsFunc(items, func(i Item) bool { return i.Entry >= 100 }):
			return all(Accepted)
		case closed:
			return all(Later)
		}
		return all(Unclear)
	}
	sender := Sender{Request: d.request, MaxItems: 100}
	items := numbered(300)
	sent, err := sender.Send(t.Context(), items)
	require.Error(t, err)
	require.Equal(t, 100, sent.Accepted)
	closed = false
	attempts := 1
	for ; err != nil; attempts++ {
		require.Less(t, attempts, 4*sink.EqualFailures)
		sent, err = sender.Send(t.Context(), items[100:])
	}
	assert.Len(t, sent.Refused, 200)
	assert.Greater(t, attempts, sink.EqualFailures)
	for body, times := range d.accepted {
		assert.Equal(t, 1, times, body)
	}
}
