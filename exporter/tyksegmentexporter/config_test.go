package tyksegmentexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func configured(change func(*Config)) *Config {
	config := createDefaultConfig().(*Config)
	config.WriteKey = "secret"
	change(config)
	return config
}

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	eu := configured(func(c *Config) {
		c.Client.Endpoint, c.Client.Timeout, c.Client.Compression = "https://events.eu1.segmentapis.com/v1/batch", 5*time.Second, "none"
		c.Event, c.AnonymousID, c.UserID = "API request", anonymousHash, userAlias
		c.IgnoreFields, c.Truncate = []string{"raw_response", "geo"}, true
		c.MaxEventBytes, c.MaxRequestBytes, c.MaxRequestEvents = 16_000, 100_000, 100
		c.Retry.InitialInterval = time.Second
		c.Queue.GetOrInsertDefault().QueueSize = 32
	})
	for name, want := range map[string]*Config{"": configured(func(*Config) {}), "eu": eu} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name), name)
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"segment_write_key: must be set": func(c *Config) { c.WriteKey = "" },
		`endpoint: the value (not shown, it may hold credentials) is no address: use one like https`: func(c *Config) { c.Client.Endpoint = "u:s3cret@api.segment.io" },
		"timeout: 0s must be above 0":                                                       func(c *Config) { c.Client.Timeout = 0 },
		"event: must not be empty":                                                          func(c *Config) { c.Event = "" },
		`anonymous_id: "oauth" is unknown: use key or hash`:                                 func(c *Config) { c.AnonymousID = "oauth" },
		`user_id: "key" is unknown: use alias or off`:                                       func(c *Config) { c.UserID = "key" },
		`ignore_fields: "raw_reqest" is not a field of a record; did you mean raw_request?`: func(c *Config) { c.IgnoreFields = []string{"raw_reqest"} },
		"max_event_bytes: 32001 must be from 1 to 32000, which Segment takes":               func(c *Config) { c.MaxEventBytes = 32_001 },
		"max_request_bytes: 0 must be from 1 to 500000, which Segment takes":                func(c *Config) { c.MaxRequestBytes = 0 },
		"max_request_events: 2501 must be from 1 to 2500, which Segment takes":              func(c *Config) { c.MaxRequestEvents = 2501 },
		"sending_queue::wait_for_result: false loses":                                       func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
	} {
		assert.ErrorContains(t, configured(change).Validate(), want)
	}
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireHTTPSchema(t, NewFactory())
}
