//go:build e2e

package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// screen is all that a process printed.
type screen struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write adds to it.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// String gives what was printed so far.
func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// startPrinting starts a collector and keeps what it prints.
func startPrinting(tb testing.TB, c *collector) *screen {
	tb.Helper()
	printed := &screen{}
	cmd := exec.Command(c.path, c.args...) //nolint:gosec // the program under test
	cmd.Env, cmd.Stdout = append(os.Environ(), c.env...), printed
	process, err := peers.StartProcess(cmd)
	require.NoError(tb, err)
	c.mu.Lock()
	c.process = process
	c.mu.Unlock()
	return printed
}

// records waits for as many lines as there are records, and gives what they have under a name.
func (s *screen) records(tb testing.TB, name string) []document {
	tb.Helper()
	var got []document
	eventually(tb, drainTimeout, func() string {
		got = got[:0]
		for line := range strings.Lines(s.String()) {
			if !strings.HasPrefix(line, `{"level":"info","msg":"",`) || !strings.HasSuffix(line, "}\n") {
				continue
			}
			d := parseDocument(tb, []byte(line))
			assert.Regexp(tb, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, d["time"])
			if record, ok := d[name].(document); ok {
				got = append(got, record)
			}
		}
		if len(got) < goldenRecords {
			return fmt.Sprintf("%d lines", len(got))
		}
		return ""
	})
	return got
}

// stdoutRuns are the runs of pumps that print, by the form of the records.
var stdoutRuns = map[encoding][]string{
	msgpack:  {"stdout-json", "stdout-json-decoded", "stdout-json-decoded-legacy", "stdout-text"},
	protobuf: {"stdout-json-protobuf"},
}

// TestRunsOfStdoutPrintWhatTykPumpPrinted compares lines but for their times.
func TestRunsOfStdoutPrintWhatTykPumpPrinted(t *testing.T) {
	t.Parallel()
	for form, runs := range stdoutRuns {
		names := map[string]string{"stdout-json": "tyk-analytics-record", "stdout-json-decoded": "myrec"} // as their files say
		redis := peers.StartRedis(t)
		file := runsTogether(t, runs, func(run string, meta object) {
			if names[run] == "" {
				names[run], meta["log_field_name"] = run, run // to tell their lines apart
			}
		})
		c := newPump(t, file, redis, nil)
		c.args = append(c.args, "--set=service::telemetry::logs::level=error") // whose lines are on the same screen
		golden{encoding: form}.push(t, redis.Client())
		printed := startPrinting(t, c)
		waitDrained(t, redis.Client(), drainTimeout)
		for _, run := range runs {
			t.Run(run, func(t *testing.T) {
				want, got := printedByTykPump(t, run), printed.records(t, names[run])
				require.NotEmpty(t, want)
				if form == protobuf { // see differences
					for _, d := range slices.Concat(want, got) {
						withoutSpaceAndLosses(t, d)
					}
				}
				requireSameDocuments(t, once(t, want), once(t, got))
			})
		}
		c.kill()
	}
}

// printedByTykPump are the records of a run. That of text has Go's form, which is JSON here.
func printedByTykPump(tb testing.TB, run string) []document {
	tb.Helper()
	if run == "stdout-json-protobuf" {
		return parseLines(tb, testdata(tb, "pump/"+run+".jsonl.gz"))
	}
	want := documentsOfTykPump(tb)["tyk"]
	if strings.HasPrefix(run, "stdout-json-decoded") {
		for _, d := range want {
			d["raw_request"], d["raw_response"] = decodedText(d["raw_request"]), decodedText(d["raw_response"])
		}
	}
	return want
}

// withoutSpaceAndLosses takes out of a record from protobuf what Tyk Pump's decoder loses, and what it changes of
// recorded requests and responses that are not base64.
func withoutSpaceAndLosses(tb testing.TB, d document) {
	tb.Helper()
	delete(d["latency"].(document), "gateway")
	delete(d["geo"].(document)["city"].(document), "names")
	for _, key := range []string{"timestamp", "expireAt"} {
		at, err := time.Parse(time.RFC3339Nano, d[key].(string))
		require.NoError(tb, err)
		d[key] = at.UTC().Round(time.Minute).Format(time.RFC3339) // an offset has no seconds, those of year 1 had
		if at.Year() > 1 {
			d[key] = at.UTC().Format(time.RFC3339Nano)
		}
	}
	for _, key := range []string{"raw_request", "raw_response"} {
		d[key] = strings.Join(strings.Fields(d[key].(string)), "")
	}
}

// decodedText is what Tyk Pump makes of a recorded request or response.
func decodedText(text any) any {
	decoded, err := base64.StdEncoding.DecodeString(text.(string))
	if err != nil {
		return text
	}
	return strings.ToValidUTF8(string(decoded), "\uFFFD")
}
