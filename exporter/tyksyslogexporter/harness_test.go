package tyksyslogexporter

import (
	"bufio"
	"net"
	"sync"
)

// lines keeps what arrives on a listener, once each.
type lines struct {
	mu   sync.Mutex // guards the field below
	seen map[string]bool
}

// newLines lets first have the first connection.
func newLines(listener net.Listener, first func(*net.TCPConn)) *lines {
	l := &lines{seen: map[string]bool{}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if first != nil {
				first(conn.(*net.TCPConn))
				first = nil
				continue
			}
			l.take(conn)
		}
	}()
	return l
}

func (l *lines) take(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for reader := bufio.NewReader(conn); ; {
		line, err := reader.ReadString('\n')
		if err != nil {
			return // after a whole line or within one, which then comes once more
		}
		l.mu.Lock()
		l.seen[line] = true
		l.mu.Unlock()
	}
}

func (l *lines) different() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}
