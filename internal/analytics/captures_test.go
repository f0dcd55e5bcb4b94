package analytics

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// The captures of records; testdata/README.md says what is in them.
var (
	msgpackCaptures = []string{
		"records-msgpack", "records-otel-msgpack", "records-unhashed-normalised-msgpack",
		"records-tz-newyork-msgpack", "records-tcp-msgpack", "multikey-3-msgpack", "multikey-8-msgpack",
	}
	protobufCaptures = []string{
		"records-protobuf", "records-tz-newyork-protobuf", "multikey-3-protobuf", "multikey-8-protobuf",
	}
)

func readGzip(tb testing.TB, path string) []byte {
	tb.Helper()
	file, err := os.Open(filepath.Join("testdata", path))
	require.NoError(tb, err)
	defer func() { require.NoError(tb, file.Close()) }()
	unzipped, err := gzip.NewReader(file)
	require.NoError(tb, err)
	content, err := io.ReadAll(unzipped)
	require.NoError(tb, err)
	return content
}

// captured gives the entries of a capture.
func captured(tb testing.TB, name string) [][]byte {
	tb.Helper()
	return capturedEntries(tb, "gateway/"+name+".bin.gz")
}

// capturedEntries is captured for any file below testdata.
func capturedEntries(tb testing.TB, path string) [][]byte {
	tb.Helper()
	content := readGzip(tb, path)
	var entries [][]byte
	for len(content) > 0 {
		end := 4 + binary.BigEndian.Uint32(content)
		entries = append(entries, content[4:end:end])
		content = content[end:]
	}
	require.NotEmpty(tb, entries)
	return entries
}

// capturedRecords gives the decoded records of a capture.
func capturedRecords(tb testing.TB, name string) []Record {
	tb.Helper()
	decode := DecodeMsgpack
	if strings.HasSuffix(name, "-protobuf") {
		decode = DecodeProtobuf
	}
	entries := captured(tb, name)
	records := make([]Record, len(entries))
	for i, entry := range entries {
		require.NoError(tb, decode(entry, &records[i]), "%s, entry %d", name, i)
	}
	return records
}

// referenceLines gives the lines of a reference decode.
func referenceLines(tb testing.TB, name string) [][]byte {
	tb.Helper()
	var lines [][]byte
	scanner := bufio.NewScanner(bytes.NewReader(readGzip(tb, "gateway/decoded/"+name+".jsonl.gz")))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		lines = append(lines, bytes.Clone(scanner.Bytes()))
	}
	require.NoError(tb, scanner.Err())
	return lines
}

// reference is the JSON form of a record that Tyk Pump has (contract: records
// and raw stores, section 2.3).
type reference struct {
	Method        string    `json:"method"`
	Host          string    `json:"host"`
	Path          string    `json:"path"`
	RawPath       string    `json:"raw_path"`
	ContentLength int64     `json:"content_length"`
	UserAgent     string    `json:"user_agent"`
	Day           int64     `json:"day"`
	Month         int64     `json:"month"`
	Year          int64     `json:"year"`
	Hour          int64     `json:"hour"`
	ResponseCode  int64     `json:"response_code"`
	APIKey        string    `json:"api_key"`
	TimeStamp     time.Time `json:"timestamp"`
	APIVersion    string    `json:"api_version"`
	APIName       string    `json:"api_name"`
	APIID         string    `json:"api_id"`
	OrgID         string    `json:"org_id"`
	OauthID       string    `json:"oauth_id"`
	RequestTime   int64     `json:"request_time"`
	RawRequest    string    `json:"raw_request"`
	RawResponse   string    `json:"raw_response"`
	IPAddress     string    `json:"ip_address"`
	Geo           struct {
		Country struct {
			ISOCode string `json:"iso_code"`
		} `json:"country"`
		City struct {
			GeoNameID uint64            `json:"geoname_id"`
			Names     map[string]string `json:"names"`
		} `json:"city"`
		Location struct {
			Latitude  float64 `json:"latitude"`
			Longitude float64 `json:"longitude"`
			TimeZone  string  `json:"time_zone"`
		} `json:"location"`
	} `json:"geo"`
	Network struct {
		OpenConnections   int64 `json:"open_connections"`
		ClosedConnections int64 `json:"closed_connections"`
		BytesIn           int64 `json:"bytes_in"`
		BytesOut          int64 `json:"bytes_out"`
	} `json:"network"`
	Latency struct {
		Total    int64 `json:"total"`
		Upstream int64 `json:"upstream"`
		Gateway  int64 `json:"gateway"`
	} `json:"latency"`
	Tags         []string  `json:"tags"`
	Alias        string    `json:"alias"`
	TrackPath    bool      `json:"track_path"`
	ExpireAt     time.Time `json:"expireAt"`
	APISchema    string    `json:"api_schema"`
	OriginalPath string    `json:"original_path"`
	ListenPath   string    `json:"listen_path"`
	GraphQL      struct {
		Variables  string
		RootFields []string
		Types      map[string][]string
		Errors     []struct {
			Message string `json:"message"`
			Path    []any  `json:"path"`
		}
		OperationType int64
		HasErrors     bool
		IsGraphQL     bool
	} `json:"graphql_stats"`
	MCP struct {
		IsMCP         bool   `json:"is_mcp"`
		JSONRPCMethod string `json:"jsonrpc_method"`
		PrimitiveType string `json:"primitive_type"`
		PrimitiveName string `json:"primitive_name"`
	} `json:"mcp_stats"`
}

