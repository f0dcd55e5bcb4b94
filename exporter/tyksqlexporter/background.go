package tyksqlexporter

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// pruneLimit is how many ledger rows one transaction deletes, so that none holds
// locks for long.
const pruneLimit = 5000

// daysInterval is the time between two looks whether tomorrow's tables are there, and for
// tables that are too old.
const daysInterval = time.Hour

// begin starts the work in the background.
func (e *sqlExporter) begin(ctx context.Context) {
	ctx, e.stop = context.WithCancel(ctx)
	if e.config.Ledger.Retention > 0 {
		e.working.Go(func() { every(ctx, 0, e.config.Ledger.PruneInterval, e.pruneNow) })
	}
	if e.config.RetentionDays > 0 {
		e.working.Go(func() { every(ctx, 0, daysInterval, e.dropNow) })
	}
	if e.config.TableSharding {
		e.working.Go(func() { every(ctx, daysInterval, daysInterval, e.aheadNow) })
	}
}

// every does work after a first time and then after each interval until ctx ends. Its failure
// is no more than a delay: the same is found to be done next time.
func every(ctx context.Context, first, interval time.Duration, work func(context.Context)) {
	for wait := first; ; wait = interval {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			work(ctx)
		}
	}
}

// aheadNow makes tomorrow's tables.
func (e *sqlExporter) aheadNow(ctx context.Context) {
	attempt, cancel := e.attempt(ctx)
	defer cancel()
	if err := e.store.Ahead(attempt, time.Now()); err != nil {
		e.warn(ctx, "making the tables of tomorrow failed; trying again later", err)
	}
}

// pruneNow deletes all that is old now, a bounded number of rows at a time.
func (e *sqlExporter) pruneNow(ctx context.Context) {
	for ctx.Err() == nil {
		attempt, cancel := e.attempt(ctx)
		n, more, err := e.store.Prune(attempt, e.config.Ledger.Retention, pruneLimit)
		cancel()
		e.telemetry.builder.ExporterTyksqlLedgerPrunedRows.Add(ctx, n)
		if err != nil {
			e.warn(ctx, "deleting old ledger rows failed; trying again later", err)
			return
		}
		if !more {
			return
		}
	}
}

// warn tells what failed in the background, unless the end of it or an outage that the status tells is the cause.
func (e *sqlExporter) warn(ctx context.Context, text string, err error) {
	if ctx.Err() == nil && !e.health.Failing() {
		e.logger.Warn(text, zap.Error(err))
	}
}

// attempt bounds one use of the database as a write is bounded.
func (e *sqlExporter) attempt(ctx context.Context) (context.Context, context.CancelFunc) {
	if e.config.Timeout.Timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, e.config.Timeout.Timeout)
}

// dropNow drops the tables of days that are too old.
func (e *sqlExporter) dropNow(ctx context.Context) {
	attempt, cancel := e.attempt(ctx)
	defer cancel()
	dropped, err := e.store.Drop(attempt, time.Now(), e.config.RetentionDays)
	for _, name := range dropped {
		e.logger.Info("dropped a table, because it is older than retention_days", zap.String("table", name))
	}
	e.telemetry.builder.ExporterTyksqlDroppedTables.Add(ctx, int64(len(dropped)))
	if err != nil {
		e.warn(ctx, "dropping old tables failed; trying again later", err)
	}
}
