package layout

import (
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// Merging is how the value of a row that is there and that of one that comes for
// the same id make the value that is stored.
type Merging uint8

// The ways of merging.
const (
	KeepFirst   Merging = iota // what is there stays: it names the row
	AddUp                      // the sum
	Greatest                   // the greater one
	LeastByRank                // see rollup.Counter.MinRank
	MeanOfSums                 // of what is then in the column of the sum, by hits
	Latest                     // that of the row whose last time is later
)

// RollupColumn is one column of a table of rollups. Exactly the accessor of its
// class is set.
type RollupColumn struct {
	Name     string
	Class    Class
	Merging  Merging
	Sum      string // the column of which a mean is
	Constant string // of all rows; empty where there is none
	Text     func(*Row) string
	Integer  func(*Row) int64
	Float    func(*Row) float64
	Instant  func(*Row) time.Time
}

func (r *Row) mean(sum int64) float64 {
	if r.Counter.Hits == 0 {
		return 0
	}
	return float64(sum) / float64(r.Counter.Hits)
}

// codeCounts gives what was counted by status, by statusCodes.
func (r *Row) codeCounts(at int) int64 {
	var n int64
	for _, code := range r.Counter.Codes {
		if codeColumn(code.Code) == at {
			n += code.Count
		}
	}
	return n
}

func rollupText(name string, how Merging, get func(*Row) string) RollupColumn {
	return RollupColumn{Name: name, Class: ClassText, Merging: how, Text: get}
}

func rollupInteger(name string, how Merging, get func(*Row) int64) RollupColumn {
	return RollupColumn{Name: name, Class: ClassInteger, Merging: how, Integer: get}
}

func rollupMean(name, sum string, get func(*rollup.Counter) int64) RollupColumn {
	return RollupColumn{Name: name, Class: ClassFloat, Merging: MeanOfSums, Sum: sum, Float: func(r *Row) float64 { return r.mean(get(r.Counter)) }}
}

// counterColumns are those of Tyk's aggregate tables from counter_hits on (contract:
// aggregates, section 3.2).
func counterColumns() []RollupColumn {
	count := func(name string, how Merging, get func(*rollup.Counter) int64) RollupColumn {
		return rollupInteger("counter_"+name, how, func(r *Row) int64 { return get(r.Counter) })
	}
	requestTime := func(c *rollup.Counter) int64 { return c.RequestTime }
	latency := func(c *rollup.Counter) int64 { return c.Latency.Total }
	upstream := func(c *rollup.Counter) int64 { return c.Upstream.Total }
	columns := []RollupColumn{
		count("hits", AddUp, func(c *rollup.Counter) int64 { return c.Hits }),
		count("success", AddUp, func(c *rollup.Counter) int64 { return c.Success }),
		count("error", AddUp, func(c *rollup.Counter) int64 { return c.Errors }),
		rollupMean("counter_request_time", "counter_total_request_time", requestTime),
		{
			Name: "counter_total_request_time", Class: ClassFloat, Merging: AddUp,
			Float: func(r *Row) float64 { return float64(r.Counter.RequestTime) },
		},
		rollupText("counter_identifier", Latest, func(r *Row) string { return CleanText(r.Counter.Identifier) }),
		rollupText("counter_human_identifier", Latest, func(r *Row) string { return CleanText(r.Counter.HumanIdentifier) }),
		{Name: "counter_last_time", Class: ClassTime, Merging: Greatest, Instant: func(r *Row) time.Time { return r.Counter.LastTime }},
		count("open_connections", AddUp, func(c *rollup.Counter) int64 { return c.OpenConnections }),
		count("closed_connections", AddUp, func(c *rollup.Counter) int64 { return c.ClosedConnections }),
		count("bytes_in", AddUp, func(c *rollup.Counter) int64 { return c.BytesIn }),
		count("bytes_out", AddUp, func(c *rollup.Counter) int64 { return c.BytesOut }),
		count("max_upstream_latency", Greatest, func(c *rollup.Counter) int64 { return c.Upstream.Max }),
		count("min_upstream_latency", LeastByRank, func(c *rollup.Counter) int64 { return c.Upstream.Min }),
		count("total_upstream_latency", AddUp, upstream),
		rollupMean("counter_upstream_latency", "counter_total_upstream_latency", upstream),
		count("max_latency", Greatest, func(c *rollup.Counter) int64 { return c.Latency.Max }),
		count("min_latency", LeastByRank, func(c *rollup.Counter) int64 { return c.Latency.Min }),
		count("total_latency", AddUp, latency),
		rollupMean("counter_latency", "counter_total_latency", latency),
		{Name: "counter_error_map", Class: ClassJSON, Constant: "{}", Text: func(*Row) string { return "{}" }},
		{Name: "counter_error_list", Class: ClassJSON, Constant: "[]", Text: func(*Row) string { return "[]" }},
	}
	return columns
}

// codeColumns count by status: errors, and for uptime checks also successes.
func codeColumns() []RollupColumn {
	columns := make([]RollupColumn, len(StatusCodes))
	for at, code := range StatusCodes {
		columns[at] = rollupInteger("code_"+code, AddUp, func(r *Row) int64 { return r.codeCounts(at) })
	}
	return columns
}

var (
	idColumn        = rollupText("id", KeepFirst, func(r *Row) string { return r.ID })
	bucketColumn    = rollupInteger("timestamp", KeepFirst, func(r *Row) int64 { return r.Bucket })
	orgColumn       = rollupText("org_id", KeepFirst, func(r *Row) string { return r.Org })
	apiColumn       = rollupText("api_id", KeepFirst, func(r *Row) string { return r.api })
	dimensionColumn = rollupText("dimension", KeepFirst, func(r *Row) string { return r.Named })
	valueColumn     = rollupText("dimension_value", KeepFirst, func(r *Row) string { return r.Value })
)

// The layouts of the tables of rollups (contract: aggregates, sections 3.2, 4.5 and 5.5).
var (
	AggregatedLayout      = newRollupLayout("aggregated", KindRollup, totalColumns())
	GraphAggregatedLayout = newRollupLayout("graph_aggregated", KindRollup, apiColumns())
	MCPAggregatedLayout   = newRollupLayout("mcp_aggregated", KindRollup, apiColumns())
	// UptimeLayout counts uptime checks by hour, in the columns of the rollups of
	// requests (contract: records and raw stores, section 4.5).
	UptimeLayout = newRollupLayout("uptime", KindUptime, totalColumns())
	// LatencyLayout is our own: each row counts the requests of a value whose latency
	// lies in a bin of the sketch.
	LatencyLayout = newRollupLayout("latency", KindRollup, []RollupColumn{
		idColumn,
		rollupText("family", KeepFirst, func(r *Row) string { return r.family.String() }),
		bucketColumn, orgColumn, apiColumn, dimensionColumn, valueColumn,
		rollupInteger("bin", KeepFirst, func(r *Row) int64 { return int64(r.Bin) }),
		{Name: "milliseconds", Class: ClassFloat, Float: func(r *Row) float64 { return rollup.BinValue(r.Bin) }},
		rollupInteger("hits", AddUp, func(r *Row) int64 { return r.Counter.Hits }),
	})
)

func totalColumns() []RollupColumn {
	return slices.Concat([]RollupColumn{idColumn}, counterColumns(), []RollupColumn{bucketColumn, orgColumn, dimensionColumn, valueColumn}, codeColumns())
}

func apiColumns() []RollupColumn {
	return slices.Concat([]RollupColumn{idColumn, orgColumn, dimensionColumn, valueColumn, apiColumn},
		counterColumns(), codeColumns(), []RollupColumn{bucketColumn})
}

func newRollupLayout(key string, k Kind, columns []RollupColumn) *Layout {
	l := &Layout{Key: key, Kind: k, Rollups: columns, Primary: "id"}
	for _, c := range columns {
		l.Columns = append(l.Columns, Column{Name: c.Name, Class: c.Class})
	}
	return l
}

// Missing tells whether the column counts something that no row has.
func (c *RollupColumn) Missing(rows []*Row) bool {
	return c.Merging == AddUp && c.Class == ClassInteger && !slices.ContainsFunc(rows, func(r *Row) bool { return c.Integer(r) != 0 })
}

// Same tells whether all rows have the same value.
func (c *RollupColumn) Same(rows []*Row) bool {
	first := rows[0]
	return !slices.ContainsFunc(rows[1:], func(r *Row) bool {
		switch c.Class {
		case ClassInteger:
			return c.Integer(r) != c.Integer(first)
		case ClassFloat:
			return c.Float(r) != c.Float(first)
		case ClassTime:
			return !c.Instant(r).Equal(c.Instant(first))
		default:
			return c.Text(r) != c.Text(first)
		}
	})
}
