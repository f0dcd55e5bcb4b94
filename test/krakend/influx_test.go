package krakend

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykinfluxexporter"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/krakendreceiver"
)

// hangs is how long a test waits for what takes a second.
const hangs = 5 * time.Minute

func unzip(tb testing.TB, path ...string) []byte {
	tb.Helper()
	file, err := os.Open(filepath.Join(append([]string{"testdata"}, path...)...))
	require.NoError(tb, err)
	defer func() { _ = file.Close() }()
	reader, err := gzip.NewReader(file)
	require.NoError(tb, err)
	content, err := io.ReadAll(reader)
	require.NoError(tb, err)
	return content
}

// point is one of InfluxDB's, with the fields that it has.
type point struct {
	place  string // measurement and tags
	name   string // the measurement
	tags   map[string]string
	at     int64
	fields map[string]any // int64 or float64
}

// store runs receiver and exporter over the answers of a KrakenD, in their order, and gives the
// InfluxDB back that has them.
func store(tb testing.TB, answers [][]byte) *peers.Influx {
	tb.Helper()
	server := peers.StartInflux(tb, peers.InfluxSettings{})
	_, err := server.Query(tb.Context(), "", "CREATE DATABASE krakend")
	require.NoError(tb, err)
	write(tb, answers, map[string]any{"endpoint": server.URL(), "database_name": "krakend"})
	return server
}

// write runs receiver and exporter, which has settings beside its schema.
func write(tb testing.TB, answers [][]byte, settings map[string]any) {
	tb.Helper()
	var asked atomic.Int64
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := int(asked.Add(1)) - 1
		_, _ = w.Write(answers[min(n, len(answers)-1)])
	}))
	tb.Cleanup(gateway.Close)

	settings["schema"] = "krakend"
	exporters := tykinfluxexporter.NewFactory()
	into := configure(tb, exporters, settings)
	exporter, err := exporters.CreateMetrics(tb.Context(), exportertest.NewNopSettings(exporters.Type()), into)
	require.NoError(tb, err)
	receivers := krakendreceiver.NewFactory()
	from := configure(tb, receivers, map[string]any{
		"endpoint": gateway.URL + "/__stats", "collection_interval": "20ms", "initial_delay": "0s", "host_name": "vm",
	})
	receiver, err := receivers.CreateMetrics(tb.Context(), receivertest.NewNopSettings(receivers.Type()), from, exporter)
	require.NoError(tb, err)
	require.NoError(tb, exporter.Start(tb.Context(), componenttest.NewNopHost()))
	require.NoError(tb, receiver.Start(tb.Context(), componenttest.NewNopHost()))
	require.Eventually(tb, func() bool { return asked.Load() > int64(len(answers)) }, hangs, 10*time.Millisecond)
	require.NoError(tb, receiver.Shutdown(context.WithoutCancel(tb.Context())))
	require.NoError(tb, exporter.Shutdown(context.WithoutCancel(tb.Context())))
}

func configure(tb testing.TB, factory component.Factory, settings map[string]any) component.Config {
	tb.Helper()
	config := factory.CreateDefaultConfig()
	require.NoError(tb, confmap.NewFromStringMap(settings).Unmarshal(config))
	require.NoError(tb, confmap.Validate(config))
	return config
}

func answers(tb testing.TB) [][]byte {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "paired", "0*.json.gz"))
	require.NoError(tb, err)
	require.Len(tb, files, 17)
	var all [][]byte
	for _, file := range files {
		all = append(all, unzip(tb, "paired", filepath.Base(file)))
	}
	return all
}

// stored reads all points.
func stored(tb testing.TB, server *peers.Influx) []point {
	tb.Helper()
	integers := fieldTypes(tb, server)
	series, err := server.Query(tb.Context(), "krakend", `SELECT * FROM /.*/ GROUP BY *`)
	require.NoError(tb, err)
	var points []point
	for _, s := range series {
		for _, values := range s.Values {
			at, err := values[0].(json.Number).Int64()
			require.NoError(tb, err)
			p := point{place: placeOf(s.Name, s.Tags), at: at, fields: map[string]any{}}
			for i, value := range values[1:] {
				number, ok := value.(json.Number)
				if !ok {
					continue
				}
				field := s.Columns[i+1]
				if integers[s.Name+" "+field] == "integer" {
					p.fields[field], err = number.Int64()
				} else {
					p.fields[field], err = number.Float64()
				}
				require.NoError(tb, err)
			}
			points = append(points, p)
		}
	}
	return points
}

func placeOf(measurement string, tags map[string]string) string {
	var parts []string
	for key, value := range tags {
		if value != "" { // InfluxDB's way to say that there is none
			parts = append(parts, key+"="+value)
		}
	}
	slices.Sort(parts)
	return measurement + " " + strings.Join(parts, " ")
}

func fieldTypes(tb testing.TB, server *peers.Influx) map[string]string {
	tb.Helper()
	series, err := server.Query(tb.Context(), "krakend", "SHOW FIELD KEYS")
	require.NoError(tb, err)
	types := map[string]string{}
	for _, s := range series {
		for _, values := range s.Values {
			types[s.Name+" "+values[0].(string)] = values[1].(string)
		}
	}
	return types
}

