// Package sinktest is what tests of exporters of analytics records have in common.
package sinktest

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Long is a time that only what hangs takes.
const Long = 5 * time.Minute

// LogsOf is a push of records as the receiver makes it, of the segment seg, numbered from 0.
func LogsOf(records ...analytics.Record) plog.Logs { return Push("seg", 0, records...) }

// Unzip reads a file of a package's folder.
func Unzip(tb testing.TB, path ...string) []byte {
	tb.Helper()
	file, err := os.Open(filepath.Join(path...))
	require.NoError(tb, err)
	defer func() { _ = file.Close() }() // which was only read
	reader, err := gzip.NewReader(file)
	require.NoError(tb, err)
	content, err := io.ReadAll(reader)
	require.NoError(tb, err)
	return content
}

// JSONLines reads a zipped file of one JSON value a line.
func JSONLines[T any](tb testing.TB, path ...string) []T {
	tb.Helper()
	var all []T
	for text := range strings.Lines(string(Unzip(tb, path...))) {
		var value T
		require.NoError(tb, json.Unmarshal([]byte(text), &value))
		all = append(all, value)
	}
	return all
}

// GoldenEntries are the 600 that the real Tyk Pump was given for the golden files, as they
// are in Redis, by wire: msgpack or protobuf.
func GoldenEntries(tb testing.TB, wire string) [][]byte {
	tb.Helper()
	_, here, _, _ := runtime.Caller(0)
	return Entries(Unzip(tb, filepath.Dir(here), "..", "rollup", "testdata", "golden", "records-"+wire+".bin.gz"))
}

// Entries parts what follows one another behind its length.
func Entries(content []byte) [][]byte {
	var entries [][]byte
	for len(content) > 0 {
		n := binary.BigEndian.Uint32(content)
		entries = append(entries, content[4:4+n])
		content = content[4+n:]
	}
	return entries
}

// GoldenRecordsOf decodes the golden entries.
func GoldenRecordsOf(tb testing.TB, wire string) []analytics.Record {
	tb.Helper()
	decode := map[string]func([]byte, *analytics.Record) error{"msgpack": analytics.DecodeMsgpack, "protobuf": analytics.DecodeProtobuf}[wire]
	entries := GoldenEntries(tb, wire)
	records := make([]analytics.Record, len(entries))
	for i, entry := range entries {
		require.NoError(tb, decode(entry, &records[i]))
	}
	return records
}

// GoldenRecords are the golden records, as decoded from msgpack.
func GoldenRecords(tb testing.TB) []analytics.Record {
	tb.Helper()
	return GoldenRecordsOf(tb, "msgpack")
}

// Host gives the statuses that a component reports.
type Host struct {
	component.Host
	// Statuses are in the order in which they were reported.
	Statuses chan componentstatus.Status
}

// NewHost makes a host without extensions.
func NewHost() *Host {
	return &Host{Host: componenttest.NewNopHost(), Statuses: make(chan componentstatus.Status, 1000)}
}

// Report takes a status.
func (h *Host) Report(event *componentstatus.Event) { h.Statuses <- event.Status() }

// Start starts an exporter of logs until the test ends.
func Start(tb testing.TB, factory exporter.Factory, config component.Config, host component.Host) exporter.Logs {
	tb.Helper()
	require.NoError(tb, confmap.Validate(config))
	e, err := factory.CreateLogs(tb.Context(), exportertest.NewNopSettings(factory.Type()), config)
	require.NoError(tb, err)
	require.NoError(tb, e.Start(tb.Context(), host))
	tb.Cleanup(func() { require.NoError(tb, e.Shutdown(context.WithoutCancel(tb.Context()))) })
	return e
}

// ReadConfig reads the settings of a component in testdata/config.yaml, which must be valid.
func ReadConfig(tb testing.TB, factory exporter.Factory, name string) component.Config {
	tb.Helper()
	content, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(tb, err)
	sub, err := content.Sub(component.NewIDWithName(factory.Type(), name).String())
	require.NoError(tb, err)
	config := factory.CreateDefaultConfig()
	require.NoError(tb, sub.Unmarshal(config))
	require.NoError(tb, confmap.Validate(config))
	return config
}

// RequireSchema requires that config.schema.yaml describes every key of the default settings, and no other.
func RequireSchema(tb testing.TB, factory exporter.Factory) {
	tb.Helper()
	requireSchema(tb, factory, nil)
}

// RequireHTTPSchema is RequireSchema for settings that include those of the collector's HTTP client, of which the
// schema describes what it wants to.
func RequireHTTPSchema(tb testing.TB, factory exporter.Factory) {
	tb.Helper()
	client := confmap.New()
	require.NoError(tb, client.Marshal(confighttp.NewDefaultClientConfig()))
	requireSchema(tb, factory, client.ToStringMap())
}

func requireSchema(tb testing.TB, factory exporter.Factory, others map[string]any) {
	tb.Helper()
	schema, err := confmaptest.LoadConf("config.schema.yaml")
	require.NoError(tb, err)
	described, err := schema.Sub("properties")
	require.NoError(tb, err)
	content := confmap.New()
	require.NoError(tb, content.Marshal(factory.CreateDefaultConfig()))
	properties := described.ToStringMap()
	for key := range content.ToStringMap() {
		property, ok := properties[key].(map[string]any)
		if _, other := others[key]; other && !ok {
			continue
		}
		require.True(tb, ok, "config.schema.yaml does not describe %s", key)
		require.NotEmpty(tb, property["description"], key)
	}
	for key := range properties {
		require.Contains(tb, optional(content.ToStringMap()), key)
	}
}

// optional adds the keys that marshalling leaves out where they are not set.
func optional(content map[string]any) map[string]any {
	for _, key := range []string{"sending_queue", "tls", "dialer", "http", "endpoint"} {
		if _, ok := content[key]; !ok {
			content[key] = nil
		}
	}
	return content
}
