package shutdown

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errCut = errors.New("cut short")

// endsAfter is an end that takes a while, unless it has to hurry.
func endsAfter(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return errCut
		}
	}
}

func TestReceiversThatAreShutDownOneAfterAnotherEndAtTheSameTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p Process
		began := time.Now()
		slow, slower, quick := p.Add(endsAfter(10*time.Second)), p.Add(endsAfter(12*time.Second)), p.Add(endsAfter(time.Second))
		require.NoError(t, slow.Shutdown(t.Context()))
		assert.Equal(t, 10*time.Second, time.Since(began))
		require.NoError(t, slower.Shutdown(t.Context()))
		assert.Equal(t, 12*time.Second, time.Since(began))
		require.NoError(t, quick.Shutdown(t.Context()))
		assert.Equal(t, 12*time.Second, time.Since(began))
	})
}

func TestAReceiverHurriesWhereItsOwnCallHasNoTimeLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p Process
		began := time.Now()
		one, other := p.Add(endsAfter(time.Hour)), p.Add(endsAfter(10*time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, one.Shutdown(ctx), errCut)
		assert.Equal(t, time.Second, time.Since(began))
		require.NoError(t, one.Shutdown(t.Context()), "it has ended")
		require.NoError(t, other.Shutdown(t.Context()))
		assert.Equal(t, 10*time.Second, time.Since(began))
	})
}

func TestReceiversThatStartLaterRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p Process
		require.NoError(t, p.Add(endsAfter(0)).Shutdown(t.Context()))
		ended := false
		later := p.Add(func(context.Context) error { ended = true; return nil })
		synctest.Wait()
		assert.False(t, ended)
		require.NoError(t, later.Shutdown(t.Context()))
		assert.True(t, ended)
	})
}
