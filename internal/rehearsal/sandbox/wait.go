package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// lists are the keys that hold records, or what was claimed of them, in a Redis without key prefixes of its own.
func lists() []string {
	var keys []string
	for _, l := range analytics.RequestLists("analytics-") {
		keys = append(keys, l.Key)
	}
	keys = append(keys, analytics.UptimeList)
	for _, key := range keys[:len(keys):len(keys)] {
		keys = append(keys, "otelcol-tyk:{"+key+"}:segments")
	}
	return keys
}

// Waiting is how many lists, and claims of lists, there still are in the Redis of a side.
func Waiting(ctx context.Context, rdb redis.Cmdable) (int64, error) {
	var n int64
	for _, key := range lists() {
		found, err := rdb.Exists(ctx, key).Result()
		if err != nil {
			return 0, fmt.Errorf("look at %s: %w", key, err)
		}
		n += found
	}
	return n, nil
}

// Rows is how many rows a store has in all tables.
func Rows(ctx context.Context, store rows.Store) (int64, error) {
	tables, err := store.Tables(ctx)
	if err != nil {
		return 0, err
	}
	var n int64
	for i := range tables {
		rows, err := store.Count(ctx, &tables[i])
		if err != nil {
			return 0, err
		}
		n += rows
	}
	return n, nil
}

// Counter counts what a side has stored in a place.
type Counter func(context.Context) (int64, error)

// Wait waits until all of a side is taken and nothing has been stored any more for a time.
func Wait(ctx context.Context, rdb redis.Cmdable, counters []Counter, settle time.Duration) error {
	const every = 200 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	left, last, since := int64(unknown), int64(-1), time.Now()
	for {
		waiting, err := Waiting(ctx, rdb)
		switch {
		case err != nil && over(ctx): // it was late, whatever the last command says
			return late(ctx, left)
		case err != nil:
			return err
		}
		left = waiting
		n := -waiting - 1 // changes with each list that is taken
		if waiting == 0 {
			n = 0
			for _, count := range counters {
				stored, err := count(ctx)
				switch {
				case err != nil && over(ctx):
					return late(ctx, waiting)
				case err != nil:
					return err
				}
				n += stored
			}
		}
		if n != last {
			last, since = n, time.Now()
		}
		if waiting == 0 && time.Since(since) >= settle {
			return nil
		}
		select {
		case <-ctx.Done():
			return late(ctx, waiting)
		case <-tick.C:
		}
	}
}

// unknown is how many lists are left where Redis was not asked yet.
const unknown = -1

// over tells whether the time is over. A connection has the context's deadline, and may find out
// before the context does.
func over(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(end)
}

// late says what was not done in time, of a side with so many lists left.
func late(ctx context.Context, left int64) error {
	cause := cmp.Or(ctx.Err(), context.DeadlineExceeded)
	switch {
	case errors.Is(cause, context.Canceled):
		return fmt.Errorf("interrupted: %w", cause)
	case left > 0:
		return fmt.Errorf("not all lists were taken in time (left: %d): does the process run, and read this Redis and database? -wait gives it longer: %w", left, cause)
	case left == unknown:
		return fmt.Errorf("no answer from Redis in time: -wait gives it longer: %w", cause)
	}
	return fmt.Errorf("rows are still being stored: -wait gives it longer: %w", cause)
}
