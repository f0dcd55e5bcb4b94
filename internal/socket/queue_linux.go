package socket

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unacknowledged is how many bytes written to a connection its peer's kernel has not
// acknowledged (tcp(7), SIOCOUTQ; of a Unix socket those that were not read).
func unacknowledged(conn net.Conn) (bytes int, err error) {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return 0, nil
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := control.Control(func(fd uintptr) { bytes, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	if failed != nil {
		return 0, failed
	}
	return bytes, err
}
