package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
	metricspage "github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/scrape"
)

// compareMetricsCommand compares two pages of Prometheus' metrics.
func compareMetricsCommand(f *flag.FlagSet) action {
	const help = ", a `URL` or a file"
	pump := f.String("pump", "", "Tyk Pump's page of metrics"+help)
	ours := f.String("ours", "", "our page"+help)
	pumpBefore := f.String("pump-before", "", "the page as it was at the start, so that the increase is compared"+help)
	oursBefore := f.String("ours-before", "", "the same of our page"+help)
	c := newComparison(f, false)
	return func(ctx context.Context, at console, _ *connection, _ []string) (int, error) {
		if err := c.prepare(); err != nil {
			return exitFailed, err
		}
		if (*pumpBefore == "") != (*oursBefore == "") {
			return exitFailed, errors.New("-pump-before, -ours-before: give both or none of them")
		}
		there, err := readScrape(ctx, "pump", *pump, *pumpBefore)
		if err != nil {
			return exitFailed, err
		}
		here, err := readScrape(ctx, "ours", *ours, *oursBefore)
		if err != nil {
			return exitFailed, err
		}
		result := compare.Metrics(there, here, c.options)
		result.There, result.Here = metricspage.Place(*pump), metricspage.Place(*ours)
		result.Weigh(min(c.options.MinRecords, 1))
		return c.tell(at, result, "")
	}
}

// readScrape reads a page, and what it shows beyond an earlier one.
func readScrape(ctx context.Context, name, page, before string) (map[string]float64, error) {
	if page == "" {
		return nil, fmt.Errorf("-%s: is missing: name a URL or a file", name)
	}
	series, err := metricspage.Read(ctx, page)
	if err != nil {
		return nil, fmt.Errorf("-%s: %w", name, err)
	}
	if before == "" {
		return series, nil
	}
	then, err := metricspage.Read(ctx, before)
	if err != nil {
		return nil, fmt.Errorf("-%s-before: %w", name, err)
	}
	return metricspage.Increase(then, series), nil
}
