package tykcsvexporter

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// row is a record with its identity.
type row struct {
	*analytics.Record
	uid string
}

// column appends a record's cell.
type column struct {
	name   string
	append func(e *encoder, dst []byte, r row) []byte
}

// columns are Tyk Pump's, in its order.
var columns = []column{
	text("Method", func(r row) string { return r.Method }),
	text("Host", func(r row) string { return r.Host }),
	text("Path", func(r row) string { return r.Path }),
	text("RawPath", func(r row) string { return r.RawPath }),
	number("ContentLength", func(r row) int64 { return r.ContentLength }),
	text("UserAgent", func(r row) string { return r.UserAgent }),
	number("Day", func(r row) int64 { return r.Day }),
	text("Month", func(r row) string { return time.Month(r.Month).String() }),
	number("Year", func(r row) int64 { return r.Year }),
	number("Hour", func(r row) int64 { return r.Hour }),
	number("ResponseCode", func(r row) int64 { return r.ResponseCode }),
	text("APIKey", func(r row) string { return r.APIKey }),
	instant("TimeStamp", func(r row) time.Time { return r.TimeStamp }),
	text("APIVersion", func(r row) string { return r.APIVersion }),
	text("APIName", func(r row) string { return r.APIName }),
	text("APIID", func(r row) string { return r.APIID }),
	text("OrgID", func(r row) string { return r.OrgID }),
	text("OauthID", func(r row) string { return r.OauthID }),
	number("RequestTime", func(r row) int64 { return r.RequestTime }),
	text("RawRequest", func(r row) string { return r.RawRequest }),
	text("RawResponse", func(r row) string { return r.RawResponse }),
	text("IPAddress", func(r row) string { return r.IPAddress }),
	text("GeoData.Country.ISOCode", func(r row) string { return r.Geo.CountryISOCode }),
	{"GeoData.City.GeoNameID", func(_ *encoder, dst []byte, r row) []byte { return strconv.AppendUint(dst, r.Geo.CityGeoNameID, 10) }},
	text("GeoData.City.Names", func(r row) string { return cityNames(r.Geo.CityNames) }),
	degrees("GeoData.Location.Latitude", func(r row) float64 { return r.Geo.Latitude }),
	degrees("GeoData.Location.Longitude", func(r row) float64 { return r.Geo.Longitude }),
	text("GeoData.Location.TimeZone", func(r row) string { return r.Geo.TimeZone }),
	number("NetworkStats.OpenConnections", func(r row) int64 { return r.Network.OpenConnections }),
	number("NetworkStats.ClosedConnection", func(r row) int64 { return r.Network.ClosedConnections }),
	number("NetworkStats.BytesIn", func(r row) int64 { return r.Network.BytesIn }),
	number("NetworkStats.BytesOut", func(r row) int64 { return r.Network.BytesOut }),
	milliseconds("Latency.Total", func(r row) int64 { return r.Latency.Total }),
	milliseconds("Latency.Upstream", func(r row) int64 { return r.Latency.Upstream }),
	milliseconds("Latency.Gateway", func(r row) int64 { return r.Latency.Gateway }),
	text("Tags", func(r row) string { return strings.Join(r.Tags, ";") }),
	text("Alias", func(r row) string { return r.Alias }),
	boolean("TrackPath", func(r row) bool { return r.TrackPath }),
	instant("ExpireAt", func(r row) time.Time { return r.ExpireAt }),
	text("ApiSchema", func(r row) string { return r.APISchema }),
	text("OriginalPath", func(r row) string { return r.OriginalPath }),
	text("ListenPath", func(r row) string { return r.ListenPath }),
}

// extraColumns are those that Tyk Pump has not.
var extraColumns = []column{
	text("uid", func(r row) string { return r.uid }),
	text("mcp_method", func(r row) string { return r.MCP.JSONRPCMethod }),
	text("mcp_primitive_type", func(r row) string { return r.MCP.PrimitiveType }),
	text("mcp_primitive_name", func(r row) string { return r.MCP.PrimitiveName }),
	text("graphql_operation", func(r row) string { return r.GraphQL.OperationType.Name() }),
	text("graphql_root_fields", func(r row) string { return strings.Join(r.GraphQL.RootFields, ";") }),
	text("graphql_types", func(r row) string { return graphqlTypes(r.GraphQL.Types) }),
	text("graphql_variables", func(r row) string { return r.GraphQL.Variables }),
	boolean("graphql_has_errors", func(r row) bool { return r.GraphQL.HasErrors }),
	text("graphql_errors", func(r row) string { return graphqlErrors(r.GraphQL.Errors) }),
}

func namesOf(list []column) string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].name
	}
	return strings.Join(names, ", ")
}

func text(name string, of func(row) string) column {
	return column{name, func(e *encoder, dst []byte, r row) []byte { return e.appendText(dst, of(r)) }}
}

func boolean(name string, of func(row) bool) column {
	return column{name, func(_ *encoder, dst []byte, r row) []byte { return strconv.AppendBool(dst, of(r)) }}
}

