package tykopentracingreceiver

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// Config says where datagrams are taken, and what spans are to say beside what they do.
type Config struct {
	// Endpoint is the UDP address that gateways send to.
	Endpoint string `mapstructure:"endpoint"`
	// QueueSize is how many datagrams may wait for the pipelines; more are dropped.
	QueueSize int `mapstructure:"queue_size"`
	// ReadBufferBytes is what the operating system is asked to keep of datagrams that were not read yet.
	ReadBufferBytes int `mapstructure:"read_buffer_bytes"`
	// APIs are the ids of APIs by their names, which alone are in the spans.
	APIs map[string]APIConfig `mapstructure:"apis"`
}

// APIConfig is what is known of an API.
type APIConfig struct {
	// ID is the API's id.
	ID string `mapstructure:"id"`
	// Org is the id of its organisation.
	Org string `mapstructure:"org"`
}

// maxQueueSize bounds what may wait; a datagram has up to 64 KiB.
const maxQueueSize = 1_000_000

func createDefaultConfig() component.Config {
	return &Config{Endpoint: "localhost:6831", QueueSize: 1000, ReadBufferBytes: 4 << 20}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks what can be checked without opening the port.
func (c *Config) Validate() error {
	var errs []error
	if err := netaddr.CheckListener("udp", c.Endpoint); err != nil {
		errs = append(errs, fmt.Errorf("endpoint: %w", err))
	}
	if c.QueueSize < 1 || c.QueueSize > maxQueueSize {
		errs = append(errs, fmt.Errorf("queue_size: %d must be from 1 to %d", c.QueueSize, maxQueueSize))
	}
	if c.ReadBufferBytes < 0 {
		errs = append(errs, fmt.Errorf("read_buffer_bytes: %d must be 0 or more: 0 leaves it to the operating system", c.ReadBufferBytes))
	}
	for name, api := range c.APIs {
		if api.ID == "" && api.Org == "" {
			errs = append(errs, fmt.Errorf("apis::%s: id or org must be set", name))
		}
	}
	return errors.Join(errs...)
}
