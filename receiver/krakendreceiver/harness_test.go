package krakendreceiver

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func unzip(tb testing.TB, path ...string) []byte {
	tb.Helper()
	file, err := os.Open(filepath.Join(append([]string{"testdata"}, path...)...))
	require.NoError(tb, err)
	defer func() { _ = file.Close() }()
	reader, err := gzip.NewReader(file)
	require.NoError(tb, err)
	body, err := io.ReadAll(reader)
	require.NoError(tb, err)
	return body
}

// truth is what the client knew when an answer was given.
type truth struct {
	File    string
	T1      int64 `json:"t1_unix_ns"`
	Process int
	Window  int64                                `json:"window_number"`
	Exact   bool                                 `json:"exact"`
	Client  map[string]map[string]map[string]int `json:"client_since_process_start"`
	Backend map[string]map[string]map[string]int `json:"backend_calls_seen"`
}

func truths(tb testing.TB, dir string) []truth {
	tb.Helper()
	var all []truth
	lines := bufio.NewScanner(strings.NewReader(string(unzip(tb, dir, "truth.jsonl.gz"))))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line truth
		require.NoError(tb, json.Unmarshal(lines.Bytes(), &line))
		all = append(all, line)
	}
	require.NotEmpty(tb, all)
	return all
}

// replay gives the answers of a run to a receiver, and the metrics of each to check.
func replay(tb testing.TB, config *Config, dir string, check func(truth, turn, pmetric.MetricSlice)) {
	tb.Helper()
	var tr tracker
	for _, line := range truths(tb, dir) {
		s, err := decode(unzip(tb, dir, line.File), time.Unix(0, line.T1))
		require.NoError(tb, err, line.File)
		require.Zero(tb, s.unreadable, line.File)
		result := tr.next(s, config.Window == windowScrape)
		metrics := pmetric.NewMetricSlice()
		write(config, result, metrics)
		check(line, result, metrics)
	}
}

func defaultConfig() *Config { return createDefaultConfig().(*Config) }

func named(metrics pmetric.MetricSlice, name string) (pmetric.Metric, bool) {
	for _, m := range metrics.All() {
		if m.Name() == name {
			return m, true
		}
	}
	return pmetric.NewMetric(), false
}

// total adds up the points of a sum whose attributes are as wanted.
func total(metrics pmetric.MetricSlice, name string, wanted map[string]any) (n int64) {
	m, ok := named(metrics, name)
	if !ok {
		return 0
	}
	for _, point := range m.Sum().DataPoints().All() {
		if matches(point.Attributes(), wanted) {
			n += point.IntValue()
		}
	}
	return n
}

func matches(attributes pcommon.Map, wanted map[string]any) bool {
	all := attributes.AsRaw()
	for key, value := range wanted {
		if all[key] != value {
			return false
		}
	}
	return true
}