// krakendsOwn reads the lines of KrakenD, by window.
func krakendsOwn(tb testing.TB) [][]point {
	tb.Helper()
	var windows [][]point
	lines := bufio.NewScanner(bytes.NewReader(unzip(tb, "paired", "lines.jsonl.gz")))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var write struct{ Body string }
		require.NoError(tb, json.Unmarshal(lines.Bytes(), &write))
		windows = append(windows, parse(tb, write.Body))
	}
	require.Len(tb, windows, 4)
	return windows
}

func parse(tb testing.TB, body string) []point {
	tb.Helper()
	var points []point
	decoder := lineprotocol.NewDecoderWithBytes([]byte(body))
	for decoder.Next() {
		measurement, err := decoder.Measurement()
		require.NoError(tb, err)
		name, tags := string(measurement), map[string]string{}
		for {
			key, value, err := decoder.NextTag()
			require.NoError(tb, err)
			if key == nil {
				break
			}
			tags[string(key)] = string(value)
		}
		p := point{place: placeOf(name, tags), name: name, tags: tags, fields: map[string]any{}}
		for {
			key, value, err := decoder.NextField()
			require.NoError(tb, err)
			if key == nil {
				break
			}
			p.fields[string(key)] = value.Interface()
		}
		points = append(points, p)
	}
	return points
}

// ticks are the times at which a window was told.
func ticks(points []point) []int64 {
	var times []int64
	for _, p := range points {
		if strings.HasPrefix(p.place, "runtime ") {
			times = append(times, p.at)
		}
	}
	slices.Sort(times)
	return times
}

func TestPointsAreThoseThatKrakenDWrites(t *testing.T) {
	t.Parallel()
	points := stored(t, store(t, answers(t)))
	times := ticks(points)
	own := krakendsOwn(t)
	require.GreaterOrEqual(t, len(times), len(own))
	byPlace := map[string]map[int64]map[string]any{}
	for _, p := range points {
		if byPlace[p.place] == nil {
			byPlace[p.place] = map[int64]map[string]any{}
		}
		byPlace[p.place][p.at] = p.fields
	}
	compared := map[string]int{}
	for n := 1; n < len(own); n++ { // the receiver saw these from their beginning to their end
		for _, line := range own[n] {
			fields := byPlace[line.place][times[n]]
			for field, want := range line.fields {
				got := fields[field]
				switch field {
				case "p0.1", "p0.25", "p0.9": // are not in the statistics
					assert.Nil(t, got)
					continue
				case "current": // the connections of a window that has just begun
					assert.IsType(t, want, got)
					continue
				case "count":
					// KrakenD's is zeroed by each further write of a second, and ours never: the sum
					// of a window's is the first that it wrote.
					got = sumOf(byPlace[line.place], times[n-1], times[n])
				case "variance":
					assert.IsType(t, want, got)
					assert.InEpsilon(t, want.(int64)+1, got.(int64)+1, 1e-9, "%s %s", line.place, field)
					compared[field]++
					continue
				}
				if number, ok := want.(float64); ok {
					if assert.IsType(t, want, got, "%s %s", line.place, field) {
						assert.InDelta(t, number, got, number*1e-12, "%s %s", line.place, field)
					}
				} else {
					assert.Equal(t, want, got, "%s %s of window %d", line.place, field, n)
				}
				compared[field]++
			}
		}
	}
	for _, field := range []string{"count", "total", "gauge", "mean", "stddev", "variance", "p0.99", "GCStats.NumGC", "MemStats.Alloc", "NumGoroutine"} {
		assert.Positive(t, compared[field], field)
	}
}

// sumOf adds up the counts after one time up to another.
func sumOf(points map[int64]map[string]any, after, until int64) int64 {
	var sum int64
	for at, fields := range points {
		if at > after && at <= until {
			n, _ := fields["count"].(int64)
			sum += n
		}
	}
	return sum
}

// TestTheBoardDraws runs all queries of the Grafana board over the receiver's points.
func TestTheBoardDraws(t *testing.T) {
	t.Parallel()
	server := store(t, answers(t))
	times := ticks(stored(t, server))
	first, last := times[0]-int64(time.Second), times[len(times)-1]+int64(time.Second)
	between := regexp.MustCompile(`time >= \d+s AND time <= \d+s`)
	queries := 0
	for text := range strings.Lines(string(unzip(t, "board", "queries.jsonl.gz"))) {
		var q struct{ Panel, Query string }
		require.NoError(t, json.Unmarshal([]byte(text), &q))
		queries++
		query := between.ReplaceAllString(q.Query, fmt.Sprintf("time >= %d AND time <= %d", first, last))
		series, err := server.Query(t.Context(), "krakend", query)
		require.NoError(t, err, q.Panel)
		filled := false
		for _, s := range series {
			for _, values := range s.Values {
				filled = filled || slices.ContainsFunc(values[1:], func(v any) bool { return v != nil })
			}
		}
		assert.True(t, filled, "%s: %s", q.Panel, query)
	}
	assert.Equal(t, 60, queries)
}
