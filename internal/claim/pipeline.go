package claim

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// call is one call of a script in a pipeline.
type call struct {
	script *redis.Script
	keys   []string
	args   []any
	// cmd has the reply, or the call's own error, once it was made.
	cmd *redis.Cmd
}

// pipelined makes calls in one round trip to each server that has some of their
// keys, and a second one for those whose script the server did not know: a new
// server, say, that took over from a dead one. Each call has its own outcome.
func (s *Store) pipelined(ctx context.Context, calls []*call) {
	pipe := s.rdb.Pipeline()
	for _, c := range calls {
		c.cmd = c.script.EvalSha(ctx, pipe, c.keys, c.args...)
	}
	_, _ = pipe.Exec(ctx) // the first of the calls' errors
	var unknown []*call
	for _, c := range calls {
		if redis.HasErrorPrefix(c.cmd.Err(), "NOSCRIPT") {
			unknown = append(unknown, c)
		}
	}
	if len(unknown) == 0 {
		return
	}
	pipe = s.rdb.Pipeline()
	for _, c := range unknown {
		c.cmd = c.script.Eval(ctx, pipe, c.keys, c.args...)
	}
	_, _ = pipe.Exec(ctx) // as above
}

// faults gathers what went wrong with several sources: the same error is said
// once, since what ails one server ails all of its sources.
type faults struct {
	order []string
	first map[string]error
	more  map[string]int
}

// add notes that what could not be done because of err.
func (f *faults) add(what string, err error) {
	text := err.Error()
	if f.first == nil {
		f.first, f.more = map[string]error{}, map[string]int{}
	}
	if f.first[text] != nil {
		f.more[text]++
		return
	}
	f.order = append(f.order, text)
	f.first[text] = fmt.Errorf("%s: %w", what, err)
}

// err is nil when nothing was added.
func (f *faults) err() error {
	errs := make([]error, 0, len(f.order))
	for _, text := range f.order {
		err := f.first[text]
		if n := f.more[text]; n > 0 {
			err = fmt.Errorf("%w (and %d more like it)", err, n)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