// referenceRecord gives the Record that a line of a reference decode describes.
func referenceRecord(tb testing.TB, line []byte) Record {
	tb.Helper()
	var ref reference
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	require.NoError(tb, decoder.Decode(&ref))
	r := Record{
		Method: ref.Method, Host: ref.Host, Path: ref.Path, RawPath: ref.RawPath, ContentLength: ref.ContentLength,
		UserAgent: ref.UserAgent, Day: ref.Day, Month: ref.Month, Year: ref.Year, Hour: ref.Hour,
		ResponseCode: ref.ResponseCode, APIKey: ref.APIKey, TimeStamp: ref.TimeStamp.UTC(), APIVersion: ref.APIVersion,
		APIName: ref.APIName, APIID: ref.APIID, OrgID: ref.OrgID, OauthID: ref.OauthID, RequestTime: ref.RequestTime,
		RawRequest: ref.RawRequest, RawResponse: ref.RawResponse, IPAddress: ref.IPAddress,
		Geo: Geo{
			CountryISOCode: ref.Geo.Country.ISOCode,
			CityGeoNameID:  ref.Geo.City.GeoNameID,
			CityNames:      ref.Geo.City.Names,
			Latitude:       ref.Geo.Location.Latitude,
			Longitude:      ref.Geo.Location.Longitude,
			TimeZone:       ref.Geo.Location.TimeZone,
		},
		Network: Network(ref.Network),
		Latency: Latency(ref.Latency),
		Tags:    ref.Tags, Alias: ref.Alias, TrackPath: ref.TrackPath, ExpireAt: ref.ExpireAt.UTC(),
		APISchema: ref.APISchema, OriginalPath: ref.OriginalPath, ListenPath: ref.ListenPath,
		GraphQL: GraphQLStats{
			Variables:     ref.GraphQL.Variables,
			RootFields:    ref.GraphQL.RootFields,
			Types:         ref.GraphQL.Types,
			OperationType: OperationType(ref.GraphQL.OperationType),
			HasErrors:     ref.GraphQL.HasErrors,
			IsGraphQL:     ref.GraphQL.IsGraphQL,
		},
		MCP: MCPStats(ref.MCP),
	}
	for _, e := range ref.GraphQL.Errors {
		path := make([]any, len(e.Path))
		for i, step := range e.Path {
			path[i] = step
			if index, ok := step.(float64); ok {
				path[i] = int64(index)
			}
		}
		r.GraphQL.Errors = append(r.GraphQL.Errors, GraphQLError{Message: e.Message, Path: path})
	}
	return r
}

// canonical gives a copy of r in which everything that means the same is the
// same: empty slices and maps are nil, and a NaN equals a NaN.
func canonical(r *Record) Record {
	c := *r
	c.Tags = orNil(r.Tags)
	c.GraphQL.RootFields = orNil(r.GraphQL.RootFields)
	if len(r.Geo.CityNames) == 0 {
		c.Geo.CityNames = nil
	}
	c.Geo.Latitude = withoutNaN(r.Geo.Latitude)
	c.Geo.Longitude = withoutNaN(r.Geo.Longitude)
	c.GraphQL.Types = nil
	for name, fields := range r.GraphQL.Types {
		if c.GraphQL.Types == nil {
			c.GraphQL.Types = make(map[string][]string)
		}
		c.GraphQL.Types[name] = orNil(fields)
	}
	c.GraphQL.Errors = nil
	for _, e := range r.GraphQL.Errors {
		c.GraphQL.Errors = append(c.GraphQL.Errors, GraphQLError{Message: e.Message, Path: orNil(e.Path)})
	}
	return c
}

func orNil[E any](list []E) []E {
	if len(list) == 0 {
		return nil
	}
	return list
}

func withoutNaN(f float64) float64 {
	if math.IsNaN(f) {
		return -404
	}
	return f
}

// cleaned gives r as it must come out of a log record: invalid UTF-8 replaced.
func cleaned(r *Record) Record {
	c := canonical(r)
	clean := func(s *string) { *s = strings.ToValidUTF8(*s, string(utf8.RuneError)) }
	cleanList := func(list []string) []string {
		list = append([]string(nil), list...)
		for i := range list {
			clean(&list[i])
		}
		return list
	}
	for _, s := range []*string{
		&c.Method, &c.Host, &c.Path, &c.RawPath, &c.UserAgent, &c.APIKey, &c.APIVersion, &c.APIName, &c.APIID, &c.OrgID,
		&c.OauthID, &c.RawRequest, &c.RawResponse, &c.IPAddress, &c.Alias, &c.APISchema, &c.OriginalPath, &c.ListenPath,
		&c.Geo.CountryISOCode, &c.Geo.TimeZone, &c.GraphQL.Variables,
		&c.MCP.JSONRPCMethod, &c.MCP.PrimitiveType, &c.MCP.PrimitiveName,
	} {
		clean(s)
	}
	c.Tags = cleanList(c.Tags)
	c.GraphQL.RootFields = cleanList(c.GraphQL.RootFields)
	names := cleanKeys(c.Geo.CityNames)
	c.Geo.CityNames = make(map[string]string)
	for language, name := range names {
		clean(&name)
		c.Geo.CityNames[language] = name
	}
	types := cleanKeys(c.GraphQL.Types)
	c.GraphQL.Types = make(map[string][]string)
	for name, fields := range types {
		c.GraphQL.Types[name] = cleanList(fields)
	}
	for i := range c.GraphQL.Errors {
		e := &c.GraphQL.Errors[i]
		clean(&e.Message)
		e.Path = append([]any(nil), e.Path...)
		for j, step := range e.Path {
			if name, ok := step.(string); ok {
				clean(&name)
				e.Path[j] = name
			}
		}
	}
	return canonical(&c)
}
