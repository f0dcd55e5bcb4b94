package socket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
)

// IsDatagram tells whether a transport has datagrams, which nobody acknowledges.
func IsDatagram(transport confignet.TransportType) bool {
	return transport == confignet.TransportTypeUnixgram || strings.HasPrefix(string(transport), string(confignet.TransportTypeUDP))
}

// Transports are those that an exporter knows.
type Transports []confignet.TransportType

func (known Transports) String() string {
	names := make([]string, len(known))
	for i, t := range known {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}

// Explain adds the known transports to an error of confignet about one that there is not.
func (known Transports) Explain(err error) error {
	if err == nil || !strings.Contains(err.Error(), "unsupported transport type") {
		return err
	}
	return fmt.Errorf("%w: use %s", err, known)
}

// ValidateTarget refuses an address or a transport that cannot be sent to.
func ValidateTarget(address confignet.AddrConfig, known Transports) error {
	if !slices.Contains(known, address.Transport) {
		return fmt.Errorf("transport: %q is not known here: use %s", address.Transport, known)
	}
	if address.DialerConfig.Timeout < 0 {
		return fmt.Errorf("dialer::timeout: %s is over before a connection is made: use a time above 0, or 0 for no bound", address.DialerConfig.Timeout)
	}
	if address.Endpoint == "" {
		return errors.New("endpoint: must be set")
	}
	if strings.HasPrefix(string(address.Transport), "unix") {
		if !strings.HasPrefix(address.Endpoint, "/") {
			return fmt.Errorf("endpoint: %s is no path of a Unix socket: use one like /run/socket", netaddr.Shown(address.Endpoint))
		}
		return nil
	}
	if strings.HasPrefix(address.Endpoint, ":") {
		return fmt.Errorf("endpoint: %s is no address: it has no host: use one like host:port", netaddr.Shown(address.Endpoint))
	}
	if err := netaddr.CheckTarget(string(address.Transport), address.Endpoint); err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	return nil
}

// TLS reads TLS settings for an address; they are nil where TLS is off.
func TLS(ctx context.Context, config *configtls.ClientConfig, address string) (*tls.Config, error) {
	if config == nil {
		return nil, nil
	}
	settings, err := config.LoadTLSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	if settings != nil && settings.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("endpoint: %w", err)
		}
		settings.ServerName = host
	}
	return settings, nil
}
