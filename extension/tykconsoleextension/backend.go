package tykconsoleextension

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension/internal/pages"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/sqlstore"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/wiring"
)

// redacted is what the collector shows to extensions in the place of secrets.
const redacted = "[REDACTED]"

// backend is what pages show: the store, the Redis and the process that the configuration makes.
type backend struct {
	config *Config
	set    extension.Settings
	health *health

	mu       sync.Mutex
	known    bool // the configuration was read
	store    query.Store
	storeErr error
	redises  []*redisBackend
	meter    *meter
	process  pages.Process
	ready    bool
	closed   bool
}

var _ pages.Backend = (*backend)(nil)

func newBackend(config *Config, set extension.Settings) *backend {
	b := &backend{config: config, set: set, health: newHealth()}
	b.process = pages.Process{Version: set.BuildInfo.Version, Go: runtime.Version(), Started: started}
	b.process.Name, _ = os.Hostname()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "go.opentelemetry.io/collector/component" {
				b.process.Collector = dep.Version
			}
		}
	}
	return b
}

// Store is the store that is read.
func (b *backend) Store() (query.Store, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.known || b.closed:
		return nil, pages.ErrStarting
	case b.storeErr != nil:
		return nil, b.storeErr
	}
	return b.store, nil
}

// Redises are where lists are.
func (b *backend) Redises() []pages.Redis {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]pages.Redis, len(b.redises))
	for i, r := range b.redises {
		all[i] = r
	}
	return all
}

// Measure reads this process' own counts, unless that was done a moment ago.
func (b *backend) Measure(ctx context.Context) {
	b.mu.Lock()
	m := b.meter
	b.mu.Unlock()
	if m != nil {
		m.measure(ctx)
	}
}

// Process is this process.
func (b *backend) Process() pages.Process {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.process
	p.Ready, p.Memory = b.ready, memory()
	p.Components = b.health.components(b.process.Components)
	if b.meter != nil {
		p.Metrics = b.meter.read()
	}
	return p
}

// memory is what the process takes of the system.
func memory() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	for _, s := range sample {
		if s.Value.Kind() != metrics.KindUint64 {
			return 0
		}
	}
	return int64(sample[0].Value.Uint64() - sample[1].Value.Uint64()) //nolint:gosec // what a process can have
}

func (b *backend) setReady(ready bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready = ready
}

func (b *backend) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	var errs []error
	if b.store != nil {
		errs = append(errs, b.store.Close())
	}
	for _, r := range b.redises {
		errs = append(errs, r.close())
	}
	b.store, b.redises, b.meter = nil, nil, nil
	return errors.Join(errs...)
}

// read takes from the collector's configuration what pages need, and lets the rest go.
func (b *backend) read(conf *confmap.Conf) error {
	w := wiring.Of(conf)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readProcess(w)
	exporter, err := b.chooseStore(w)
	if err != nil {
		return err
	}
	b.readStore(w, exporter)
	if err := b.readRedis(w, exporter); err != nil {
		return err
	}
	at := b.config.Metrics
	if at == "" {
		at = metricsOf(conf)
	}
	if at != "" {
		b.meter = newMeter(at)
	}
	b.known = true
	return nil
}

func exportersOf(p wiring.Pipeline) []string { return p.Exporters }
func receiversOf(p wiring.Pipeline) []string { return p.Receivers }

// chooseStore is the exporter whose tables are read; empty for none.
func (b *backend) chooseStore(w *wiring.Wiring) (string, error) {
	all := w.Used("tyksql", exportersOf)
	name := b.config.Store.Exporter
	switch {
	case name != "" && !w.Has("exporters", name):
		return "", fmt.Errorf("store::exporter: there is no exporter %s: name one of exporters, such as tyksql", netaddr.Shown(name))
	case name != "":
		return name, nil
	case len(all) > 1:
		return "", fmt.Errorf("store::exporter: is empty, and there are %s: name the one whose tables the console reads", strings.Join(all, ", "))
	case len(all) == 1:
		return all[0], nil
	}
	return "", nil
}

func (b *backend) readStore(w *wiring.Wiring, exporter string) {
	if exporter == "" {
		none := &pages.NoStoreError{Mongo: len(w.Used("tykmongo", exportersOf)) > 0}
		for _, p := range w.Pipelines {
			none.Exporters = append(none.Exporters, p.Exporters...)
		}
		slices.Sort(none.Exporters)
		none.Exporters = slices.Compact(none.Exporters)
		b.storeErr = none
		return
	}
	settings := maps.Clone(w.Components("exporters")[exporter])
	switch {
	case b.config.Store.Datasource != "":
		settings["datasource"] = string(b.config.Store.Datasource)
	case settings["datasource"] == redacted:
		delete(settings, "datasource") // the exporter's default, unless nobody let the console in
	}
	c, err := sqlstore.FromExporter(confmap.NewFromStringMap(settings))
	if err != nil {
		b.storeErr = &query.Error{Code: query.Missing, Text: "The settings of " + exporter + " could not be read", Err: err}
		return
	}
	if b.config.Store.MySQL.TLS.HasValue() {
		c.TLS = b.config.Store.MySQL.TLS
	}
	c.LinkSecret = b.config.LinkSecret
	c.Limits = sqlstore.Limits{MaxQueries: b.config.Store.MaxQueries, StatementTimeout: b.config.Store.StatementTimeout, ScanRows: b.config.Store.ScanRows, SearchRows: b.config.Store.SearchRows}
	c.Bucket = bucketOf(w, exporter)
	store, err := sqlstore.Open(c)
	if err != nil {
		b.storeErr = &query.Error{Code: query.Missing, Text: "The store of " + exporter + " could not be opened", Err: err}
		b.set.Logger.Warn("The console cannot read the store", zap.String("exporter", exporter), zap.Error(err))
		return
	}
	b.store, b.process.StoreExporter = store, exporter
	if days, ok := settings["retention_days"].(int); ok {
		b.process.Retention = days
	}
}

