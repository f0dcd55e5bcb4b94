package pages

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// future is what a store is asked while others are asked, too.
type future[T any] struct {
	done   chan struct{}
	answer T     // value reads it, because it may be written until done is closed
	fault  error // err reads it
}

// value is the answer, or nothing of it while the store is still asked.
func (f *future[T]) value() (none T) {
	if !f.over() {
		return none
	}
	return f.answer
}

// err says why there is no answer: context.DeadlineExceeded while the store is still asked.
func (f *future[T]) err() error {
	if !f.over() {
		return context.DeadlineExceeded
	}
	return f.fault
}

func (f *future[T]) over() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// lasting is how long a question goes on after its page was sent, so that asking for the block finds it answered.
const lasting = 15 * time.Second

// ask begins a question. It outlives a page that does not wait for it, for a time; that of one block ends with its request.
func ask[T any](q *request, question func(context.Context) (T, error)) *future[T] {
	f := &future[T]{done: make(chan struct{})}
	ctx, limit := q.Context(), time.Duration(0)
	if q.block == "" && q.form == formHTML {
		ctx, limit = context.WithoutCancel(ctx), max(lasting, q.wait)
	}
	ctx, done, ok := q.site.tasks.begin(ctx, limit)
	if !ok {
		f.fault = context.Canceled
		close(f.done)
		return f
	}
	go func() {
		defer done()
		defer close(f.done)
		defer func() {
			if r := recover(); r != nil {
				q.site.Log.Error("A block of the console failed", zap.Any("panic", r), zap.Stack("stack"))
				f.fault = fmt.Errorf("the console failed; the collector's log says why")
			}
		}()
		f.answer, f.fault = question(ctx)
	}()
	return f
}

// ready waits for an answer as long as the page does. A question that was not asked is never answered.
func (f *future[T]) ready(q *request) bool {
	if f == nil {
		return false
	}
	if f.over() {
		return true
	}
	left := q.wait - q.site.Now().Sub(q.asked)
	if left <= 0 {
		q.late.Store(true)
		return false
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-f.done:
		return true
	case <-timer.C:
	case <-q.Context().Done():
	}
	q.late.Store(true)
	return false
}

// must waits for what a page cannot be made without, as long as a statement may take. A block alone does not ask for all of it.
func (f *future[T]) must(q *request) (value T, err error) {
	if f == nil {
		return value, badRequest("There is no such block", "This page is not made of the block alone: leave block out.")
	}
	timer := time.NewTimer(lasting)
	defer timer.Stop()
	select {
	case <-f.done:
		return f.answer, f.fault
	case <-timer.C:
		return value, context.DeadlineExceeded
	case <-q.Context().Done():
		return value, q.Context().Err()
	}
}
