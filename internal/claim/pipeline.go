package claim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

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
	byServer := map[*redis.Client][]*call{}
	for _, c := range calls {
		server, err := s.server(ctx, c.keys[0])
		if err != nil {
			c.fail(ctx, err)
			continue
		}
		byServer[server] = append(byServer[server], c)
	}
	var servers sync.WaitGroup
	for server, calls := range byServer {
		servers.Go(func() { pipelineTo(ctx, server, calls) })
	}
	servers.Wait()
	for _, c := range calls {
		if err := c.cmd.Err(); redis.HasErrorPrefix(err, "MOVED") || redis.HasErrorPrefix(err, "ASK") {
			// The cluster client follows redirections of single commands well. Those of
			// a pipeline it may send to two servers at once, and mix up the answers.
			c.cmd = c.script.Run(ctx, s.rdb, c.keys, c.args...)
		}
	}
}

func pipelineTo(ctx context.Context, server *redis.Client, calls []*call) {
	exec(ctx, server, calls, (*redis.Script).EvalSha)
	var unknown []*call
	for _, c := range calls {
		if redis.HasErrorPrefix(c.cmd.Err(), "NOSCRIPT") {
			unknown = append(unknown, c)
		}
	}
	if len(unknown) > 0 {
		exec(ctx, server, unknown, (*redis.Script).Eval)
	}
}

// exec makes calls in one round trip.
func exec(ctx context.Context, server *redis.Client, calls []*call,
	eval func(*redis.Script, context.Context, redis.Scripter, []string, ...any) *redis.Cmd,
) {
	pipe := server.Pipeline()
	for _, c := range calls {
		c.cmd = eval(c.script, ctx, pipe, c.keys, c.args...)
	}
	send(ctx, pipe)
}

// send sends a pipeline, and each of its commands has its own outcome.
func send(ctx context.Context, pipe redis.Pipeliner) {
	cmds, err := pipe.Exec(ctx)
	if err == nil || slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return cmd.Err() != nil }) {
		return
	}
	for _, cmd := range cmds { // the connection could not be prepared, and nothing was sent
		cmd.SetErr(err)
	}
}

// fail is the outcome of a call that could not be made.
func (c *call) fail(ctx context.Context, err error) {
	c.cmd = redis.NewCmd(ctx)
	c.cmd.SetErr(err)
}

// readPipeline is for reading several things of the server that holds a key. It
// does not follow redirections, see pipelined.
func (s *Store) readPipeline(ctx context.Context, key string) (redis.Pipeliner, error) {
	server, err := s.server(ctx, key)
	if err != nil {
		return nil, err
	}
	return server.Pipeline(), nil
}

// server is the one that holds a key.
func (s *Store) server(ctx context.Context, key string) (*redis.Client, error) {
	switch rdb := s.rdb.(type) {
	case *redis.ClusterClient:
		return rdb.MasterForKey(ctx, key)
	case *redis.Client:
		return rdb, nil
	default:
		return nil, fmt.Errorf("find the server of %s: a client of type %T is not supported", key, rdb)
	}
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

// IsGone tells the loss of entries, or of the right to them, from trouble with Redis.
func IsGone(err error) bool { return errors.Is(err, ErrGone) || errors.Is(err, ErrLeaseLost) }

// IsLate tells whether a server did not answer in time.
func IsLate(err error) bool {
	late, ok := errors.AsType[net.Error](err)
	return ok && late.Timeout()
}
