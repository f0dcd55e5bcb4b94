package rollup

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// hourly are the settings of Tyk Pump by default, with the tags that it counts.
func hourly() Settings {
	return Settings{Minutes: 60, Zone: "UTC", TraceTags: true}
}

func newAggregator(t testing.TB, s Settings) *Aggregator {
	t.Helper()
	a, err := NewAggregator(s)
	require.NoError(t, err)
	return a
}

// logsOf makes a chunk of the records of a segment, numbered from first.
func logsOf(segment string, first int, records ...analytics.Record) plog.Logs {
	logs := plog.NewLogs()
	slice := analytics.AppendScope(logs)
	for i := range records {
		uid := ""
		if segment != "" {
			uid = analytics.UID{Segment: segment, Index: int64(first + i)}.String()
		}
		record := records[i] // which tests beside this one may use, too
		record.ToLog(slice.AppendEmpty(), uid)
	}
	return logs
}

func readGolden(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "golden", name))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	content, err := io.ReadAll(unzipped)
	require.NoError(t, err)
	return content
}

func goldenRecords(t testing.TB, wire string) []analytics.Record {
	t.Helper()
	decode := map[string]func([]byte, *analytics.Record) error{
		"msgpack": analytics.DecodeMsgpack, "protobuf": analytics.DecodeProtobuf,
	}[wire]
	content := readGolden(t, "records-"+wire+".bin.gz")
	var records []analytics.Record
	for len(content) > 0 {
		n := binary.BigEndian.Uint32(content)
		var r analytics.Record
		require.NoError(t, decode(content[4:4+n], &r))
		records = append(records, r)
		content = content[4+n:]
	}
	return records
}

// goldenRow is one row of Tyk Pump.
type goldenRow map[string]any

func (r goldenRow) text(name string) string {
	text, _ := r[name].(string)
	return text
}

func (r goldenRow) number(name string) int64 {
	number, _ := r[name].(float64)
	return int64(number)
}

func goldenRows(t testing.TB, configuration string) []goldenRow {
	t.Helper()
	var rows []goldenRow
	for line := range strings.Lines(string(readGolden(t, "sql/"+configuration+".jsonl.gz"))) {
		var row goldenRow
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		rows = append(rows, row)
	}
	return rows
}

// valueKey names a value of a bucket; the bucket is 0 where it does not matter.
type valueKey struct {
	family        Family
	org, api, day string
	bucket        int64
	dimension     Dimension
	value         string
}

// sum adds groups up as a store does.
func sum(groups []Group, name func(*Group) valueKey) map[valueKey]*Counter {
	sums := map[valueKey]*Counter{}
	for i := range groups {
		g := &groups[i]
		for j := range g.Rollups {
			r := &g.Rollups[j]
			k := name(g)
			k.family, k.dimension, k.value = g.Family, r.Dimension, r.FlatValue()
			if sums[k] == nil {
				sums[k] = &Counter{}
			}
			sums[k].Add(&r.Counter, r.Dimension)
		}
	}
	return sums
}

// byBucket keeps everything apart that a store keeps apart.
func byBucket(g *Group) valueKey {
	return valueKey{org: g.Org, api: g.API, bucket: g.Bucket.Unix()}
}

// describe is a counter in one text, for comparison.
func (c *Counter) describe() string {
	bins := map[int]int64{}
	if c.Latencies != nil {
		for bin, n := range c.Latencies.Bins() {
			bins[bin] = n
		}
	}
	plain := *c
	plain.Latencies = nil
	if len(plain.Codes) == 0 {
		plain.Codes = nil
	}
	plain.LastTime = time.Time{}
	return fmt.Sprintf("%+v %s %v", plain, c.LastTime.UTC(), bins)
}

func describeAll(sums map[valueKey]*Counter) map[valueKey]string {
	texts := make(map[valueKey]string, len(sums))
	for k, c := range sums {
		texts[k] = c.describe()
	}
	return texts
}
