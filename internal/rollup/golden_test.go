package rollup

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// goldenCase is one configuration of Tyk Pump, and what is the same here.
type goldenCase struct {
	wire     string
	family   Family
	settings func(*Settings)
	keep     func(*analytics.Record) bool
	days     bool // rows are compared by day
	exact    bool // rows are compared by bucket
}

func withoutTCP(r *analytics.Record) bool { return r.APIID != "tcp-redis" }

func everything(*analytics.Record) bool { return true }

var goldenCases = map[string]goldenCase{
	"sql_aggregate-postgres":         {keep: withoutTCP},
	"sql_aggregate-postgres-by-hour": {keep: withoutTCP, exact: true},
	"sql_aggregate-postgres-one":     {keep: everything},
	"sql_aggregate-postgres-per-minute": {keep: withoutTCP, settings: func(s *Settings) {
		s.Minutes = 1
	}},
	"sql_aggregate-postgres-track-all-paths": {keep: withoutTCP, settings: func(s *Settings) {
		s.TrackAllPaths = true
	}},
	"sql_aggregate-postgres-ignore": {keep: withoutTCP, settings: func(s *Settings) {
		s.IgnoreTagPrefixes = []string{"org-", "api-", "tá", "trace-id", " pad"}
	}},
	"sql_aggregate-postgres-filter-skip": {keep: func(r *analytics.Record) bool {
		return r.OrgID != "globex" && r.ResponseCode != 200 && r.ResponseCode != -1
	}},
	"sql_aggregate-postgres-protobuf": {keep: withoutTCP, wire: "protobuf"},
	"sql_aggregate-postgres-sharded":  {keep: withoutTCP, days: true},
	"sql_aggregate-postgres-sharded-tz-newyork": {keep: withoutTCP, days: true, settings: func(s *Settings) {
		s.Zone = "America/New_York"
	}},
	"sql_aggregate-postgres-tz-kolkata": {keep: withoutTCP, settings: func(s *Settings) {
		s.Zone = "Asia/Kolkata"
	}},
	"sql-graph-aggregate-postgres":         {keep: everything, family: Graph},
	"sql-graph-aggregate-postgres-sharded": {keep: everything, family: Graph, days: true},
	"sql-mcp-aggregate-postgres":           {keep: everything, family: MCP},
	"sql-mcp-aggregate-postgres-sharded":   {keep: everything, family: MCP, days: true},
}

// goldenGroups counts the records of a case in the purges of Tyk Pump.
func goldenGroups(t *testing.T, c goldenCase) []Group {
	t.Helper()
	wire := c.wire
	if wire == "" {
		wire = "msgpack"
	}
	settings := hourly()
	if c.settings != nil {
		c.settings(&settings)
	}
	content, err := os.ReadFile("testdata/golden/batches.json")
	require.NoError(t, err)
	var batches struct {
		Mixed [][]int `json:"mixed"`
	}
	require.NoError(t, json.Unmarshal(content, &batches))
	records := goldenRecords(t, wire)
	a := newAggregator(t, settings)
	var groups []Group
	for i, batch := range batches.Mixed {
		var chunk []analytics.Record
		for _, at := range batch {
			if c.keep(&records[at]) {
				chunk = append(chunk, records[at])
			}
		}
		made, _ := a.Aggregate(logsOf("segment"+strconv.Itoa(i), 0, chunk...), nil)
		groups = append(groups, made...)
	}
	return slices.DeleteFunc(groups, func(g Group) bool { return g.Family != c.family })
}

// Tyk Pump counts a purge for the hour of its first record; summed up over the hours
// everything is the same, and where no purge mixes hours each row is.
func TestRollupsAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	for name, c := range goldenCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := sum(goldenGroups(t, c), func(g *Group) valueKey {
				k := valueKey{org: g.Org, api: g.API}
				if c.days {
					k.day = g.Bucket.Format("20060102")
				}
				if c.exact {
					k.bucket = g.Bucket.Unix()
				}
				return k
			})
			want := map[valueKey]*Counter{}
			for _, row := range goldenRows(t, name) {
				k := valueKey{family: c.family, org: row.text("org_id"), api: row.text("api_id"), day: row.text("day"), value: row.text("dimension_value")}
				k.dimension = dimensionsByName[row.text("dimension")]
				if c.exact {
					k.bucket = row.number("timestamp")
				}
				if want[k] == nil {
					want[k] = &Counter{}
				}
				want[k].Add(row.counter(t), k.dimension)
			}
			require.NotEmpty(t, want)
			for k := range got {
				if want[k] == nil {
					assert.Fail(t, "only here", "%+v", k)
				}
			}
			for k, w := range want {
				g := got[k]
				if g == nil {
					assert.Fail(t, "missing here", "%+v", k)
					continue
				}
				if w.Hits != w.Success { // the minimum depends on the order of records there
					w.Latency.Min, w.Upstream.Min = g.Latency.Min, g.Upstream.Min
				}
				w.LastTime = g.LastTime // the first or last record's there
				if k.dimension == APIKeys {
					w.HumanIdentifier = g.HumanIdentifier // a key's records have several aliases; the first purge's stays there
				}
				w.Codes, g.Codes = columnsOf(w.Codes), columnsOf(g.Codes)
				assert.Equal(t, w.describe(), g.describe(), k)
			}
		})
	}
}

// columnsOf adds codes up by their first digit, as rows of many codes show them.
func columnsOf(codes []CodeCount) []CodeCount {
	var sums Counter
	for _, code := range codes {
		digit := int64(strconv.FormatInt(code.Code, 10)[0] - '0')
		if digit <= 5 {
			sums.addCode(CodeCount{digit, code.Count})
		}
	}
	return sums.Codes
}

// counter reads a row.
func (r goldenRow) counter(t *testing.T) *Counter {
	t.Helper()
	c := &Counter{
		Hits: r.number("counter_hits"), Success: r.number("counter_success"), Errors: r.number("counter_error"),
		RequestTime:     r.number("counter_total_request_time"),
		Latency:         Span{r.number("counter_total_latency"), r.number("counter_max_latency"), r.number("counter_min_latency")},
		Upstream:        Span{r.number("counter_total_upstream_latency"), r.number("counter_max_upstream_latency"), r.number("counter_min_upstream_latency")},
		OpenConnections: r.number("counter_open_connections"), ClosedConnections: r.number("counter_closed_connections"),
		BytesIn: r.number("counter_bytes_in"), BytesOut: r.number("counter_bytes_out"),
		Identifier: r.text("counter_identifier"), HumanIdentifier: r.text("counter_human_identifier"),
	}
	c.LastTime = c.LastTime.Add(1) // so that the names are taken over
	for name := range r {
		if code, ok := strings.CutPrefix(name, "code_"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(code, "x"), 10, 64)
			require.NoError(t, err)
			c.addCode(CodeCount{n, r.number(name)})
		}
	}
	return c
}
