package analytics

import (
	"net"
	"strconv"
	"strings"
)

// splitHost cuts host into what joinHost makes it of; port is 0 and address the
// whole where that cannot be, as where a port of another spelling, such as 080, would not come back.
func splitHost(host string) (address string, port int64) {
	if strings.IndexByte(host, ':') < 0 {
		return host, 0
	}
	address, digits, err := net.SplitHostPort(host)
	if err != nil {
		return host, 0
	}
	number, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || number == 0 || joinHost(address, int64(number), host) != host {
		return host, 0
	}
	return address, int64(number)
}

// joinHost is the reverse of splitHost. The result is old where that is the same.
func joinHost(address string, port int64, old string) string {
	if port == 0 {
		return address
	}
	var scratch [80]byte
	host := scratch[:0]
	if strings.IndexByte(address, ':') >= 0 {
		host = append(host, '[')
		host = append(host, address...)
		host = append(host, ']')
	} else {
		host = append(host, address...)
	}
	host = append(host, ':')
	host = strconv.AppendInt(host, port, 10)
	if string(host) == old {
		return old
	}
	return string(host)
}
