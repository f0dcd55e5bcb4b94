package tyksqlexporter

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// pruneLimit is how many ledger rows one transaction deletes, so that none holds
// locks for long.
const pruneLimit = 5000

// pruneEvery deletes old ledger rows until ctx ends. A failure is no more than a
// delay: the same rows are found next time.
func (e *sqlExporter) pruneEvery(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			e.pruneNow(ctx)
		}
	}
}

// pruneNow deletes all that is old now, a bounded number of rows at a time.
func (e *sqlExporter) pruneNow(ctx context.Context) {
	for ctx.Err() == nil {
		attempt, cancel := e.attempt(ctx)
		n, err := e.store.prune(attempt, e.config.Ledger.Retention, pruneLimit)
		cancel()
		e.telemetry.prunedRows(ctx, n)
		if err != nil {
			if ctx.Err() == nil {
				e.logger.Warn("deleting old ledger rows failed; trying again later", zap.Error(err))
			}
			return
		}
		if n < pruneLimit {
			return
		}
	}
}

// attempt bounds one use of the database as a write is bounded.
func (e *sqlExporter) attempt(ctx context.Context) (context.Context, context.CancelFunc) {
	if e.config.Timeout.Timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, e.config.Timeout.Timeout)
}
