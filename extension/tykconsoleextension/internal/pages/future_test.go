package pages

import (
	"context"
	"math/rand/v2"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a page does not wait for may be answered at any moment: until then it has no value, and an error.
func TestWhatIsStillAskedHasNoValue(t *testing.T) {
	t.Parallel()
	site, _ := newSite(t, full(), nil)
	q := site.newRequest(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	q.wait = 0
	answer := make(chan int)
	defer close(answer)
	f := ask(q, func(context.Context) (int, error) { return <-answer, nil })
	assert.False(t, f.ready(q))
	assert.True(t, q.late.Load())
	require.ErrorIs(t, f.err(), context.DeadlineExceeded)
	assert.Zero(t, f.value())
	assert.Nil(t, optional(f))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	q.Request = q.WithContext(ended)
	value, err := f.must(q)
	require.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, value)

	answer <- 7
	<-f.done
	require.NoError(t, f.err())
	assert.Equal(t, 7, f.value())
}

// Pages that are made while their blocks are being answered read none of them: the race detector would say.
func TestPagesWhoseBlocksAreAnsweredMeanwhile(t *testing.T) {
	t.Parallel()
	s := full()
	site, _ := newSite(t, s, func(o *Options) { o.Now = time.Now })
	for range 3 {
		s.store.(*memory).late.Store(int64(patience/2 + rand.N(patience))) //nolint:gosec // any moment will do
		for _, path := range withRecord(allPaths) {
			assert.Less(t, get(t, site, path).Code, 500, path)
		}
	}
}

// Nothing is asked any more once the site is closed, whatever page it was for.
func TestQuestionsEndWithTheSite(t *testing.T) {
	t.Parallel()
	site, _ := newSite(t, full(), nil)
	q := site.newRequest(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	until := func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	lasting := ask(q, until)
	q.block = "latency"
	own := ask(q, until)
	site.Close()
	for _, f := range []*future[int]{lasting, own, ask(q, until)} {
		require.True(t, f.over())
		require.ErrorIs(t, f.err(), context.Canceled)
	}
}
