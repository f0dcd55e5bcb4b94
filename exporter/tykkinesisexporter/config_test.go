package tykkinesisexporter

import (
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
		"": configured(func(c *Config) { c.StreamName = "records" }),
		"all": configured(func(c *Config) {
			c.Client = awsclient.Config{
				Region: "eu-west-1", Endpoint: "http://localhost:4566", AccessKeyID: "id", SecretAccessKey: "secret", SessionToken: "secret",
				RoleARN: "arn:aws:iam::123456789012:role/records", ExternalID: "secret",
			}
			c.StreamARN, c.PartitionKey, c.AppendNewline = "arn:aws:kinesis:eu-west-1:123456789012:stream/records", fieldOrgID, true
			c.MaxRecordBytes, c.MaxBytes, c.Truncate, c.Timeout.Timeout = 2_000_000, 10_000_000, true, 10*time.Second
		}),
	} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name))
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"stream_name: must be set, or stream_arn":                                      func(c *Config) { c.StreamName = "" },
		"stream_name, stream_arn: both are set":                                        func(c *Config) { c.StreamARN = "arn:aws:kinesis:eu-west-1:1:stream/s" },
		`stream_name: "arn:aws:s" is no name: use stream_arn`:                          func(c *Config) { c.StreamName = "arn:aws:s" },
		`stream_arn: "s" is no ARN: use stream_name`:                                   func(c *Config) { c.StreamName, c.StreamARN = "", "s" },
		`partition_key: "path" is unknown: use uid, org_id, api_id, api_key`:           func(c *Config) { c.PartitionKey = "path" },
		"max_record_bytes: 6000000 must be from 1 to max_bytes, 5242880":               func(c *Config) { c.MaxRecordBytes = 6_000_000 },
		"max_bytes: 10485761 must be at most 10485760":                                 func(c *Config) { c.MaxBytes = maxBytes + 1 },
		"timeout: 0s must be above 0":                                                  func(c *Config) { c.Timeout.Timeout = 0 },
		"sending_queue::wait_for_result: false loses":                                  func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
		"access_key_id, secret_access_key: only one is set: set both, or none to have": func(c *Config) { c.Client.SecretAccessKey = "hush" },
	} {
		config := configured(func(c *Config) { c.StreamName = "s" })
		require.NoError(t, config.Validate())
		change(config)
		require.ErrorContains(t, config.Validate(), want)
		assert.NotContains(t, config.Validate().Error(), "hush")
	}
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireSchema(t, NewFactory())
}
