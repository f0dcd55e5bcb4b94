//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package folder

import (
	"errors"
	"io/fs"
	"os"
)

// errLocked tells that another process has the lock.
var errLocked = errors.New("the file is locked")

// lock fails: without a lock two processes would write into each other's rows.
func lock(*os.File) error {
	return errors.New("this system has no locks of files (flock): write on Linux, a BSD or macOS")
}

func unlock(*os.File) error { return nil }

func inode(fs.FileInfo) uint64 { return 0 }
