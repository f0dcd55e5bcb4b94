package resident

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Starting takes less than the first on a quiet machine, and may wait for a store for about as long as all together.
const (
	firstWait = 125 * time.Millisecond
	lastWait  = 32 * time.Second
)

// ReleaseWhileStarting lets go of the binary's pages for about a minute, at intervals that double, since nothing tells when
// all has started: starting hundreds of packages reads most of them, and what runs later reads few. Those come back
// when they are next used. It goes on in the background until it is stopped, which waits for it.
func ReleaseWhileStarting(logger *zap.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for wait := firstWait; ; wait *= 2 {
			if err := releasePages(); err != nil {
				logger.Debug("The pages of the binary that only starting needed stay in memory", zap.Error(err))
				return
			}
			if wait > lastWait {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}
