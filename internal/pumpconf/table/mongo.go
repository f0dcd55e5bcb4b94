package table

import "slices"

// mongoKeys are those of every type of Mongo, and of uptime checks that go there.
func mongoKeys(more ...Key) []Key {
	return slices.Concat([]Key{
		{
			Name: "mongo_url", Secret: true, Needed: true, Pump: "the connection string; user and password need no percent-encoding", Here: "tykmongo's uri, encoded",
			Why: "the driver here takes encoded ones only",
		},
		{Name: "mongo_use_ssl", Kind: Bool, Default: "false", Pump: "connections are encrypted", Here: "tykmongo's tls::insecure: false"},
		{Name: "mongo_ssl_insecure_skip_verify", With: []string{"mongo_use_ssl"}, Kind: Bool, Default: "false", Pump: "takes any certificate", Here: "tykmongo's tls::insecure_skip_verify"},
		{Name: "mongo_ssl_allow_invalid_hostnames", With: []string{"mongo_use_ssl"}, Kind: Bool, Default: "false", Pump: "checks a certificate, but not whose it is", Here: "tykmongo's mongo_ssl_allow_invalid_hostnames"},
		{Name: "mongo_ssl_ca_file", With: []string{"mongo_use_ssl"}, Pump: "authority of the server's certificate", Here: "tykmongo's tls::ca_file"},
		{Name: "mongo_ssl_pem_keyfile", With: []string{"mongo_use_ssl"}, Pump: "own certificate and key in one file", Here: "tykmongo's tls::cert_file and tls::key_file"},
		{Name: "mongo_db_type", Kind: Int, Var: "MONGO_DB_TYPE", Alias: "MONGO_DB_TYPE", Default: "0", Pump: "0 MongoDB, 1 Amazon DocumentDB, 2 Azure Cosmos DB", Here: "tykmongo's mongo_db_type"},
		{Name: "omit_index_creation", Kind: Bool, Default: "false", To: "exporter.omit_index_creation", Pump: "makes no indexes", Here: "tykmongo's omit_index_creation"},
		{Name: "mongo_session_consistency", Default: "strong", Pump: "how it reads", Here: "not needed", Level: Info},
		{Name: "driver", Var: "MONGODRIVERTYPE", Default: "mongo-go", Pump: "mgo is an older driver", Here: "not needed", Why: "there is one driver; with mgo a URL without database means test", Level: Info},
		{Name: "mongo_direct_connection", Kind: Bool, Default: "false", Pump: "talks to the named server only", Here: "directConnection in tykmongo's uri"},
	}, more)
}

var mongoSizes = []Key{
	{Name: "max_insert_batch_size_bytes", Kind: Int, Default: "10485760", Pump: "most bytes of one insertion", Here: "tykmongo's max_insert_batch_size_bytes, at most 16 MiB"},
	{Name: "max_document_size_bytes", Kind: Int, Default: "10485760", Pump: "larger records are dropped", Here: "tykmongo's max_document_size_bytes, at most 16 MiB", Why: "larger records are kept without their bodies"},
}

var mongoNamed = slices.Concat([]Key{
	{Name: "collection_name", Pump: "the collection; mongo ends at the first write without it", Here: "tykmongo's name of the collection"},
}, mongoSizes, []Key{
	{Name: "collection_cap_enable", Kind: Bool, Default: "false", To: "exporter.collection_cap_enable", Pump: "caps the collection", Here: "tykmongo's collection_cap_enable"},
	{Name: "collection_cap_max_size_bytes", With: []string{"collection_cap_enable"}, Kind: Int, Default: "5368709120", Pump: "size of a capped collection", Here: "tykmongo's collection_cap_max_size_bytes"},
})

// rollupKeys are those of every pump of rollups.
func rollupKeys(ignore Key, more ...Key) []Key {
	return slices.Concat([]Key{
		{Name: "track_all_paths", Kind: Bool, Default: "false", To: "aggregate.track_all_paths", Pump: "counts all endpoints, not only tracked ones", Here: "tykaggregate's track_all_paths"},
		{Name: "ignore_tag_prefix_list", Kind: List, To: "aggregate.ignore_tag_prefix_list", Pump: "beginnings of tags that do not count", Here: "tykaggregate's ignore_tag_prefix_list"},
		{Name: "threshold_len_tag_list", Kind: Int, Default: "1000", Pump: "warns of more tags, -1 never", Here: "tykaggregate's threshold_len_tag_list"},
		{Name: "store_analytics_per_minute", Kind: Bool, Default: "false", To: "aggregate.store_analytics_per_minute", Pump: "buckets of a minute", Here: "tykaggregate's store_analytics_per_minute"},
		ignore,
	}, more)
}

var mongoRollups = mongoKeys(rollupKeys(
	Key{Name: "ignore_aggregations", Kind: List, Var: "IGNOREAGGREGATIONSLIST", Pump: "dimensions that do not count", Here: "tykaggregate's ignore_aggregations"},
	Key{Name: "aggregation_time", Kind: Int, Default: "60", Pump: "minutes of a bucket, 1 to 60; others mean 60", Here: "tykaggregate's aggregation_time"},
	Key{Name: "enable_aggregate_self_healing", Kind: Bool, Default: "false", Pump: "makes buckets shorter when documents grow too large", Here: "not needed", Why: "a document of tykmongo stays below MongoDB's limit: from 12 MiB on, further keys count as __other__", Level: Info},
	Key{Name: "use_mixed_collection", Kind: Bool, Default: "false", Pump: "writes one collection of all organisations as well", Here: "tykmongo's use_mixed_collection"},
)...)

// needing marks a key as one that the type cannot do without.
func needing(name string, keys []Key) []Key {
	for i := range keys {
		keys[i].Needed = keys[i].Needed || keys[i].Name == name
	}
	return keys
}

var mongoTypes = []*Type{
	{Name: "mongo", Family: "mongo", Title: "MongoDB", Ends: true, NoMeta: Panics, Keys: needing("collection_name", mongoKeys(mongoNamed...))},
	{Name: "mongo-pump-selective", EnvName: "MONGOSELECTIVE", Family: "mongo", Title: "MongoDB", Ends: true, NoMeta: Panics, Keys: mongoKeys(mongoSizes...)},
	{Name: "mongo-pump-aggregate", EnvName: "MONGOAGGREGATE", Family: "mongo", Title: "MongoDB", Ends: true, NoMeta: Panics, Keys: mongoRollups},
	{Name: "mongo-graph", EnvName: "MONGOGRAPH", Family: "mongo", Title: "MongoDB", NoMeta: Panics, Keys: mongoKeys(mongoNamed...)},
	{Name: "mongo-mcp", EnvName: "MONGOMCP", Family: "mongo", Title: "MongoDB", NoMeta: Panics, Keys: mongoKeys(mongoNamed...)},
	{Name: "mongo-mcp-aggregate", EnvName: "MONGOMCPAGGREGATE", Family: "mongo", Title: "MongoDB", NoMeta: Panics, Keys: mongoRollups},
}

// OldPrefixes are what the oldest variables of three types begin with, which win over all others.
func OldPrefixes() map[string]string {
	return map[string]string{"mongo": "PMP_MONGO", "mongo-pump-selective": "PMP_MONGOSEL", "mongo-pump-aggregate": "PMP_MONGOAGG"}
}
