package sink

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
)

// mostTimeouts is how many times its timeout an attempt may take.
const mostTimeouts = 10

// timeLimit gives a push that ran out of time twice the time in its next attempt: a
// destination that is slow, not away, would otherwise begin the same work for ever.
// Smaller pushes keep their timeout.
type timeLimit struct {
	timeout time.Duration // of a first attempt; 0 is no bound
	logger  *zap.Logger

	mu      sync.Mutex
	records int           // from how many records on there is more time; 0 where there is not
	allowed time.Duration // to those
}

// bound bounds the attempts of a push.
func (l *timeLimit) bound(push consumer.ConsumeLogsFunc) consumer.ConsumeLogsFunc {
	if l.timeout <= 0 {
		return push
	}
	return func(ctx context.Context, logs plog.Logs) error {
		records := logs.LogRecordCount()
		allowed, began := l.allows(records), time.Now()
		attempt, cancel := context.WithTimeout(ctx, allowed)
		defer cancel()
		err := push(attempt, logs)
		switch took := time.Since(began); {
		case err == nil || consumererror.IsPermanent(err):
			l.ended(records, took)
		case ctx.Err() == nil && took >= allowed-allowed/8: // some clients give up when too little is left
			l.ranOut(records, allowed)
		}
		return err
	}
}

func (l *timeLimit) allows(records int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.records > 0 && records >= l.records {
		return l.allowed
	}
	return l.timeout
}

// ranOut notes that a time was not enough.
func (l *timeLimit) ranOut(records int, allowed time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.records == 0 || records < l.records {
		l.records = max(records, 1)
	}
	more := min(2*allowed, mostTimeouts*l.timeout)
	if more <= l.allowed {
		return
	}
	l.allowed = more
	l.logger.Info("the destination did not answer in time; the next attempt has longer", zap.Int("records", records), zap.Duration("tried_for", allowed), zap.Duration("next", more))
}

// ended takes back what time was not needed.
func (l *timeLimit) ended(records int, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.records > 0 && records >= l.records && took < l.allowed/4 {
		if l.allowed /= 2; l.allowed <= l.timeout {
			l.records, l.allowed = 0, 0
		}
	}
}
