package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const benchOutput = `goos: linux
pkg: github.com/otelcol-tyk/otelcol-tyk/internal/analytics
cpu: x
BenchmarkDecodeMsgpack-2   	  567890	      2100 ns/op	     512 B/op	       7 allocs/op
PASS
pkg: github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor
BenchmarkProcess/defaults,_no_messages-2         	    1234	   101234 ns/op	       101.2 ns/record	   50000 B/op	    2500 allocs/op
`

func TestMicroBenchmarksAreTakenARecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bench.txt")
	require.NoError(t, os.WriteFile(path, []byte(benchOutput), 0o600))
	section, err := microSection(path)
	require.NoError(t, err)
	assert.Regexp(t, `\| decode msgpack +\| .internal/analytics. .DecodeMsgpack. +\| 2100 \| 476190 +\| 512 +\| 7\.00 +\|`, section)
	assert.Regexp(t, `\| filter, default settings +\| .* \| 101 +\| [0-9]+ +\| 50 +\| 2\.50 +\|`, section)

	require.NoError(t, os.WriteFile(path, []byte("PASS\n"), 0o600))
	section, err = microSection(path)
	require.NoError(t, err)
	assert.Empty(t, section)
}
