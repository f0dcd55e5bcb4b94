package tykfilterprocessor

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
)

// What testdata/pump/README.md describes: the same records went through the real
// Tyk Pump with the same options.

func TestSurvivorsAreThoseOfTykPump(t *testing.T) {
	var records []*analytics.Record
	for line := range bytes.Lines(readFile(t, "subjects.jsonl")) {
		var number int
		r := new(analytics.Record)
		require.NoError(t, json.Unmarshal(line, &[]any{&number, &r.APIID, &r.OrgID, &r.ResponseCode}))
		r.Alias = strconv.Itoa(number)
		records = append(records, r)
	}
	survivors := map[string][]int{}
	require.NoError(t, json.Unmarshal(readFile(t, "survivors.json"), &survivors))

	for name, cfg := range map[string]*Config{
		"filter-allow": {
			Lists: selection.Lists{
				APIIDs: []string{"users", "b84fe1a04e5648927971c0557971565c", "graph-countries", "tcp-redis"},
				OrgIDs: []string{"5e9d9544a1dcd60001d0ed20", "globex"},
			},
		},
		"filter-codes": {Lists: selection.Lists{ResponseCodes: []int64{200, -1, 503}}},
		"filter-skip": {
			Lists: selection.Lists{SkipAPIIDs: []string{"7d1f", "mcp-weather"}, SkipOrgIDs: []string{"globex"}, SkipResponseCodes: []int64{200, 404, 500}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, r := range filterRecords(t, cfg, records...) {
				number, err := strconv.Atoi(r.Alias)
				require.NoError(t, err)
				got = append(got, number)
			}
			require.NotEmpty(t, survivors[name])
			assert.Equal(t, survivors[name], got)
		})
	}
}

func TestFieldsChangeAsTykPumpChangesThem(t *testing.T) {
	changes := map[string]map[string]map[string]any{}
	require.NoError(t, json.Unmarshal(readFile(t, "changes.json"), &changes))
	numbers, records := pumpRecords(t)

	for name, fields := range map[string]FieldsConfig{
		// Tyk Pump's global omit_detailed_recording, set in this run, has no effect.
		"global-omit-and-size": {MaxRecordSize: 64},
		"max-record-size":      {MaxRecordSize: 100},
		"omit-detailed":        {OmitDetailedRecording: true},
		"ignore-fields": {Ignore: []string{
			"raw_request", "raw_response", "api_key", "ip_address", "geo", "tags", "latency", "timestamp",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := filterRecords(t, &Config{Fields: fields}, records...)
			require.Len(t, got, len(records))
			require.NotEmpty(t, changes[name])
			for i, number := range numbers {
				before, after := columns(t, records[i]), columns(t, got[i])
				changed := map[string]any{}
				for column, value := range after {
					if !assert.ObjectsAreEqual(before[column], value) {
						changed[column] = value
					}
				}
				assert.Equal(t, changes[name][number], changed, "record %s", number)
			}
		})
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("testdata/pump/" + name)
	require.NoError(t, err)
	return content
}

// pumpRecords gives the selected records, and the numbers that they have in the whole set.
func pumpRecords(t *testing.T) (numbers []string, records []*analytics.Record) {
	t.Helper()
	require.NoError(t, json.Unmarshal(readFile(t, "numbers.json"), &numbers))
	for entries := readFile(t, "records-msgpack.bin"); len(entries) > 0; {
		size := 4 + binary.BigEndian.Uint32(entries)
		r := new(analytics.Record)
		require.NoError(t, analytics.DecodeMsgpack(entries[4:size], r))
		records = append(records, r)
		entries = entries[size:]
	}
	require.Len(t, records, len(numbers))
	return numbers, records
}

// columns are those of Tyk Pump's table that its options change in the golden
// runs, and their neighbours that derive from the same attributes.
func columns(t *testing.T, r *analytics.Record) map[string]any {
	t.Helper()
	asJSON := func(v any, empty string) string {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		if string(text) == "null" {
			return empty
		}
		return string(text)
	}
	number := func(n int64) any { return float64(n) }
	return map[string]any{
		"path": r.Path, "rawpath": r.RawPath, "day": number(r.Day), "month": number(r.Month), "year": number(r.Year), "hour": number(r.Hour),
		"responsecode": number(r.ResponseCode), "apikey": r.APIKey, "timestamp": r.TimeStamp.Format("2006-01-02T15:04:05.999999-07:00"),
		"apiid": r.APIID, "orgid": r.OrgID, "requesttime": number(r.RequestTime), "rawrequest": r.RawRequest, "rawresponse": r.RawResponse,
		"ipaddress": r.IPAddress, "geo_country_iso_code": r.Geo.CountryISOCode, "geo_city_geoname_id": float64(r.Geo.CityGeoNameID),
		"geo_city_names": asJSON(r.Geo.CityNames, "{}"), "geo_location_latitude": r.Geo.Latitude, "geo_location_longitude": r.Geo.Longitude,
		"geo_location_time_zone": r.Geo.TimeZone, "latency_total": number(r.Latency.Total), "latency_upstream": number(r.Latency.Upstream),
		"latency_gateway": number(r.Latency.Gateway), "tags": asJSON(r.Tags, "[]"), "alias": r.Alias,
		"network_bytes_in": number(r.Network.BytesIn), "graphql_stats_is_graph_ql": r.GraphQL.IsGraphQL,
		"expireAt": r.ExpireAt.String(),
	}
}
