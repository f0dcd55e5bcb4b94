// Package metrics makes metrics of records, each counted once, and hands them on.
package metrics

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
)

// Config says which metrics are made of the records, for the metrics
// pipelines that the receiver is in.
type Config struct {
	// Filter says which records count, before their metrics lose what it goes by.
	Filter selection.Lists `mapstructure:"filter"`
	// IgnoreFields are fields that count as if records had none, by their JSON names:
	// labels made of them are empty.
	IgnoreFields []string `mapstructure:"ignore_fields"`
	// Presets lists sets of metrics: "gateway" for those that gateways from 5.13 on
	// send themselves, "tyk_pump" for those of Tyk Pump's Prometheus pump.
	Presets []string `mapstructure:"presets"`
	// Attributes are further attributes of the preset "gateway", such as tyk.api.orgid.
	Attributes []string `mapstructure:"attributes"`
	// DisabledMetrics lists metrics of presets to leave out.
	DisabledMetrics []string `mapstructure:"disabled_metrics"`
	// CustomMetrics are further metrics.
	CustomMetrics []CustomConfig `mapstructure:"custom_metrics"`
	// TrackAllPaths puts the path of every request into the label "path"; otherwise it is
	// "unknown" for all that matched no tracked endpoint.
	TrackAllPaths bool `mapstructure:"track_all_paths"`
	// Histograms is "explicit" for the buckets of each metric, or "exponential" for
	// buckets that fit themselves to the values.
	Histograms string `mapstructure:"histograms"`
	// Exemplars is whether points name the trace of one of their requests.
	Exemplars bool `mapstructure:"exemplars"`
	// Interval is how often the metrics are handed on, above 0.
	Interval time.Duration `mapstructure:"interval"`
	// SeriesLimit is the most series of each metric, from 2; what is beyond is counted in one.
	SeriesLimit int `mapstructure:"series_limit"`
	// Expiry is how long a series stays without a request, at least Interval; 0 is for ever.
	Expiry time.Duration `mapstructure:"expiry"`
}

// CustomConfig is a metric as Tyk Pump's custom_metrics describe it.
type CustomConfig struct {
	// Name is the metric's, which no other has.
	Name string `mapstructure:"name"`
	// Help is its description.
	Help string `mapstructure:"help"`
	// MetricType is "counter" for requests, or "histogram" for their total time in milliseconds.
	MetricType string `mapstructure:"metric_type"`
	// Buckets are a histogram's upper bounds in milliseconds, rising; empty for Tyk Pump's.
	Buckets []float64 `mapstructure:"buckets"`
	// ObfuscateAPIKeys shows only the ends of API keys.
	ObfuscateAPIKeys bool `mapstructure:"obfuscate_api_keys"`
	// ObfuscateAPIKeysLength is how many letters of a key are shown; 0 is 4.
	ObfuscateAPIKeysLength int `mapstructure:"obfuscate_api_keys_length"`
	// Labels are the labels, with Tyk Pump's names.
	Labels []string `mapstructure:"labels"`
	// MCPOnly leaves out all requests but those of MCP.
	MCPOnly bool `mapstructure:"mcp_only"`
}

// The words that Presets and Histograms know.
const (
	// GatewayPreset are the metrics of newer gateways, and ExplicitHistograms the buckets of each.
	GatewayPreset         = "gateway"
	tykPumpPreset         = "tyk_pump"
	ExplicitHistograms    = "explicit"
	exponentialHistograms = "exponential"
)

// Faults finds settings that are wrong.
func (cfg *Config) Faults(fault func(format string, args ...any)) {
	if _, errs := cfg.instruments(); len(errs) > 0 {
		for _, err := range errs {
			fault("metrics::%w", err)
		}
	}
	for _, err := range cfg.Filter.Faults() {
		fault("metrics::filter::%w", err)
	}
	if _, faults := analytics.ParseFields(cfg.IgnoreFields); len(faults) > 0 {
		fault("metrics::ignore_fields: %w", errors.Join(faults...))
	}
	if cfg.Histograms != ExplicitHistograms && cfg.Histograms != exponentialHistograms {
		fault("metrics::histograms: %q: use %q or %q", cfg.Histograms, ExplicitHistograms, exponentialHistograms)
	}
	if cfg.Interval < time.Millisecond {
		fault("metrics::interval: %s: use at least %s", cfg.Interval, time.Millisecond)
	}
	const fewest = 2 // one, and the one for what is beyond
	if cfg.SeriesLimit < fewest {
		fault("metrics::series_limit: %d: use a number from %d", cfg.SeriesLimit, fewest)
	}
	if cfg.Expiry != 0 && cfg.Expiry < cfg.Interval {
		fault("metrics::expiry: %s: use at least metrics::interval, %s, or 0 for never", cfg.Expiry, cfg.Interval)
	}
}

