package tykredisreceiver

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/poll"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/shutdown"
)

// instances are the receivers that exist, by configuration: a receiver that is in
// a logs and in a metrics pipeline is one, with one claim for both.
type instances struct {
	mu        sync.Mutex // guards made
	made      map[*Config]*redisReceiver
	gathering poll.Gathering
	running   shutdown.Process
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
	for other, r := range all.made {
		if other == cfg || !other.overlaps(cfg) {
			continue
		}
		if other.sharesRequests(cfg) && (len(other.Requests.Lists) == 0) != (len(cfg.Requests.Lists) == 0) {
			return nil, fmt.Errorf("%s and %s read the same lists of requests, one with requests::lists and one without: each record would reach one of them only: "+
				"give both requests::lists, or none", r.set.ID, set.ID)
		}
		if other.Group == cfg.Group {
			ids := []string{r.set.ID.String(), set.ID.String()}
			slices.Sort(ids)
			return nil, fmt.Errorf("%s have the same Redis, lists and group, %q: what one delivers the other never sees: "+
				"give each a group of its own, or put the exporters of both behind one receiver", strings.Join(ids, " and "), cfg.Group)
		}
	}
	r, err := newReceiver(set, cfg)
	if err != nil {
		return nil, err
	}
	take(r)
	r.together, r.arrive = &all.gathering, all.gathering.Expect()
	r.process = &all.running
	r.forget = func() { all.forget(cfg, r) }
	all.made[cfg] = r
	return r, nil
}

// sharesRequests is whether both name a list of requests in common, on whatever servers.
func (cfg *Config) sharesRequests(other *Config) bool {
	theirs := other.requestLists()
	return slices.ContainsFunc(cfg.requestLists(), func(l analytics.List) bool { return slices.Contains(theirs, l) })
}

// overlaps is whether receivers of both configurations read a list in common.
func (cfg *Config) overlaps(other *Config) bool {
	uptime := cfg.Uptime.Enabled && other.Uptime.Enabled && cfg.Uptime.KeyPrefix == other.Uptime.KeyPrefix
	return (cfg.sharesRequests(other) || uptime) &&
		cfg.Database == other.Database && cfg.Sentinel.MasterName == other.Sentinel.MasterName &&
		slices.ContainsFunc(cfg.Addresses, func(address string) bool {
			return slices.ContainsFunc(other.Addresses, func(o string) bool { return sameServer(address, o) })
		})
}

// sameServer is whether two addresses are of one server, as far as that shows in them.
func sameServer(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && (strings.EqualFold(hostA, hostB) || local(hostA) && local(hostB))
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || host == "" || ip.IsLoopback()
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
