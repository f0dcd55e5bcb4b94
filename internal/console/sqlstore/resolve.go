package sqlstore

import (
	"context"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// widths are those of a chart's buckets.
var widths = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

const (
	// mostBuckets is how many buckets a chart has at most.
	mostBuckets = 200
	// fewBuckets is below which rollups are too coarse for a chart that records can draw whole.
	fewBuckets = 6
)

// widthFor is the least width with which a stretch has few enough buckets and that is a multiple of another one.
func widthFor(stretch, multipleOf time.Duration) time.Duration {
	for _, w := range widths {
		if stretch <= mostBuckets*w && (multipleOf == 0 || w%multipleOf == 0) {
			return w
		}
	}
	last := widths[len(widths)-1]
	return (stretch/mostBuckets/last + 1) * last
}

// Resolve snaps a stretch of time to buckets and chooses what answers it: rollups where they know what the
// filter asks for, but records where those are few enough to draw a finer chart.
func (s *Store) Resolve(ctx context.Context, from, to time.Time, filter query.Filter) (query.Range, error) {
	k, err := s.know(ctx)
	if err != nil {
		return query.Range{}, err
	}
	from, to = s.sensible(from, to)
	records := s.snap(from, to, widthFor(to.Sub(from), 0), query.FromRecords)
	_, ok := selectRollups(filter, "")
	if !ok || !k.Rollups || k.OldestRollup.IsZero() || k.Bucket <= 0 {
		if !k.Records {
			records.Source = query.FromNowhere
		}
		return records, nil
	}
	width := widthFor(to.Sub(from), k.Bucket)
	rollups := s.snap(from, to, width, query.FromRollups)
	if to.Sub(from) >= fewBuckets*width || !k.Records {
		return rollups, nil
	}
	whole, err := s.reaches(ctx, k, query.Scope{Range: records, Filter: filter})
	if err != nil || !whole {
		return rollups, nil //nolint:nilerr // rollups answer it too
	}
	return records, nil
}

// longest is the longest stretch of time that is looked at.
const longest = 10 * 365 * 24 * time.Hour

// sensible keeps a stretch of time within what a store can have: not long after now, and not for ever.
func (s *Store) sensible(from, to time.Time) (time.Time, time.Time) {
	if latest := s.now().Add(24 * time.Hour); to.IsZero() || to.After(latest) {
		to = latest
	}
	if earliest := s.now().Add(-longest); to.Before(earliest) {
		to = earliest
	}
	to = to.Truncate(time.Second)
	if earliest := to.Add(-longest); from.Before(earliest) {
		from = earliest
	}
	if !from.Before(to) {
		from = to.Add(-time.Minute)
	}
	return from, to
}

// snap has a range begin with a bucket, and end with one that is over.
func (s *Store) snap(from, to time.Time, width time.Duration, source query.Source) query.Range {
	_, offset := from.In(s.config.Zone).Zone()
	shift := time.Duration(offset) * time.Second
	floor := func(t time.Time) time.Time { return t.UTC().Add(shift).Truncate(width).Add(-shift) }
	begin := floor(from)
	if begin.Before(from) && begin.Add(width).Before(to) {
		begin = begin.Add(width)
	}
	end := to.UTC()
	if over := floor(to); !over.Equal(end) {
		if over = over.Add(width); over.Before(s.now()) {
			end = over
		}
	}
	return query.Range{From: begin, To: end, Width: width, Source: source}
}
