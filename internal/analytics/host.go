package analytics

import (
	"math"
	"strconv"
	"strings"
)

// splitHost cuts host into what joinHost makes it of; port is 0 and address the
// whole where that cannot be.
func splitHost(host string) (address string, port int64) {
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 {
		return host, 0
	}
	digits := host[colon+1:]
	// A port of another spelling, such as 080, would not come back.
	if len(digits) == 0 || len(digits) > 5 || digits[0] == '0' {
		return host, 0
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return host, 0
		}
		port = port*10 + int64(c-'0')
	}
	if port > math.MaxUint16 {
		return host, 0
	}
	address = host[:colon]
	if n := len(address); n > 1 && address[0] == '[' && address[n-1] == ']' {
		inner := address[1 : n-1]
		if strings.IndexByte(inner, ':') < 0 {
			return host, 0
		}
		return inner, port
	}
	if strings.IndexByte(address, ':') >= 0 {
		return host, 0
	}
	return address, port
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
