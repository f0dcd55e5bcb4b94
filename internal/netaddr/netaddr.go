// Package netaddr checks the addresses and URLs of a configuration, and shows them without what may be secret.
package netaddr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/config/confignet"
)

// hidden stands for an address of which nobody knows what is secret.
const hidden = "the value (not shown, it may hold credentials)"

// Bare is where an address leads: a URL or path without user, query and fragment, which may hold passwords and
// tokens. What cannot be told from a password is hidden.
func Bare(text string) (bare string, shown bool) {
	signs := "@?#="
	if u, err := url.Parse(text); err == nil && (u.Host != "" || strings.HasPrefix(text, "/")) &&
		!strings.Contains(u.RawQuery+u.Fragment, "@") { // behind a password with ? or #
		if u.User != nil || strings.ContainsAny(text, "?#") {
			text = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
		}
		signs = "@"
	}
	if strings.ContainsAny(text, signs) {
		return hidden, false
	}
	return text, true
}

// BareError is an error of an HTTP client that shows no more of the URL.
func BareError(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		failed.URL, _ = Bare(failed.URL)
	}
	return err
}

// Shown is an address for a message.
func Shown(text string) string {
	bare, ok := Bare(text)
	if !ok {
		return bare
	}
	return strconv.Quote(bare)
}

// ShownAll are several.
func ShownAll(texts []string) string {
	shown := make([]string, len(texts))
	for i, text := range texts {
		shown[i] = Shown(text)
	}
	return strings.Join(shown, ", ")
}

// IsHTTP tells whether a text is a URL of http or https.
func IsHTTP(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// CheckHTTP refuses what is no URL of http or https.
func CheckHTTP(text, example string) error {
	if IsHTTP(text) {
		return nil
	}
	return fmt.Errorf("%s is no address: use one like %s", Shown(text), example)
}

// The ways in which an address is none.
var (
	errHostPort = errors.New("is no address: use one like host:port")
	errPort     = errors.New("is no address: its port must be from 1 to 65535")
)

// CheckTarget refuses what nobody can send to.
func CheckTarget(transport, text string) error {
	if err := CheckListener(transport, text); err != nil {
		return err
	}
	if strings.HasSuffix(text, ":0") {
		return fmt.Errorf("%s %w", Shown(text), errPort)
	}
	return nil
}

// CheckServer refuses the address of a server of the collector on which nobody can listen.
func CheckServer(address confignet.AddrConfig) error {
	if strings.HasPrefix(string(address.Transport), "unix") {
		return nil
	}
	return CheckListener(string(address.Transport), address.Endpoint)
}

// CheckListener refuses what nobody can listen on. Without a host it is all of the machine, and port 0 is any.
func CheckListener(transport, text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil || port == "" || strings.ContainsAny(host, "@/?#= ") { // where a user is a part of the host
		return fmt.Errorf("%s %w", Shown(text), errHostPort)
	}
	if _, err := net.DefaultResolver.LookupPort(context.Background(), transport, port); err != nil {
		return fmt.Errorf("%s %w", Shown(text), errPort)
	}
	return nil
}
