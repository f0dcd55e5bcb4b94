package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTextsAreCut(t *testing.T) {
	t.Parallel()
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
