package tykinfluxexporter

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
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

// The values of Config.Schema.
const (
	schemaTyk     = "tyk"
	schemaKrakenD = "krakend"
)

// documentFormat is what fields and tags of the schema tyk are called.
const documentFormat = "influx"

// Config says where and how points are stored.
type Config struct {
	// Client says where InfluxDB is; its timeout bounds one request.
	Client confighttp.ClientConfig `mapstructure:",squash"`
	// Schema is whose measurements are written: tyk, from logs, or krakend, from metrics.
	Schema string `mapstructure:"schema"`
	// DatabaseName is InfluxDB 1's database.
	DatabaseName string `mapstructure:"database_name"`
	// RetentionPolicy is InfluxDB 1's; empty is the database's default.
	RetentionPolicy string `mapstructure:"retention_policy"`
	// Username and Password are InfluxDB 1's; empty for none.
	Username string              `mapstructure:"username"`
	Password configopaque.String `mapstructure:"password"`
	// Bucket and Organization are InfluxDB 2's.
	Bucket       string `mapstructure:"bucket"`
	Organization string `mapstructure:"organization"`
	// Token is InfluxDB 2's.
	Token configopaque.String `mapstructure:"token"`
	// Fields and Tags are those of the points of schema tyk.
	Fields []string `mapstructure:"fields"`
	Tags   []string `mapstructure:"tags"`
	// MaxRequestBytes bounds the lines of one request; a longer line travels alone.
	MaxRequestBytes int `mapstructure:"max_request_bytes"`
	// Retry says how a failed write is tried again; max_elapsed_time 0 retries without end.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// Queue says how many writes go on at once and wait.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
}

// Sizes of requests. InfluxDB 1 takes 25 MB by default, and ends the connection above.
const (
	defaultRequestBytes = 4 << 20
	maxRequestBytes     = 20 << 20
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Endpoint = "http://localhost:8086"
	client.Timeout = 30 * time.Second
	sending := sink.Defaults()
	return &Config{
		Client: client, Schema: schemaTyk,
		Fields: []string{
			"method", "path", "response_code", "api_key", "time_stamp", "api_version", "api_name", "api_id", "org_id",
			"oauth_id", "raw_request", "request_time", "raw_response", "ip_address", "total_latency", "upstream_latency",
		},
		Tags:            []string{"response_code", "api_name", "org_id"},
		MaxRequestBytes: defaultRequestBytes, Retry: sending.Retry, Queue: sending.Queue,
	}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks everything that can be checked without InfluxDB.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry), c.validateTarget()}
	if err := netaddr.CheckHTTP(c.Client.Endpoint, "http://influxdb:8086"); err != nil {
		errs = append(errs, fmt.Errorf("endpoint: %w", err))
	}
	switch c.Schema {
	case schemaKrakenD:
	case schemaTyk:
		if len(c.Fields) == 0 {
			errs = append(errs, errors.New("fields: must not be empty: a point needs a field"))
		}
		for key, names := range map[string][]string{"fields": c.Fields, "tags": c.Tags} {
			if len(names) == 0 {
				continue
			}
			if _, err := analytics.NewDocument(documentFormat, names); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", key, err))
			}
		}
	default:
		errs = append(errs, fmt.Errorf("schema: %q is unknown: use tyk or krakend", c.Schema))
	}
	if c.Client.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %s must be above 0, or a server that does not answer is waited for without end", c.Client.Timeout))
	}
	if c.MaxRequestBytes < 1 || c.MaxRequestBytes > maxRequestBytes {
		errs = append(errs, fmt.Errorf("max_request_bytes: %d must be from 1 to %d, which InfluxDB takes", c.MaxRequestBytes, maxRequestBytes))
	}
	return errors.Join(errs...)
}

// validateTarget wants either an InfluxDB 1 or an InfluxDB 2.
func (c *Config) validateTarget() error {
	switch {
	case c.DatabaseName == "" && c.Bucket == "":
		return errors.New("database_name, bucket: one of them must be set: database_name for InfluxDB 1, bucket for InfluxDB 2")
	case c.DatabaseName != "" && c.Bucket != "":
		return fmt.Errorf("database_name, bucket: %q and %q are both set: use database_name for InfluxDB 1, or bucket for InfluxDB 2", c.DatabaseName, c.Bucket)
	case c.Bucket != "" && c.Organization == "":
		return errors.New("organization: must be set with bucket")
	case c.Bucket != "" && (c.Username != "" || c.Password != "" || c.RetentionPolicy != ""):
		return errors.New("username, password, retention_policy: are InfluxDB 1's: use token with bucket")
	case c.DatabaseName != "" && (c.Token != "" || c.Organization != ""):
		return errors.New("token, organization: are InfluxDB 2's: use username and password with database_name")
	case c.Username == "" && c.Password != "":
		return errors.New("username: must be set with password")
	}
	return nil
}

// writeURL is where lines are posted. Their times are in nanoseconds.
func (c *Config) writeURL() (string, error) {
	address, err := url.Parse(c.Client.Endpoint)
	if err != nil {
		return "", fmt.Errorf("endpoint: %w", netaddr.BareError(err))
	}
	parameters := url.Values{"precision": {"ns"}}
	if c.Bucket != "" {
		parameters.Set("org", c.Organization)
		parameters.Set("bucket", c.Bucket)
		address = address.JoinPath("api", "v2", "write")
	} else {
		parameters.Set("db", c.DatabaseName)
		if c.RetentionPolicy != "" {
			parameters.Set("rp", c.RetentionPolicy)
		}
		address = address.JoinPath("write")
	}
	address.RawQuery = parameters.Encode()
	return address.String(), nil
}

// sorted is what points need, whose tags and fields are in order.
func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}
