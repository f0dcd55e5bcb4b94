package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// page is where a Prometheus scrapes the metrics that the receiver makes of records.
type page struct {
	requests
	address string
}

func (p *page) pipeline() pipeline {
	return pipeline{signal: "metrics", exporter: "prometheus", config: fmt.Sprintf("{endpoint: %q}", p.address)}
}

// counts is of all records, whatever tables they would have.
func (*page) counts(*analytics.Record) int64 { return 1 }

// fresh chooses another port, since the last collector's may not be free yet.
func (p *page) fresh(context.Context) error {
	port, err := peers.FreePort()
	p.address = peers.Address(port)
	return err
}

// settled waits until the page tells of all records.
func (p *page) settled(ctx context.Context, records int64) error {
	return await(ctx, 100*time.Millisecond, time.Minute, "the page's total", func() (bool, error) {
		total, err := p.total(ctx)
		if err == nil && total > records {
			err = fmt.Errorf("the page counts %d records, not %d", total, records)
		}
		return total == records, err
	})
}

func (p *page) total(ctx context.Context) (total int64, err error) {
	body, err := get(ctx, "http://"+p.address+"/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "tyk_http_status_total{") {
			n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
			if err != nil {
				return 0, err
			}
			total += int64(n)
		}
	}
	return total, nil
}

// check has nothing left to look at: the page is gone with its collector.
func (*page) check(context.Context, int64) error { return nil }
