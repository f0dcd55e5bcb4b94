package analytics

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryFieldIsFoundByItsName(t *testing.T) {
	for i := range fieldNames {
		f := Field(i)
		got, err := ParseField(f.String())
		require.NoError(t, err)
		assert.Equal(t, f, got)
	}
	assert.Equal(t, "field 36", Field(len(fieldNames)).String())
}

func TestUnknownFieldNamesWhatMayBeMeant(t *testing.T) {
	for given, want := range map[string]string{
		"APIKey":     `"APIKey" is not a field of a record; did you mean api_key?`,
		"expire_at":  `"expire_at" is not a field of a record; did you mean expireAt?`,
		"rawpath":    `"rawpath" is not a field of a record; did you mean raw_path?`,
		"latncy":     `"latncy" is not a field of a record; did you mean latency?`,
		"request":    `"request" is not a field of a record; did you mean request_time or raw_request?`,
		"geo_city":   `"geo_city" is not a field of a record; did you mean geo.city?`,
		"user-agent": `"user-agent" is not a field of a record; did you mean user_agent?`,
		"colour": `"colour" is not a field of a record; the fields are method, host, path, raw_path, content_length, user_agent, ` +
			`day, month, year, hour, response_code, api_key, timestamp, api_version, api_name, api_id, org_id, oauth_id, ` +
			`request_time, raw_request, raw_response, ip_address, geo, network, latency, tags, alias, track_path, expireAt, ` +
			`api_schema, original_path, listen_path, graphql_stats, mcp_stats, geo.city, geo.location`,
		"": `"" is not a field of a record; the fields are method, host, path, raw_path, content_length, user_agent, ` +
			`day, month, year, hour, response_code, api_key, timestamp, api_version, api_name, api_id, org_id, oauth_id, ` +
			`request_time, raw_request, raw_response, ip_address, geo, network, latency, tags, alias, track_path, expireAt, ` +
			`api_schema, original_path, listen_path, graphql_stats, mcp_stats, geo.city, geo.location`,
	} {
		_, err := ParseField(given)
		assert.EqualError(t, err, want)
	}
}
