package tykmoesifexporter

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// The values of Config.SessionToken.
const (
	tokenKey  = "key"
	tokenHash = "hash"
	tokenOff  = "off"
)

// Config says where events are sent, and what they tell.
type Config struct {
	// Client says where Moesif is; its timeout bounds one request.
	Client confighttp.ClientConfig `mapstructure:",squash"`
	// ApplicationID is that of Moesif's collector API.
	ApplicationID configopaque.String `mapstructure:"application_id"`
	// RequestHeaderMasks and ResponseHeaderMasks name headers whose values are not sent.
	RequestHeaderMasks  []string `mapstructure:"request_header_masks"`
	ResponseHeaderMasks []string `mapstructure:"response_header_masks"`
	// RequestBodyMasks and ResponseBodyMasks name members of bodies whose values are not sent.
	RequestBodyMasks  []string `mapstructure:"request_body_masks"`
	ResponseBodyMasks []string `mapstructure:"response_body_masks"`
	// DisableCaptureRequestBody and DisableCaptureResponseBody send no bodies.
	DisableCaptureRequestBody  bool `mapstructure:"disable_capture_request_body"`
	DisableCaptureResponseBody bool `mapstructure:"disable_capture_response_body"`
	// UserIDHeader and CompanyIDHeader are the headers that name them.
	UserIDHeader    string `mapstructure:"user_id_header"`
	CompanyIDHeader string `mapstructure:"company_id_header"`
	// AuthorizationHeaderName is the header with the user's credentials, and AuthorizationUserIDField the claim of a
	// token that names the user.
	AuthorizationHeaderName  string `mapstructure:"authorization_header_name"`
	AuthorizationUserIDField string `mapstructure:"authorization_user_id_field"`
	// SessionToken is what events tell of the API key: itself, its hash, or nothing.
	SessionToken string `mapstructure:"session_token"`
	// Sampling keeps as many events as the application's settings in Moesif want.
	Sampling bool `mapstructure:"sampling"`
	// MaxRequestBytes and MaxRequestEvents bound one request; a longer event travels alone.
	MaxRequestBytes  int `mapstructure:"max_request_bytes"`
	MaxRequestEvents int `mapstructure:"max_request_events"`
	// Retry says how a failed request is tried again; max_elapsed_time 0 retries without end.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// Queue says how many pushes are worked on at once and wait.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
}

const (
	// moesifRequestBytes are below the 250 kB that Moesif's libraries name as the most of a batch.
	moesifRequestBytes = 200_000
	// pumpRequestEvents are as many as Tyk Pump sends at once.
	pumpRequestEvents = 200
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Endpoint = "https://api.moesif.net"
	client.Timeout = 30 * time.Second
	client.Compression = "gzip"
	sending := sink.Defaults()
	return &Config{
		Client: client, AuthorizationHeaderName: "authorization", AuthorizationUserIDField: "sub", SessionToken: tokenKey, Sampling: true,
		MaxRequestBytes: moesifRequestBytes, MaxRequestEvents: pumpRequestEvents, Retry: sending.Retry, Queue: sending.Queue,
	}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks everything that can be checked without Moesif.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry)}
	if err := netaddr.CheckHTTP(c.Client.Endpoint, "https://api.moesif.net"); err != nil {
		errs = append(errs, fmt.Errorf("endpoint: %w", err))
	}
	if c.ApplicationID == "" {
		errs = append(errs, errors.New("application_id: must be set: Moesif shows it as the Collector Application Id"))
	}
	if c.Client.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %s must be above 0, or a server that does not answer is waited for without end", c.Client.Timeout))
	}
	if !slices.Contains([]string{tokenKey, tokenHash, tokenOff}, c.SessionToken) {
		errs = append(errs, fmt.Errorf("session_token: %q is unknown: use key, hash or off", c.SessionToken))
	}
	for key, list := range map[string][]string{
		"request_header_masks": c.RequestHeaderMasks, "response_header_masks": c.ResponseHeaderMasks,
		"request_body_masks": c.RequestBodyMasks, "response_body_masks": c.ResponseBodyMasks,
	} {
		if slices.Contains(list, "") {
			errs = append(errs, fmt.Errorf("%s: must not have an empty name: it masks nothing", key))
		}
	}
	for key, size := range map[string]int{"max_request_bytes": c.MaxRequestBytes, "max_request_events": c.MaxRequestEvents} {
		if size < 1 {
			errs = append(errs, fmt.Errorf("%s: %d must be above 0", key, size))
		}
	}
	return errors.Join(errs...)
}
