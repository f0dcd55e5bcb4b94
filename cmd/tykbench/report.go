package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/template"
)

// results are what docs/benchmarks.md tells.
type results struct {
	options options
	drains  []drain
	copies  []float64
	memory  []drain
	latency latency
}

const report = `# Benchmarks

Made by ` + "`make bench`" + ` (` + "`go run ./cmd/tykbench`" + `) on one machine that ran Redis, PostgreSQL and the collector:
{{.Machine}}. The collector is the built binary with ` + "`GOMEMLIMIT=140MiB GOGC=200`" + `, as ` + "`make run`" + ` sets them;
PostgreSQL waits for the disk; neither table has an index. Records are realistic, {{.EntryBytes}} bytes of msgpack
each on average. Speeds vary with the machine; the ratio, taken pair by pair in one run, varies less.

## A backlog into PostgreSQL

{{.Records}} records from one Redis list through tykredis, tykfilter and tyksql; medians of {{.Runs}} runs. The time is from
the claim to the last acknowledgement, the CPU time is the collector's in that time, the peak is resident memory
since its start.

| | records/s | CPU a record | peak memory |
|---|---|---|---|
| otelcol-tyk | {{.PerSecond}} | {{.Microseconds}} µs | {{.Peak}} MiB |
| to reach | 100,000 | 10 µs | 220 MiB |
| psql \copy of the same rows from a file | {{.Copy}} | | |
| Tyk Pump 1.17 (reference, taken earlier on a machine of the same size) | 25,000 | 35 µs | 900 MiB |

Ratio to \copy, run by run: {{.Ratios}}; median {{.Ratio}}.

## Memory

| backlog | records/s | CPU a record | peak memory |
|---|---|---|---|
{{range .Memory}}| {{.Records}} | {{.PerSecond}} | {{.Microseconds}} µs | {{.Peak}} MiB |
{{end}}
## Latency

{{.Rate}} records/s for {{.Duration}}; the time from the making of a record to the commit of its transaction, by
PostgreSQL's commit timestamps, over {{.LatencyRecords}} rows.

| p50 | p95 | p99 | longest | within 1 s | the collector's CPU |
|---|---|---|---|---|---|
| {{.P50}} ms | {{.P95}} ms | {{.P99}} ms | {{.Longest}} ms | {{.Within}} % | {{.Busy}} % of one processor |
`

func (r results) write(path string) error {
	perSecond := each(r.drains, drain.perSecond)
	ratios := make([]float64, len(r.drains))
	shown := make([]string, len(r.drains))
	for i := range r.drains {
		ratios[i] = perSecond[i] / r.copies[i]
		shown[i] = fmt.Sprintf("%.2f", ratios[i])
	}
	type row struct{ Records, PerSecond, Microseconds, Peak string }
	var memory []row
	for _, d := range r.memory {
		memory = append(memory, row{thousands(float64(d.records)), thousands(d.perSecond()), fmt.Sprintf("%.1f", d.microseconds()), fmt.Sprintf("%.0f", d.mebibytes())})
	}
	l := r.latency
	data := map[string]any{
		"Machine":        fmt.Sprintf("%d processors, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		"EntryBytes":     r.drains[0].bytes / r.drains[0].records,
		"Records":        thousands(float64(r.options.records)),
		"Runs":           r.options.runs,
		"PerSecond":      thousands(median(perSecond)),
		"Microseconds":   fmt.Sprintf("%.1f", median(each(r.drains, drain.microseconds))),
		"Peak":           fmt.Sprintf("%.0f", median(each(r.drains, drain.mebibytes))),
		"Copy":           thousands(median(r.copies)),
		"Ratios":         strings.Join(shown, ", "),
		"Ratio":          fmt.Sprintf("%.2f", median(ratios)),
		"Memory":         memory,
		"Rate":           thousands(r.options.rate),
		"Duration":       r.options.duration,
		"LatencyRecords": thousands(float64(l.records)),
		"P50":            l.p50.Milliseconds(),
		"P95":            l.p95.Milliseconds(),
		"P99":            l.p99.Milliseconds(),
		"Longest":        l.longest.Milliseconds(),
		"Within":         fmt.Sprintf("%.2f", 100*l.withinASecond),
		"Busy":           fmt.Sprintf("%.0f", l.processorPercent),
	}
	var text bytes.Buffer
	if err := template.Must(template.New("report").Parse(report)).Execute(&text, data); err != nil {
		return err
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil { //nolint:gosec // a document for everyone
		return err
	}
	fmt.Println("wrote", path)
	return nil
}

func each(drains []drain, of func(drain) float64) []float64 {
	values := make([]float64, len(drains))
	for i, d := range drains {
		values[i] = of(d)
	}
	return values
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// thousands writes a whole number with separators.
func thousands(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
