package tyksqlexporter

import (
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// merging is how the value of a row that is there and that of one that comes for
// the same id make the value that is stored.
type merging uint8

const (
	keepFirst   merging = iota // what is there stays: it names the row
	addUp                      // the sum
	greatest                   // the greater one
	leastByRank                // see rollup.Counter.MinRank
	meanOfSums                 // of what is then in the column of the sum, by hits
	latest                     // that of the row whose last time is later
)

// rollupColumn is one column of a table of rollups. Exactly the accessor of its
// class is set.
type rollupColumn struct {
	name     string
	class    class
	merging  merging
	sum      string // the column of which a mean is
	constant string // of all rows; empty where there is none
	text     func(*rollupRow) string
	integer  func(*rollupRow) int64
	float    func(*rollupRow) float64
	instant  func(*rollupRow) time.Time
}

func (r *rollupRow) mean(sum int64) float64 {
	if r.counter.Hits == 0 {
		return 0
	}
	return float64(sum) / float64(r.counter.Hits)
}

// codeCounts gives what was counted by status, by statusCodes.
func (r *rollupRow) codeCounts(at int) int64 {
	var n int64
	for _, code := range r.counter.Codes {
		if codeColumn(code.Code) == at {
			n += code.Count
		}
	}
	return n
}

func rollupText(name string, how merging, get func(*rollupRow) string) rollupColumn {
	return rollupColumn{name: name, class: classText, merging: how, text: get}
}

func rollupInteger(name string, how merging, get func(*rollupRow) int64) rollupColumn {
	return rollupColumn{name: name, class: classInteger, merging: how, integer: get}
}

func rollupMean(name, sum string, get func(*rollup.Counter) int64) rollupColumn {
	return rollupColumn{name: name, class: classFloat, merging: meanOfSums, sum: sum, float: func(r *rollupRow) float64 { return r.mean(get(r.counter)) }}
}

// counterColumns are those of Tyk's aggregate tables from counter_hits on (contract:
// aggregates, section 3.2).
func counterColumns() []rollupColumn {
	count := func(name string, how merging, get func(*rollup.Counter) int64) rollupColumn {
		return rollupInteger("counter_"+name, how, func(r *rollupRow) int64 { return get(r.counter) })
	}
	requestTime := func(c *rollup.Counter) int64 { return c.RequestTime }
	latency := func(c *rollup.Counter) int64 { return c.Latency.Total }
	upstream := func(c *rollup.Counter) int64 { return c.Upstream.Total }
	columns := []rollupColumn{
		count("hits", addUp, func(c *rollup.Counter) int64 { return c.Hits }),
		count("success", addUp, func(c *rollup.Counter) int64 { return c.Success }),
		count("error", addUp, func(c *rollup.Counter) int64 { return c.Errors }),
		rollupMean("counter_request_time", "counter_total_request_time", requestTime),
		{
			name: "counter_total_request_time", class: classFloat, merging: addUp,
			float: func(r *rollupRow) float64 { return float64(r.counter.RequestTime) },
		},
		rollupText("counter_identifier", latest, func(r *rollupRow) string { return cleanText(r.counter.Identifier) }),
		rollupText("counter_human_identifier", latest, func(r *rollupRow) string { return cleanText(r.counter.HumanIdentifier) }),
		{name: "counter_last_time", class: classTime, merging: greatest, instant: func(r *rollupRow) time.Time { return r.counter.LastTime }},
		count("open_connections", addUp, func(c *rollup.Counter) int64 { return c.OpenConnections }),
		count("closed_connections", addUp, func(c *rollup.Counter) int64 { return c.ClosedConnections }),
		count("bytes_in", addUp, func(c *rollup.Counter) int64 { return c.BytesIn }),
		count("bytes_out", addUp, func(c *rollup.Counter) int64 { return c.BytesOut }),
		count("max_upstream_latency", greatest, func(c *rollup.Counter) int64 { return c.Upstream.Max }),
		count("min_upstream_latency", leastByRank, func(c *rollup.Counter) int64 { return c.Upstream.Min }),
		count("total_upstream_latency", addUp, upstream),
		rollupMean("counter_upstream_latency", "counter_total_upstream_latency", upstream),
		count("max_latency", greatest, func(c *rollup.Counter) int64 { return c.Latency.Max }),
		count("min_latency", leastByRank, func(c *rollup.Counter) int64 { return c.Latency.Min }),
		count("total_latency", addUp, latency),
		rollupMean("counter_latency", "counter_total_latency", latency),
		{name: "counter_error_map", class: classJSON, constant: "{}", text: func(*rollupRow) string { return "{}" }},
		{name: "counter_error_list", class: classJSON, constant: "[]", text: func(*rollupRow) string { return "[]" }},
	}
	return columns
}

// codeColumns count by status: errors, and for uptime checks also successes.
func codeColumns() []rollupColumn {
	columns := make([]rollupColumn, len(statusCodes))
	for at, code := range statusCodes {
		columns[at] = rollupInteger("code_"+code, addUp, func(r *rollupRow) int64 { return r.codeCounts(at) })
	}
	return columns
}

var (
	idColumn        = rollupText("id", keepFirst, func(r *rollupRow) string { return r.id })
	bucketColumn    = rollupInteger("timestamp", keepFirst, func(r *rollupRow) int64 { return r.bucket })
	orgColumn       = rollupText("org_id", keepFirst, func(r *rollupRow) string { return r.org })
	apiColumn       = rollupText("api_id", keepFirst, func(r *rollupRow) string { return r.api })
	dimensionColumn = rollupText("dimension", keepFirst, func(r *rollupRow) string { return r.named })
	valueColumn     = rollupText("dimension_value", keepFirst, func(r *rollupRow) string { return r.value })
)

// The layouts of the tables of rollups (contract: aggregates, sections 3.2, 4.5 and 5.5).
var (
	aggregatedLayout      = newRollupLayout("aggregated", kindRollup, totalColumns())
	graphAggregatedLayout = newRollupLayout("graph_aggregated", kindRollup, apiColumns())
	mcpAggregatedLayout   = newRollupLayout("mcp_aggregated", kindRollup, apiColumns())
	// uptimeLayout counts uptime checks by hour, in the columns of the rollups of
	// requests (contract: records and raw stores, section 4.5).
	uptimeLayout = newRollupLayout("uptime", kindUptime, totalColumns())
	// latencyLayout is our own: each row counts the requests of a value whose latency
	// lies in a bin of the sketch.
	latencyLayout = newRollupLayout("latency", kindRollup, []rollupColumn{
		idColumn,
		rollupText("family", keepFirst, func(r *rollupRow) string { return r.family.String() }),
		bucketColumn, orgColumn, apiColumn, dimensionColumn, valueColumn,
		rollupInteger("bin", keepFirst, func(r *rollupRow) int64 { return int64(r.bin) }),
		{name: "milliseconds", class: classFloat, float: func(r *rollupRow) float64 { return rollup.BinValue(r.bin) }},
		rollupInteger("hits", addUp, func(r *rollupRow) int64 { return r.counter.Hits }),
	})
)

func totalColumns() []rollupColumn {
	return slices.Concat([]rollupColumn{idColumn}, counterColumns(), []rollupColumn{bucketColumn, orgColumn, dimensionColumn, valueColumn}, codeColumns())
}

func apiColumns() []rollupColumn {
	return slices.Concat([]rollupColumn{idColumn, orgColumn, dimensionColumn, valueColumn, apiColumn},
		counterColumns(), codeColumns(), []rollupColumn{bucketColumn})
}

func newRollupLayout(key string, k kind, columns []rollupColumn) *layout {
	l := &layout{key: key, kind: k, rollups: columns, primary: "id"}
	for _, c := range columns {
		l.columns = append(l.columns, column{name: c.name, class: c.class})
	}
	return l
}

// changes tells whether a row that is there gets another value.
func (c *rollupColumn) changes() bool { return c.merging != keepFirst }

// missing tells whether the column counts something that no row has.
func (c *rollupColumn) missing(rows []*rollupRow) bool {
	return c.merging == addUp && c.class == classInteger && !slices.ContainsFunc(rows, func(r *rollupRow) bool { return c.integer(r) != 0 })
}

// same tells whether all rows have the same value.
func (c *rollupColumn) same(rows []*rollupRow) bool {
	first := rows[0]
	return !slices.ContainsFunc(rows[1:], func(r *rollupRow) bool {
		switch c.class {
		case classInteger:
			return c.integer(r) != c.integer(first)
		case classFloat:
			return c.float(r) != c.float(first)
		case classTime:
			return !c.instant(r).Equal(c.instant(first))
		default:
			return c.text(r) != c.text(first)
		}
	})
}
