package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/capture"
)

// apart refuses the real Redis.
func (r *rehearsal) apart(ctx context.Context, s *settings.Settings, conn *connection) error {
	host, port := s.Redis.Text("host"), s.Redis.Int("port")
	if port == 0 {
		port = 6379
	}
	theirs := append([]string{net.JoinHostPort(host, strconv.FormatInt(port, 10))}, s.Redis.List("addrs")...)
	if slices.ContainsFunc(theirs, func(address string) bool { return sameServer(ctx, address, conn.addresses) }) {
		return fmt.Errorf("-redis: %s is the Redis of pump.conf: start another one for the rehearsal, such as redis-server --port 6390 --save ''", conn.addresses)
	}
	return nil
}

// sameServer tells whether two addresses are of one port of one host, whatever they call it.
func sameServer(ctx context.Context, a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil {
		return a == b
	}
	if portA != portB || hostA == hostB {
		return portA == portB
	}
	ips := func(host string) (list []string) {
		const patience = 5 * time.Second
		ctx, stop := context.WithTimeout(ctx, patience)
		defer stop()
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil // the run of the server tells, too
		}
		for _, ip := range found {
			if ip = ip.Unmap(); ip.IsLoopback() || ip.IsUnspecified() {
				list = append(list, "loopback")
			} else {
				list = append(list, ip.String())
			}
		}
		return list
	}
	of := ips(hostB)
	return slices.ContainsFunc(ips(hostA), func(ip string) bool { return slices.Contains(of, ip) })
}

// inspect reads the file to its end before anything is made. One that ends early is used as far as it goes, since both sides get the same.
func (r *rehearsal) inspect(c console) (header capture.Header, err error) {
	file, err := os.Open(r.from)
	if err != nil {
		return header, err
	}
	defer func() { _ = file.Close() }() // it is only read
	reader, err := capture.NewReader(file)
	if err != nil {
		return header, err
	}
	defer reader.Close()
	n := int64(0)
	for ; err == nil; n++ {
		_, err = reader.Next()
	}
	n-- // the last was none
	switch {
	case errors.Is(err, capture.ErrIncomplete) && n > 0:
		fmt.Fprintf(c.stderr, "%s: %v: the rehearsal is of the %s in front of that\n", r.from, err, inspect.Count(n, "entry"))
	case !errors.Is(err, io.EOF):
		return header, err
	case n == 0:
		return header, errors.New("there are no entries in it: capture while gateways have traffic")
	}
	return reader.Header, nil
}
