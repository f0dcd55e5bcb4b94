package peers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Loopback is the address that every peer listens on.
const Loopback = "127.0.0.1"

// The ports that FreePort chooses from lie below the range that systems take
// ports of outgoing connections from, so that a peer which is stopped for a
// while finds its port free again.
const (
	firstPort = 12_000
	lastPort  = 29_999
)

// FreePort returns a loopback port that nothing listens on now. Another program
// may take it before the caller does: be ready to try again with another one.
func FreePort() (int, error) { return freePort(lastPort) }

// freePort returns a free port up to last.
func freePort(last int) (int, error) {
	const attempts = 100
	var failed error
	for range attempts {
		port := firstPort + rand.IntN(last-firstPort+1)
		listener, err := net.Listen("tcp", Address(port))
		if err != nil {
			failed = err
			continue
		}
		return port, listener.Close()
	}
	return 0, fmt.Errorf("find a free port from %d to %d: %w", firstPort, last, failed)
}

// FreePorts returns n different free ports, as FreePort does.
func FreePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	seen := make(map[int]bool, n)
	for len(ports) < n {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		if !seen[port] {
			seen[port] = true
			ports = append(ports, port)
		}
	}
	return ports, nil
}

// Address is host:port of a loopback port.
func Address(port int) string { return net.JoinHostPort(Loopback, strconv.Itoa(port)) }

// errPortTaken says that another program took the port first.
var errPortTaken = errors.New("port was taken by another program")
