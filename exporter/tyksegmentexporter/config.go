package tyksegmentexporter

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// The values of Config.AnonymousID.
const (
	anonymousKey  = "key"
	anonymousHash = "hash"
)

// The values of Config.UserID.
const (
	userOff   = "off"
	userAlias = "alias"
)

// Config says where events are sent, and what they tell.
type Config struct {
	// Client says where Segment is; its timeout bounds one request.
	Client confighttp.ClientConfig `mapstructure:",squash"`
	// WriteKey is that of a source of Segment's.
	WriteKey configopaque.String `mapstructure:"segment_write_key"`
	// Event is the name of the events.
	Event string `mapstructure:"event"`
	// AnonymousID is whose id events have, the API key or its hash.
	AnonymousID string `mapstructure:"anonymous_id"`
	// UserID is alias for events that name the key's alias as their user, or off.
	UserID string `mapstructure:"user_id"`
	// IgnoreFields are the fields of records that events do not tell.
	IgnoreFields []string `mapstructure:"ignore_fields"`
	// Truncate leaves the schema of events that are too large out, and cuts recorded requests and responses.
	Truncate bool `mapstructure:"truncate"`
	// MaxEventBytes is the most bytes of an event.
	MaxEventBytes int `mapstructure:"max_event_bytes"`
	// MaxRequestBytes and MaxRequestEvents bound one request.
	MaxRequestBytes  int `mapstructure:"max_request_bytes"`
	MaxRequestEvents int `mapstructure:"max_request_events"`
	// Retry says how a failed request is tried again; max_elapsed_time 0 retries without end.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// Queue says how many pushes are worked on at once and wait.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
}

// What Segment takes.
const (
	segmentEventBytes    = 32_000
	segmentRequestBytes  = 500_000
	segmentRequestEvents = 2500
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Endpoint = "https://api.segment.io/v1/batch"
	client.Timeout = 30 * time.Second
	client.Compression = "gzip"
	sending := sink.Defaults()
	return &Config{
		Client: client, Event: "Hit", AnonymousID: anonymousKey, UserID: userOff,
		IgnoreFields:  []string{"raw_request", "raw_response", "api_schema"},
		MaxEventBytes: segmentEventBytes, MaxRequestBytes: segmentRequestBytes, MaxRequestEvents: segmentRequestEvents,
		Retry: sending.Retry, Queue: sending.Queue,
	}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks everything that can be checked without Segment.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry), c.validateEvents(), c.validateSizes()}
	if err := netaddr.CheckHTTP(c.Client.Endpoint, "https://api.segment.io/v1/batch"); err != nil {
		errs = append(errs, fmt.Errorf("endpoint: %w", err))
	}
	if c.WriteKey == "" {
		errs = append(errs, errors.New("segment_write_key: must be set: Segment shows it in the settings of a source"))
	}
	if c.Client.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %s must be above 0, or a server that does not answer is waited for without end", c.Client.Timeout))
	}
	return errors.Join(errs...)
}

// validateEvents checks what events tell.
func (c *Config) validateEvents() error {
	var errs []error
	if c.Event == "" {
		errs = append(errs, errors.New("event: must not be empty: Segment wants a name"))
	}
	if c.AnonymousID != anonymousKey && c.AnonymousID != anonymousHash {
		errs = append(errs, fmt.Errorf("anonymous_id: %q is unknown: use key or hash", c.AnonymousID))
	}
	if c.UserID != userOff && c.UserID != userAlias {
		errs = append(errs, fmt.Errorf("user_id: %q is unknown: use alias or off", c.UserID))
	}
	_, faults := analytics.ParseFields(c.IgnoreFields)
	for _, fault := range faults {
		errs = append(errs, fmt.Errorf("ignore_fields: %w", fault))
	}
	return errors.Join(errs...)
}

// validateSizes wants sizes that Segment takes.
func (c *Config) validateSizes() error {
	var errs []error
	for _, size := range []struct {
		key         string
		value, most int
	}{
		{"max_event_bytes", c.MaxEventBytes, segmentEventBytes},
		{"max_request_bytes", c.MaxRequestBytes, segmentRequestBytes},
		{"max_request_events", c.MaxRequestEvents, segmentRequestEvents},
	} {
		if size.value < 1 || size.value > size.most {
			errs = append(errs, fmt.Errorf("%s: %d must be from 1 to %d, which Segment takes", size.key, size.value, size.most))
		}
	}
	return errors.Join(errs...)
}
