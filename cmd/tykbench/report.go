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
	stores  []store
	rollups rollupResult
	memory  []drain
	latency latency
}

// store is what was measured with one store.
type store struct {
	name   string
	drains []drain
	bulks  []float64 // rows per second of its own bulk load; 0 where there is none
}

const report = `# Benchmarks

Made by ` + "`make bench`" + ` (` + "`go run ./cmd/tykbench`" + `) on one machine that ran Redis, the stores and the collector:
{{.Machine}}. The collector is the built binary with ` + "`GOMEMLIMIT=120MiB GOGC=200`" + `, as ` + "`make run`" + ` sets them;
a commit is on disk in every store; no table has an index. Records are realistic, {{.EntryBytes}} bytes of msgpack
each on average. Speeds vary with the machine; the ratio, taken pair by pair in one run, varies less.

## A backlog into each store

{{.Records}} records from one Redis list through tykredis, tykfilter and the store's exporter; medians of {{.Runs}} runs, the
stores in turn. The time is from the claim to the last acknowledgement, the CPU time is the collector's in that time,
the peak is resident memory since its start. The bulk load is of the same rows, in the same run: ` + "`psql \\copy`" + ` and
` + "`LOAD DATA LOCAL`" + ` from a file; for SQLite, whose work is the collector's own, a prepared insert for each row from
memory, 2500 a transaction.

| store | records/s | CPU a record | peak memory | bulk load, rows/s | ratio to it, run by run | median |
|---|---|---|---|---|---|---|
{{range .Stores}}| {{.Name}} | {{.PerSecond}} | {{.Microseconds}} µs | {{.Peak}} MiB | {{.Bulk}} | {{.Ratios}} | {{.Ratio}} |
{{end}}
Without filter and log records, where metrics for a Prometheus are all that is made of records, pushed every second.

To reach in PostgreSQL: 100,000 records/s, 10 µs, 220 MiB; for Prometheus 5 µs. Tyk Pump 1.17, taken earlier on a machine of the same size:
25,000 records/s, 35 µs, 900 MiB.

## Rollups

The same number of records from Redis through tykredis, tykfilter and tykaggregate into Tyk's aggregate tables in
PostgreSQL, where {{.RollupShape}} make {{.RollupRows}} rows of ` + "`tyk_aggregated`" + `; medians of {{.Runs}} runs. The
receiver's ` + "`chunk_size`" + ` is 10000, its ` + "`max_in_flight`" + ` 2, since big chunks have fewer rows for each record.

| | records/s | CPU a record | peak memory |
|---|---|---|---|
| otelcol-tyk | {{.Rollups.PerSecond}} | {{.Rollups.Microseconds}} µs | {{.Rollups.Peak}} MiB |
| to reach | 120,000 | 8 µs | 220 MiB |
| Tyk Pump 1.17, taken earlier on a machine of the same size | 24,000 | 48 µs | 1,024 MiB |

## Memory

With PostgreSQL.

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

// storeRow is a line of the table of stores.
type storeRow struct{ Name, PerSecond, Microseconds, Peak, Bulk, Ratios, Ratio string }

func (s store) row() storeRow {
	perSecond := each(s.drains, drain.perSecond)
	row := storeRow{
		Name:         s.name,
		PerSecond:    thousands(median(perSecond)),
		Microseconds: fmt.Sprintf("%.1f", median(each(s.drains, drain.microseconds))),
		Peak:         fmt.Sprintf("%.0f", median(each(s.drains, drain.mebibytes))),
	}
	if median(s.bulks) == 0 {
		return row
	}
	ratios, shown := make([]float64, len(perSecond)), make([]string, len(perSecond))
	for i := range perSecond {
		ratios[i] = perSecond[i] / s.bulks[i]
		shown[i] = fmt.Sprintf("%.2f", ratios[i])
	}
	row.Bulk, row.Ratios, row.Ratio = thousands(median(s.bulks)), strings.Join(shown, ", "), fmt.Sprintf("%.2f", median(ratios))
	return row
}

func (r results) write(path string) error {
	type memoryRow struct{ Records, PerSecond, Microseconds, Peak string }
	var memory []memoryRow
	for _, d := range r.memory {
		memory = append(memory, memoryRow{thousands(float64(d.records)), thousands(d.perSecond()), fmt.Sprintf("%.1f", d.microseconds()), fmt.Sprintf("%.0f", d.mebibytes())})
	}
	stores := make([]storeRow, len(r.stores))
	for i, s := range r.stores {
		stores[i] = s.row()
	}
	l, first := r.latency, r.stores[0].drains[0]
	data := map[string]any{
		"Machine":        fmt.Sprintf("%d processors, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		"EntryBytes":     first.bytes / first.records,
		"Records":        thousands(float64(r.options.records)),
		"Runs":           r.options.runs,
		"Stores":         stores,
		"Rollups":        r.rollups.store.row(),
		"RollupRows":     thousands(float64(r.rollups.rows)),
		"RollupShape":    r.rollups.shape,
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
