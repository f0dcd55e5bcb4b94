package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestArgumentsOfTykPumpBecomeTheCollectors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want []string }{
		{nil, []string{"--config", "tykpump:"}},
		{[]string{"--conf=/opt/tyk-pump/pump.conf"}, []string{"--config", "tykpump:/opt/tyk-pump/pump.conf"}},
		{[]string{"--conf", "a.conf"}, []string{"--config", "tykpump:a.conf"}},
		{[]string{"-c", "a.conf"}, []string{"--config", "tykpump:a.conf"}},
		{[]string{"-ca.conf"}, []string{"--config", "tykpump:a.conf"}},
		{[]string{"-c=a.conf", "--debug"}, []string{"--config", "tykpump:a.conf?debug=true"}},
		{[]string{"--version"}, []string{"--version"}},
	} {
		got, err := translate(c.args)
		require.NoError(t, err, c.args)
		assert.Equal(t, c.want, got)
	}
}

func TestHelpIsGivenBesideAnyArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-h"}, {"--help"}, {"-c", "a.conf", "--help"}, {"--nosuch", "--help-long"}} {
		assert.True(t, asksForHelp(args), args)
	}
	for _, args := range [][]string{nil, {"-c", "h"}, {"--version"}, {"help"}} {
		assert.False(t, asksForHelp(args), args)
	}
}

func TestOtherArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"-c":       "-c names no file: write -c pump.conf",
		"--demo":   "use tykgen for that",
		"--nosuch": `unknown argument "--nosuch"`,
	} {
		_, err := translate([]string{arg})
		require.ErrorContains(t, err, want)
	}
}

func TestTheCollectorIsFound(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "otelcol-tyk")
	require.NoError(t, os.WriteFile(path, nil, 0o700)) //nolint:gosec // it must be executable to be found
	t.Setenv("OTELCOL_TYK_BINARY", "")
	t.Setenv("PATH", dir)
	found, err := collector()
	require.NoError(t, err)
	assert.Equal(t, path, found)
	t.Setenv("PATH", "")
	_, err = collector()
	require.ErrorContains(t, err, "put it beside this program")
	t.Setenv("OTELCOL_TYK_BINARY", "/other")
	found, err = collector()
	require.NoError(t, err)
	assert.Equal(t, "/other", found)
}

func TestGarbageIsCollectedAsOftenAsRecordsNeed(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	t.Setenv("GOGC", "")
	assert.Equal(t, []string{"A=b", "GOMEMLIMIT=400MiB", "GOGC=400"}, environment([]string{"A=b"}))
	t.Setenv("GOGC", "100")
	assert.Equal(t, []string{"A=b"}, environment([]string{"A=b"}), "what is set holds")
}
