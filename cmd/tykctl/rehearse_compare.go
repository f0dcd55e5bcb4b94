package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
	metricspage "github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/scrape"
)

// page is a page of metrics, or why it cannot be read.
type page struct {
	series map[string]float64
	err    error
}

func readPage(ctx context.Context, url string) page {
	series, err := metricspage.Read(ctx, url)
	return page{series, err}
}

// sum changes with each request that counts.
func (p page) sum() int64 {
	total := 0.0
	for _, value := range p.series {
		total += value
	}
	return int64(total)
}

// scrape keeps what the pages of a side show, while its process still runs.
func (p *part) scrape(ctx context.Context) {
	for _, at := range p.box.Pages {
		p.pages = append(p.pages, readPage(ctx, at.URL))
	}
}

// compare compares each store of Tyk Pump with ours, and each page of metrics.
func (r *rehearsal) compare(ctx context.Context, there, here *part) (*compare.Result, error) {
	all, options := &compare.Result{}, r.cmp.options
	options.MinRecords = 0 // of all stores together
	for i := range there.box.Stores {
		result, err := compareStores(ctx, there, here, i, options)
		if err != nil {
			return nil, err
		}
		all.Add(result)
	}
	for i := range there.pages {
		comparePages(all, there, here, i, options)
	}
	switch least := r.cmp.options.MinRecords; {
	case len(there.box.Stores) > 0:
		all.Weigh(least)
	case len(all.Tables) > 0: // a page has far fewer series than there are requests
		all.Weigh(min(least, 1))
	default:
		all.Doubts = append(all.Doubts, "nothing of this pump.conf can be compared here: look into both places yourself")
	}
	for i, place := range there.box.Places {
		all.Stored = append(all.Stored, fmt.Sprintf("pump %s: %s by Tyk Pump, %s by otelcol-tyk", place.Pump, place.Label, here.box.Places[i].Label))
	}
	all.Skipped = append(all.Skipped, there.box.Skipped...)
	return all, nil
}

func compareStores(ctx context.Context, there, here *part, i int, options compare.Options) (result *compare.Result, err error) {
	a, err := openDriver(ctx, there.box.Stores[i].Driver, there.box.Stores[i].Address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	b, err := openDriver(ctx, here.box.Stores[i].Driver, here.box.Stores[i].Address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return compare.Stores(ctx, a, b, options)
}

func comparePages(all *compare.Result, there, here *part, i int, options compare.Options) {
	at := there.box.Pages[i]
	if err := errors.Join(there.pages[i].err, here.pages[i].err); err != nil {
		all.Skipped = append(all.Skipped, fmt.Sprintf("pump %s (prometheus): a page cannot be read: %v", at.Pump, err))
		return
	}
	options.Rounds = at.Rounds
	result := compare.Metrics(there.pages[i].series, here.pages[i].series, options)
	result.Tables[0].Name = "metrics of pump " + at.Pump
	result.There, result.Here = metricspage.Place(at.URL), metricspage.Place(here.box.Pages[i].URL)
	all.Add(result)
}
