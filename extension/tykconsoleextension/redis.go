package tykconsoleextension

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension/internal/pages"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/connection"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/wiring"
)

const (
	// stuckAfter is when what is stalled is trouble, as with tykctl status.
	stuckAfter = time.Minute
	// sortedLetters is how many dead letters of each list are sorted by reason, and walked for a page.
	sortedLetters = 10_000
)

// redisBackend looks at the Redis of some receivers, which read the same lists.
type redisBackend struct {
	// receivers read it, and their groups have these exporters behind them; storeGroups those that are read.
	receivers   []string
	groups      map[string][]string
	storeGroups []string

	config    *connection.Config
	read      connection.Config // as the receiver's settings say it, without what is secret
	prefix    string
	uptime    string
	retention time.Duration

	mu       sync.Mutex // guards what follows
	observer *inspect.Observer
	closed   bool
}

var _ pages.Redis = (*redisBackend)(nil)

// readRedis finds the receivers whose lists are shown, and which exporters stand behind which group.
func (b *backend) readRedis(w *wiring.Wiring, exporter string) error {
	ids := w.Used("tykredis", receiversOf)
	chosen := b.config.Redis.Receiver
	switch {
	case len(ids) == 0:
		return nil
	case chosen == "":
		chosen = ids[0]
	case !slices.Contains(ids, chosen):
		return fmt.Errorf("redis::receiver: there is no receiver %s in a pipeline: name one of %s", netaddr.Shown(chosen), strings.Join(ids, ", "))
	}
	for id := range b.config.Redis.Connections {
		if !slices.Contains(ids, id) {
			return fmt.Errorf("redis::connections: there is no receiver %s in a pipeline: name one of %s", netaddr.Shown(id), strings.Join(ids, ", "))
		}
	}
	// Of several, the chosen one comes first.
	ids = append([]string{chosen}, slices.DeleteFunc(ids, func(id string) bool { return id == chosen })...)
	for _, id := range ids {
		settings := w.Components("receivers")[id]
		prefix, _ := settings["key_prefix"].(string)
		uptime, _ := settings["uptime"].(map[string]any)
		uptimePrefix, _ := uptime["key_prefix"].(string)
		own := defaultConnection()
		if err := confmap.NewFromStringMap(withoutSecrets(settings)).Unmarshal(&own, confmap.WithIgnoreUnused()); err != nil {
			return fmt.Errorf("read the connection of %s: %w", id, err)
		}
		i := slices.IndexFunc(b.redises, func(r *redisBackend) bool {
			return r.prefix == prefix && r.uptime == uptimePrefix && samePlace(r.read, own)
		})
		if i < 0 {
			if b.config.Redis.Receiver != "" && id != chosen {
				continue // its lists are not wanted
			}
			way := b.connectionOf(id, id == chosen, own)
			i = len(b.redises)
			b.redises = append(b.redises, &redisBackend{groups: map[string][]string{}, config: &way, read: own, prefix: prefix, uptime: uptimePrefix, retention: retentionOf(w)})
		}
		group, _ := settings["group"].(string)
		b.redises[i].serves(id, group, w.Ways(id), exporter)
	}
	return nil
}

// connectionOf is how the console reaches a receiver's Redis: as the console's settings say, else as the receiver does.
func (b *backend) connectionOf(id string, chosen bool, own connection.Config) connection.Config {
	if way, ok := b.config.Redis.Connections[id]; ok {
		return way
	}
	if chosen && b.config.Redis.Connection.HasValue() {
		return *b.config.Redis.Connection.Get()
	}
	return own
}

// samePlace tells whether two connections lead to the same keys, whoever connects.
func samePlace(a, b connection.Config) bool {
	return a.Database == b.Database && a.Cluster == b.Cluster && a.Sentinel.MasterName == b.Sentinel.MasterName &&
		slices.Equal(slices.Sorted(slices.Values(a.Addresses)), slices.Sorted(slices.Values(b.Addresses)))
}

// serves adds a receiver that reads it.
func (r *redisBackend) serves(id, group string, ways []wiring.Way, exporter string) {
	r.receivers = append(r.receivers, id)
	for _, way := range ways {
		if !slices.Contains(r.groups[group], way.Exporter) {
			r.groups[group] = append(r.groups[group], way.Exporter)
		}
		if way.Exporter == exporter && !slices.Contains(r.storeGroups, group) {
			r.storeGroups = append(r.storeGroups, group)
		}
	}
	slices.Sort(r.groups[group])
}

// Receivers read it, the one that names it first.
func (r *redisBackend) Receivers() []string { return r.receivers }

// Groups are those of this process, with the exporters behind each.
func (r *redisBackend) Groups() map[string][]string { return r.groups }

// StoreGroups are the groups whose records go to the store that is read.
func (r *redisBackend) StoreGroups() []string { return r.storeGroups }

// withoutSecrets leaves out what the collector has hidden.
func withoutSecrets(settings map[string]any) map[string]any {
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		switch v := settings[key].(type) {
		case string:
			if v != redacted {
				out[key] = v
			}
		case map[string]any:
			out[key] = withoutSecrets(v)
		default:
			out[key] = v
		}
	}
	return out
}

// Address is where it is.
func (r *redisBackend) Address() string { return strings.Join(r.config.Addresses, ", ") }

