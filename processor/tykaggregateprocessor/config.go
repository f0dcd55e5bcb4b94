package tykaggregateprocessor

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// Config says how records are counted. Keys that Tyk Pump has too mean the same
// (contract: aggregates, sections 1 and 2.1).
type Config struct {
	// AggregationTime is the length of a bucket: whole minutes, from one to an hour.
	AggregationTime time.Duration `mapstructure:"aggregation_time"`
	// StoreAnalyticsPerMinute makes buckets a minute long, whatever AggregationTime is.
	StoreAnalyticsPerMinute bool `mapstructure:"store_analytics_per_minute"`
	// Timezone is the IANA name of the zone by whose clocks buckets begin.
	Timezone string `mapstructure:"timezone"`
	// TrackAllPaths counts the endpoints of all requests, not only tracked ones.
	TrackAllPaths bool `mapstructure:"track_all_paths"`
	// IgnoreTagPrefixList are the beginnings of tags that are not counted.
	IgnoreTagPrefixList []string `mapstructure:"ignore_tag_prefix_list"`
	// IgnoreAggregations are the dimensions that are not counted.
	IgnoreAggregations []string `mapstructure:"ignore_aggregations"`
	// ThresholdLenTagList is the number of tags of an organisation in a bucket above
	// which a warning is logged; -1 never warns.
	ThresholdLenTagList int `mapstructure:"threshold_len_tag_list"`
	// TraceTags counts the tags that tell a request's trace, each a value of its own.
	TraceTags bool `mapstructure:"trace_tags"`
	// MaxValues is how many values a dimension of an organisation and bucket has
	// before further ones are counted as __other__; 0 is no bound.
	MaxValues int `mapstructure:"max_values"`
	// Latencies adds a sketch of the latencies by API, key and endpoint.
	Latencies bool `mapstructure:"latencies"`
	// ReleaseRecords gives records up once they are counted, so that more chunks wait for the
	// store at a time, which stores their rollups together. It is not for where another
	// pipeline has the same receiver: that costs a copy of each record, and takes the entries from it.
	ReleaseRecords bool `mapstructure:"release_records"`
}

func createDefaultConfig() component.Config {
	return &Config{
		AggregationTime:     time.Hour,
		Timezone:            "UTC",
		ThresholdLenTagList: 1000,
		MaxValues:           100_000,
	}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate reports what cannot be meant.
func (c *Config) Validate() error {
	var errs []error
	if c.AggregationTime < time.Minute || c.AggregationTime > time.Hour || c.AggregationTime%time.Minute != 0 {
		errs = append(errs, fmt.Errorf("aggregation_time: %v must be whole minutes from 1m to 60m, with the unit", c.AggregationTime))
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil || c.Timezone == "" || c.Timezone == "Local" {
		errs = append(errs, fmt.Errorf("timezone: %q is not the name of a time zone: use one such as UTC or America/New_York", c.Timezone))
	}
	for _, name := range c.IgnoreAggregations {
		if _, err := rollup.ParseDimension(name); err != nil {
			errs = append(errs, fmt.Errorf("ignore_aggregations: %w", err))
		}
	}
	if c.ThresholdLenTagList < -1 {
		errs = append(errs, fmt.Errorf("threshold_len_tag_list: %d must be a number of tags, or -1 for no warning", c.ThresholdLenTagList))
	}
	if c.MaxValues < 0 {
		errs = append(errs, fmt.Errorf("max_values: %d must be 0, which is no bound, or more", c.MaxValues))
	}
	return errors.Join(errs...)
}

// defaultTagThreshold is what 0 means, as in Tyk Pump.
const defaultTagThreshold = 1000

// settings are those of a configuration that is valid.
func (c *Config) settings() (rollup.Settings, error) {
	s := rollup.Settings{
		Minutes: int(c.AggregationTime / time.Minute), Zone: c.Timezone, TrackAllPaths: c.TrackAllPaths,
		IgnoreTagPrefixes: c.IgnoreTagPrefixList, TraceTags: c.TraceTags, MaxValues: c.MaxValues, Latencies: c.Latencies,
	}
	if c.StoreAnalyticsPerMinute {
		s.Minutes = 1
	}
	switch c.ThresholdLenTagList {
	case -1:
	case 0:
		s.TagAlert = defaultTagThreshold
	default:
		s.TagAlert = c.ThresholdLenTagList
	}
	for _, name := range c.IgnoreAggregations {
		d, err := rollup.ParseDimension(name)
		if err != nil {
			return s, fmt.Errorf("ignore_aggregations: %w", err)
		}
		s.Ignore = append(s.Ignore, d)
	}
	return s, nil
}
