package secrets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/consul/api"
)

// consulConfig is a store's settings. What they leave open, variables such as CONSUL_HTTP_ADDR say.
type consulConfig struct {
	Address    string `json:"address"`
	Scheme     string `json:"scheme"`
	Datacenter string `json:"datacenter"`
	HTTPAuth   struct {
		Username string `json:"username"`
		Password string `json:"password"`
	} `json:"http_auth"`
	WaitTime string `json:"wait_time"` // of watches, of which there are none
	Token    string `json:"token"`
	TLS      struct {
		Address            string `json:"address"`
		CAFile             string `json:"ca_file"`
		CAPath             string `json:"ca_path"`
		CertFile           string `json:"cert_file"`
		KeyFile            string `json:"key_file"`
		InsecureSkipVerify bool   `json:"insecure_skip_verify"`
	} `json:"tls_config"`
}

type consul struct{ kv *api.KV }

func openConsul(config []byte) (Store, error) {
	var c consulConfig
	if err := decode(config, &c); err != nil {
		return nil, err
	}
	if _, err := duration("wait_time", c.WaitTime); err != nil {
		return nil, err
	}
	settings := api.DefaultConfig()
	tls := &settings.TLSConfig
	for _, set := range []struct {
		to   *string
		text string
	}{
		{&settings.Address, c.Address},
		{&settings.Scheme, c.Scheme},
		{&settings.Datacenter, c.Datacenter},
		{&settings.Token, c.Token},
		{&tls.Address, c.TLS.Address},
		{&tls.CAFile, c.TLS.CAFile},
		{&tls.CAPath, c.TLS.CAPath},
		{&tls.CertFile, c.TLS.CertFile},
		{&tls.KeyFile, c.TLS.KeyFile},
	} {
		if set.text != "" {
			*set.to = set.text
		}
	}
	if strings.Contains(settings.Address+tls.Address, "@") {
		return nil, errors.New("config.address, config.tls_config.address or CONSUL_HTTP_ADDR has a user or password, which Consul's client takes for a part of the host: write host:port, and the login to config.http_auth")
	}
	tls.InsecureSkipVerify = tls.InsecureSkipVerify || c.TLS.InsecureSkipVerify
	if c.HTTPAuth.Username != "" || c.HTTPAuth.Password != "" {
		settings.HttpAuth = &api.HttpBasicAuth{Username: c.HTTPAuth.Username, Password: c.HTTPAuth.Password}
	}
	client, err := api.NewClient(settings)
	if err != nil {
		return nil, fmt.Errorf("config cannot be used: %w", withoutURL(err))
	}
	return &consul{kv: client.KV()}, nil
}

// Get gives a key's value as it is.
func (c *consul) Get(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pair, _, err := c.kv.Get(path, (&api.QueryOptions{}).WithContext(ctx))
	var answer api.StatusError
	switch {
	case errors.As(err, &answer) && answer.Code == http.StatusForbidden:
		return "", errors.New("answered 403: give config.token a policy that may read the key")
	case errors.As(err, &answer):
		return "", fmt.Errorf("answered %d: see that config.datacenter is right and Consul has a leader", answer.Code)
	case err != nil:
		return "", unreachable(err)
	case pair == nil:
		return "", errMissing
	}
	return string(pair.Value), nil
}
