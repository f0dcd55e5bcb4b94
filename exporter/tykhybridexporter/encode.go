package tykhybridexporter

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// The keys of an object's dimensions, in the order in which Tyk Pump sends them (contract: hybrid-rpc, section 5).
var (
	flatDimensions = []dimension{
		{"APIKeys", rollup.APIKeys},
		{"Errors", rollup.Errors},
		{"Versions", rollup.Versions},
		{"APIID", rollup.APIID},
		{"OauthIDs", rollup.OauthIDs},
		{"Geo", rollup.Geo},
		{"Tags", rollup.Tags},
		{"Endpoints", rollup.Endpoints},
	}
	ownedDimensions = []dimension{{"KeyEndpoint", rollup.KeyEndpoints}, {"OauthEndpoint", rollup.OauthEndpoints}}
	mcpDimensions   = []dimension{{"Methods", rollup.Methods}, {"Primitives", rollup.Primitives}, {"Names", rollup.Names}}
)

type dimension struct {
	key string
	of  rollup.Dimension
}

// emptyLists is a part of each object that Tyk Pump fills only for its own databases.
const emptyLists = `"Lists":{"APIKeys":null,"APIID":null,"OauthIDs":null,"Geo":null,"Tags":null,"Errors":null,"Endpoints":null,` +
	`"KeyEndpoint":null,"OauthEndpoint":null,"APIEndpoint":null}`

// appendGroup appends a group of rollups as the argument of a call: an object of one organisation, or of one API for MCP.
// It fails for a time that JSON has no form for, and gives dst as it was.
func appendGroup(dst []byte, g *rollup.Group) ([]byte, error) {
	for _, t := range []time.Time{g.Bucket, g.ExpireAt, g.LastTime()} {
		if year := t.Year(); year < 0 || year > 9999 {
			return dst, fmt.Errorf("a time is in the year %d: JSON has times of the years 0 to 9999", year)
		}
	}
	owner := g.Org
	if g.Family == rollup.MCP {
		owner = g.API
	}
	dst = append(jsontext.AppendString(append(dst, '{'), owner), `:{"TimeStamp":`...)
	dst = append(appendTime(dst, g.Bucket), `,"OrgID":`...)
	dst = jsontext.AppendString(dst, g.Org)
	dst = fmt.Appendf(dst, `,"TimeID":{"Year":%d,"Month":%d,"Day":%d,"Hour":%d},`, g.Bucket.Year(), g.Bucket.Month(), g.Bucket.Day(), g.Bucket.Hour())
	dst = appendDimensions(dst, g, flatDimensions)
	dst = append(dst, emptyLists...)
	dst = append(dst, ',')
	for _, d := range ownedDimensions {
		dst = appendOwned(dst, d, rollupsOf(g, d.of))
	}
	dst = appendDimensions(dst, g, []dimension{{"ApiEndpoint", rollup.APIEndpoints}})
	dst = appendCounter(append(dst, `"Total":`...), &g.Rollups[0].Counter)
	dst = appendTime(append(dst, `,"expireAt":`...), g.ExpireAt)
	dst = appendTime(append(dst, `,"LastTime":`...), g.LastTime())
	if g.Family == rollup.MCP {
		dst = append(jsontext.AppendString(append(dst, `,"OwnerAPIID":`...), g.API), ',')
		dst = appendDimensions(dst, g, mcpDimensions)
		dst = dst[:len(dst)-1]
	}
	return append(dst, "}}"...), nil
}

// rollupsOf are those of a dimension, which lie side by side.
func rollupsOf(g *rollup.Group, d rollup.Dimension) []rollup.Rollup {
	compare := func(r rollup.Rollup, d rollup.Dimension) int { return int(r.Dimension) - int(d) }
	from, _ := slices.BinarySearchFunc(g.Rollups, d, compare)
	to, _ := slices.BinarySearchFunc(g.Rollups, d+1, compare)
	return g.Rollups[from:to]
}

