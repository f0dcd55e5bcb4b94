package settings

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/secrets"
)

// double is a remote store that tells what it is asked for, and with which settings.
type double string

// Get answers.
func (d double) Get(_ context.Context, path string) (string, error) {
	return path + " of " + string(d), nil
}

func openDouble(kind string, config []byte) (secrets.Store, error) {
	if kind != "double" {
		return nil, secrets.ErrUnknown
	}
	return double(config), nil
}

// TestReferences resolves each form of reference, or says why it cannot.
func TestReferences(t *testing.T) {
	t.Parallel()
	kv, err := parseFile("kv", []byte(`{"stores": {
		"vars": {"type": "env", "config": {"prefix": "X_", "uppercase": true}},
		"bare": {"type": "env"},
		"in": {"type": "inline", "config": {"data": {"a": "1", "j": "{\"x\": {\"y/z\": [true, 2]}}"}}},
		"disk": {"type": "file", "config": {"base_path": "/secrets"}},
		"near": {"type": "file", "config": {"base_path": "secrets"}},
		"free": {"type": "env", "config": {"allow_no_prefix": true}},
		"far": {"type": "double", "config": {"address": "kv://in/a", "tls": {"files": ["$kv{vars:a}", 1]}}},
		"through": {"type": "double", "config": {"token": "kv://far/x"}},
		"lost": {"type": "double", "config": {"token": "kv://in/none"}},
		"cloud": {"type": "aws_secrets_manager"}}}`))
	require.NoError(t, err)
	env := newEnvironment(map[string]string{"X_A": "from env", "TYK_PMP_KV_STORES": `{"more": {"type": "inline", "config": {"data": {"b": "kv://in/a"}}}}`})
	read := func(path string) ([]byte, error) {
		if path == "/secrets/a/b" {
			return []byte("from file\r\n\n"), nil
		}
		return nil, errors.New("no")
	}
	f := &Findings{}
	r := newReferences(kv, env, Source{ReadFile: read, OpenStore: openDouble}, f)
	require.Empty(t, f.List())
	for text, want := range map[string]string{
		"kv://vars/a":                     "from env",
		"kv://vars/none":                  "",
		"kv://in/a":                       "1",
		"kv://in/j#/x/y~1z/1":             "2",
		"$kv{in:a}-$kv{vars:a}-${x}":      "1-from env-${x}",
		"$kv{in:j#x/y~1z/0}":              "true",
		"kv://disk/a/b":                   "from file",
		"kv://free/X_A":                   "from env",
		"kv://far/p/q":                    `p/q of {"address":"1","tls":{"files":["from env",1]}}`,
		"kv://more/b":                     "kv://in/a", // what is resolved is not read again
		"env://vars/a and vault://x":      "env://vars/a and vault://x",
		"$kv{in:a}kv://in/a is no second": "1kv://in/a is no second",
	} {
		got, err := r.text(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"kv://none/a":     "refers to a store that kv.stores does not have (it has bare, cloud, disk, far, free, in, lost, more and 3 more)",
		"kv://in/none":    `store "in": has no such key`,
		"kv://bare/a":     "config.prefix is missing",
		"kv://near/a":     "config.base_path is no absolute path",
		"kv://disk/../a":  "the path leaves config.base_path",
		"kv://disk/none":  "cannot be read",
		"kv://cloud/a":    `store "cloud": its type is none of env, inline, file, hashicorp_vault and hashicorp_consul, which are read here: let what your platform has write the secret to a file`,
		"kv://through/a":  `store "through": config: store "far": is not on this machine, and the settings of such a store may refer to stores of the types env, inline and file only`,
		"kv://lost/a":     `store "lost": config: store "in": has no such key`,
		"kv://in/a#x":     "finds no single value",
		"kv://vars/a#x":   "is not JSON",
		"kv://in/j#x":     "finds no single value",
		"x$kv{none:path}": "refers to a store that kv.stores does not have",
	} {
		_, err := r.text(text)
		require.ErrorContains(t, err, want, text)
	}
}
