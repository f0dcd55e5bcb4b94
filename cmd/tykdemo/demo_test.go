package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// play runs a short demo against a fake collector of the given kind.
func play(t *testing.T, ctx context.Context, kind string) (string, string, error) {
	t.Helper()
	t.Setenv(fakeVariable, kind)
	self, err := os.Executable()
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "a demo's data #1")
	var out bytes.Buffer
	err = demo(ctx, &options{
		binary: self, config: "pipeline.yaml", data: dir, duration: time.Second, rate: 700, patience: 10 * time.Second,
	}, &out)
	return out.String(), dir, err
}

func TestDemoMovesRecordsAndSummarisesThem(t *testing.T) {
	out, dir, err := play(t, t.Context(), "honest")
	require.NoError(t, err)
	for _, part := range []string{
		"in the store 700", "all of them are in the store", "700 requests to", "By API", "Product Search",
		"Busiest paths", "Slowest calls", "Errors by status", filepath.Join(dir, "tyk-analytics.db"), "make run",
	} {
		assert.Contains(t, out, part)
	}
	assert.NotContains(t, out, "\x1b", "no control codes where it is not a terminal")
	assert.NotContains(t, out, "\r")
	assert.FileExists(t, filepath.Join(dir, "collector.log"))
	assert.NoFileExists(t, filepath.Join(dir, "tyk-analytics.db-wal"), "the store is one tidy file")
}

func TestTheConsoleStaysForAsLongAsIsSaid(t *testing.T) {
	t.Setenv(fakeVariable, "honest")
	self, err := os.Executable()
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, demo(t.Context(), &options{
		binary: self, config: "pipeline.yaml", data: t.TempDir(), duration: time.Second, rate: 100, patience: 10 * time.Second, serve: 10 * time.Millisecond,
	}, &out))
	assert.Contains(t, out.String(), "100 requests to")
	assert.Regexp(t, `The console  http://127\.0\.0\.1:\d+/ shows all of this in a browser, for 10ms`, out.String())
	for _, c := range []struct {
		seconds  string
		terminal bool
		want     time.Duration
	}{{"", false, 0}, {"", true, -1}, {"0", true, 0}, {"30", false, 30 * time.Second}} {
		got, err := serving(c.seconds, c.terminal)
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
	_, err = serving("soon", true)
	assert.ErrorContains(t, err, `DEMO_SECONDS is "soon": use a number of seconds`)
}

func TestDemoNeedsNoRedisServer(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	out, _, err := play(t, t.Context(), "honest")
	require.NoError(t, err)
	assert.Contains(t, out, "embedded")
	assert.Contains(t, out, "700 requests to")
}

func TestDemoCanBeRepeated(t *testing.T) {
	t.Setenv(fakeVariable, "honest")
	self, err := os.Executable()
	require.NoError(t, err)
	t.Setenv(binaryVariable, self)
	dir := t.TempDir()
	for range 2 {
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), []string{"-data", dir, "-duration", "1s", "-rate", "200"}, &out, io.Discard))
		assert.Contains(t, out.String(), "\n200 requests to", "what an earlier demo stored is gone")
	}
}

func TestDemoFailsWhenNothingIsStored(t *testing.T) {
	_, dir, err := play(t, t.Context(), "idle")
	require.ErrorContains(t, err, "the store has 0 records of 700 pushed and has not moved")
	assert.ErrorContains(t, err, filepath.Join(dir, "collector.log"))
}

func TestDemoFailsWhenRecordsAreStoredTwice(t *testing.T) {
	_, _, err := play(t, t.Context(), "twice")
	require.ErrorContains(t, err, "of 700 pushed")
}

func TestDemoFailsWithTheLogWhenTheCollectorDoesNotStart(t *testing.T) {
	_, _, err := play(t, t.Context(), "broken")
	require.ErrorContains(t, err, "the collector ended while it started")
	assert.ErrorContains(t, err, "cannot read pipeline.yaml")
}

func TestDemoFailsWhenTheCollectorEndsBadly(t *testing.T) {
	_, _, err := play(t, t.Context(), "ends badly")
	require.ErrorContains(t, err, "told to end badly")
}

func TestDemoStopsWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := time.AfterFunc(400*time.Millisecond, cancel)
	defer cancelled.Stop()
	_, _, err := play(t, ctx, "idle")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "has not moved", "it ends by itself then")
}

func TestDemoTellsHowToBuildTheCollector(t *testing.T) {
	t.Setenv(binaryVariable, filepath.Join(t.TempDir(), "missing"))
	err := run(t.Context(), []string{"-data", t.TempDir()}, io.Discard, io.Discard)
	require.ErrorContains(t, err, "make build")
}

func TestDemoKeepsForeignFilesInItsDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mine, old := filepath.Join(dir, "mine.txt"), filepath.Join(dir, "tyk-analytics.db-wal")
	require.NoError(t, os.WriteFile(mine, nil, 0o600))
	require.NoError(t, os.WriteFile(old, nil, 0o600))
	_, _, err := freshData(dir)
	require.NoError(t, err)
	assert.FileExists(t, mine)
	assert.NoFileExists(t, old)
}

func TestWrongFlagsAreNamed(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"-duration is 1ms":        {"-duration", "1ms"},
		"-rate is 0":              {"-rate", "0"},
		`unexpected argument "x"`: {"x"},
	} {
		_, err := parse(args, io.Discard)
		require.ErrorContains(t, err, want)
	}
	_, err := parse([]string{"-help"}, io.Discard)
	require.ErrorIs(t, err, flag.ErrHelp)
}

func TestProgressIsOneLineNowAndThenWithoutATerminal(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := newProgress(&out)
	for range 10 {
		p.show(1200, 600, 2400)
	}
	p.end(2400, 2400, 2400)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	assert.Contains(t, lines[0], "[######..................]  pushed to Redis 1,200, in the store 600")
	assert.Contains(t, lines[1], "[########################]")
}
