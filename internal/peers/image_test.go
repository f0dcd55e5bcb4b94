package peers

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCopiesOfADataDirectory(t *testing.T) {
	t.Parallel()
	contents := map[string][]byte{
		"base/1/text":  []byte("PG_VERSION"),
		"base/1/empty": {},
		"log":          slices.Concat(make([]byte, 3*imageBlockSize), []byte("checkpoint"), make([]byte, 2*imageBlockSize+7)),
	}
	var i image
	broken := errors.New("no room")
	require.ErrorIs(t, i.fill(t.TempDir(), nil, func() error { return broken }), broken)
	made := 0
	for range 3 {
		dir := t.TempDir()
		require.NoError(t, i.fill(dir, nil, func() error {
			made++
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "base", "1"), 0o700))
			require.NoError(t, os.Mkdir(filepath.Join(dir, "tmp"), 0o750))
			for name, bytes := range contents {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), bytes, 0o600))
			}
			return nil
		}))
		for name, want := range contents {
			got, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			assert.Equal(t, want, got, name)
			info, err := os.Stat(filepath.Join(dir, name))
			require.NoError(t, err)
			assert.EqualValues(t, 0o600, info.Mode().Perm(), name)
		}
		info, err := os.Stat(filepath.Join(dir, "tmp"))
		require.NoError(t, err)
		assert.EqualValues(t, 0o750, info.Mode().Perm())
	}
	assert.Equal(t, 1, made)
}
