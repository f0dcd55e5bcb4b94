package settings

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReferences resolves each form of reference, or says why it cannot.
func TestReferences(t *testing.T) {
	t.Parallel()
	kv, err := parseFile("kv", []byte(`{"stores": {
		"vars": {"type": "env", "config": {"prefix": "X_", "uppercase": true}},
		"bare": {"type": "env"},
		"in": {"type": "inline", "config": {"data": {"a": "1", "j": "{\"x\": {\"y/z\": [true, 2]}}"}}},
		"disk": {"type": "file", "config": {"base_path": "/secrets"}},
		"near": {"type": "file", "config": {"base_path": "secrets"}},
		"far": {"type": "hashicorp_consul"}}}`))
	require.NoError(t, err)
	env := newEnvironment(map[string]string{"X_A": "from env", "TYK_PMP_KV_STORES": `{"more": {"type": "inline", "config": {"data": {"b": "kv://in/a"}}}}`})
	read := func(path string) ([]byte, error) {
		if path == "/secrets/a/b" {
			return []byte("from file\r\n\n"), nil
		}
		return nil, errors.New("no")
	}
	f := &Findings{}
	r := newReferences(kv, env, read, f)
	require.Empty(t, f.List())
	for text, want := range map[string]string{
		"kv://vars/a":                     "from env",
		"kv://vars/none":                  "",
		"kv://in/a":                       "1",
		"kv://in/j#/x/y~1z/1":             "2",
		"$kv{in:a}-$kv{vars:a}-${x}":      "1-from env-${x}",
		"$kv{in:j#x/y~1z/0}":              "true",
		"kv://disk/a/b":                   "from file",
		"kv://more/b":                     "kv://in/a", // what is resolved is not read again
		"env://vars/a and vault://x":      "env://vars/a and vault://x",
		"$kv{in:a}kv://in/a is no second": "1kv://in/a is no second",
	} {
		got, err := r.text(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"kv://none/a":     "refers to a store that kv.stores does not have (it has bare, disk, far, in, more, near, vars)",
		"kv://in/none":    `store "in": has no such key`,
		"kv://bare/a":     "config.prefix is missing",
		"kv://near/a":     "config.base_path must be an absolute path",
		"kv://disk/../a":  "the path leaves config.base_path",
		"kv://disk/none":  "cannot be read",
		"kv://far/a":      `stores of type "hashicorp_consul" are not read here`,
		"kv://in/a#x":     "finds no single value",
		"kv://vars/a#x":   "is not JSON",
		"kv://in/j#x":     "finds no single value",
		"x$kv{none:path}": "refers to a store that kv.stores does not have",
	} {
		_, err := r.text(text)
		require.ErrorContains(t, err, want, text)
	}
}
