package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// vaultConfig is a store's settings. What they leave open, variables such as VAULT_ADDR say.
type vaultConfig struct {
	Address      string `json:"address"`
	AgentAddress string `json:"agent_address"`
	MaxRetries   int    `json:"max_retries"`
	Timeout      string `json:"timeout"`
	Token        string `json:"token"`
	KVVersion    int    `json:"kv_version"`
	MountPath    string `json:"mount_path"`
	Namespace    string `json:"namespace"`
}

// vault reads secrets engines of type KV, version 1 or 2.
type vault struct {
	client  *api.Client
	timeout time.Duration
	second  bool
	mount   string
}

func openVault(config []byte) (Store, error) {
	var c vaultConfig
	if err := decode(config, &c); err != nil {
		return nil, err
	}
	timeout, err := duration("timeout", c.Timeout)
	if err != nil {
		return nil, err
	}
	if c.Token == "" {
		c.Token = os.Getenv(api.EnvVaultToken)
	}
	if c.Token == "" {
		return nil, errors.New("config.token is missing, with which Tyk Pump ends: set it, or VAULT_TOKEN")
	}
	settings := api.DefaultConfig()
	if settings.Error != nil {
		return nil, fmt.Errorf("the variables VAULT_* cannot be used: %w", settings.Error)
	}
	if c.Address != "" {
		settings.Address = c.Address
	}
	if c.AgentAddress != "" {
		settings.AgentAddress = c.AgentAddress
	}
	if c.MaxRetries > 0 {
		settings.MaxRetries = c.MaxRetries
	}
	client, err := api.NewClient(settings)
	if err != nil {
		return nil, errors.New("config.address or config.agent_address is not a URL such as https://vault:8200")
	}
	client.SetToken(c.Token)
	if namespace := strings.Trim(c.Namespace, "/ \t"); namespace != "" {
		client.SetNamespace(namespace)
	}
	if timeout <= 0 {
		timeout = patience
	}
	return &vault{client: client, timeout: timeout, second: c.KVVersion != 1, mount: strings.Trim(c.MountPath, "/")}, nil
}

// Get gives all fields of a secret as JSON: a reference's pointer chooses one.
func (v *vault) Get(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	if v.second {
		mount, rest, found := strings.Cut(path, "/")
		if v.mount != "" {
			mount = v.mount
			rest, found = strings.CutPrefix(path, mount+"/")
		}
		if !found {
			return "", errors.New("the path of the reference does not begin with the engine's mount: write <mount>/<secret>, and config.mount_path where the mount has a slash")
		}
		path = mount + "/data/" + rest
	}
	secret, err := v.client.Logical().ReadWithContext(ctx, path)
	if err != nil {
		return "", refusedByVault(err)
	}
	if secret == nil {
		return "", errMissing
	}
	fields := secret.Data
	if v.second {
		inner, ok := fields["data"].(map[string]any)
		if !ok {
			return "", errMissing
		}
		fields = inner
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return "", errors.New("gave a secret that is no JSON")
	}
	return string(text), nil
}

func refusedByVault(err error) error {
	var answer *api.ResponseError
	switch {
	case !errors.As(err, &answer):
		return unreachable(err)
	case answer.StatusCode == http.StatusForbidden:
		return errors.New("answered 403: give config.token a policy that may read the secret, and see that it has not expired")
	}
	return fmt.Errorf("answered %d: see that Vault is unsealed, and that config.kv_version and config.namespace are right", answer.StatusCode)
}
