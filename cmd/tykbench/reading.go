package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// pageSize is as many records as tykredis takes at once by default.
const pageSize = 2500

// reading is how fast a list can be read when nothing is done with it.
type reading struct {
	records   int64
	took      time.Duration
	processor time.Duration // the reader's
}

func (r reading) perProcessorSecond() float64 { return float64(r.records) / r.processor.Seconds() }

func (r reading) String() string {
	return fmt.Sprintf("%s records/s, %s per CPU-second, read by LRANGE and not decoded",
		thousands(float64(r.records)/r.took.Seconds()), thousands(r.perProcessorSecond()))
}

// readPlainly reads a list with LRANGE, page by page, and deletes it.
func readPlainly(ctx context.Context, r *rig, list string) (reading, error) {
	options, err := r.redis.Options()
	if err != nil {
		return reading{}, err
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	length, err := client.LLen(ctx, list).Result() // also dials
	if err != nil {
		return reading{}, err
	}
	start, before := time.Now(), ownProcessorTime()
	var read reading
	for from := int64(0); from < length; from += pageSize {
		page, err := client.LRange(ctx, list, from, from+pageSize-1).Result()
		if err != nil {
			return read, err
		}
		read.records += int64(len(page))
	}
	read.took, read.processor = time.Since(start), ownProcessorTime()-before
	return read, nil
}

// ownProcessorTime is what this process has used.
func ownProcessorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0 // it cannot fail for the process itself
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
