package tykgelfexporter

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// pumpMessages are those that the real Tyk Pump sent, byte for byte.
func pumpMessages(tb testing.TB) []string {
	tb.Helper()
	return strings.Split(strings.TrimSuffix(string(sinktest.Unzip(tb, "testdata", "golden", "graylog.jsonl.gz")), "\n"), "\n")
}

// pumpRecords are the records that it was given.
func pumpRecords(tb testing.TB) []analytics.Record {
	tb.Helper()
	var records []analytics.Record
	for _, r := range sinktest.GoldenRecords(tb) {
		if r.APIID != "rawtext-api" {
			records = append(records, r)
		}
	}
	return records
}

func configured(change func(*Config)) *Config {
	config := createDefaultConfig().(*Config)
	change(config)
	return config
}

func TestMessagesAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	config := configured(func(c *Config) { c.Format, c.Tags = formatTyk, knownTags(formatTyk) })
	require.NoError(t, config.Validate())
	e := newEncoder(config)
	missing := map[string]int{} // the pump's purges run beside each other
	for _, text := range pumpMessages(t) {
		missing[text]++
	}
	records := pumpRecords(t)
	require.Len(t, records, 575)
	for i := range records {
		text := string(e.append(nil, &records[i], "seg:1"))
		if assert.Positive(t, missing[text], text) {
			missing[text]--
		}
	}
}

func TestMessagesOfGELF(t *testing.T) {
	t.Parallel()
	raw := base64.StdEncoding.EncodeToString([]byte("GET /a?b HTTP/1.1\r\n\r\n"))
	record := analytics.Record{
		Method: "GET", Host: "h", Path: "/a/{id}", RawPath: "/a/<7>", TrackPath: true, ResponseCode: 404, ContentLength: -1, UserAgent: `"x"`,
		APIID: "a", APIName: "An API", APIVersion: "v1", OrgID: "o", APIKey: "k", Alias: "me", OauthID: "c", IPAddress: "1.2.3.4",
		RequestTime: 7, Latency: analytics.Latency{Total: 7, Upstream: 7}, Tags: []string{"x", "y"}, ListenPath: "/l/", OriginalPath: "/o",
		Geo:        analytics.Geo{CountryISOCode: "NZ", CityNames: map[string]string{"en": "Wellington"}, Latitude: -41.5, Longitude: 1e-7},
		GraphQL:    analytics.GraphQLStats{IsGraphQL: true, OperationType: 1, RootFields: []string{"f", "g"}},
		MCP:        analytics.MCPStats{IsMCP: true, JSONRPCMethod: "tools/call", PrimitiveType: "tool", PrimitiveName: "weather"},
		Network:    analytics.Network{BytesIn: 5},
		RawRequest: raw, RawResponse: "no base64 \xff",
		TimeStamp: time.Unix(1767224402, 52040704),
	}
	whole := `{"version":"1.1","host":"tyk-gateway","short_message":"GET /a/{id} 404","level":4,"timestamp":1767224402.052040704,"_uid":"seg:1",` +
		`"_http_request_method":"GET","_url_path":"/a/\u003c7\u003e","_http_route":"/a/{id}","_tyk_original_path":"/o","_tyk_api_path":"/l/",` +
		`"_http_response_status_code":404,"_server_address":"h","_client_address":"1.2.3.4","_user_agent_original":"\"x\"",` +
		`"_tyk_api_id":"a","_tyk_api_name":"An API","_tyk_api_version":"v1","_tyk_api_orgid":"o","_tyk_api_apikey":"k","_tyk_api_apikey_alias":"me",` +
		`"_tyk_api_oauthid":"c","_tyk_api_tags":"x,y","_tyk_request_time":7,"_tyk_latency_total":7,"_tyk_latency_upstream":7,"_tyk_latency_gateway":0,` +
		`"_geo_country_iso_code":"NZ","_geo_locality_name":"Wellington","_geo_location_lat":-41.5,"_geo_location_lon":1e-7,"_tyk_network_bytes_in":5,` +
		`"_graphql_operation_type":"query","_tyk_graphql_root_fields":"f,g",` +
		`"_mcp_method_name":"tools/call","_tyk_mcp_primitive_type":"tool","_tyk_mcp_primitive_name":"weather"}`
	assert.Equal(t, whole, string(newEncoder(configured(func(*Config) {})).append(nil, &record, "seg:1")))

	chosen := newEncoder(configured(func(c *Config) {
		c.Source, c.Tags = `"gw"`, []string{"raw_request", "raw_response", "path", "content_length"}
	}))
	record.TrackPath, record.ResponseCode, record.ContentLength = false, 503, 0
	pump := newEncoder(configured(func(c *Config) { c.Format, c.Tags = formatTyk, []string{"path", "api_id"} }))
	for got, want := range map[string]string{
		string(chosen.append(nil, &record, "")): `{"version":"1.1","host":"\"gw\"","short_message":"GET /a/{id} 503","level":3,"timestamp":1767224402.052040704,` +
			`"_url_path":"/a/\u003c7\u003e","_tyk_path":"/a/{id}","_http_request_body_size":0,` +
			`"_tyk_raw_request":"GET /a?b HTTP/1.1\r\n\r\n","_tyk_raw_response":"no base64 \ufffd"}`,
		string(chosen.append(nil, &analytics.Record{ResponseCode: -1, APIName: "A TCP API"}, "")): `{"version":"1.1","host":"\"gw\"",` +
			`"short_message":"TCP A TCP API","level":6,"_http_request_body_size":0}`,
		string(pump.append(nil, &record, "seg:1")): `{"host":"tyk-pumps","message":"{\"api_id\":\"a\",\"path\":\"/a/{id}\"}","timestamp":1767224402}`,
	} {
		assert.Equal(t, want, got)
	}
}