// appendDimensions appends maps from values to counters, with a comma behind each.
func appendDimensions(dst []byte, g *rollup.Group, all []dimension) []byte {
	for _, d := range all {
		dst = append(append(append(dst, '"'), d.key...), `":`...)
		dst = append(appendCounters(dst, rollupsOf(g, d.of)), ',')
	}
	return dst
}

// appendOwned appends a map from owners to maps, with a comma behind it.
func appendOwned(dst []byte, d dimension, rollups []rollup.Rollup) []byte {
	dst = append(append(append(dst, '"'), d.key...), `":{`...)
	for i := 0; i < len(rollups); {
		owner, n := rollups[i].Owner, 1
		for i+n < len(rollups) && rollups[i+n].Owner == owner {
			n++
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendCounters(append(jsontext.AppendString(dst, owner), ':'), rollups[i:i+n])
		i += n
	}
	return append(dst, "},"...)
}

func appendCounters(dst []byte, rollups []rollup.Rollup) []byte {
	dst = append(dst, '{')
	for i := range rollups {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendCounter(append(jsontext.AppendString(dst, rollups[i].Value), ':'), &rollups[i].Counter)
	}
	return append(dst, '}')
}

func appendCounter(dst []byte, c *rollup.Counter) []byte {
	mean := float64(0)
	if c.Hits > 0 {
		mean = float64(c.RequestTime) / float64(c.Hits)
	}
	dst = appendInt(dst, `{"hits":`, c.Hits)
	dst = appendInt(dst, `,"success":`, c.Success)
	dst = appendInt(dst, `,"error":`, c.Errors)
	dst = jsontext.AppendFloat(append(dst, `,"request_time":`...), mean)
	dst = appendInt(dst, `,"total_request_time":`, c.RequestTime)
	dst = jsontext.AppendString(append(dst, `,"identifier":`...), c.Identifier)
	dst = jsontext.AppendString(append(dst, `,"human_identifier":`...), c.HumanIdentifier)
	dst = appendTime(append(dst, `,"last_time":`...), c.LastTime)
	dst = appendInt(dst, `,"open_connections":`, c.OpenConnections)
	dst = appendInt(dst, `,"closed_connections":`, c.ClosedConnections)
	dst = appendInt(dst, `,"bytes_in":`, c.BytesIn)
	dst = appendInt(dst, `,"bytes_out":`, c.BytesOut)
	dst = appendInt(dst, `,"max_upstream_latency":`, c.Upstream.Max)
	dst = appendInt(dst, `,"min_upstream_latency":`, c.Upstream.Min)
	dst = appendInt(dst, `,"total_upstream_latency":`, c.Upstream.Total)
	dst = appendInt(dst, `,"upstream_latency":0,"max_latency":`, c.Latency.Max)
	dst = appendInt(dst, `,"min_latency":`, c.Latency.Min)
	dst = appendInt(dst, `,"total_latency":`, c.Latency.Total)
	dst = append(dst, `,"latency":0,"error_map":{`...)
	for i, code := range byText(c.Codes) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendInt(append(dst, '"'), code.Code, 10), '"')
		dst = appendInt(dst, ":", code.Count)
	}
	return append(dst, `},"error_list":null}`...)
}

// byText gives codes in the order of JSON's keys, which is theirs while all have three digits.
func byText(codes []rollup.CodeCount) []rollup.CodeCount {
	if len(codes) == 0 || codes[len(codes)-1].Code < 1000 {
		return codes
	}
	return slices.SortedFunc(slices.Values(codes), func(x, y rollup.CodeCount) int {
		return slices.Compare(strconv.AppendInt(nil, x.Code, 10), strconv.AppendInt(nil, y.Code, 10))
	})
}

func appendInt(dst []byte, before string, n int64) []byte {
	return strconv.AppendInt(append(dst, before...), n, 10)
}

func appendTime(dst []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
}
