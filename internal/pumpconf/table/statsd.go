package table

// agentsSocket is why nothing here waits for an agent's socket beside the deliveries.
const agentsSocket = "what the socket does not take waits in Redis"

var statsdTypes = []*Type{
	{Name: "statsd", Family: "statsd", Title: "StatsD", Ends: true, NoMeta: Panics, Keys: []Key{
		{Name: "address", Needed: true, Pump: "the server, as host:port, over UDP; it tries for ever without one", Here: "tykstatsd's endpoint"},
		{Name: "fields", Kind: List, Pump: "request_time and latencies; others are passed over, and without any nothing is sent", Here: "tykstatsd's fields"},
		{Name: "tags", Kind: List, Pump: "parts of names; null for what it does not know", Here: "tykstatsd's tags"},
		{Name: "separated_method", Kind: Bool, Default: "false", To: "exporter.separated_method", Pump: "method and path are apart in names", Here: "tykstatsd's separated_method"},
	}},
	{Name: "dogstatsd", Family: "dogstatsd", Title: "DogStatsD", NoMeta: Panics, Keys: []Key{
		{Name: "namespace", Default: "default", Pump: "stands before names", Here: "tykstatsd's prefix"},
		{Name: "address", Pump: "the agent, as host, host:port or unix:///path; DD_AGENT_HOST and DD_DOGSTATSD_PORT without one", Here: "tykstatsd's endpoint and transport"},
		{Name: "sample_rate", Kind: Float, Default: "1", Pump: "share of records that is sent, each chosen by chance", Here: "tykstatsd's sample_rate", Why: "the record's identity chooses, so that a repetition sends the same"},
		{Name: "async_uds", Kind: Bool, Default: "false", Pump: "does not wait for the agent's socket", Here: "not needed", Why: agentsSocket, Level: Info},
		{Name: "async_uds_write_timeout_seconds", Kind: Int, Var: "ASYNCUDSWRITETIMEOUT", Default: "1", Pump: "how long it does", Here: "not needed", Why: agentsSocket, Level: Info},
		{Name: "buffered", Kind: Bool, Default: "false", Pump: "several lines in a datagram", Here: "tykstatsd's max_datagram_lines, which is 1 otherwise"},
		{Name: "buffered_max_messages", Kind: Int, Default: "16", Pump: "how many", Here: "tykstatsd's max_datagram_lines"},
		{Name: "tags", Kind: List, Pump: "the tags, and paths lose slashes at their ends; a set of its own without any", Here: "tykstatsd's tags and trim_trailing_slash"},
	}},
}
