package analytics

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// Field is one top-level field of a Record, as users name it in configurations.
type Field uint8

// The fields in the order of the contract (records and raw stores, section 2.3).
// FieldGeo, FieldNetwork, FieldLatency, FieldGraphQL and FieldMCP are whole groups.
// FieldGeoCity and FieldGeoLocation are parts of FieldGeo, named as in its JSON.
const (
	FieldMethod Field = iota
	FieldHost
	FieldPath
	FieldRawPath
	FieldContentLength
	FieldUserAgent
	FieldDay
	FieldMonth
	FieldYear
	FieldHour
	FieldResponseCode
	FieldAPIKey
	FieldTimeStamp
	FieldAPIVersion
	FieldAPIName
	FieldAPIID
	FieldOrgID
	FieldOauthID
	FieldRequestTime
	FieldRawRequest
	FieldRawResponse
	FieldIPAddress
	FieldGeo
	FieldNetwork
	FieldLatency
	FieldTags
	FieldAlias
	FieldTrackPath
	FieldExpireAt
	FieldAPISchema
	FieldOriginalPath
	FieldListenPath
	FieldGraphQL
	FieldMCP
	FieldGeoCity
	FieldGeoLocation
	fieldCount
)

var fieldNames = [fieldCount]string{
	FieldMethod:        "method",
	FieldHost:          "host",
	FieldPath:          "path",
	FieldRawPath:       "raw_path",
	FieldContentLength: "content_length",
	FieldUserAgent:     "user_agent",
	FieldDay:           "day",
	FieldMonth:         "month",
	FieldYear:          "year",
	FieldHour:          "hour",
	FieldResponseCode:  "response_code",
	FieldAPIKey:        "api_key",
	FieldTimeStamp:     "timestamp",
	FieldAPIVersion:    "api_version",
	FieldAPIName:       "api_name",
	FieldAPIID:         "api_id",
	FieldOrgID:         "org_id",
	FieldOauthID:       "oauth_id",
	FieldRequestTime:   "request_time",
	FieldRawRequest:    "raw_request",
	FieldRawResponse:   "raw_response",
	FieldIPAddress:     "ip_address",
	FieldGeo:           "geo",
	FieldNetwork:       "network",
	FieldLatency:       "latency",
	FieldTags:          "tags",
	FieldAlias:         "alias",
	FieldTrackPath:     "track_path",
	FieldExpireAt:      "expireAt",
	FieldAPISchema:     "api_schema",
	FieldOriginalPath:  "original_path",
	FieldListenPath:    "listen_path",
	FieldGraphQL:       "graphql_stats",
	FieldMCP:           "mcp_stats",
	FieldGeoCity:       "geo.city",
	FieldGeoLocation:   "geo.location",
}

// String gives the field's JSON name, the one that ParseField reads.
func (f Field) String() string {
	if f >= fieldCount {
		return fmt.Sprintf("field %d", uint8(f))
	}
	return fieldNames[f]
}

// ParseField finds a field by the JSON name that Tyk gives it, such as
// "raw_path", "expireAt" or "geo.city". The error names what may have been meant.
func ParseField(name string) (Field, error) {
	for f := range fieldCount {
		if fieldNames[f] == name {
			return f, nil
		}
	}
	near := nearFields(name)
	if len(near) == 0 {
		return 0, fmt.Errorf("%q is not a field of a record; the fields are %s", name, strings.Join(fieldNames[:], ", "))
	}
	return 0, fmt.Errorf("%q is not a field of a record; did you mean %s?", name, strings.Join(near, " or "))
}

// nearFields lists the fields whose names differ from name by spelling, by up
// to two letters, or by being longer or shorter.
func nearFields(name string) []string {
	const typos = 2
	given := plainName(name)
	if len(given) < 2 {
		return nil
	}
	var spelled, partly []string
	for _, known := range fieldNames {
		plain := plainName(known)
		switch {
		case plain == given, spelling.Distance(plain, given) <= min(typos, len(given)/3):
			spelled = append(spelled, known)
		case strings.Contains(plain, given), strings.Contains(given, plain):
			partly = append(partly, known)
		}
	}
	if len(spelled) > 0 {
		return spelled
	}
	return partly
}

// plainName is the name without what people vary: case and separators.
func plainName(name string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(name))
}

// FieldSet is a set of fields; its zero value is empty.
type FieldSet uint64

// NewFieldSet is the set of the given fields.
func NewFieldSet(fields ...Field) FieldSet {
	var s FieldSet
	for _, f := range fields {
		s |= 1 << f
	}
	return s
}

// Has tells whether f is in the set, by itself or as a part of a field that is.
func (s FieldSet) Has(f Field) bool {
	if f == FieldGeoCity || f == FieldGeoLocation {
		return s&(1<<f|1<<FieldGeo) != 0
	}
	return s&(1<<f) != 0
}

// AttributeString is the value of a field's attribute as FromLog reads it:
// strings as they are, anything else in its text form.
func AttributeString(v pcommon.Value) string {
	return asStr(v)
}

// AttributeInt is the value of a field's attribute as FromLog reads it: numbers
// and strings of digits, anything else 0.
func AttributeInt(v pcommon.Value) int64 {
	return asInt(v)
}
