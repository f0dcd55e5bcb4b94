package connection

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
)

const redisPort = "6379"

// Normalize takes addresses in the forms that people have, too: several in one text, as one
// environment variable holds them, and URLs, of which conf says what was written beside them.
func (cfg *Config) Normalize(conf *confmap.Conf) error {
	var all []string
	for _, text := range cfg.Addresses {
		for address := range strings.SplitSeq(text, ",") {
			address = strings.TrimSpace(address)
			if strings.Contains(address, "://") {
				var err error
				if address, err = cfg.takeURL(conf, address); err != nil {
					return fmt.Errorf("addresses: a URL (not shown, it may hold a password) %w", err)
				}
			}
			all = append(all, address)
		}
	}
	cfg.Addresses = all
	return nil
}

// takeURL takes what a URL says beside the address, where no key of its own says it.
func (cfg *Config) takeURL(conf *confmap.Conf, text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", errors.New("cannot be read: write host:port, and the password as password")
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return "", fmt.Errorf("begins with %s: use redis:// or rediss://, or write host:port", u.Scheme)
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("has parameters: set them as keys beside it")
	}
	if user := u.User; user != nil {
		password, _ := user.Password()
		if !given(conf, "username") {
			cfg.Username = user.Username()
		}
		if !given(conf, "password") {
			cfg.Password = configopaque.String(password)
		}
	}
	if path := strings.Trim(u.Path, "/"); path != "" {
		database, err := strconv.Atoi(path)
		switch {
		case err != nil:
			return "", errors.New("has a path that is no number of a database: write redis://host:6379/0")
		case conf.IsSet("database") && database != cfg.Database && cfg.Database != 0:
			return "", fmt.Errorf("names database %d, and database is %d: leave one out", database, cfg.Database)
		}
		cfg.Database = database
	}
	if u.Scheme == "rediss" {
		cfg.TLS.Insecure = false
	}
	port := u.Port()
	if port == "" {
		port = redisPort
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// given tells whether a text is set; an empty one, or none, as of an unset variable, is not.
func given(conf *confmap.Conf, key string) bool {
	value := conf.Get(key)
	return value != nil && value != ""
}
