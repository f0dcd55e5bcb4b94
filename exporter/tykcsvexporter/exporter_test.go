package tykcsvexporter

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func start(t *testing.T, host component.Host, dir string, change func(*Config)) exporter.Logs {
	t.Helper()
	config := createDefaultConfig().(*Config)
	config.Dir, config.Retry.Enabled = dir, false
	if change != nil {
		change(config)
	}
	return sinktest.Start(t, NewFactory(), config, host)
}

// contentOf is all that is in the files of a directory, without headers.
func contentOf(t *testing.T, dir string) (rows, files []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	require.NoError(t, err)
	for i, path := range files {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		rows = append(rows, rawRows(t, content)[1:]...)
		files[i] = filepath.Base(path)
	}
	return rows, files
}

// TestEachRecordIsInTheFileOfItsHourOnce pushes all records twice, once in parts.
func TestEachRecordIsInTheFileOfItsHourOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := start(t, sinktest.NewHost(), dir, func(c *Config) { c.Columns = columnsTyk })
	records := sinktest.GoldenRecords(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records[:250]...)))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	rows, files := contentOf(t, dir)
	assert.ElementsMatch(t, rawRows(t, sinktest.Unzip(t, "testdata", "golden", "csv.csv.gz"))[1:], rows)
	encoder, hours := encoderOf(t, func(*Config) {}), map[string]bool{}
	for _, r := range records {
		hours[encoder.hour(r.TimeStamp).String()] = true
	}
	assert.Contains(t, files, "2025-December-31-23.csv")
	assert.Len(t, files, len(hours))

	again := start(t, sinktest.NewHost(), dir, func(c *Config) { c.Columns = columnsTyk })
	require.NoError(t, again.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	now, _ := contentOf(t, dir)
	assert.Len(t, now, len(rows))
}

func TestADirectoryThatCannotBeMadeIsWaitedFor(t *testing.T) {
	t.Parallel()
	parent, host := filepath.Join(t.TempDir(), "f"), sinktest.NewHost()
	require.NoError(t, os.WriteFile(parent, nil, 0o600))
	dir := filepath.Join(parent, "csv")
	e := start(t, host, dir, nil)
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses, "at the start")
	record := analytics.Record{APIID: "a", TimeStamp: time.Unix(1_700_000_000, 0)}
	err := e.ConsumeLogs(t.Context(), sinktest.LogsOf(record))
	require.ErrorContains(t, err, "open the directory "+dir)
	assert.False(t, consumererror.IsPermanent(err))
	require.NoError(t, os.Remove(parent))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(record)))
	assert.Equal(t, componentstatus.StatusOK, <-host.Statuses)
	rows, files := contentOf(t, dir)
	assert.Len(t, rows, 1)
	assert.Equal(t, []string{"2023-November-14-22.csv"}, files)
}

func TestWhatIsNotWrittenIsRefusedByName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := start(t, sinktest.NewHost(), dir, nil)
	logs := sinktest.LogsOf(analytics.Record{Path: "/a"}, analytics.Record{Path: "/b"})
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).SetEventName("other")
	late := sinktest.LogsOf(analytics.Record{Path: "/late"})
	analytics.StampGivenUp(late.ResourceLogs().At(0).ScopeLogs().At(0).Scope(), time.Now().Add(-73*time.Hour))
	for want, push := range map[string]plog.Logs{
		`foreign: not an analytics record: its event name is "other"`: logs,
		"forgotten: a dead letter of ":                                late,
	} {
		err := e.ConsumeLogs(t.Context(), push)
		require.True(t, consumererror.IsPermanent(err))
		var refused *analytics.RefusedError
		require.ErrorAs(t, err, &refused)
		require.Len(t, refused.Records, 1)
		assert.Contains(t, refused.Records[0].Reason, want)
	}
	rows, files := contentOf(t, dir)
	assert.Len(t, rows, 1)
	hours, now := encoderOf(t, func(*Config) {}), time.Now()
	assert.Contains(t, []string{hours.hour(now).String() + ".csv", hours.hour(now.Add(-time.Minute)).String() + ".csv"}, files[0], "a record without a time is of now")
}

func TestFinishedFilesAreCompressedInTheBackground(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, sinktest.NewHost(), dir, nil)
	require.NoError(t, first.ConsumeLogs(t.Context(), sinktest.LogsOf(analytics.Record{TimeStamp: time.Unix(1_700_000_000, 0)})))
	path := filepath.Join(dir, "2023-November-14-22.csv")
	long := time.Now().Add(-2 * quiet)
	require.NoError(t, os.Chtimes(path, long, long))
	start(t, sinktest.NewHost(), dir, func(c *Config) { c.Compression = compressionGzip })
	require.Eventually(t, func() bool {
		_, err := os.Stat(path)
		return os.IsNotExist(err)
	}, sinktest.Long, 10*time.Millisecond)
	assert.NotEmpty(t, sinktest.Unzip(t, path+".gz"))
}

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	plain := createDefaultConfig().(*Config)
	plain.Dir = "/var/lib/tyk-csv"
	pump := createDefaultConfig().(*Config)
	pump.Dir, pump.Timezone, pump.Columns, pump.FileMode = "./csv", "Europe/Berlin", columnsTyk, "0666"
	all := createDefaultConfig().(*Config)
	all.Dir, all.ExtraColumns, all.NeutralizeFormulas, all.MaxFileBytes = "/var/lib/tyk-csv", []string{"uid", "mcp_method"}, true, 1<<30
	all.Compression, all.Retention, all.Timeout.Timeout = compressionGzip, 24*time.Hour, 5*time.Second
	for name, want := range map[string]*Config{"": plain, "pump": pump, "all": all} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name))
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"csv_dir: must be set":                                    func(c *Config) { c.Dir = "" },
		`timezone: "Local" is not the name of a time zone`:        func(c *Config) { c.Timezone = "Local" },
		`timezone: "" is not the name of a time zone`:             func(c *Config) { c.Timezone = "" },
		`columns: "json" is unknown: use signed or tyk`:           func(c *Config) { c.Columns = "json" },
		`extra_columns: "nope" is unknown: use some of uid, mcp_`: func(c *Config) { c.ExtraColumns = []string{"nope"} },
		`extra_columns: "uid" is there twice`:                     func(c *Config) { c.ExtraColumns = []string{"uid", "uid"} },
		`file_mode: "0440" are not permissions`:                   func(c *Config) { c.FileMode = "0440" },
		`file_mode: "rw" are not permissions`:                     func(c *Config) { c.FileMode = "rw" },
		`file_mode: "10640" are not permissions`:                  func(c *Config) { c.FileMode = "10640" },
		"max_file_bytes: -1 must not be negative":                 func(c *Config) { c.MaxFileBytes = -1 },
		`compression: "zstd" is unknown: use gzip or none`:        func(c *Config) { c.Compression = "zstd" },
		"retention: 1m0s is too short":                            func(c *Config) { c.Retention = time.Minute },
		"sending_queue::wait_for_result: false loses":             func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
	} {
		config := createDefaultConfig().(*Config)
		config.Dir = "d"
		change(config)
		assert.ErrorContains(t, config.Validate(), want)
	}
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireSchema(t, NewFactory())
}
