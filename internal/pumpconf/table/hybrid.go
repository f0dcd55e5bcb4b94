package table

// ofRollups is what becomes of settings of rollups.
const ofRollups = "of tykaggregate, if aggregated is set"

var hybridTypes = []*Type{{Name: "hybrid", Family: "hybrid", Title: "Tyk's MDCB", NoMeta: Panics, Keys: []Key{
	{Name: "connection_string", Needed: true, Pump: "the server, as host:port", Here: "tykhybrid's endpoint"},
	{Name: "rpc_key", Secret: true, Pump: "nothing: it is never sent", Here: "not needed", Why: "MDCB knows the organisation by api_key", Level: Info},
	{Name: "api_key", Secret: true, Pump: "the API key of a user of the Dashboard", Here: "tykhybrid's api_key"},
	{Name: "ignore_tag_prefix_list", With: []string{"aggregated"}, Kind: List, To: "aggregate.ignore_tag_prefix_list", Pump: "beginnings of tags that do not count", Here: "ignore_tag_prefix_list " + ofRollups},
	{Name: "call_timeout", Kind: Int, Default: "10", Pump: "seconds of a call, whatever its README says", Here: "tykhybrid's timeout, 30s where there is none", Why: "a call that was given up may have been done"},
	{Name: "rpc_pool_size", Kind: Int, Default: "5", Pump: "connections, all open from the start", Here: "tykhybrid's rpc_pool_size, 2 where there is none", Why: "connections are opened when they are needed"},
	{Name: "aggregated", Kind: Bool, Default: "false", Pump: "sends rollups", Here: "a tykaggregate before tykhybrid"},
	{Name: "track_all_paths", With: []string{"aggregated"}, Kind: Bool, Default: "false", To: "aggregate.track_all_paths", Pump: "counts all endpoints", Here: "track_all_paths " + ofRollups},
	{
		Name: "store_analytics_per_minute", With: []string{"aggregated"}, Kind: Bool, Default: "false", To: "aggregate.store_analytics_per_minute", Pump: "buckets of a minute",
		Here: "store_analytics_per_minute " + ofRollups,
	},
	{
		Name: "enable_mcp_aggregation", With: []string{"aggregated"}, Kind: Bool, Default: "false", To: "exporter.enable_mcp_aggregation", Pump: "sends rollups of MCP too",
		Here: "tykhybrid's enable_mcp_aggregation",
	},
	{Name: "use_ssl", Kind: Bool, Default: "false", Pump: "connections are encrypted", Here: "tykhybrid's tls::insecure, the other way round"},
	{
		Name: "ssl_insecure_skip_verify", With: []string{"use_ssl"}, Kind: Bool, Default: "false", Pump: "takes any certificate", Here: "tykhybrid's tls::insecure_skip_verify",
		Why: "it is the same thing; tls::ca_file, which Tyk Pump has not, is safer",
	},
}}}
