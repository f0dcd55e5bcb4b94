package sqltest

import (
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// golden reads a gzipped file of testdata.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if _, err := os.Stat(path); err != nil { // from a room of the exporter
		path = filepath.Join("..", "..", path)
	}
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	content, err := io.ReadAll(unzipped)
	require.NoError(t, err)
	return content
}

// GoldenLines reads the lines of a gzipped file of testdata.
func GoldenLines(t testing.TB, name string) []string {
	t.Helper()
	return strings.Split(strings.TrimSuffix(string(golden(t, name)), "\n"), "\n")
}

// GoldenEntries gives the entries of a gateway's list as they are in Redis.
func GoldenEntries(t testing.TB, name string) [][]byte {
	t.Helper()
	content := golden(t, name)
	var entries [][]byte
	for len(content) > 0 {
		n := binary.BigEndian.Uint32(content)
		entries = append(entries, content[4:4+n])
		content = content[4+n:]
	}
	return entries
}

// GoldenRecords decodes the records of a gateway: msgpack or protobuf.
func GoldenRecords(t testing.TB, wire string) []analytics.Record {
	t.Helper()
	decode := map[string]func([]byte, *analytics.Record) error{
		"msgpack": analytics.DecodeMsgpack, "protobuf": analytics.DecodeProtobuf,
	}[wire]
	var records []analytics.Record
	for _, entry := range GoldenEntries(t, "records-"+wire+".bin.gz") {
		var r analytics.Record
		require.NoError(t, decode(entry, &r))
		records = append(records, r)
	}
	return records
}