// bucketOf is the width of the rollups' buckets that a tykaggregate before an exporter makes.
func bucketOf(w *wiring.Wiring, exporter string) time.Duration {
	for _, p := range w.Pipelines {
		if !slices.Contains(p.Exporters, exporter) {
			continue
		}
		for _, id := range p.Processors {
			if wiring.Type(id) != "tykaggregate" {
				continue
			}
			if text, ok := w.Components("processors")[id]["aggregation_time"].(string); ok {
				if d, err := time.ParseDuration(text); err == nil {
					return d
				}
			}
		}
	}
	return 0
}

func (b *backend) readProcess(w *wiring.Wiring) {
	p := &b.process
	seen := map[[2]string]bool{}
	add := func(kind string, ids []string) {
		for _, id := range ids {
			if key := [2]string{kind, id}; !seen[key] {
				seen[key] = true
				p.Components = append(p.Components, pages.Component{ID: id, Kind: kind})
			}
		}
	}
	connectors := w.Components("connectors")
	for _, pl := range w.Pipelines {
		p.Pipelines = append(p.Pipelines, pages.Pipeline(pl))
		add("receiver", pl.Receivers)
		add("processor", pl.Processors)
		add("exporter", slices.DeleteFunc(slices.Clone(pl.Exporters), func(id string) bool { _, is := connectors[id]; return is }))
	}
	for _, section := range []string{"receivers", "processors", "exporters", "connectors", "extensions"} {
		components := w.Components(section)
		for _, id := range slices.Sorted(maps.Keys(components)) {
			p.Settings = append(p.Settings, pages.Settings{ID: strings.TrimSuffix(section, "s") + " " + id, Values: shown(components[id])})
		}
	}
}

// shownKeys are the settings that may be shown; values of all others, such as headers, are not.
var shownKeys = []string{
	"addresses", "aggregation_time", "base_path", "bodies", "chunk_bytes", "chunk_size", "compression", "database", "driver", "endpoint", "group", "indexes", "key_prefix", "keys", "latencies", "lease",
	"limit_mib", "max_in_flight", "poll_interval", "recovery_duration", "retention_days", "spike_limit_mib", "table_sharding", "timeout", "timezone", "track_all_paths", "verbosity", "wait_for_replicas",
}

// secretKeys are said to be set, without their values.
var secretKeys = []string{"datasource", "password", "token", "api_key"}

func shown(settings map[string]any) [][2]string {
	var all [][2]string
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		value := settings[key]
		switch {
		case slices.Contains(secretKeys, key):
			said := "set"
			if text, ok := value.(string); ok && text == "" {
				said = "not set"
			}
			all = append(all, [2]string{key, said})
		case slices.Contains(shownKeys, key):
			if text := plain(value); text != "" {
				all = append(all, [2]string{key, text})
			}
		case key == "tables":
			tables, _ := value.(map[string]any)
			var names []string
			for _, name := range slices.Sorted(maps.Keys(tables)) {
				if t, ok := tables[name].(map[string]any); ok && t["enabled"] == true {
					names = append(names, name)
				}
			}
			all = append(all, [2]string{key, strings.Join(names, ", ")})
		}
	}
	return all
}

// plain is a value in words, without what an address may have of a user or a token.
func plain(value any) string {
	switch v := value.(type) {
	case string:
		text, _ := netaddr.Bare(v)
		return text
	case bool, int, int64, float64:
		return fmt.Sprint(v)
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, plain(one))
		}
		return strings.Join(all, ", ")
	default:
		return ""
	}
}

// metricsOf is the collector's own pull endpoint, where it has one.
func metricsOf(conf *confmap.Conf) string {
	readers, _ := conf.Get("service::telemetry::metrics::readers").([]any)
	for _, reader := range readers {
		one, err := confmap.NewFromStringMap(map[string]any{"reader": reader}).Sub("reader")
		if err != nil {
			continue
		}
		host, port := one.Get("pull::exporter::prometheus::host"), one.Get("pull::exporter::prometheus::port")
		if port == nil {
			continue
		}
		name := fmt.Sprint(host)
		if host == nil || name == "0.0.0.0" || name == "::" || name == "" || name == "<nil>" {
			name = "localhost"
		}
		return "http://" + net.JoinHostPort(name, fmt.Sprint(port)) + "/metrics"
	}
	return ""
}

// retentionOf is how long the stores of this configuration remember what they stored, the shortest.
func retentionOf(w *wiring.Wiring) time.Duration {
	shortest := time.Duration(-1)
	for _, id := range w.Used("tyksql", exportersOf) {
		ledger, _ := w.Components("exporters")[id]["ledger"].(map[string]any)
		d := inspect.RememberedFor
		if text, ok := ledger["retention"].(string); ok {
			if parsed, err := time.ParseDuration(text); err == nil {
				d = parsed
			}
		}
		if d > 0 && (shortest < 0 || d < shortest) {
			shortest = d
		}
	}
	if shortest < 0 {
		return inspect.RememberedFor
	}
	return shortest
}
