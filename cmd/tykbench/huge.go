package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// hugeBody is how long the request and the response of a huge record are, in bytes of base64.
const hugeBody = 25_000_000

// hugeJob brings one record whose bodies are as long as a gateway may record them.
type hugeJob struct{ runs []huge }

// huge is what one record took.
type huge struct{ entry, idle, peak float64 } // bytes

// times is how often the record was in memory at once.
func (h huge) times() float64 { return (h.peak - h.idle) / h.entry }

func (*hugeJob) key() string { return "huge" }

func (*hugeJob) title() string { return "a record with 50 MB of bodies" }

func (j *hugeJob) measure(ctx context.Context, r *rig) error {
	to, err := r.freshPostgres(ctx)
	if err != nil {
		return err
	}
	entry, err := hugeEntry()
	if err != nil {
		return err
	}
	c, err := r.collect(ctx, to.pipeline())
	if err != nil {
		return err
	}
	defer c.Kill()
	if err := c.ready(ctx); err != nil {
		return err
	}
	idle, err := peakMemory(c.PID())
	if err != nil {
		return err
	}
	if err := r.redis.Client().RPush(ctx, traffic.Key, entry).Err(); err != nil {
		return err
	}
	stored := func() (bool, error) {
		if err := c.failed(); err != nil {
			return false, err
		}
		n, err := to.count(ctx, tableName)
		return n == 1, err
	}
	if err := await(ctx, 100*time.Millisecond, 5*time.Minute, "the record", stored); err != nil {
		return err
	}
	peak, err := peakMemory(c.PID())
	if err != nil {
		return err
	}
	one := huge{float64(len(entry)), float64(idle), float64(peak)}
	fmt.Printf("  %.0f MiB before, %.0f MiB at most, %.2f times the entry's %.0f MiB\n", one.idle/mebibyte, one.peak/mebibyte, one.times(), one.entry/mebibyte)
	j.runs = append(j.runs, one)
	return c.finish(ctx)
}

// hugeEntry is a record as a gateway pushes it. Its bodies are of letters in no order, which PostgreSQL cannot make smaller.
func hugeEntry() ([]byte, error) {
	settings := traffic.DefaultSettings()
	settings.OmitMCP = true // which have a table of their own
	generator, err := traffic.New(settings)
	if err != nil {
		return nil, err
	}
	letters := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	body := func() string {
		text := make([]byte, hugeBody)
		for i := range text {
			text[i] = byte('A' + letters.IntN(26))
		}
		return string(text)
	}
	record := generator.Next(time.Now())
	record.RawRequest, record.RawResponse = body(), body()
	return analytics.AppendMsgpack(nil, record), nil
}

func (j *hugeJob) rows() []row {
	values := make([]float64, len(j.runs))
	for i, one := range j.runs {
		values[i] = one.times()
	}
	return []row{{job: j.title(), unit: unit{"memory it takes, times its size", decimals(1)}, values: values, goal: atMost(3)}}
}

func (j *hugeJob) section() string {
	lines := [][]string{{"run", "the entry", "resident before", "at most", "times the entry"}, nil}
	for i, one := range j.runs {
		text := func(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/mebibyte) }
		lines = append(lines, []string{strconv.Itoa(i + 1), text(one.entry), text(one.idle), text(one.peak), fmt.Sprintf("%.2f", one.times())})
	}
	return "One record through tykredis, tykfilter, which looks for credentials in the bodies, and tyksql into PostgreSQL, while nothing else waits. What it takes is the collector's peak memory less that before it came.\n\n" + markdown(lines)
}
