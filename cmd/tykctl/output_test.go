package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDurationsAreWrittenAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0ms", 12 * time.Millisecond: "12ms", 59 * time.Second: "59s", 61 * time.Second: "1m01s",
		3*time.Hour + 7*time.Minute: "3h07m", 6*24*time.Hour + 23*time.Hour: "6d23h",
	} {
		assert.Equal(t, want, span(d))
	}
}

func TestSizesAndNumbersAreWrittenAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 5_100_000: "5.1 MB", 2e12: "2.0 TB", 3e15: "3000.0 TB"} {
		assert.Equal(t, want, size(bytes))
	}
	assert.Equal(t, "1 entry", count(1, "entry"))
	assert.Equal(t, "0 entries", count(0, "entry"))
	assert.Equal(t, "2 segments", count(2, "segment"))
	assert.Equal(t, "abc…", shorten("abcdef", 4))
	assert.Equal(t, "abcd", shorten("abcd", 4))
}

func TestNothingThatIsShownDrivesATerminal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		for _, shown := range []string{printable(text), jsonLine(t, text)} {
			for _, r := range shown {
				if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e {
					t.Fatalf("%q is shown as %q", text, shown)
				}
			}
		}
		var back string
		require.NoError(t, json.Unmarshal([]byte(jsonLine(t, text)), &back))
		assert.Equal(t, string([]rune(text)), back, "JSON stays what it was")
	})
	assert.Equal(t, `a\x1b[31m "b"`, printable("a\x1b[31m \"b\""))
	assert.Equal(t, `"\"\u202e😀"`, jsonLine(t, "\"\u202e😀"))
}

func jsonLine(t require.TestingT, value any) string {
	var b strings.Builder
	require.NoError(t, writeJSONLine(&b, value))
	return strings.TrimSuffix(b.String(), "\n")
}

func TestAFileIsNoTerminal(t *testing.T) {
	t.Parallel()
	f, err := os.Create(t.TempDir() + "/file")
	require.NoError(t, err)
	defer f.Close()
	assert.False(t, isTerminal(f))
}

func TestTheVersionIsTold(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"--version", "-version", "version"} {
		var out, errs bytes.Buffer
		assert.Equal(t, exitOK, run(t.Context(), []string{arg}, console{stdout: &out, stderr: &errs, env: func(string) string { return "" }}))
		assert.Equal(t, "tykctl version devel\n", out.String())
	}
}
