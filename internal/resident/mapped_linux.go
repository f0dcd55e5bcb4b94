package resident

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// releaseMapped unmaps the pages of the binary that have been read so far. Starting
// hundreds of packages touches most of it, and running them little: what is needed
// again is mapped again from the kernel's cache, which may give up the rest.
func releaseMapped() (err error) {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("release the binary's pages: %w", err)
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("release the binary's pages: %w", err)
	}
	defer func() { err = errors.Join(err, maps.Close()) }()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		from, to, ok := readOnly(lines.Text(), path)
		if !ok {
			continue
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("release the binary's pages: %w", errno)
		}
	}
	return nil
}

// readOnly is where a line of /proc/self/maps maps a file that nobody writes to, if it does: as of
// proc_pid_maps(5), "from-to permissions offset device inode path".
func readOnly(line, path string) (from, to uintptr, ok bool) {
	var permissions string
	if !strings.HasSuffix(line, " "+path) {
		return 0, 0, false
	}
	_, err := fmt.Sscanf(line, "%x-%x %s ", &from, &to, &permissions)
	return from, to, err == nil && from < to && strings.HasPrefix(permissions, "r-") && strings.HasSuffix(permissions, "p")
}
