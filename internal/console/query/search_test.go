package query

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestStatuses(t *testing.T) {
	t.Parallel()
	got, err := ParseStatus("429, 5XX,200-299,")
	require.NoError(t, err)
	assert.Equal(t, []StatusRange{{429, 429}, {500, 599}, {200, 299}}, got)
	for _, wrong := range []string{"7x", "xx", "299-200", "-1", "1000", "' or 1=1", "５xx"} {
		_, err := ParseStatus(wrong)
		require.Error(t, err, wrong)
	}
}

func TestPatternsOfPaths(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern, path := rapid.StringMatching(`[ab/*]{0,8}`).Draw(t, "pattern"), rapid.StringMatching(`[ab/]{0,8}`).Draw(t, "path")
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		want := regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(path)
		assert.Equal(t, want, MatchPath(pattern, path), "%q %q", pattern, path)
	})
}

// FuzzParseCursor checks that what is read is written the same, and that nothing else is.
func FuzzParseCursor(f *testing.F) {
	f.Add(Cursor{At: time.Date(2026, 11, 27, 14, 39, 58, 863_000_000, time.UTC), Hash: "0123456789"}.String())
	f.Add("1.2")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCursor(text)
		if err != nil {
			return
		}
		again, err := ParseCursor(c.String())
		require.NoError(t, err)
		assert.Equal(t, c, again)
		assert.Zero(t, c.Compare(again))
	})
}
