package analytics

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite docs/semantics.md")

// conventions are the attributes of semantic conventions 1.40, and how stable those are.
var conventions = map[string]string{
	AttrMethod: "stable", AttrRoute: "stable", AttrPath: "stable", AttrUserAgent: "stable", AttrClientAddress: "stable",
	AttrServerAddress: "stable", AttrServerPort: "stable", AttrResponseCode: "stable", AttrContentLength: "development",
	AttrGeoCountry: "development", AttrGeoCity: "development", AttrGeoLatitude: "development", AttrGeoLongitude: "development",
	AttrGraphQLOperation: "development", AttrMCPMethod: "development", AttrUID: "development", AttrURL: "stable",
}

// gatewayNames are what the gateway calls the same on its own spans.
var gatewayNames = []string{
	AttrAPIID, AttrAPIName, AttrAPIVersion, AttrOrgID, AttrAPIKey, AttrAlias, AttrOauthID, AttrTags, AttrListenPath, AttrOriginalPath,
}

var remarks = map[string]string{
	AttrUID:                "the record's identity for ever: its segment and its place there",
	AttrRoute:              "the template of a tracked endpoint",
	AttrPath:               "the path that was sent upstream, as it was",
	AttrNormalisedPath:     "the path that statistics are made of, where it is neither a route nor `url.path`",
	AttrServerAddress:      "the host without its port",
	AttrServerPort:         "the host's port, where there is one",
	AttrContentLength:      "bytes; never negative",
	"tyk.content_length":   "only where it is negative, which is unknown",
	AttrResponseCode:       "never negative",
	AttrNoResponseCode:     "only where it is negative, as in records of TCP APIs",
	AttrTimestamp:          "only where the log record's own time cannot hold it",
	AttrDay:                "in the gateway's zone, only where it is not UTC's",
	AttrMonth:              "in the gateway's zone, only where it is not UTC's",
	AttrYear:               "in the gateway's zone, only where it is not UTC's",
	AttrHour:               "in the gateway's zone, only where it is not UTC's",
	AttrRequestTime:        "milliseconds, only where it is not the total latency",
	AttrLatencyTotal:       "milliseconds",
	AttrLatencyUpstream:    "milliseconds",
	AttrLatencyGateway:     "milliseconds",
	AttrClientAddress:      "`geo.*` say where it lies",
	AttrGeoCity:            "the English name",
	"tyk.geo.city.names":   "the names in other languages, by language",
	AttrExpireAt:           "Unix nanoseconds; beyond the year 2262 a slice of seconds and nanoseconds",
	AttrRawRequest:         "base64 of the HTTP wire form",
	AttrRawResponse:        "base64 of the HTTP wire form",
	"tyk.graphql.schema":   "base64 of the schema",
	AttrGraphQLOperation:   "query, mutation or subscription",
	AttrGraphQLOperationID: "only for numbers without a name",
	"tyk.graphql.types":    "the fields asked for, by type",
	"tyk.graphql.errors":   "maps of `message` and `path`",
}

// types of attributes that do not follow from the field's own.
var types = map[string]string{
	AttrUID: "string", AttrServerAddress: "string", AttrServerPort: "int", AttrRoute: "string", AttrNormalisedPath: "string", AttrGeoCity: "string",
	AttrGraphQLOperation: "string",
}

func typeOf(key string, v value) string {
	if name, ok := types[key]; ok {
		return name
	}
	switch v.(type) {
	case typed[string]:
		return "string"
	case typed[bool]:
		return "boolean"
	case typed[float64]:
		return "double"
	case typed[[]string], tags:
		return "string[]"
	case typed[[]GraphQLError]:
		return "slice"
	case typed[map[string][]string], cityNames:
		return "map"
	case typed[time.Time], timestamp, typed[int64], typed[uint64], natural, date, total, operation:
		return "int"
	}
	return ""
}

// semantics is docs/semantics.md, made of the table of fields.
func semantics(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Attributes of records\n\nA log record of a request, event name `tyk.request`, has these attributes. Zero values are left out. " +
		"This page is made of the table in\n`internal/analytics/table.go` by `go generate ./internal/analytics`.\n\n" +
		"Names are those of OpenTelemetry's semantic conventions 1.40 where these have one (with their stability), then those that\n" +
		"Tyk Gateway puts on its own spans (\"gateway\"), then our own (\"tyk\"). The schema URL of resource and scope is\n`" + SchemaURL + "`.\n\n" +
		"| attribute | type | field of the record | name of | remark |\n|---|---|---|---|---|\n")
	line := func(key, kind, source string) {
		require.NotEmpty(t, kind, "%s: say its type above", key)
		origin := "tyk"
		if stability, ok := conventions[key]; ok {
			origin = "conventions, " + stability
		}
		for _, name := range gatewayNames {
			if name == key {
				origin = "gateway"
			}
		}
		require.True(t, origin != "tyk" || strings.HasPrefix(key, "tyk."), key)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", key, kind, source, origin, remarks[key])
	}
	line(AttrUID, "string", "")
	var walk func(g *group, prefix string)
	walk = func(g *group, prefix string) {
		for i := range g.fields {
			f := &g.fields[i]
			if inner, ok := f.value.(*group); ok {
				walk(inner, prefix+f.key+".")
				continue
			}
			for _, a := range f.value.attributes(f.attribute) {
				line(a.key, typeOf(a.key, f.value), "`"+prefix+f.key+"`")
			}
		}
	}
	walk(record, "")
	b.WriteString("\nA gateway's own spans have these beside them; `fields::ignore` of `tykfilter` takes them away with the field:\n\n| attribute | field |\n|---|---|\n")
	for _, key := range slices.Sorted(maps.Keys(spanAttributes)) {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", key, spanAttributes[key])
	}
	return b.String()
}

func TestThePageIsMadeOfTheTable(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "semantics.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(semantics(t)), 0o600))
	}
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, semantics(t), string(page), "go generate ./internal/analytics writes it")
}
