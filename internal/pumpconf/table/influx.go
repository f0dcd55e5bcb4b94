package table

// ownBuckets is why nothing here makes buckets.
const ownBuckets = "create the bucket: records wait in Redis until it is there"

var influxTypes = []*Type{
	{Name: "influx", Family: "influx", Title: "InfluxDB 1", Ends: true, NoMeta: Panics, Keys: append([]Key{
		{Name: "database_name", Pump: "the database", Here: "tykinflux's database_name"},
		{Name: "username", Pump: "the user", Here: "tykinflux's username"},
		{Name: "password", Secret: true, Pump: "the password, if there is a user", Here: "tykinflux's password"},
	}, influxKeys...)},
	{Name: "influx2", Family: "influx", Title: "InfluxDB 2", Ends: true, NoMeta: Panics, Keys: append([]Key{
		{Name: "bucket", Var: "BUCKETNAME", Needed: true, Pump: "the bucket; it ends without one", Here: "tykinflux's bucket"},
		{Name: "organization", Var: "ORGNAME", Pump: "the organisation; it ends without one", Here: "tykinflux's organization"},
		{Name: "token", Secret: true, Pump: "the token", Here: "tykinflux's token"},
		{Name: "flush", Kind: Bool, Default: "false", Pump: "sends at the end of each round", Here: "not needed", Why: "each delivery is sent at once", Level: Info},
		{Name: "create_missing_bucket", Kind: Bool, Default: "false", Pump: "makes the bucket", Here: "not taken over", Why: ownBuckets, Level: Warn},
		{Name: "new_bucket_config.description", Pump: "describes the bucket that it makes", Here: "not taken over", Why: ownBuckets, Level: Info},
		{Name: "new_bucket_config.retention_rules", Kind: Objects, Pump: "how long that bucket keeps points", Here: "not taken over", Why: ownBuckets, Level: Info},
	}, influxKeys...)},
}

// influxKeys are those that both versions have.
var influxKeys = []Key{
	{Name: "address", Var: "ADDR", Secret: true, Needed: true, Pump: "the server, with http:// or https://", Here: "tykinflux's endpoint"},
	{Name: "fields", Kind: List, Pump: "the point's fields; without any nothing is stored", Here: "tykinflux's fields"},
	{Name: "tags", Kind: List, Pump: "the point's tags", Here: "tykinflux's tags"},
}
