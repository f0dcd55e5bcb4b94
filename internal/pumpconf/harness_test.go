package pumpconf

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// input is what a test converts: a file's text, nothing for none, and variables.
func input(text string, env ...string) Input {
	in := Input{
		Source: settings.Source{Name: "pump.conf", Text: []byte(text), Env: map[string]string{}, ReadFile: secretFile},
		Zone:   Zone{Name: "UTC", Origin: "TZ"},
	}
	if text == "" {
		in.Err = fs.ErrNotExist
	}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		in.Env[name] = value
	}
	return in
}

// secretFile is the one file that tests keep secrets in.
func secretFile(path string) ([]byte, error) {
	if path == "/etc/tyk-secrets/splunk/token" {
		return []byte("splunk-secret\n"), nil
	}
	return nil, errors.New("no such file")
}

// variables reads a file of NAME=value lines.
func variables(tb testing.TB, file string) []string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "configs", file))
	require.NoError(tb, err)
	var env []string
	for line := range strings.SplitSeq(string(text), "\n") {
		if line != "" {
			env = append(env, line)
		}
	}
	return env
}

// configuration reads a collected case: its file, and its variables, of which either may be empty.
func configuration(tb testing.TB, file, env string) Input {
	tb.Helper()
	text, vars := "", []string(nil)
	if file != "" {
		content, err := os.ReadFile(filepath.Join("testdata", "configs", file))
		require.NoError(tb, err)
		text = string(content)
	}
	if env != "" {
		vars = variables(tb, env)
	}
	in := input(text, vars...)
	if file != "" {
		in.Name = file
	}
	return in
}

// golden compares with a file, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test ./internal/pumpconf -update writes it")
	require.Equal(t, string(want), got)
}
