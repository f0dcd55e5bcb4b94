package tykhealthextension

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// Config says where and when which answer is given.
type Config struct {
	// Server is the collector's HTTP server: endpoint, tls, auth and so on.
	Server confighttp.ServerConfig `mapstructure:",squash"`
	// ReadyPath is where it is answered whether the collector is ready; empty for nowhere.
	ReadyPath string `mapstructure:"ready_path"`
	// LivePath is where it is answered whether the collector lives; empty for nowhere.
	LivePath string `mapstructure:"live_path"`
	// PumpPath is where Tyk Pump's answer is given, whatever happens; empty for nowhere.
	PumpPath string `mapstructure:"pump_path"`
	// RecoveryDuration is for how long a component may be in trouble that can pass by itself
	// before the collector is not ready; 0 is not at all.
	RecoveryDuration time.Duration `mapstructure:"recovery_duration"`
}

var _ component.Config = (*Config)(nil)

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = "localhost:13133"
	return &Config{Server: server, ReadyPath: "/ready", LivePath: "/live", RecoveryDuration: 10 * time.Second}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate finds what can be found without a server.
func (c *Config) Validate() error {
	var errs []error
	if c.Server.NetAddr.Endpoint == "" {
		errs = append(errs, errors.New("endpoint: is empty: write host:port, such as localhost:13133"))
	} else if err := netaddr.CheckServer(c.Server.NetAddr); err != nil {
		errs = append(errs, fmt.Errorf("endpoint: %w", err))
	}
	if c.RecoveryDuration < 0 {
		errs = append(errs, fmt.Errorf("recovery_duration: %s: use 0s or more", c.RecoveryDuration))
	}
	keys := map[string]string{} // by path
	for _, p := range []struct{ key, path string }{{"ready_path", c.ReadyPath}, {"live_path", c.LivePath}, {"pump_path", c.PumpPath}} {
		switch {
		case p.path == "":
		case !strings.HasPrefix(p.path, "/") || strings.ContainsAny(p.path, "?# "):
			errs = append(errs, fmt.Errorf("%s: %q is no path: begin it with a slash", p.key, p.path))
		case keys[p.path] != "":
			errs = append(errs, fmt.Errorf("%s: %q is %s too: use another path, or an empty one for no such answer", p.key, p.path, keys[p.path]))
		default:
			keys[p.path] = p.key
		}
	}
	if len(keys) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("ready_path, live_path and pump_path: all are empty, and nothing would be answered: set one"))
	}
	return errors.Join(errs...)
}