func (cfg *Config) paths() measure.Paths { return measure.Paths(cfg.TrackAllPaths) }

// instruments lists the metrics asked for, and what is wrong with them.
func (cfg *Config) instruments() (all []measure.Instrument, errs []error) {
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	further, err := measure.FurtherAttributes(cfg.Attributes)
	if err != nil {
		fault("attributes: %w", err)
	}
	if len(cfg.Attributes) > 0 && !slices.Contains(cfg.Presets, GatewayPreset) {
		fault("attributes: %s: only the preset %q has them: name it, or leave them out", strings.Join(cfg.Attributes, ", "), GatewayPreset)
	}
	seen := map[string]bool{}
	for _, preset := range cfg.Presets {
		switch {
		case seen[preset]:
			fault("presets: %q is there twice", preset)
		case preset == GatewayPreset:
			all = append(all, measure.Gateway(further...)...)
		case preset == tykPumpPreset:
			all = append(all, measure.TykPump(cfg.paths())...)
		default:
			fault("presets: %q: use %q, %q, or both", preset, GatewayPreset, tykPumpPreset)
		}
		seen[preset] = true
	}
	left, err := measure.Without(all, cfg.DisabledMetrics)
	if err != nil {
		fault("disabled_metrics: %w", err)
		left = all
	}
	taken := map[string]bool{}
	take := func(in measure.Instrument) {
		for _, name := range exposed(in.Name) {
			taken[name] = true
		}
	}
	for _, in := range left {
		take(in)
	}
	for i, custom := range cfg.CustomMetrics {
		in, err := custom.instrument(cfg.paths())
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				fault("custom_metrics::%d::%s", i, line)
			}
			continue
		}
		if slices.ContainsFunc(exposed(in.Name), func(name string) bool { return taken[name] }) {
			fault("custom_metrics::%d::name: %q is another metric's, or is so in Prometheus: use another name, or add that of a preset to disabled_metrics", i, in.Name)
		}
		take(in)
		left = append(left, in)
	}
	if len(left) == 0 && len(errs) == 0 {
		fault("presets and custom_metrics: no metric is left: name a preset")
	}
	if cfg.Histograms == exponentialHistograms {
		left = measure.Exponential(left)
	}
	return left, errs
}

// exposed are the names that Prometheus may have for a metric: dots are underscores there, and counters end in _total.
// Names without dots are Tyk Pump's, which converted configurations expose as they are.
func exposed(name string) []string {
	plain := strings.ReplaceAll(name, ".", "_")
	if plain == name {
		return []string{name}
	}
	bare := strings.TrimSuffix(plain, "_total")
	return []string{bare, bare + "_total"}
}

func (c CustomConfig) instrument(paths measure.Paths) (measure.Instrument, error) {
	return measure.Custom{
		Name: c.Name, Help: c.Help, Type: c.MetricType, Buckets: c.Buckets, Labels: c.Labels,
		MaskKeys: c.ObfuscateAPIKeys, MaskLength: c.ObfuscateAPIKeysLength, MCPOnly: c.MCPOnly,
	}.Instrument(paths)
}

func (cfg *Config) newMeter(now time.Time) *measure.Meter {
	// Faults of both were told before.
	instruments, _ := cfg.instruments()
	ignored, _ := analytics.ParseFields(cfg.IgnoreFields)
	return measure.NewMeter(instruments, measure.Settings{
		SeriesLimit: cfg.SeriesLimit, Expiry: cfg.Expiry, Exemplars: cfg.Exemplars, Only: cfg.Filter, Ignored: ignored,
	}, now)
}
