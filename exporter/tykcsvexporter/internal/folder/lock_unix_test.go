//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package folder

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestALockIsNotLeftWithAProcessThatStarts is of a process that was started while a file was locked. Until it
// becomes its program it has the file open, as the second descriptor here does.
func TestALockIsNotLeftWithAProcessThatStarts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, lock(first))
	started, err := syscall.Dup(int(first.Fd()))
	require.NoError(t, err)
	defer func() { require.NoError(t, syscall.Close(started)) }()
	second, err := os.Open(path)
	require.NoError(t, err)
	defer giveBack(second)
	require.ErrorIs(t, lock(second), errLocked)
	giveBack(first)
	require.NoError(t, lock(second))
}
