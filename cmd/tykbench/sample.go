package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// sample is one look at the collector and Redis, a figure for each series.
type sample []float64

// series is a figure that must not grow.
type series struct {
	name string
	unit unit
	// slack is what may come on top of the share by which a third may differ from the
	// one before; it is for small counts.
	slack float64
	read  func(ctx context.Context, r *rig, c *collector) (float64, error)
}

const mebibyte = 1 << 20

// allSeries are those of a sample, in its order.
var allSeries = []series{
	{"resident memory, MiB", mebibytes, 0, func(_ context.Context, _ *rig, c *collector) (float64, error) {
		bytes, err := residentMemory(c.PID())
		return float64(bytes) / mebibyte, err
	}},
	{"heap at the next garbage collection, MiB", mebibytes, 2, func(ctx context.Context, _ *rig, c *collector) (float64, error) {
		bytes, err := c.profiled(ctx, "heap", "# NextGC = ")
		return bytes / mebibyte, err
	}},
	{"goroutines", count, 3, func(ctx context.Context, _ *rig, c *collector) (float64, error) {
		return c.profiled(ctx, "goroutine", "goroutine profile: total ")
	}},
	{"file descriptors", count, 3, func(_ context.Context, _ *rig, c *collector) (float64, error) {
		n, err := openFiles(c.PID())
		return float64(n), err
	}},
	{"series of its own metrics", count, 3, func(ctx context.Context, _ *rig, c *collector) (float64, error) {
		page, err := get(ctx, "http://"+c.metrics+"/metrics")
		return float64(strings.Count("\n"+page, "\notelcol_")), err
	}},
	{"keys in Redis", count, 3, func(ctx context.Context, r *rig, _ *collector) (float64, error) {
		n, err := r.redis.Client().DBSize(ctx).Result()
		return float64(n), err
	}},
	{"memory of Redis, MiB", unit{"", decimals(1)}, 2, func(ctx context.Context, r *rig, _ *collector) (float64, error) {
		info, err := r.redis.Client().Info(ctx, "memory").Result()
		if err != nil {
			return 0, err
		}
		bytes, err := numberAfter(info, "used_memory:")
		return bytes / mebibyte, err
	}},
}

// sample takes one.
func (r *rig) sample(ctx context.Context, c *collector) (sample, error) {
	if err := c.failed(); err != nil {
		return nil, err
	}
	one := make(sample, len(allSeries))
	var errs []error
	for i, of := range allSeries {
		var err error
		if one[i], err = of.read(ctx, r, c); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", of.name, err))
		}
	}
	return one, errors.Join(errs...)
}

func (s sample) String() string {
	parts := make([]string, len(s))
	for i, of := range allSeries {
		parts[i] = of.name + " " + of.unit.write(s[i])
	}
	return strings.Join(parts, "; ")
}

// profiled reads the number behind a label from a profile in its readable form.
func (c *collector) profiled(ctx context.Context, profile, label string) (float64, error) {
	text, err := get(ctx, "http://"+c.pprof+"/debug/pprof/"+profile+"?debug=1")
	if err != nil {
		return 0, err
	}
	return numberAfter(text, label)
}

// numberAfter is the number that follows a label in its line.
func numberAfter(text, label string) (float64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, label); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("there is no line that begins with %q", label)
}
