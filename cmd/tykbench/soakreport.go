package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// growth is how much a series' last third may be above its second.
const growth = 0.1

// third gives the figures of a series in one of the three parts of the time.
func (s *soak) third(of, part int) []float64 {
	n := len(s.samples)
	var values []float64
	for _, one := range s.samples[part*n/3 : (part+1)*n/3] {
		values = append(values, one[of])
	}
	return values
}

// grew tells whether a series did, and what its last third's median may be at most.
func (s *soak) grew(of int) (bound float64, grew bool) {
	bound = median(s.third(of, 1))*(1+growth) + allSeries[of].slack
	return bound, median(s.third(of, 2)) > bound
}

// report is docs/soak.md; the error names the series that grew.
func (s *soak) report() (string, error) {
	if len(s.samples) < 3 {
		return "", fmt.Errorf("there are %d samples: three are needed", len(s.samples))
	}
	lines := [][]string{{"series", "first third", "second third", "last third", "bound", "flat"}, nil}
	var errs []error
	for i, of := range allSeries {
		line := []string{of.name}
		for part := range 3 {
			values := s.third(i, part)
			line = append(line, fmt.Sprintf("%s (%s to %s)", of.unit.write(median(values)), of.unit.write(slices.Min(values)), of.unit.write(slices.Max(values))))
		}
		bound, grew := s.grew(i)
		flat := "yes"
		if grew {
			flat = "no"
			errs = append(errs, fmt.Errorf("%s grew: the last third's median is above %s", of.name, of.unit.write(bound)))
		}
		lines = append(lines, append(line, of.unit.write(bound), flat))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# Soak

Made by `+"`make soak`"+`: %s records in %s at a steady %s/s from Redis through tykredis and tykfilter into three groups, PostgreSQL,
an SQLite file, and a server of OTLP behind the collector's own exporter, by the built binary with `+"`GOMEMLIMIT=%s GOGC=%s`"+`, as `+"`make run`"+` sets
them, with its own metrics on and scraped. The console is on. Every %s a look at
the collector and at Redis: %d samples, in thirds, of which the first is for warming up.

Each cell is the median, and from the lowest to the highest. A series is flat if the median of its last third is at most that of the
second and a tenth more, plus a little for small numbers (the bound). Each record carries a number of its own: at the end all of
them were in both tables and with the server, each once.

`, thousands(float64(s.pushed)), s.took.Round(time.Second), thousands(s.rate), s.memLimit, s.gogc, s.interval, len(s.samples))
	b.WriteString(markdown(lines))
	fmt.Fprintf(&b, "\nPeak resident memory %.0f MiB. From the making of a record to its commit in PostgreSQL: p50 %d ms, p95 %d ms, p99 %d ms, longest %d ms.\n",
		float64(s.peak)/mebibyte, s.latency.p50.Milliseconds(), s.latency.p95.Milliseconds(), s.latency.p99.Milliseconds(), s.latency.longest.Milliseconds())
	if len(s.pages) > 0 {
		fmt.Fprintf(&b, "\nViewers of the console, a second after each page: %d; %s pages, and %d that it refused as busy, median %.0f ms.\n", s.viewers, thousands(float64(len(s.pages))), s.busy, median(s.pages))
	}
	return b.String(), errors.Join(errs...)
}
