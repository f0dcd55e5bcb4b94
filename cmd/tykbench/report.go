package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// write writes the report, with the section of micro-benchmarks at its end.
func write(o options, jobs []job, micros string) error {
	if err := os.WriteFile(o.output, []byte(report(o, jobs)+micros), 0o644); err != nil { //nolint:gosec // a document for everyone
		return err
	}
	fmt.Println("\nwrote", o.output)
	return nil
}

func report(o options, jobs []job) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Benchmarks

Made by `+"`make bench`"+` (`+"`go run ./cmd/tykbench`"+`) on one machine that ran Redis, the stores and the collector:
%d processors, %s/%s, %s. The collector is the built binary with `+"`GOMEMLIMIT=%s GOGC=%s`"+`, as `+"`make run`"+` sets them;
a commit is on disk in every store; tables of raw records have no index, but where people look at the console. Records are realistic, in msgpack unless said otherwise.

Medians of %d runs, with the lowest and the highest in parentheses, the jobs in turn, with a pause of %s before each. The time is
from the claim of the list to the last acknowledgement, the CPU time is the collector's in that time, the peak is resident
memory since its start. Limits are measured in the same run, and shares of them pair by pair: speeds vary with the machine,
shares vary less. Targets are compared with the median, peak memory with the highest of all runs.

Tyk Pump's figures are those of version 1.16, measured on 2026-11-28 beside the collector of that day in one run on a machine of this
size: 200,000 records, twice each. There the collector moved 117,000 to 161,000 raw records/s, 3.7 µs each, in 169 MiB, and counted
96,000 to 101,000/s for rollups, 7.0 µs each, in 170 MiB. They were not measured again for this page.

`, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), o.memLimit, o.gogc, o.runs, o.pause)
	b.WriteString(table(rowsOf(jobs)))
	for _, j := range jobs {
		title := j.title()
		fmt.Fprintf(&b, "\n## %s\n\n%s", strings.ToUpper(title[:1])+title[1:], j.section())
	}
	return b.String()
}
