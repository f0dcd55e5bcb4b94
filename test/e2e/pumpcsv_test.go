//go:build e2e

package e2e

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// Columns of Tyk Pump's files that tests look at.
const (
	csvTimeStamp = 12
	csvCityNames = 24
	csvTotal     = 32
	csvUpstream  = 33
	csvGateway   = 34
	csvAlias     = 36
	csvExpireAt  = 38
	csvColumns   = 42
)

// parseCSV gives the rows of a file behind its header.
func parseCSV(tb testing.TB, content []byte) (header []string, rows [][]string) {
	tb.Helper()
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	require.NoError(tb, err)
	require.NotEmpty(tb, rows)
	return rows[0], rows[1:]
}

// csvRows are the rows of all files of a directory, which have one header.
func csvRows(tb testing.TB, dir string) (header []string, rows [][]string) {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	for i, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(tb, err)
		first, some := parseCSV(tb, content)
		if i > 0 {
			require.Equal(tb, header, first, file)
		}
		header, rows = first, append(rows, some...)
	}
	return header, rows
}

// csvRuns are those of CSV: in which zone, and what the gateway pushed.
var csvRuns = map[string]struct {
	zone     string
	encoding encoding
}{"csv": {"UTC", msgpack}, "csv-tz-kolkata": {"Asia/Kolkata", msgpack}, "csv-protobuf": {"UTC", protobuf}}

// TestRunsIntoFilesWriteWhatTykPumpWrote compares rows in any order: files are of the records' hours here.
func TestRunsIntoFilesWriteWhatTykPumpWrote(t *testing.T) {
	t.Parallel()
	for name, run := range csvRuns {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis, dir := peers.StartRedis(t), t.TempDir()
			file := runsTogether(t, []string{name}, func(_ string, meta object) { meta["csv_dir"] = dir })
			c := newPump(t, file, redis, nil)
			c.env = append(c.env, "TZ="+run.zone)
			golden{encoding: run.encoding}.push(t, redis.Client())
			c.start()
			waitDrained(t, redis.Client(), 2*drainTimeout)
			require.Empty(t, deadLetters(t, redis.Client()))
			c.stop()
			wantHeader, want := parseCSV(t, reference(t, "exporter", "tykcsvexporter", "testdata", "golden", name+".csv.gz"))
			header, got := csvRows(t, dir)
			require.Equal(t, wantHeader, header)
			if run.encoding == protobuf {
				for _, row := range want {
					requireUTC(t, row)
				}
				for _, row := range got {
					requireRepaired(t, row)
				}
			}
			assert.ElementsMatch(t, want, got)
		})
	}
}

// requireUTC puts the times of a row into UTC, which Tyk Pump writes in the gateway's zone.
func requireUTC(tb testing.TB, row []string) {
	tb.Helper()
	const goTime = "2006-01-02 15:04:05.999999999 -0700 MST"
	for _, column := range []int{csvTimeStamp, csvExpireAt} {
		at, err := time.Parse(goTime, row[column])
		require.NoError(tb, err)
		if at.Year() <= 1 {
			at = time.Time{} // offsets of old have seconds, which the text leaves out
		}
		row[column] = at.UTC().Format(goTime)
	}
}

// requireRepaired takes out what protobuf carries, or what follows from it, and Tyk Pump loses.
func requireRepaired(tb testing.TB, row []string) {
	tb.Helper()
	total, err := strconv.Atoi(row[csvTotal])
	require.NoError(tb, err)
	upstream, err := strconv.Atoi(row[csvUpstream])
	require.NoError(tb, err)
	require.Equal(tb, strconv.Itoa(total-upstream), row[csvGateway])
	row[csvGateway], row[csvCityNames] = "0", ""
}

// TestTheExampleOfCSVWritesEachRecord runs an example, whose identities are a column.
func TestTheExampleOfCSVWritesEachRecord(t *testing.T) {
	t.Parallel()
	redis, dir := peers.StartRedis(t), filepath.Join(t.TempDir(), "csv")
	c := newExample(t, []string{"csv.yaml"}, object{"receivers": object{"tykredis": object{"poll_interval": "20ms"}}},
		"TYK_REDIS_ADDRESS="+redis.Addr(), "TYK_CSV_DIR="+dir)
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	header, rows := csvRows(t, dir)
	require.Len(t, header, csvColumns+1)
	require.Equal(t, "uid", header[csvColumns])
	seen := map[string]bool{}
	for _, row := range rows {
		seen[row[csvColumns]] = true
	}
	assert.Len(t, rows, goldenRecords)
	assert.Len(t, seen, goldenRecords, "identities")
}

// TestNoRecordIsLostOrWrittenTwiceInCSVWhenCollectorsAreKilled has two collectors that write into one directory.
func TestNoRecordIsLostOrWrittenTwiceInCSVWhenCollectorsAreKilled(t *testing.T) {
	random := newChaos(t)
	redis, dir := peers.StartRedis(t), t.TempDir()
	exporter := object{
		"csv_dir": dir, "max_file_bytes": 2_000_000, "timeout": "5s",
		"retry_on_failure": object{"initial_interval": "100ms", "max_interval": "1s"},
	}
	config := pipeline(redis, faultReceiver(random), object{}, map[string]object{"tykcsv": exporter})
	l := newLoad(t, redis.Client(), random.child())
	l.storedAll = true
	var background sync.WaitGroup
	for range 2 {
		f := &faults{newCollector(t, config), redis.Client(), random.child()}
		background.Go(func() { assert.NoError(t, f.run(t.Context())) })
	}
	require.NoError(t, l.run(t.Context()))
	background.Wait()

	waitDrained(t, redis.Client(), faultDrain)
	_, rows := csvRows(t, dir)
	got, seen := tally{rows: len(rows), least: faultRecords}, map[int]bool{}
	for _, row := range rows {
		n, err := strconv.Atoi(row[csvAlias])
		require.NoError(t, err)
		seen[n] = true
		got.least, got.most = min(got.least, n), max(got.most, n)
	}
	got.distinct = len(seen)
	assert.Equal(t, allOnce, got)
	l.requireAccounts(t)
	files, err := filepath.Glob(filepath.Join(dir, "*-1.csv"))
	require.NoError(t, err)
	assert.NotEmpty(t, files, "files were full meanwhile")
}
