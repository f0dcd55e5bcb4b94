package tykkinesisexporter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// What Config.PartitionKey chooses from, by the names of Tyk's fields.
const (
	fieldUID    = "uid"
	fieldOrgID  = "org_id"
	fieldAPIID  = "api_id"
	fieldAPIKey = "api_key"
)

var partitionKeys = []string{fieldUID, fieldOrgID, fieldAPIID, fieldAPIKey}

// What Kinesis allows.
const (
	maxEntries        = 500      // of a request
	maxBytes          = 10 << 20 // of a request, and of a record of a stream that allows it
	safeRequestBytes  = 5 << 20  // that all versions of the service take
	streamRecordBytes = 1 << 20  // what a stream takes of a record unless it was told otherwise
)

// Config says which stream records are sent to, and by which key they get to its shards.
type Config struct {
	// Client says where Kinesis is, and as whom it is asked.
	Client awsclient.Config `mapstructure:",squash"`
	// StreamName is the stream's, in the region and account of the credentials.
	StreamName string `mapstructure:"stream_name"`
	// StreamARN is that of a stream, in the place of StreamName, also of another account.
	StreamARN string `mapstructure:"stream_arn"`
	// PartitionKey is the field by which records get to shards: uid, org_id, api_id or api_key.
	PartitionKey string `mapstructure:"partition_key"`
	// AppendNewline ends each record's JSON with a line feed.
	AppendNewline bool `mapstructure:"append_newline"`
	// MaxRecordBytes is the most bytes of a record and its key.
	MaxRecordBytes int `mapstructure:"max_record_bytes"`
	// MaxBytes is the most bytes of a request's records and their keys.
	MaxBytes int `mapstructure:"max_bytes"`
	// Truncate cuts recorded requests and responses of records that are too large.
	Truncate bool `mapstructure:"truncate"`
	// Sending has a timeout that bounds each request; not a whole push, since records that were accepted are not repeated.
	sink.Sending `mapstructure:",squash"`
}

func createDefaultConfig() component.Config {
	sending := sink.Defaults()
	sending.Retry.MaxInterval = 2 * time.Second // a shard that was full takes more after a second
	return &Config{PartitionKey: fieldUID, MaxRecordBytes: streamRecordBytes, MaxBytes: safeRequestBytes, Sending: sending}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks everything that can be checked without asking anybody.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry), c.Client.Check()}
	switch {
	case c.StreamName == "" && c.StreamARN == "":
		errs = append(errs, errors.New("stream_name: must be set, or stream_arn"))
	case c.StreamName != "" && c.StreamARN != "":
		errs = append(errs, errors.New("stream_name, stream_arn: both are set: leave one out"))
	case strings.ContainsAny(c.StreamName, "/:"):
		errs = append(errs, fmt.Errorf("stream_name: %q is no name: use stream_arn for an ARN", c.StreamName))
	case c.StreamARN != "" && !strings.HasPrefix(c.StreamARN, "arn:"):
		errs = append(errs, fmt.Errorf("stream_arn: %q is no ARN: use stream_name for a name", c.StreamARN))
	}
	if !slices.Contains(partitionKeys, c.PartitionKey) {
		errs = append(errs, fmt.Errorf("partition_key: %q is unknown: use %s", c.PartitionKey, strings.Join(partitionKeys, ", ")))
	}
	if c.MaxRecordBytes < 1 || c.MaxRecordBytes > c.MaxBytes {
		errs = append(errs, fmt.Errorf("max_record_bytes: %d must be from 1 to max_bytes, %d", c.MaxRecordBytes, c.MaxBytes))
	}
	if c.MaxBytes > maxBytes {
		errs = append(errs, fmt.Errorf("max_bytes: %d must be at most %d, which is what Kinesis takes", c.MaxBytes, maxBytes))
	}
	if c.Timeout.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %v must be above 0: a request that is never answered would wait for ever", c.Timeout.Timeout))
	}
	return errors.Join(errs...)
}
