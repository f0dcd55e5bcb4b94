package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// page is where a Prometheus scrapes the metrics that the receiver makes of records.
type page struct{ address string }

func (page) name() string { return "Prometheus, metrics of `tyk_pump`" }

func (p page) exporter() (name, config string) {
	return "prometheus", fmt.Sprintf("{endpoint: %q}", p.address)
}

// fresh chooses another port, since the last collector's may not be free yet.
func (p *page) fresh(context.Context) error {
	port, err := peers.FreePort()
	p.address = peers.Address(port)
	return err
}

// shown waits until the page tells of all records; the collector still runs.
func (p page) shown(ctx context.Context, records int64) error {
	return await(ctx, 100*time.Millisecond, time.Minute, "the page's total", func() (bool, error) {
		total, err := p.total(ctx)
		if err == nil && total > records {
			err = fmt.Errorf("the page counts %d records, not %d", total, records)
		}
		return total == records, err
	})
}

func (p page) total(ctx context.Context) (total int64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }() // after it was read
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if line := lines.Text(); strings.HasPrefix(line, "tyk_http_status_total{") {
			n, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			if err != nil {
				return 0, err
			}
			total += int64(n)
		}
	}
	return total, lines.Err()
}

// check has nothing left to look at: the page is gone with its collector.
func (page) check(context.Context, int64) error { return nil }

func (page) bulk(context.Context) (float64, error) { return 0, nil }
