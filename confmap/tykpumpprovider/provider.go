package tykpumpprovider

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

const scheme = "tykpump"

type provider struct{ logger *zap.Logger }

// NewFactory makes the provider.
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(set confmap.ProviderSettings) confmap.Provider {
		logger := set.Logger
		if logger == nil {
			logger = zap.NewNop()
		}
		return &provider{logger: logger}
	})
}

// Scheme is what URIs of this provider begin with.
func (*provider) Scheme() string { return scheme }

// Shutdown ends nothing, since a file is read once.
func (*provider) Shutdown(context.Context) error { return nil }

// Retrieve converts the file that the URI names, or pump.conf, and the environment. It
// refuses what cannot be honoured, with all reasons at once.
func (p *provider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	rest, ok := strings.CutPrefix(uri, scheme+":")
	if !ok {
		return nil, fmt.Errorf("%q is not a URI of the provider %s: write tykpump:/opt/tyk-pump/pump.conf", uri, scheme)
	}
	file, query, _ := strings.Cut(rest, "?")
	in := pumpconf.FromProcess(file)
	if err := options(&in, query); err != nil {
		return nil, err
	}
	result := pumpconf.Convert(in)
	if result.Refused() {
		return nil, refusal(in.Name, result)
	}
	p.tell(result)
	return confmap.NewRetrieved(result.Config.Plain())
}

// options reads what stands behind the ? of a URI.
func options(in *pumpconf.Input, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("the options %q of %s: %w: write ?skip=NAME&debug=true", query, scheme, err)
	}
	for name, all := range values {
		value := all[len(all)-1]
		switch name {
		case "skip":
			for _, names := range all {
				for pump := range strings.SplitSeq(names, ",") {
					if pump != "" {
						in.Skip = append(in.Skip, pump)
					}
				}
			}
		case "debug":
			if in.Debug, err = strconv.ParseBool(value); err != nil {
				return fmt.Errorf("the option debug=%q of %s: write debug=true", value, scheme)
			}
		default:
			return fmt.Errorf("the option %q of %s does not exist: there are skip and debug", name, scheme)
		}
	}
	return nil
}

// refusal lists all reasons, and the warnings that may explain them.
func refusal(file string, result *pumpconf.Result) error {
	text := strings.TrimSuffix(result.Summary(), "\n")
	way := ""
	if result.SkipHelps() {
		way = fmt.Sprintf("Start without some pumps: --config 'tykpump:%s?skip=NAME,NAME'. ", file)
	}
	return fmt.Errorf("this configuration of Tyk Pump cannot be honoured as it is\n%s\n%sWhat becomes of each setting: tykctl convert %s", text, way, file)
}

// tell writes what the operator should know to the collector's log.
func (p *provider) tell(result *pumpconf.Result) {
	for _, f := range result.Findings.Of(table.Warn) {
		p.logger.Warn(f.Place+": "+f.Text, zap.String("source", scheme))
	}
	if n := len(result.Findings.Of(table.Info)); n > 0 {
		p.logger.Info(fmt.Sprintf("settings of Tyk Pump that need no counterpart: %d; tykctl convert shows them", n), zap.String("source", scheme))
	}
}
