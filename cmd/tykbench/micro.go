package main

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// micro is a micro-benchmark of the report.
type micro struct{ what, pkg, name string }

// micros are those of the work for each record, on its way.
var micros = []micro{
	{"decode msgpack", "internal/analytics", "DecodeMsgpack"},
	{"decode protobuf", "internal/analytics", "DecodeProtobuf"},
	{"record to log record", "internal/analytics", "ToLog"},
	{"msgpack to log record", "internal/analytics", "MsgpackToLog"},
	{"a chunk of msgpack to log records", "receiver/tykredisreceiver/internal/delivery", "DecodeBatchMsgpack"},
	{"protobuf to log record", "internal/analytics", "ProtobufToLog"},
	{"log record to record", "internal/analytics", "FromLog"},
	{"filter, default settings", "processor/tykfilterprocessor", "Process/defaults,_no_messages"},
	{"filter, six lists", "processor/tykfilterprocessor", "Process/all_pass_six_lists"},
	{"filter, credentials in each message", "processor/tykfilterprocessor", "Process/defaults,_every_message_with_credentials"},
	{"rollup: add", "internal/rollup", "Aggregate"},
	{"rollup: a chunk's to log records and back", "internal/rollup", "Form"},
	{"rollup: the whole processor", "processor/tykaggregateprocessor", "ConsumeLogs"},
	{"measure, preset `tyk_pump`", "internal/measure", "Count/tyk_pump"},
	{"measure, preset `gateway`", "internal/measure", "Count/gateway"},
	{"write for PostgreSQL, as bytes of COPY", "exporter/tyksqlexporter/internal/postgres", "CopySource"},
	{"write for MySQL, as values for its driver", "exporter/tyksqlexporter/internal/stdsql", "Insert"},
	{"write into SQLite, in memory", "exporter/tyksqlexporter/internal/sqlite", "SQLiteInsert"},
	{"write for MongoDB, as bytes of commands", "exporter/tykmongoexporter", "Command"},
	{"a document of Kafka, as JSON", "internal/analytics", "DocumentJSON"},
	{"a row of CSV, `signed`", "exporter/tykcsvexporter", "Rows/signed"},
	{"a row of CSV, `tyk`", "exporter/tykcsvexporter", "Rows/tyk"},
	{"a message of GELF, `gelf`", "exporter/tykgelfexporter", "Encode/gelf"},
	{"a message of GELF, `tyk`", "exporter/tykgelfexporter", "Encode/tyk"},
	{"a message of syslog, `json`", "exporter/tyksyslogexporter", "Encode/json"},
	{"a message of syslog, `tyk_map`", "exporter/tyksyslogexporter", "Encode/tyk_map"},
	{"lines of StatsD", "exporter/tykstatsdexporter", "Lines/statsd"},
	{"lines of DogStatsD", "exporter/tykstatsdexporter", "Lines/dogstatsd"},
	{"a document of OpenSearch", "exporter/tykopensearchexporter", "Encode/standard"},
	{"a document of OpenSearch, `extended_stats`", "exporter/tykopensearchexporter", "Encode/extended"},
	{"a line of Logz.io", "exporter/tyklogzioexporter", "Encode"},
	{"an event of Moesif", "exporter/tykmoesifexporter", "Encode"},
	{"a message of Resurface, `strict`", "exporter/tykresurfaceexporter", "Encode/strict"},
	{"a message of Resurface, `debug`", "exporter/tykresurfaceexporter", "Encode/debug"},
	{"an event of Segment", "exporter/tyksegmentexporter", "Encode"},
	{"MDCB's JSON", "internal/analytics", "AppendJSON"},
	{"a message of SQS", "exporter/tyksqsexporter", "Encode"},
	{"a record of Kinesis", "exporter/tykkinesisexporter", "Encode"},
}

// figures are what `go test -bench` tells of one, by unit.
type figures map[string]float64

var benchmarkLine = regexp.MustCompile(`^Benchmark(\S+?)(-\d+)?\s+\d+\s+(.*)$`)

// readMicros reads the output of `go test -bench`; the keys are package and name.
func readMicros(output string) (map[string]figures, error) {
	found, pkg := map[string]figures{}, ""
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = name
		}
		match := benchmarkLine.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		of := figures{}
		fields := strings.Fields(match[3])
		for i := 0; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("benchmark %s: %w", match[1], err)
			}
			of[fields[i+1]] = value
		}
		found[pkg+" "+match[1]] = of
	}
	return found, nil
}

// records is how many an operation has: those of a chunk also tell their time a record.
func (f figures) records() float64 {
	if each := f["ns/record"]; each > 0 {
		return max(1, math.Round(f["ns/op"]/each))
	}
	return 1
}

// microSection is the report's table of them; those that have not been run are left out,
// and the section where none has been.
func microSection(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	output, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	found, err := readMicros(string(output))
	if err != nil {
		return "", err
	}
	lines := [][]string{{"a record's", "benchmark", "ns", "records/s", "bytes allocated", "allocations"}, nil}
	for _, m := range micros {
		f, ok := found["github.com/otelcol-tyk/otelcol-tyk/"+m.pkg+" "+m.name]
		if !ok {
			continue
		}
		n := f.records()
		lines = append(lines, []string{
			m.what, "`" + m.pkg + "` `" + m.name + "`",
			fmt.Sprintf("%.0f", f["ns/op"]/n), fmt.Sprintf("%.0f", 1e9*n/f["ns/op"]), fmt.Sprintf("%.0f", f["B/op"]/n), fmt.Sprintf("%.2f", f["allocs/op"]/n),
		})
	}
	if len(lines) == 2 {
		return "", nil
	}
	return "\n## Micro-benchmarks\n\nOf `go test -bench`, each figure divided by the records of an operation. Without a server, and without `GOMEMLIMIT` and `GOGC`.\n\n" + markdown(lines), nil
}
