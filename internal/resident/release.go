package resident

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Starting takes less than the first on a quiet machine, and may wait for a store until the last.
const (
	firstRelease = 125 * time.Millisecond
	lastRelease  = 64 * time.Second
)

// ReleaseWhileStarting gives the pages of the binary back that only starting needs, now and after
// times that double, since nothing tells when all has started. What runs is mapped again at once.
func ReleaseWhileStarting(logger *zap.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for after := firstRelease; ; after *= 2 {
			if err := releaseMapped(); err != nil {
				logger.Debug("The binary's pages stay mapped, which takes some 50 MB of memory more", zap.Error(err))
				return
			}
			if after > lastRelease {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(after):
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}
