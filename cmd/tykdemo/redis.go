package main

import (
	"context"
	"fmt"
	"io"

	"github.com/alicebob/miniredis/v2"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// startRedis starts a throwaway Redis, never the user's: redis-server where it is
// installed, else one inside this program. It returns its address and what ends it.
func startRedis(ctx context.Context, out io.Writer) (string, func(), error) {
	server, err := peers.NewRedis(ctx)
	if err == nil {
		fmt.Fprintf(out, "Redis       %s (redis-server, only for this demo)\n", server.Addr())
		return server.Addr(), server.Close, nil
	}
	embedded, embeddedErr := miniredis.Run()
	if embeddedErr != nil {
		return "", nil, fmt.Errorf("start a Redis: %w; the embedded one: %w", err, embeddedErr)
	}
	fmt.Fprintf(out, "Redis       %s (embedded, as redis-server cannot be used: %v)\n", embedded.Addr(), err)
	return embedded.Addr(), embedded.Close, nil
}
