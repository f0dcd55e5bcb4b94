package tykmoesifexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func configured(change func(*Config)) *Config {
	config := createDefaultConfig().(*Config)
	config.ApplicationID = "secret"
	change(config)
	return config
}

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	masks := configured(func(c *Config) {
		c.Client.Endpoint, c.Client.Timeout = "https://moesif-proxy.example", 5*time.Second
		c.RequestHeaderMasks, c.ResponseHeaderMasks = []string{"X-Api-Key"}, []string{"Set-Cookie"}
		c.RequestBodyMasks, c.ResponseBodyMasks = []string{"password"}, []string{"secret", "token"}
		c.DisableCaptureRequestBody, c.DisableCaptureResponseBody = true, true
		c.UserIDHeader, c.CompanyIDHeader = "X-User-Id", "X-Company"
		c.AuthorizationHeaderName, c.AuthorizationUserIDField = "X-Token", "user"
		c.SessionToken, c.Sampling, c.MaxRequestBytes, c.MaxRequestEvents = tokenHash, false, 100_000, 50
		c.Retry.InitialInterval = time.Second
		c.Queue.GetOrInsertDefault().QueueSize = 32
	})
	for name, want := range map[string]*Config{"": configured(func(*Config) {}), "masked": masks} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name), name)
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"application_id: must be set": func(c *Config) { c.ApplicationID = "" },
		`endpoint: the value (not shown, it may hold credentials) is no address: use one like https://api.moesif.net`: func(c *Config) { c.Client.Endpoint = "u:s3cret@api.moesif.net" },
		"timeout: -1s must be above 0":                                      func(c *Config) { c.Client.Timeout = -time.Second },
		`session_token: "none" is unknown: use key, hash or off`:            func(c *Config) { c.SessionToken = "none" },
		"request_body_masks: must not have an empty name: it masks nothing": func(c *Config) { c.RequestBodyMasks = []string{""} },
		"response_header_masks: must not have an empty name":                func(c *Config) { c.ResponseHeaderMasks = []string{"a", ""} },
		"max_request_bytes: 0 must be above 0":                              func(c *Config) { c.MaxRequestBytes = 0 },
		"max_request_events: -1 must be above 0":                            func(c *Config) { c.MaxRequestEvents = -1 },
		"sending_queue::wait_for_result: false loses":                       func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
	} {
		assert.ErrorContains(t, configured(change).Validate(), want)
	}
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireHTTPSchema(t, NewFactory())
}
