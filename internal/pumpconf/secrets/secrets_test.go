package secrets

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const hidden = "do-not-show"

func open(t *testing.T, kind string, settings map[string]any) (Store, error) {
	t.Helper()
	config, err := json.Marshal(settings)
	require.NoError(t, err)
	return Open(kind, config)
}

// startVault answers as the HTTP API of Vault's KV engines does: version 2 at kv and at
// tenants/a/kv, version 1 at old.
func startVault(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secrets := map[string]string{
			"/v1/kv/data/db":           `{"data": {"data": {"password": "p", "port": 5432}, "metadata": {"version": 3}}}`,
			"/v1/kv/data/data/x":       `{"data": {"data": {"a": "b"}, "metadata": {}}}`,
			"/v1/tenants/a/kv/data/db": `{"data": {"data": {"tenant": "a"}, "metadata": {}}}`,
			"/v1/old/db":               `{"data": {"password": "o"}}`,
		}
		switch {
		case r.Header.Get("X-Vault-Token") != hidden || r.Header.Get("X-Vault-Namespace") == "closed":
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"errors": ["permission denied"]}`))
		case r.URL.Path == "/v1/kv/data/sealed":
			w.WriteHeader(http.StatusBadRequest)
		case secrets[r.URL.Path] == "":
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"errors": []}`))
		default:
			_, _ = w.Write([]byte(secrets[r.URL.Path]))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestVault(t *testing.T) {
	t.Parallel()
	address := startVault(t)
	for _, c := range []struct {
		settings         map[string]any
		path, want, fail string
	}{
		{map[string]any{}, "kv/db", `{"password":"p","port":5432}`, ""},
		{map[string]any{"kv_version": 2, "timeout": "20s", "max_retries": 1}, "kv/data/x", `{"a":"b"}`, ""},
		{map[string]any{"mount_path": "tenants/a/kv/"}, "tenants/a/kv/db", `{"tenant":"a"}`, ""},
		{map[string]any{"kv_version": 1}, "old/db", `{"password":"o"}`, ""},
		{map[string]any{}, "kv/none", "", "has no such key"},
		{map[string]any{}, "kv", "", "the path of the reference does not begin with the engine's mount"},
		{map[string]any{"mount_path": "tenants/a/kv"}, "kv/db", "", "does not begin with the engine's mount"},
		{map[string]any{"namespace": "/closed/"}, "kv/db", "", "answered 403: give config.token a policy"},
		{map[string]any{}, "kv/sealed", "", "answered 400: see that Vault is unsealed"},
		{map[string]any{"address": "http://127.0.0.1:1"}, "kv/db", "", "does not answer"},
	} {
		settings := map[string]any{"address": address, "token": hidden}
		for key, value := range c.settings {
			settings[key] = value
		}
		store, err := open(t, Vault, settings)
		require.NoError(t, err)
		got, err := store.Get(t.Context(), c.path)
		if c.fail != "" {
			require.ErrorContains(t, err, c.fail)
			assert.NotContains(t, err.Error(), hidden)
			assert.NotContains(t, err.Error(), "kv/db")
			continue
		}
		require.NoError(t, err, c.path)
		assert.JSONEq(t, c.want, got)
	}
}

