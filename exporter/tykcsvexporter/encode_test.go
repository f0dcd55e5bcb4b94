package tykcsvexporter

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// encoderOf makes an encoder of the default settings and a change.
func encoderOf(tb testing.TB, change func(*Config)) *encoder {
	tb.Helper()
	config := createDefaultConfig().(*Config)
	config.Dir = "d"
	change(config)
	require.NoError(tb, config.Validate())
	e, err := newEncoder(config)
	require.NoError(tb, err)
	return e
}

// rawRows are the lines of a file, of which one may hold line feeds.
func rawRows(tb testing.TB, content []byte) []string {
	tb.Helper()
	var all []string
	reader := csv.NewReader(bytes.NewReader(content))
	for begin := int64(0); ; {
		_, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(tb, err)
		end := reader.InputOffset()
		all = append(all, string(content[begin:end]))
		begin = end
	}
}

func TestRowsAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	for run, zone := range map[string]string{"csv": "UTC", "csv-tz-kolkata": "Asia/Kolkata"} {
		t.Run(run, func(t *testing.T) {
			t.Parallel()
			e := encoderOf(t, func(c *Config) { c.Columns, c.Timezone = columnsTyk, zone })
			want := rawRows(t, sinktest.Unzip(t, "testdata", "golden", run+".csv.gz"))
			got := []string{string(e.header())}
			for _, r := range sinktest.GoldenRecords(t) {
				got = append(got, string(e.append(nil, &r, "")))
			}
			assert.Equal(t, want[0], got[0], "the header")
			assert.ElementsMatch(t, want, got)
		})
	}
}

func TestSignedColumns(t *testing.T) {
	t.Parallel()
	e := encoderOf(t, func(c *Config) {
		c.Timezone = "Europe/Berlin"
		c.ExtraColumns = []string{"uid", "mcp_method", "graphql_operation", "graphql_root_fields", "graphql_types", "graphql_has_errors", "graphql_errors"}
	})
	record := analytics.Record{
		ResponseCode: -1, ContentLength: -1, Month: 2, TimeStamp: time.Date(2026, 2, 3, 4, 5, 6, 7_000_000, time.UTC),
		Geo: analytics.Geo{Latitude: -33.86, Longitude: 151.2}, Latency: analytics.Latency{Gateway: -2},
		MCP: analytics.MCPStats{JSONRPCMethod: "tools/call"},
		GraphQL: analytics.GraphQLStats{
			OperationType: analytics.OperationQuery, RootFields: []string{"a", "b"}, HasErrors: true,
			Types: map[string][]string{"Z": {"x"}, "A": {"y", "z"}}, Errors: []analytics.GraphQLError{{Message: "no, \"never\""}},
		},
	}
	lines, err := csv.NewReader(bytes.NewReader(append(e.header(), e.append(nil, &record, "s-1")...))).ReadAll()
	require.NoError(t, err)
	got := map[string]string{}
	for i, name := range lines[0] {
		got[name] = lines[1][i]
	}
	for name, want := range map[string]string{
		"ResponseCode": "-1", "ContentLength": "-1", "Month": "February", "TimeStamp": "2026-02-03T05:05:06.007+01:00", "ExpireAt": "",
		"GeoData.Location.Latitude": "-33.86", "GeoData.Location.Longitude": "151.2", "Latency.Gateway": "-2",
		"uid": "s-1", "mcp_method": "tools/call", "graphql_operation": "Query", "graphql_root_fields": "a;b",
		"graphql_types": "A:y,z;Z:x", "graphql_has_errors": "true", "graphql_errors": `no, "never"`,
	} {
		assert.Equal(t, want, got[name], name)
	}
	assert.Len(t, lines[0], len(columns)+7)
	assert.Equal(t, "uid", lines[0][len(columns)], "Tyk Pump's columns keep their places")
}

func TestFormulasAreNeutralized(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`=HYPERLINK("x")`: `"'=HYPERLINK(""x"")"`, "+1": `"'+1"`, "-1": `"'-1"`, "@a": `"'@a"`, "\t=1": "\"'\t=1\"", "\r=1": "\"'\r=1\"",
		"/a=b": "/a=b", "": "", "a,b": `"a,b"`,
	} {
		neutral := encoderOf(t, func(c *Config) { c.NeutralizeFormulas = true })
		assert.Equal(t, want, string(neutral.appendText(nil, value)))
		row := string(neutral.append(nil, &analytics.Record{ResponseCode: -1}, ""))
		assert.Contains(t, row, ",-1,", "a number is no formula")
	}
	as := encoderOf(t, func(*Config) {})
	assert.Equal(t, "=1", string(as.appendText(nil, "=1")))
}

func TestHours(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 20, 45, 0, 0, time.UTC)
	assert.Equal(t, "2026-January-2-20", encoderOf(t, func(*Config) {}).hour(at).String())
	assert.Equal(t, "2026-January-3-2", encoderOf(t, func(c *Config) { c.Timezone = "Asia/Kolkata" }).hour(at).String())
}

func FuzzRows(f *testing.F) {
	f.Add("GET", "/a,b\n", "=1", "An \"API\"", int64(200), false, false)
	f.Add("", `\.`, " x", "\r", int64(-1), true, true)
	f.Add("\xff", "\x00", "\u00a0", "@", int64(1)<<62, true, false)
	f.Fuzz(func(t *testing.T, method, path, tag, name string, code int64, tyk, neutralize bool) {
		e := encoderOf(t, func(c *Config) {
			c.NeutralizeFormulas = neutralize
			if tyk {
				c.Columns = columnsTyk
			}
		})
		record := analytics.Record{Method: method, Path: path, Tags: []string{tag, tag}, APIName: name, ResponseCode: code, TimeStamp: time.Unix(code%1e9, 0)}
		got := e.append(nil, &record, "")
		cells, err := csv.NewReader(bytes.NewReader(got)).Read()
		require.NoError(t, err)
		require.Len(t, cells, len(columns))
		for i, want := range map[int]string{0: method, 2: path, 35: tag + ";" + tag, 14: name} {
			// The reader takes every CRLF for an LF.
			want = strings.ReplaceAll(want, "\r\n", "\n")
			if neutralize && want != "" && strings.ContainsAny(want[:1], "=+-@\t\r\n") {
				want = "'" + want
			}
			require.Equal(t, want, cells[i])
		}
	})
}

func BenchmarkRows(b *testing.B) {
	records := sinktest.GoldenRecords(b)
	for _, columns := range []string{columnsSigned, columnsTyk} {
		b.Run(columns, func(b *testing.B) {
			e := encoderOf(b, func(c *Config) { c.Columns = columns })
			var dst []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				dst = e.append(dst[:0], &records[i%len(records)], "")
			}
		})
	}
}