// observe gives what looks, and connects with the first look.
func (r *redisBackend) observe(ctx context.Context) (*inspect.Observer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, redis.ErrClosed
	case r.observer != nil:
		return r.observer, nil
	}
	client, err := r.config.Client(ctx)
	if err != nil {
		return nil, err
	}
	r.observer = &inspect.Observer{
		Redis:      &inspect.Redis{Client: client, Store: claim.NewStore(client), Addresses: r.Address(), Cluster: r.config.Cluster, KeyPrefix: r.prefix, UptimePrefix: r.uptime},
		StuckAfter: stuckAfter, Letters: sortedLetters,
	}
	return r.observer, nil
}

func (r *redisBackend) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.observer == nil {
		return nil
	}
	return r.observer.Client.Close()
}

// looked is what the next look compares with.
type looked struct {
	found  []inspect.Found
	rate   float64
	known  bool
	pushed int64
	at     time.Time
}

// PushRate is how many entries gateways pushed a second.
func (l *looked) PushRate() (float64, bool) { return l.rate, l.known }

// Look surveys it once.
func (r *redisBackend) Look(ctx context.Context, before *pages.Look) (*pages.Look, error) {
	o, err := r.observe(ctx)
	if err != nil {
		return nil, err
	}
	var last *looked
	var was []inspect.Found
	if before != nil {
		last, _ = before.State.(*looked)
	}
	if last != nil {
		was = last.found
	}
	began := time.Now()
	status, found, err := o.Look(ctx, was)
	if err != nil {
		return nil, err
	}
	look := lookOf(status)
	look.Took = time.Since(began)
	state := &looked{found: found, at: status.At}
	for _, l := range look.Lists {
		if l.ReplayTo == "" {
			state.pushed += l.Claimed + l.Unclaimed
		}
	}
	if last != nil && state.at.After(last.at) && state.pushed >= last.pushed {
		state.rate, state.known = float64(state.pushed-last.pushed)/state.at.Sub(last.at).Seconds(), true
	}
	look.State = state
	return look, nil
}

// lookOf puts a status in the words of pages.
func lookOf(s *inspect.Status) *pages.Look {
	look := &pages.Look{At: s.At, JSON: s}
	for _, m := range s.Memory {
		look.Memory = append(look.Memory, pages.Memory(m))
	}
	for _, l := range s.Lists {
		ttl := time.Duration(-1)
		if l.TTL != nil {
			ttl = seconds(*l.TTL)
		}
		look.Lists = append(look.Lists, pages.ListLook{
			Name: l.Source, ReplayTo: l.ReplayTo, Form: string(l.Form), Unclaimed: l.Unclaimed, Claimed: l.Claimed, Kept: l.Kept, Bytes: l.Bytes, Segments: l.Segments, Dead: l.DeadLetters, TTL: ttl,
		})
	}
	for _, g := range s.Groups {
		look.Groups = append(look.Groups, groupOf(g, s.Leases))
	}
	for _, reason := range s.DeadLetters {
		look.Reasons = append(look.Reasons, pages.Reason{Source: reason.Source, Group: reason.Group, Destination: reason.Destination, Text: reason.Reason, Count: reason.Count, More: reason.More})
	}
	for _, f := range s.Findings {
		look.Findings = append(look.Findings, findingOf(f))
	}
	return look
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func groupOf(g inspect.Group, leases []inspect.Lease) pages.GroupLook {
	out := pages.GroupLook{
		Name: g.Name, Waiting: g.Waiting, Oldest: seconds(g.OldestAge), Ago: g.Ago, Away: g.Away(), Movement: string(inspect.Idle),
		Keeps: pages.Keeps{Segments: g.Keeps.Segments, Entries: g.Keeps.Entries, Bytes: g.Keeps.Bytes},
	}
	// Of several lists, one that stands still is what matters, then one that moves.
	rank := map[inspect.Movement]int{inspect.Idle: 0, inspect.Unknown: 1, inspect.Moving: 2, inspect.Stalled: 3}
	for _, l := range g.Lists {
		if rank[l.Movement] > rank[inspect.Movement(out.Movement)] {
			out.Movement = string(l.Movement)
		}
		out.PerSecond += l.PerSecond
		r := l.Receipts
		out.Lists = append(out.Lists, pages.GroupList{Name: l.Source, ReplayTo: l.ReplayTo, Receipts: pages.Receipts{
			Claimed: r.Claimed, Delivered: r.Delivered, Shed: r.Shed, Dead: r.DeadLettered, Lost: r.Lost, InFlight: r.InFlight, Replayed: r.Replayed, Dropped: r.Dropped,
		}})
	}
	for _, l := range leases {
		if l.Group == g.Name {
			out.Leases = append(out.Leases, pages.Lease{Worker: l.Worker, Segments: l.Segments, Expired: l.Expired, In: l.In})
		}
	}
	return out
}

// findingOf parts what is from what to do, and from the command that does it.
func findingOf(f inspect.Finding) pages.Finding {
	out := pages.Finding{Trouble: f.Severity == inspect.Trouble, Code: f.Code, Source: f.Source, Group: f.Group}
	text := f.Text
	if at := strings.Index(text, "tykctl "); at >= 0 {
		text, out.Command = strings.TrimRight(text[:at], " :,"), text[at:]
	}
	out.Title = text
	if first, rest, ok := strings.Cut(text, ": "); ok {
		out.Title, out.Text = first, upper(rest)
	}
	out.Title = upper(strings.TrimSuffix(out.Title, ".")) + "."
	if out.Text != "" && !strings.HasSuffix(out.Text, "?") && !strings.HasSuffix(out.Text, ".") {
		out.Text += "."
	}
	return out
}

func upper(text string) string {
	if text == "" || text[0] < 'a' || text[0] > 'z' {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
