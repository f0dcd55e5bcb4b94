package table

import "slices"

// sqlKeys are those of every type of SQL, and of uptime checks that go there.
func sqlKeys(more ...Key) []Key {
	const creation = "it only matters when tables are made, which is done otherwise here"
	return slices.Concat([]Key{
		{Name: "type", Needed: true, Pump: "postgres or mysql, in small letters; the pump is left out with anything else", Here: "tyksql's driver"},
		{Name: "connection_string", Secret: true, Needed: true, Pump: "DSN or URL of PostgreSQL, or DSN of MySQL's Go driver", Here: "tyksql's datasource"},
		{Name: "postgres.prefer_simple_protocol", Kind: Bool, Default: "false", Pump: "sends each statement as one text", Here: "tyksql's postgres::prefer_simple_protocol"},
		{Name: "mysql.default_string_size", Kind: Int, Default: "longtext", Pump: "texts of new tables are varchar of this length", Here: "not needed", Why: "new tables get longtext", Level: Info},
		{Name: "mysql.disable_datetime_precision", Kind: Bool, Pump: "times of new tables have whole seconds", Here: "not needed", Why: creation, Level: Info},
		{Name: "mysql.dont_support_rename_index", Kind: Bool, Pump: "how indexes are renamed", Here: "not needed", Why: creation, Level: Info},
		{Name: "mysql.dont_support_rename_column", Kind: Bool, Pump: "how columns are renamed", Here: "not needed", Why: creation, Level: Info},
		{Name: "mysql.skip_initialize_with_version", Kind: Bool, Pump: "does not look at the server's version", Here: "not needed", Why: creation, Level: Info},
		{Name: "table_sharding", Kind: Bool, Default: "false", To: "exporter.table_sharding", Pump: "a table for each day", Here: "tyksql's table_sharding"},
		{Name: "log_level", Default: "silent", Pump: "log of statements", Here: "not needed", Level: Info},
		{Name: "batch_size", Kind: Int, Default: "1000", Pump: "rows of a statement; above 1260 each full one fails", Here: "not needed", Why: "a delivery is one transaction", Level: Info},
		{Name: "migrate_sharded_tables", Kind: Bool, Default: "false", Pump: "alters the tables of all days at start", Here: "not needed", Why: "missing columns are added when a table is met", Level: Info},
	}, more)
}

var sqlRollups = sqlKeys(rollupKeys(
	Key{
		Name: "ignore_aggregations", Kind: List, Var: "IGNOREAGGREGATIONSLIST", Pump: "nothing, for SQL", Here: "not taken over",
		Why: "it has no effect in Tyk Pump, so rollups stay as they are; set ignore_aggregations of tykaggregate if it is meant", Level: Warn,
	},
	Key{Name: "omit_index_creation", Kind: Bool, Default: "false", To: "exporter.omit_index_creation", Pump: "makes no index", Here: "tyksql's omit_index_creation"},
)...)

func tableName(standard string) Key {
	return Key{Name: "table_name", Default: standard, Pump: "the table, of all pumps of the type: the last one to start wins", Here: "tyksql's name of the table"}
}

var sqlTypes = []*Type{
	{Name: "sql", Family: "sql", Title: "SQL", NoMeta: Panics, Keys: sqlKeys()},
	{Name: "sql_aggregate", EnvName: "SQLAGGREGATE", Family: "sql", Title: "SQL", NoMeta: Panics, Keys: sqlRollups},
	{Name: "sql-graph", EnvName: "GRAPH_SQL", Family: "sql", Title: "SQL", NoMeta: Panics, Keys: sqlKeys(tableName("tyk_analytics_graph"))},
	{Name: "sql-graph-aggregate", EnvName: "SQLGRAPHAGGREGATE", Family: "sql", Title: "SQL", NoMeta: Panics, Keys: sqlRollups},
	{Name: "sql-mcp", EnvName: "MCP_SQL", Family: "sql", Title: "SQL", NoMeta: LeavesOut, Keys: sqlKeys(tableName("tyk_analytics_mcp"))},
	{Name: "sql-mcp-aggregate", EnvName: "SQLMCPAGGREGATE", Family: "sql", Title: "SQL", NoMeta: LeavesOut, Keys: sqlRollups},
}

// Uptime is the keys of uptime_pump_config: those of Mongo and of SQL side by side.
func Uptime() *Section { return uptime }

var uptime = &Section{Path: "uptime_pump_config", Prefix: "TYK_PMP_UPTIMEPUMPCONFIG", Keys: slices.Concat(
	[]Key{{Name: "uptime_type", Default: "mongo", Pump: "sql, in small letters, or Mongo for anything else", Here: "tyksql or tykmongo"}},
	uptimeMongo, uptimeSQL,
)}

var uptimeMongo, uptimeSQL = optional(mongoKeys(mongoNamed...)), optional(sqlKeys())

// UptimeIn is the part of Uptime that counts for Mongo, or for SQL.
func UptimeIn(sql bool) *Section {
	keys := uptimeMongo
	if sql {
		keys = uptimeSQL
	}
	return &Section{Path: uptime.Path, Prefix: uptime.Prefix, Keys: keys}
}

// optional is keys of which another section decides whether they are needed.
func optional(keys []Key) []Key {
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i].Needed = false
	}
	return slices.DeleteFunc(keys, func(k Key) bool { return k.Name == "log_level" })
}
