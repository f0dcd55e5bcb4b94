//go:build linux || darwin

package sqlstore

import (
	"path/filepath"
	"syscall"
)

// diskFree is what is left on the disk of a file, in bytes; -1 where that is not known.
func diskFree(file string) int64 {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(file), &disk); err != nil {
		return -1
	}
	return int64(disk.Bavail) * int64(disk.Bsize) //nolint:gosec,unconvert // their types differ by system
}
