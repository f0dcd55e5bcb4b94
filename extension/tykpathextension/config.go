package tykpathextension

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// Config says which path stands for which.
type Config struct {
	// From is the path that clients ask for.
	From string `mapstructure:"from"`
	// To is the path that the server knows; nobody reaches it under its own name.
	To string `mapstructure:"to"`
}

func createDefaultConfig() component.Config { return &Config{To: "/metrics"} }

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate reports paths that cannot be meant.
func (c *Config) Validate() error {
	var errs []error
	for _, p := range []struct{ key, path string }{{"from", c.From}, {"to", c.To}} {
		u, err := url.Parse(p.path)
		if err != nil || !strings.HasPrefix(p.path, "/") || u.Path != p.path || u.EscapedPath() != p.path {
			errs = append(errs, fmt.Errorf("%s: %q is not the path of a URL: write one such as /metrics", p.key, p.path))
		}
	}
	return errors.Join(errs...)
}
