package analytics

import (
	"strconv"
	"strings"
)

// splitHost cuts host into what joinHost makes it of; port is 0 and address the
// whole where that cannot be, as where a port of another spelling, such as 080, would not come back.
func splitHost(host string) (address string, port int64) {
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 || colon+1 == len(host) || host[colon+1] == '0' {
		return host, 0
	}
	number, err := strconv.ParseUint(host[colon+1:], 10, 16)
	if err != nil {
		return host, 0
	}
	address = host[:colon]
	inner := strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	if isIPv6 := strings.IndexByte(inner, ':') >= 0; isIPv6 != (len(inner)+len("[]") == len(address)) {
		return host, 0
	} else if isIPv6 {
		address = inner
	}
	if strings.IndexByte(address, '[') >= 0 || strings.IndexByte(address, ']') >= 0 {
		return host, 0
	}
	return address, int64(number) //nolint:gosec // 16 bits
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
