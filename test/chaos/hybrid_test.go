//go:build e2e || chaos

package chaos

import (
	"context"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// control is Tyk's MDCB, which knows no identities.
type control struct {
	*counter

	server *peers.MDCB
	read   int // calls
}

func newControl(ctx context.Context, counts *counter) (*control, error) {
	server, err := peers.NewMDCB(ctx, nil)
	if err != nil {
		return nil, err
	}
	c := &control{counter: counts, server: server}
	if err := c.behave(ctx, peers.MDCBBehaviour{}); err != nil {
		server.Kill()
		return nil, err
	}
	return c, nil
}

func (c *control) exporter(way func(string) (string, error)) (destination, error) {
	at, err := way(c.server.Addr())
	return destination{component: "tykhybrid", config: exporting(object{
		"endpoint": at, "api_key": "key", "tls": object{"insecure": true},
	})}, err
}

// behave changes how it answers to all calls; as ever, it refuses forbidden records.
func (c *control) behave(ctx context.Context, b peers.MDCBBehaviour) error {
	if b.Error == "" {
		b.Error, b.Contains = "no such records", `"alias":"`+string(forbidden)
	}
	return retry(ctx, "tell MDCB how to behave", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return c.server.Behave(ctx, b)
	})
}

// count reads the calls that were done since it was asked before.
func (c *control) count(ctx context.Context) (int64, error) {
	calls, err := c.server.Calls(ctx, false)
	if err != nil {
		return 0, err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	for _, call := range calls[c.read:] {
		items, err := callRecords(call.Argument)
		if err != nil {
			c.unreadable(err, []byte(call.Argument))
		}
		c.take(call.At, false, items...)
		c.came(false, false)
	}
	c.read = len(calls)
	return c.counter.count(ctx)
}

func (c *control) tally(ctx context.Context) (*tally, error) {
	if _, err := c.count(ctx); err != nil {
		return nil, err
	}
	return c.counter.tally(ctx)
}

// block has all calls fail.
func (c *control) block(ctx context.Context) (func(), error) {
	if err := c.behave(ctx, peers.MDCBBehaviour{Error: "blocked"}); err != nil {
		return nil, err
	}
	return func() { _ = c.behave(context.WithoutCancel(ctx), peers.MDCBBehaviour{}) }, nil // what is not there does not block
}

func (c *control) faults() []fault {
	during := func(b peers.MDCBBehaviour, most time.Duration) func(context.Context, *dice) error {
		return func(ctx context.Context, d *dice) error {
			if err := c.behave(ctx, b); err != nil {
				return err
			}
			time.Sleep(d.between(200*time.Millisecond, most))
			return c.behave(ctx, peers.MDCBBehaviour{})
		}
	}
	return []fault{
		{"MDCB killed (SIGKILL)", func(ctx context.Context, d *dice) error {
			c.server.Kill()
			time.Sleep(d.between(0, 4*time.Second))
			if err := c.server.Start(ctx); err != nil {
				return err
			}
			return c.behave(ctx, peers.MDCBBehaviour{})
		}},
		{"MDCB's functions fail", during(peers.MDCBBehaviour{Error: "made by the harness"}, 4*time.Second)},
		{"MDCB's functions panic", during(peers.MDCBBehaviour{Error: "-", Panic: "made by the harness"}, 2*time.Second)},
		{"MDCB refuses the key", during(peers.MDCBBehaviour{RefuseKeys: true}, 3*time.Second)},
		{"MDCB answers late", during(peers.MDCBBehaviour{DelayMS: 6000}, 3*time.Second)},
	}
}

func (c *control) close() { c.server.Kill() }
