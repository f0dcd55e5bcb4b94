// Package deviation is the list of what is stored otherwise than by Tyk Pump on purpose, as
// docs/differences.md has it: rows of its tables that have an anchor are explanations of differences.
package deviation

// The deviations that a comparison of stores can meet; each is the anchor of a row.
const (
	LatencyGateway = "sql-latency-gateway"
	CityNames      = "sql-city-names"
	SimpleProtocol = "sql-simple-protocol"
	NotUTF8        = "sql-not-utf8"
	MySQLID        = "rollup-mysql-id"
	MySQLText      = "sql-mysql-text"

	Bucket       = "rollup-bucket"
	TraceTags    = "rollup-trace-tags"
	MaxValues    = "rollup-max-values"
	Minimum      = "rollup-minimum"
	LastTime     = "rollup-last-time"
	Identifier   = "rollup-identifier"
	Mean         = "rollup-mean"
	LongValue    = "rollup-long-value"
	RollupText   = "rollup-not-utf8"
	GraphNetwork = "rollup-graph-network"

	UptimeHour        = "uptime-hour"
	UptimeRequestTime = "uptime-request-time"
	UptimeLastTime    = "uptime-last-time"
)
