package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// viewed are the pages that viewers look at in turn.
var viewed = []string{"/", "/logs", "/pipeline"}

// thinkTime is how long a viewer looks at a page.
const thinkTime = time.Second

// viewers look at the pages of a console until they are stopped.
type viewers struct {
	stop   context.CancelFunc
	all    sync.WaitGroup
	mu     sync.Mutex
	took   []float64 // milliseconds
	busy   int       // pages that the console refused, so as not to be in the way
	failed error
}

// view has n viewers look at a console, one after the other so that they do not ask in step.
func view(ctx context.Context, address string, n int) *viewers {
	ctx, stop := context.WithCancel(ctx)
	v := &viewers{stop: stop}
	for i := range n {
		v.all.Go(func() { v.look(ctx, address, i, n) })
	}
	return v
}

func (v *viewers) look(ctx context.Context, address string, i, n int) {
	pause := time.Duration(i) * thinkTime / time.Duration(n)
	for at := i; ; at++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = thinkTime
		began := time.Now()
		err := load(ctx, "http://"+address+viewed[at%len(viewed)])
		if ctx.Err() != nil {
			return
		}
		v.mu.Lock()
		switch {
		case errors.Is(err, errBusy):
			v.busy++
		case err != nil:
			v.failed = errors.Join(v.failed, err)
		default:
			v.took = append(v.took, float64(time.Since(began).Microseconds())/1000)
		}
		failed := v.failed != nil
		v.mu.Unlock()
		if failed {
			return
		}
	}
}

// errBusy is of a page for which the console has no time.
var errBusy = errors.New("the console is busy")

// load reads a page as a browser does.
func load(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // after it was read
	_, err = io.Copy(io.Discard, response.Body)
	switch {
	case err != nil:
	case response.StatusCode == http.StatusServiceUnavailable:
		err = errBusy
	case response.StatusCode != http.StatusOK:
		err = fmt.Errorf("%s answers %s", url, response.Status)
	}
	return err
}

// end stops them, and gives how long each page took, in milliseconds, and how many there were besides that the console
// refused.
func (v *viewers) end() (took []float64, busy int, failed error) {
	v.stop()
	v.all.Wait()
	return v.took, v.busy, v.failed
}

// viewersJob drains a backlog with viewers of the console, and without, in turn.
type viewersJob struct {
	name, store string
	records     int64
	open        opener
	runs        []viewersRun
}

// viewersRun is one comparison.
type viewersRun struct{ without, with drain }

func (r viewersRun) share() float64 { return r.with.perSecond() / r.without.perSecond() }

// howMany viewers the job has.
const howMany = 10

// indexed is a store whose tables get the indexes by which the console finds records.
type indexed struct{ destination }

func (i indexed) pipeline() pipeline {
	p := i.destination.pipeline()
	p.config = strings.TrimSuffix(p.config, "}") + ", indexes: true}"
	return p
}

func viewersOf(records int64, key, store string, open opener) job {
	return &viewersJob{name: key, store: store, records: records, open: open}
}

func (j *viewersJob) key() string { return j.name }

func (j *viewersJob) title() string { return "ten viewers of the console, " + j.store }

func (j *viewersJob) measure(ctx context.Context, r *rig) error {
	to, err := j.open(ctx, r)
	if err != nil {
		return err
	}
	if err := freeAddress(&r.console); err != nil {
		return err
	}
	defer func() { r.console, r.viewers = "", 0 }()
	var run viewersRun
	steps := []struct {
		viewers int
		to      *drain
	}{{0, &run.without}, {howMany, &run.with}}
	if len(j.runs)%2 == 1 { // so that neither always comes second
		slices.Reverse(steps)
	}
	for _, step := range steps {
		r.viewers = step.viewers
		if *step.to, err = r.drain(ctx, j.records, time.Hour, nil, indexed{to}); err != nil {
			return fmt.Errorf("with %d viewers: %w", step.viewers, err)
		}
		fmt.Printf("  with %d viewers: %s\n", step.viewers, *step.to)
	}
	if len(run.with.pages) == 0 {
		return errors.New("no page was seen: choose more -viewers-records")
	}
	fmt.Printf("  share %.3f, %d pages and %d refused, median %.0f ms\n", run.share(), len(run.with.pages), run.with.refused, median(run.with.pages))
	j.runs = append(j.runs, run)
	return nil
}

func (j *viewersJob) rows() []row {
	var shares, speeds, limits, pages []float64
	for _, run := range j.runs {
		shares, speeds, limits = append(shares, run.share()), append(speeds, run.with.perSecond()), append(limits, run.without.perSecond())
		pages = append(pages, median(run.with.pages))
	}
	return []row{
		{job: j.title(), unit: share.named("share of the speed without"), values: shares, goal: atLeast(0.95)},
		{job: j.title(), unit: perSecond, values: speeds, limits: limits},
		{job: j.title(), unit: milliseconds.named("a page, median, ms"), values: pages},
	}
}

func (j *viewersJob) section() string {
	lines := [][]string{{"run", "without, records/s", "with, records/s", "share", "CPU a record, without", "with", "pages", "refused as busy", "median", "p95"}, nil}
	for i, run := range j.runs {
		sorted := slices.Sorted(slices.Values(run.with.pages))
		lines = append(lines, []string{
			strconv.Itoa(i + 1), thousands(run.without.perSecond()), thousands(run.with.perSecond()), fmt.Sprintf("%.3f", run.share()),
			fmt.Sprintf("%.2f µs", run.without.microseconds()), fmt.Sprintf("%.2f µs", run.with.microseconds()),
			strconv.Itoa(len(sorted)), strconv.Itoa(run.with.refused), fmt.Sprintf("%.0f ms", median(sorted)), fmt.Sprintf("%.0f ms", sorted[len(sorted)*95/100]),
		})
	}
	return fmt.Sprintf("%s raw records to %s, whose table has the indexes of `indexes: true`, with the console running. Ten viewers load Overview, Logs and Pipeline in turn, a second after each page; "+
		"before or after, in the same run, nobody does.\n\n", thousands(float64(j.records)), j.store) + markdown(lines)
}
