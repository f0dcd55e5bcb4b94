package tykredisreceiver

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
)

// instances are the receivers that exist, by configuration: a receiver that is in
// a logs and in a metrics pipeline is one, with one claim for both.
type instances struct {
	mu   sync.Mutex // guards the rest
	made map[*Config]*redisReceiver
}

func newInstances() *instances { return &instances{made: map[*Config]*redisReceiver{}} }

func (all *instances) logs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	return all.get(set, cfg.(*Config), func(r *redisReceiver) bool {
		free := r.logs == nil
		if free {
			r.logs = next
		}
		return free
	})
}

func (all *instances) metrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	return all.get(set, cfg.(*Config), func(r *redisReceiver) bool {
		free := r.metrics == nil
		if free {
			r.metrics = next
		}
		return free
	})
}

// get gives the receiver of a configuration, which takes the next consumer: the
// one that exists, or a new one where that has such a consumer already.
func (all *instances) get(set receiver.Settings, cfg *Config, take func(*redisReceiver) bool) (*redisReceiver, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if r, ok := all.made[cfg]; ok && take(r) {
		return r, nil
	}
	r, err := newReceiver(set, cfg)
	if err != nil {
		return nil, err
	}
	take(r)
	r.forget = func() { all.forget(cfg, r) }
	all.made[cfg] = r
	return r, nil
}

func (all *instances) forget(cfg *Config, r *redisReceiver) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.made[cfg] == r {
		delete(all.made, cfg)
	}
}

// hosts are what the collector handed over with each signal; each of them shows
// the receiver's status.
type hosts []component.Host

var _ componentstatus.Reporter = hosts{}

// GetExtensions is the same for all of them.
func (all hosts) GetExtensions() map[component.ID]component.Component { return all[0].GetExtensions() }

// Report passes a status on to all.
func (all hosts) Report(event *componentstatus.Event) {
	for _, host := range all {
		componentstatus.ReportStatus(host, event)
	}
}
