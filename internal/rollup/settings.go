package rollup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones, on machines that have none

	"github.com/cespare/xxhash/v2"
)

// Family says which records a group counts, and so which tables and collections
// it belongs to. A record that is of GraphQL and of MCP is in both families.
type Family uint8

// The families (contract: aggregates, section 0).
const (
	// Requests counts what is neither of GraphQL nor of MCP, by organisation.
	Requests Family = iota
	// Graph counts GraphQL requests by API.
	Graph
	// MCP counts Model Context Protocol requests by API.
	MCP
	families
)

var familyNames = [families]string{Requests: "requests", Graph: "graph", MCP: "mcp"}

// String is the family's name in log records.
func (f Family) String() string {
	if f < families {
		return familyNames[f]
	}
	return "family " + strconv.Itoa(int(f))
}

// parseFamily reads what String wrote.
func parseFamily(name string) (Family, bool) {
	i := slices.Index(familyNames[:], name)
	return Family(max(i, 0)), i >= 0 //nolint:gosec // one of three
}

// Dimension is by what records are counted.
type Dimension uint8

// The dimensions (contract: aggregates, sections 1.6, 4.5 and 5.4).
const (
	Total Dimension = iota
	APIID
	Errors
	Versions
	APIKeys
	OauthIDs
	Geo
	Tags
	Endpoints
	KeyEndpoints
	OauthEndpoints
	APIEndpoints
	Types
	Fields
	Operation
	RootFields
	Methods
	Primitives
	Names
	dimensions
)

var dimensionNames = [dimensions]string{
	"", "apiid", "errors", "versions", "apikeys", "oauthids", "geo", "tags", "endpoints", "keyendpoints",
	"oauthendpoints", "apiendpoints", "types", "fields", "operation", "rootfields", "methods", "primitives", "names",
}

// String is the name that Tyk Dashboard reads; that of Total is empty.
func (d Dimension) String() string {
	if d < dimensions {
		return dimensionNames[d]
	}
	return "dimension " + strconv.Itoa(int(d))
}

// pumpNames are the other names of dimensions in Tyk Pump's ignore_aggregations.
var pumpNames = map[string]Dimension{
	"APIID": APIID, "Errors": Errors, "Versions": Versions, "APIKeys": APIKeys, "OauthIDs": OauthIDs, "Geo": Geo, "Tags": Tags,
	"Endpoints": Endpoints, "KeyEndpoint": KeyEndpoints, "OauthEndpoint": OauthEndpoints, "ApiEndpoint": APIEndpoints,
}

// ParseDimension reads a dimension's name, or the one that Tyk Pump's
// ignore_aggregations has for it. There is none for Total.
func ParseDimension(name string) (Dimension, error) {
	if d, ok := pumpNames[name]; ok {
		return d, nil
	}
	if i := slices.Index(dimensionNames[1:], name); i >= 0 {
		return Dimension(i + 1), nil //nolint:gosec // one of a few
	}
	return 0, fmt.Errorf("%q is not a dimension: use %s", name, strings.Join(dimensionNames[1:], ", "))
}

// Settings say how records are counted.
type Settings struct {
	// Minutes is the length of a bucket, from 1 to 60. Buckets begin at the full hour
	// and every so many minutes after it; the last of an hour may be shorter.
	Minutes int
	// Zone is the IANA name of the time zone by whose clocks buckets begin.
	Zone string
	// TrackAllPaths counts the endpoints of all requests, not only of those that the
	// gateway tracks. It is for the family Requests only, as in Tyk Pump.
	TrackAllPaths bool
	// IgnoreTagPrefixes are those of tags that are not counted, in the family Requests.
	// An empty one ignores all tags.
	IgnoreTagPrefixes []string
	// Ignore are dimensions that are not counted.
	Ignore []Dimension
	// TraceTags counts the tags by which a gateway with OpenTelemetry tells the
	// trace: a value of its own for each request.
	TraceTags bool
	// MaxValues is how many values a dimension of a bucket may have before further
	// ones are counted as OtherValue; 0 is no bound. See budget.
	MaxValues int
	// TagAlert is how many tags a bucket of an organisation may have before that is
	// told, see Tally.Alerts; 0 never tells.
	TagAlert int
	// Latencies keeps a sketch of the latencies by API, key and endpoint.
	Latencies bool
}

// Fingerprint tells settings apart under which the same record counts for other
// rows or other buckets. A store remembers under it what it applied.
func (s Settings) Fingerprint() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %q %t %t %q", s.Minutes, s.Zone, s.TrackAllPaths, s.TraceTags, s.IgnoreTagPrefixes)
	ignored := slices.Clone(s.Ignore)
	slices.Sort(ignored)
	for _, d := range slices.Compact(ignored) {
		fmt.Fprintf(&b, " %s", d)
	}
	return fmt.Sprintf("%016x", xxhash.Sum64String(b.String()))
}

// Bucket is the beginning of the bucket of an instant, of so many minutes by the
// clocks of the instant's zone.
func Bucket(at time.Time, minutes int) time.Time {
	const minute, hour = 60, 3600
	_, offset := at.Zone()
	intoHour := ((at.Unix()+int64(offset))%hour + hour) % hour
	length := int64(minutes) * minute
	return time.Unix(at.Unix()-intoHour+intoHour/length*length, 0).In(at.Location())
}

// bucketOf is Bucket, and how long it is so: not beyond the hour, nor beyond a change
// of the zone's offset.
func bucketOf(at time.Time, minutes int) bucket {
	const hour = 3600
	start := Bucket(at, minutes)
	_, offset := at.Zone()
	b := bucket{start: start, from: start.Unix()}
	intoHour := ((b.from+int64(offset))%hour + hour) % hour
	b.to = b.from + min(int64(minutes)*60, hour-intoHour)
	begin, end := at.ZoneBounds()
	if !begin.IsZero() {
		b.from = max(b.from, begin.Unix())
	}
	if !end.IsZero() {
		b.to = min(b.to, end.Unix())
	}
	return b
}
