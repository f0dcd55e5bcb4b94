package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxReason bounds what is shown of an answer.
const maxReason = 4 << 10

// readyCommand asks the collector's tykhealth extension, so that an image without a shell can have a health check.
func readyCommand(f *flag.FlagSet) action {
	url := f.String("url", "", "ask here; by default /ready at TYK_HEALTH_ENDPOINT, or at localhost:13133")
	timeout := f.Duration("timeout", 5*time.Second, "for the answer")
	return func(ctx context.Context, c console, _ *connection, _ []string) (int, error) {
		ctx, cancel := context.WithTimeout(ctx, *timeout)
		defer cancel()
		target := cmp.Or(*url, "http://"+cmp.Or(c.env("TYK_HEALTH_ENDPOINT"), "localhost:13133")+"/ready")
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
		if err != nil {
			return exitFailed, fmt.Errorf("-url %q is no URL: write http://localhost:13133/ready: %w", target, err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Fprintln(c.stderr, "no collector answers:", err)
			return exitTrouble, nil
		}
		defer response.Body.Close() //nolint:errcheck // it was only read
		body, err := io.ReadAll(io.LimitReader(response.Body, maxReason))
		if err != nil {
			fmt.Fprintln(c.stderr, "no whole answer:", err)
			return exitTrouble, nil
		}
		if response.StatusCode != http.StatusOK {
			fmt.Fprintf(c.stderr, "%s: %s\n", response.Status, strings.TrimSpace(string(body)))
			return exitTrouble, nil
		}
		fmt.Fprintln(c.stdout, "ready")
		return exitOK, nil
	}
}
