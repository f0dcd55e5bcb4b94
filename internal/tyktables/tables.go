// Package tyktables is what writers and readers of Tyk's SQL tables both know of them: names,
// tables of days, columns of status codes and indexes.
package tyktables

import "time"

// The names of the tables, where the configuration has no others.
const (
	Requests        = "tyk_analytics"
	Graph           = "tyk_analytics_graph"
	MCP             = "tyk_analytics_mcp"
	Uptime          = "tyk_uptime_analytics"
	Aggregated      = "tyk_aggregated"
	GraphAggregated = "tyk_graph_aggregated"
	MCPAggregated   = "tyk_mcp_aggregated"
	Latency         = "otelcol_tyk_latency"
	Ledger          = "otelcol_tyk_ledger"
)

// DayForm is how the day is written that ends the name of a day's table.
const DayForm = "20060102"

// OfDay is the name of a table's part for the day of an instant, by the clocks of its place.
func OfDay(table string, at time.Time) string { return table + "_" + at.Format(DayForm) }

// StatusCodes are the columns of the status codes in tables of rollups, behind "code_": those of
// one code, and those of what has none, by its first digit.
var StatusCodes = []string{
	"1x", "200", "201", "2x", "301", "302", "303", "304", "3x", "400", "401", "403", "404", "429", "4x",
	"500", "501", "502", "503", "504", "5x",
}

var (
	// DayIndexes are the columns that Tyk Pump indexes in tables of a day, one an index.
	DayIndexes = []string{"responsecode", "apikey", "timestamp", "apiid", "orgid", "oauthid"}
	// RequestIndexes are the columns by which requests are looked for, always together with a
	// span of time, the newest first.
	RequestIndexes = []string{"orgid", "apiid", "apikey"}
	// RollupIndex are the columns of the index of rollups.
	RollupIndex = []string{"dimension", "timestamp", "org_id", "dimension_value"}
	// UptimeIndex are the columns of the index of uptime checks.
	UptimeIndex = []string{"timestamp", "org_id", "dimension", "dimension_value"}
)

// LatencyIndex are the columns of an index that answers the console without reading the table of latencies.
// Counters change with each write, and so does this index: nobody makes it unless asked.
var LatencyIndex = []string{"dimension", "timestamp", "org_id", "dimension_value", "bin", "hits"}

// HitsIndex is the same of rollups.
var HitsIndex = []string{"dimension", "timestamp", "org_id", "dimension_value", "counter_hits", "counter_success", "counter_error"}
