package tyksqsexporter

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// What Config.Attributes and Config.MessageGroupBy choose from, by the names of Tyk's fields.
const (
	fieldUID   = "uid"
	fieldOrgID = "org_id"
	fieldAPIID = "api_id"
)

// What SQS allows.
const (
	minBytes   = 1 << 10 // the least limit that a queue can have
	maxBytes   = 1 << 20 // of a message, and of a request
	maxEntries = 10      // of a request
	maxDelay   = 900     // seconds
	maxToken   = 128     // characters of a group's id, and of an identity
)

// Config says which queue messages are sent to, and what they tell.
type Config struct {
	// Client says where SQS is, and as whom it is asked.
	Client awsclient.Config `mapstructure:",squash"`
	// QueueName is the queue's, in the region and account of the credentials.
	QueueName string `mapstructure:"queue_name"`
	// QueueURL is that of a queue, in the place of QueueName, which needs no look-up.
	QueueURL string `mapstructure:"queue_url"`
	// MessageGroupID is one group for all messages.
	MessageGroupID string `mapstructure:"message_group_id"`
	// MessageGroupBy makes groups by a field of the record: org_id or api_id.
	MessageGroupBy string `mapstructure:"message_group_by"`
	// DelaySeconds hides new messages of a standard queue for a time.
	DelaySeconds int32 `mapstructure:"delay_seconds"`
	// Attributes are fields that messages have beside their body: uid, org_id, api_id.
	Attributes []string `mapstructure:"attributes"`
	// MaxBytes is the most bytes of a message, and of a request.
	MaxBytes int `mapstructure:"max_bytes"`
	// Truncate cuts recorded requests and responses of messages that are too large.
	Truncate bool `mapstructure:"truncate"`
	// Sending has a timeout that bounds each request; not a whole push, since messages that were accepted are not repeated.
	sink.Sending `mapstructure:",squash"`
}

func createDefaultConfig() component.Config {
	return &Config{Attributes: []string{fieldUID}, MaxBytes: maxBytes, Sending: sink.Defaults()}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// isFIFO tells the kind of the queue, which its name says.
func (c *Config) isFIFO() bool { return strings.HasSuffix(c.QueueName+c.QueueURL, ".fifo") }

// Validate checks everything that can be checked without asking anybody.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry), c.Client.Check(), c.validateGroups()}
	switch {
	case c.QueueName == "" && c.QueueURL == "":
		errs = append(errs, errors.New("queue_name: must be set, or queue_url"))
	case c.QueueName != "" && c.QueueURL != "":
		errs = append(errs, errors.New("queue_name, queue_url: both are set: leave one out"))
	case strings.ContainsAny(c.QueueName, "/:"):
		errs = append(errs, fmt.Errorf("queue_name: %q is no name: use queue_url for a URL", c.QueueName))
	case strings.Contains(c.QueueURL, "@"):
		errs = append(errs, errors.New("queue_url: has credentials (not shown), which SQS does not read there: there are keys of their own, such as access_key_id"))
	case c.QueueURL != "" && !strings.HasPrefix(c.QueueURL, "http://") && !strings.HasPrefix(c.QueueURL, "https://"):
		errs = append(errs, errors.New("queue_url: the value (not shown, it may hold credentials) is no URL: use queue_name for a name"))
	}
	if c.DelaySeconds < 0 || c.DelaySeconds > maxDelay {
		errs = append(errs, fmt.Errorf("delay_seconds: %d must be from 0 to %d", c.DelaySeconds, maxDelay))
	}
	if c.DelaySeconds > 0 && c.isFIFO() {
		errs = append(errs, fmt.Errorf("delay_seconds: %d is refused by FIFO queues: set the queue's own delay", c.DelaySeconds))
	}
	for _, field := range c.Attributes {
		if !slices.Contains([]string{fieldUID, fieldOrgID, fieldAPIID}, field) {
			errs = append(errs, fmt.Errorf("attributes: %q is unknown: use %s, %s or %s", field, fieldUID, fieldOrgID, fieldAPIID))
		}
	}
	if c.MaxBytes < minBytes || c.MaxBytes > maxBytes {
		errs = append(errs, fmt.Errorf("max_bytes: %d must be from %d to %d, the most that SQS takes", c.MaxBytes, minBytes, maxBytes))
	}
	if c.Timeout.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %v must be above 0: a request that is never answered would wait for ever", c.Timeout.Timeout))
	}
	return errors.Join(errs...)
}

// validateGroups wants a group for each message of a FIFO queue.
func (c *Config) validateGroups() error {
	switch {
	case c.MessageGroupID != "" && c.MessageGroupBy != "":
		return errors.New("message_group_id, message_group_by: both are set: leave one out")
	case c.MessageGroupID != "" && !isToken(c.MessageGroupID):
		return fmt.Errorf("message_group_id: %q must have 1 to %d letters, digits and punctuation characters of ASCII", c.MessageGroupID, maxToken)
	case c.MessageGroupBy != "" && c.MessageGroupBy != fieldOrgID && c.MessageGroupBy != fieldAPIID:
		return fmt.Errorf("message_group_by: %q is unknown: use %s or %s", c.MessageGroupBy, fieldOrgID, fieldAPIID)
	case c.isFIFO() && c.MessageGroupID == "" && c.MessageGroupBy == "":
		return fmt.Errorf("message_group_id: must be set for a FIFO queue, or message_group_by: %s", fieldOrgID)
	}
	return nil
}