// milliseconds are the numbers that keep their sign in Tyk Pump, too.
func milliseconds(name string, of func(row) int64) column {
	return column{name, func(_ *encoder, dst []byte, r row) []byte { return strconv.AppendInt(dst, of(r), 10) }}
}

// number loses its sign as in Tyk Pump unless columns are signed.
func number(name string, of func(row) int64) column {
	return column{name, func(e *encoder, dst []byte, r row) []byte {
		if e.signed {
			return strconv.AppendInt(dst, of(r), 10)
		}
		return strconv.AppendUint(dst, uint64(of(r)), 10) //nolint:gosec // what Tyk Pump does
	}}
}

// degrees lose their decimals, too.
func degrees(name string, of func(row) float64) column {
	return column{name, func(e *encoder, dst []byte, r row) []byte {
		if e.signed {
			return strconv.AppendFloat(dst, of(r), 'f', -1, 64)
		}
		return strconv.AppendUint(dst, uint64(int64(of(r))), 10) //nolint:gosec // what Tyk Pump does
	}}
}

// goTime is how Go prints a time.
const goTime = "2006-01-02 15:04:05.999999999 -0700 MST"

// instant is a time, which signed columns leave empty where there is none.
func instant(name string, of func(row) time.Time) column {
	return column{name, func(e *encoder, dst []byte, r row) []byte {
		at := of(r)
		switch {
		case !e.signed:
			return at.In(e.zone).AppendFormat(dst, goTime)
		case at.IsZero():
			return dst
		}
		return at.In(e.zone).AppendFormat(dst, time.RFC3339Nano)
	}}
}

func cityNames(names map[string]string) string {
	if len(names) == 0 {
		return ""
	}
	pairs := make([]string, 0, len(names))
	for _, language := range slices.Sorted(maps.Keys(names)) {
		pairs = append(pairs, language+":"+names[language])
	}
	return strings.Join(pairs, ";")
}

func graphqlTypes(types map[string][]string) string {
	pairs := make([]string, 0, len(types))
	for _, name := range slices.Sorted(maps.Keys(types)) {
		pairs = append(pairs, name+":"+strings.Join(types[name], ","))
	}
	return strings.Join(pairs, ";")
}

func graphqlErrors(errs []analytics.GraphQLError) string {
	messages := make([]string, len(errs))
	for i := range errs {
		messages[i] = errs[i].Message
	}
	return strings.Join(messages, ";")
}

// encoder makes rows of records.
type encoder struct {
	columns    []column
	signed     bool
	neutralize bool
	zone       *time.Location
}

func newEncoder(config *Config) (*encoder, error) {
	zone, err := time.LoadLocation(config.Timezone)
	if err != nil {
		return nil, err
	}
	e := &encoder{columns: slices.Clone(columns), signed: config.Columns == columnsSigned, neutralize: config.NeutralizeFormulas, zone: zone}
	for _, name := range config.ExtraColumns {
		at := slices.IndexFunc(extraColumns, func(c column) bool { return c.name == name })
		e.columns = append(e.columns, extraColumns[at])
	}
	return e, nil
}

// header is the first line of a file.
func (e *encoder) header() []byte {
	return []byte(strings.ReplaceAll(namesOf(e.columns), ", ", ",") + "\n")
}

// append appends a record's row, with a line feed behind it.
func (e *encoder) append(dst []byte, record *analytics.Record, uid string) []byte {
	r := row{record, uid}
	for i := range e.columns {
		dst = append(e.columns[i].append(e, dst, r), ',')
	}
	dst[len(dst)-1] = '\n'
	return dst
}

// appendText appends text, in quotes where it needs them.
func (e *encoder) appendText(dst []byte, value string) []byte {
	formula := e.neutralize && value != "" && strings.IndexByte("=+-@\t\r\n", value[0]) >= 0
	if !formula && !needsQuotes(value) {
		return append(dst, value...)
	}
	dst = append(dst, '"')
	if formula {
		dst = append(dst, '\'')
	}
	for {
		before, after, found := strings.Cut(value, `"`)
		dst = append(dst, before...)
		if !found {
			return append(dst, '"')
		}
		dst, value = append(dst, `""`...), after
	}
}

// needsQuotes tells whether Go's encoding/csv, which Tyk Pump uses, puts text into quotes.
func needsQuotes(value string) bool {
	if value == `\.` {
		return true
	}
	for _, special := range []byte{',', '"', '\r', '\n'} { // four fast looks instead of one slow one
		if strings.IndexByte(value, special) >= 0 {
			return true
		}
	}
	first, _ := utf8.DecodeRuneInString(value)
	return unicode.IsSpace(first)
}

// hour is the hour of an instant.
func (e *encoder) hour(at time.Time) hour {
	local := at.In(e.zone)
	year, month, day := local.Date()
	return hour{year, month, day, local.Hour()}
}

// hour is one of the clock, which is there twice when clocks go back.
type hour struct {
	year  int
	month time.Month
	day   int
	of    int
}

// String is Tyk Pump's name of the hour's file, without its ending.
func (h hour) String() string { return fmt.Sprintf("%d-%s-%d-%d", h.year, h.month, h.day, h.of) }
