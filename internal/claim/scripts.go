package claim

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"

	"github.com/redis/go-redis/v9"
)

//go:embed *.lua
var luaFiles embed.FS

// The verbs on a source; each gets common.lua in front.
var (
	claimScript   = ofSource("claim")
	leaseScript   = ofSource("lease")
	ackScript     = ofSource("ack")
	readScript    = ofSource("read")
	evenScript    = ofSource("even")
	releaseScript = ofSource("release")
	keepScript    = ofSource("keep")
	takeScript    = ofSource("take")
	statScript    = ofSource("stat")
	inspectScript = ofSource("inspect")
	touchScript   = ofSource("touch")
	forgetScript  = ofSource("forget")
	clearScript   = ofSource("clear")
	shedScript    = ofSource("shed")
	replaceScript = ofSource("replace")
	adoptScript   = ofSource("adopt")
	restoreScript = ofSource("restore")

	pushScript      = redis.NewScript(lua("push"))
	heartbeatScript = redis.NewScript(lua("heartbeat"))
)

func lua(name string) string {
	text, _ := luaFiles.ReadFile(name + ".lua") // part of the binary
	return string(text)
}

func ofSource(name string) *redis.Script { return redis.NewScript(lua("common") + lua(name)) }

// call prepares a verb on the source for the group of its settings.
func (s *Source) call(script *redis.Script, args ...any) *call {
	return s.callFor(s.settings.Group, script, args...)
}

func (s *Source) callFor(group string, script *redis.Script, args ...any) *call {
	return &call{script: script, keys: s.all(), args: append([]any{s.keys.segment, group}, args...)}
}

// do makes one call.
func (s *Store) do(ctx context.Context, c *call) *redis.Cmd {
	c.cmd = c.script.Run(ctx, s.rdb, c.keys, c.args...)
	return c.cmd
}

// numbers makes one call, which returns so many.
func (s *Store) numbers(ctx context.Context, c *call, n int) ([]int64, error) {
	s.do(ctx, c)
	return c.numbers(n)
}

// decode reads the reply of a call that was made, and is JSON.
func (c *call) decode(into any) error {
	text, err := c.cmd.Text()
	if err == nil {
		err = json.Unmarshal([]byte(text), into)
	}
	return err
}

// numbers is the reply of a call that was made, and returns so many.
func (c *call) numbers(n int) ([]int64, error) {
	reply, err := c.cmd.Int64Slice()
	if err == nil && len(reply) != n {
		err = fmt.Errorf("unexpected reply %v", reply)
	}
	return reply, err
}
