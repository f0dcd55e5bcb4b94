package tyksqsexporter

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func configured(change func(*Config)) *Config {
	config := createDefaultConfig().(*Config)
	change(config)
	return config
}

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]*Config{
		"": configured(func(c *Config) { c.QueueName = "records" }),
		"fifo": configured(func(c *Config) {
			c.Client = awsclient.Config{Region: "eu-west-1", RoleARN: "arn:aws:iam::123456789012:role/records", ExternalID: "secret"}
			c.QueueURL, c.MessageGroupBy = "https://sqs.eu-west-1.amazonaws.com/123456789012/records.fifo", fieldOrgID
			c.Attributes, c.MaxBytes, c.Truncate, c.Timeout.Timeout = []string{fieldOrgID, fieldAPIID}, 262144, true, 10*time.Second
		}),
		"pump": configured(func(c *Config) {
			c.Client = awsclient.Config{
				Region: "us-east-1", Endpoint: "http://localhost:4566", AccessKeyID: "id", SecretAccessKey: "secret", SessionToken: "secret",
			}
			c.QueueName, c.MessageGroupID, c.DelaySeconds = "records", "all", 60
		}),
	} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name))
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"queue_name: must be set, or queue_url":                                               func(c *Config) { c.QueueName = "" },
		"queue_name, queue_url: both are set":                                                 func(c *Config) { c.QueueURL = "https://sqs/1/q" },
		`queue_name: "https://sqs/1/q" is no name: use queue_url`:                             func(c *Config) { c.QueueName = "https://sqs/1/q" },
		"queue_url: the value (not shown, it may hold credentials) is no URL: use queue_name": func(c *Config) { c.QueueName, c.QueueURL = "", "q" },
		"queue_url: has credentials (not shown)":                                              func(c *Config) { c.QueueName, c.QueueURL = "", "https://user:pw@sqs/1/q" },
		"message_group_id, message_group_by: both are set":                                    func(c *Config) { c.MessageGroupID, c.MessageGroupBy = "g", fieldOrgID },
		`message_group_id: "a b" must have 1 to 128 letters`:                                  func(c *Config) { c.MessageGroupID = "a b" },
		`message_group_by: "api_key" is unknown: use org_id or api_id`:                        func(c *Config) { c.MessageGroupBy = "api_key" },
		"message_group_id: must be set for a FIFO queue, or message_group_by: org_id":         func(c *Config) { c.QueueName = "q.fifo" },
		"delay_seconds: 901 must be from 0 to 900":                                            func(c *Config) { c.DelaySeconds = 901 },
		"delay_seconds: 5 is refused by FIFO queues":                                          func(c *Config) { c.QueueName, c.MessageGroupID, c.DelaySeconds = "q.fifo", "g", 5 },
		`attributes: "path" is unknown: use uid, org_id or api_id`:                            func(c *Config) { c.Attributes = []string{"uid", "path"} },
		"max_bytes: 1048577 must be from 1024 to 1048576, the most":                           func(c *Config) { c.MaxBytes = maxBytes + 1 },
		"timeout: 0s must be above 0":                                                         func(c *Config) { c.Timeout.Timeout = 0 },
		"sending_queue::wait_for_result: false loses":                                         func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
		"access_key_id, secret_access_key: only one is set":                                   func(c *Config) { c.Client.AccessKeyID = "secret" },
	} {
		config := configured(func(c *Config) { c.QueueName = "q" })
		require.NoError(t, config.Validate())
		change(config)
		require.ErrorContains(t, config.Validate(), want)
		assert.Equal(t, strings.Count(want, "secret"), strings.Count(config.Validate().Error(), "secret"), "only in the name of a key")
	}
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireSchema(t, NewFactory())
}