// startConsul answers as Consul's KV store does.
func startConsul(t *testing.T, start func(http.Handler) *httptest.Server) string {
	t.Helper()
	server := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		key, _ := strings.CutPrefix(r.URL.Path, "/v1/kv/")
		switch {
		case r.Header.Get("X-Consul-Token") != hidden && user+password != "u"+hidden:
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Query().Get("dc") == "away":
			w.WriteHeader(http.StatusInternalServerError)
		case key == "tyk/db":
			_ = json.NewEncoder(w).Encode([]map[string]any{{"Key": key, "Value": base64.StdEncoding.EncodeToString([]byte("host=db\n"))}})
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestConsul(t *testing.T) {
	t.Parallel()
	plain, secure := startConsul(t, httptest.NewServer), startConsul(t, httptest.NewTLSServer)
	for _, c := range []struct {
		settings   map[string]any
		path, fail string
	}{
		{map[string]any{"token": hidden}, "tyk/db", ""},
		{map[string]any{"http_auth": map[string]any{"username": "u", "password": hidden}, "wait_time": "5s"}, "tyk/db", ""},
		{map[string]any{"token": hidden, "address": strings.TrimPrefix(secure, "https://"), "scheme": "https", "tls_config": map[string]any{"insecure_skip_verify": true}}, "tyk/db", ""},
		{map[string]any{"token": hidden, "address": strings.TrimPrefix(secure, "https://"), "scheme": "https"}, "tyk/db", "does not answer (tls: failed to verify certificate"},
		{map[string]any{"token": hidden}, "tyk/none", "has no such key"},
		{map[string]any{"token": "other"}, "tyk/db", "answered 403: give config.token a policy"},
		{map[string]any{"token": hidden, "datacenter": "away"}, "tyk/db", "answered 500: see that config.datacenter is right"},
		{map[string]any{"token": hidden, "address": "127.0.0.1:1"}, "tyk/db", "does not answer"},
		{map[string]any{"token": hidden, "address": hidden + ".invalid:1"}, "tyk/db", "does not answer (its host or port is not found)"},
		{map[string]any{"token": hidden, "address": "u:" + hidden}, "tyk/db", "does not answer (its host or port is not found)"},
	} {
		settings := map[string]any{"address": strings.TrimPrefix(plain, "http://")}
		for key, value := range c.settings {
			settings[key] = value
		}
		store, err := open(t, Consul, settings)
		require.NoError(t, err)
		got, err := store.Get(t.Context(), c.path)
		if c.fail != "" {
			require.ErrorContains(t, err, c.fail)
			assert.NotContains(t, err.Error(), hidden)
			assert.NotContains(t, err.Error(), "tyk/db")
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, "host=db\n", got, "as it is")
	}
}

func TestSettingsThatCannotBeMeant(t *testing.T) {
	t.Setenv("VAULT_TOKEN", "")
	for _, c := range []struct {
		kind     string
		settings map[string]any
		want     string
	}{
		{"azure_key_vault", nil, "is not read here"},
		{Vault, map[string]any{}, "config.token is missing, with which Tyk Pump ends: set it, or VAULT_TOKEN"},
		{Vault, map[string]any{"token": hidden, "timeout": hidden}, "config.timeout is no time, with which Tyk Pump ends: write one such as 5s"},
		{Vault, map[string]any{"token": hidden, "kv_version": hidden}, "config.kv_version is of the wrong type, string, with which Tyk Pump ends"},
		{Vault, map[string]any{"token": hidden, "address": "%" + hidden}, "config.address or config.agent_address is not a URL such as https://vault:8200"},
		{Consul, map[string]any{"wait_time": "1"}, "config.wait_time is no time, with which Tyk Pump ends: write one such as 5s"},
		{Consul, map[string]any{"address": "u:" + hidden + "@127.0.0.1:1"}, "config.address, config.tls_config.address or CONSUL_HTTP_ADDR has a user or password"},
		{Consul, map[string]any{"tls_config": map[string]any{"address": hidden + "@consul"}}, "write host:port, and the login to config.http_auth"},
		{Consul, map[string]any{"tls_config": map[string]any{"ca_file": "testdata/none.pem"}}, "config cannot be used: "},
	} {
		_, err := open(t, c.kind, c.settings)
		require.ErrorContains(t, err, c.want)
		assert.NotContains(t, err.Error(), hidden)
	}
	t.Setenv("VAULT_TOKEN", hidden)
	t.Setenv("VAULT_ADDR", startVault(t))
	store, err := Open(Vault, []byte(`{}`))
	require.NoError(t, err)
	_, err = store.Get(t.Context(), "kv/db")
	require.NoError(t, err, "variables stand in for settings")
}