// additionalName is what GELF takes as the name of an additional field.
var additionalName = regexp.MustCompile(`^_[\w.-]+$`)

// requireGELF wants a message that GELF 1.1 allows.
func requireGELF(tb testing.TB, text []byte) map[string]any {
	tb.Helper()
	require.True(tb, utf8.Valid(text))
	require.NotContains(tb, string(text), "\n")
	require.NotContains(tb, string(text), "\x00")
	var m map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	require.NoError(tb, decoder.Decode(&m), "%s", text)
	assert.Equal(tb, "1.1", m["version"])
	require.NotEmpty(tb, m["host"])
	require.NotEmpty(tb, m["short_message"])
	for key, value := range m {
		switch value.(type) {
		case string, json.Number:
		default:
			require.Failf(tb, "a value is neither text nor number", "%s: %v", key, value)
		}
		if strings.HasPrefix(key, "_") {
			require.Regexp(tb, additionalName, key)
			require.NotEqual(tb, "_id", key)
		} else {
			require.Contains(tb, []string{"version", "host", "short_message", "timestamp", "level"}, key)
		}
	}
	return m
}

func TestEachRecordIsAMessageOfGELF(t *testing.T) {
	t.Parallel()
	records := sinktest.GoldenRecords(t)
	e := newEncoder(configured(func(c *Config) { c.Tags = knownTags(formatGELF) }))
	for i := range records {
		m := requireGELF(t, e.append(nil, &records[i], "seg:1"))
		assert.Equal(t, "seg:1", m["_uid"])
	}
}

func FuzzMessages(f *testing.F) {
	f.Add("GET", "/a\n\x00", "An API", "Zm9v", int64(200), 51.5, true)
	f.Add("", "", "\xff\xfe", "%%", int64(-1), 0.0, false)
	f.Fuzz(func(t *testing.T, method, path, name, raw string, code int64, degrees float64, pump bool) {
		r := analytics.Record{
			Method: method, Path: path, APIName: name, RawRequest: raw, ResponseCode: code, Tags: []string{name, path},
			Geo: analytics.Geo{Latitude: degrees}, TimeStamp: time.Unix(code, code),
		}
		config := configured(func(c *Config) { c.Tags = knownTags(formatTyk) })
		if !pump {
			config.Tags = knownTags(formatGELF)
			requireGELF(t, newEncoder(config).append(nil, &r, name))
			return
		}
		config.Format = formatTyk
		content, err := base64.StdEncoding.DecodeString(raw)
		if err != nil {
			content = []byte(raw)
		}
		inner, err := json.Marshal(map[string]any{
			"method": method, "path": path, "api_name": name, "raw_request": string(content), "response_code": code,
			"api_id": "", "api_key": "", "api_version": "", "ip_address": "", "oauth_id": "", "org_id": "", "raw_response": "", "request_time": 0,
		})
		require.NoError(t, err)
		want, err := json.Marshal(map[string]any{"host": "tyk-pumps", "message": string(inner), "timestamp": r.TimeStamp.Unix()})
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, newEncoder(config).append(nil, &r, "")), "as encoding/json writes it: %s", want)
	})
}

func BenchmarkEncode(b *testing.B) {
	records := sinktest.GoldenRecords(b)
	for _, format := range []string{formatGELF, formatTyk} {
		b.Run(format, func(b *testing.B) {
			e := newEncoder(configured(func(c *Config) { c.Format = format }))
			var dst []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				dst = e.append(dst[:0], &records[i%len(records)], "0123456789abcdef:1")
			}
		})
	}
}

func BenchmarkDatagrams(b *testing.B) {
	records := sinktest.GoldenRecords(b)
	for _, compression := range []string{compressionZlib, compressionGzip, compressionNone} {
		b.Run(compression, func(b *testing.B) {
			config := configured(func(c *Config) { c.Compression = compression })
			p := &packer{encoder: newEncoder(config), config: config}
			p.as = p.datagrams
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := p.pack(&records[i%len(records)], "0123456789abcdef:1"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
