package table

// aws names what types of AWS read beside their keys.
const aws = "; the variables AWS_* name the account where no key does"

var awsTypes = []*Type{
	{Name: "sqs", Family: "sqs", Title: "SQS", Ends: true, NoMeta: Panics, Keys: []Key{
		{Name: "aws_queue_name", Var: "QUEUENAME", Needed: true, Pump: "the queue" + aws, Here: "tyksqs' queue_name"},
		{Name: "aws_region", To: "exporter.region", Pump: "the region", Here: "tyksqs' region"},
		{Name: "aws_secret", Secret: true, Pump: "the secret of aws_key, and nothing without it", Here: "tyksqs' secret_access_key"},
		{Name: "aws_key", Secret: true, Pump: "a user's key, and nothing without aws_secret", Here: "tyksqs' access_key_id"},
		{Name: "aws_token", Secret: true, Pump: "the session's token, with the other two", Here: "tyksqs' session_token"},
		{Name: "aws_endpoint", Secret: true, Pump: "another server", Here: "tyksqs' endpoint"},
		{Name: "aws_message_group_id", Pump: "the group of all messages", Here: "tyksqs' message_group_id"},
		{
			Name: "aws_message_id_deduplication_enabled", Kind: Bool, Default: "false", Pump: "gives messages random ids, by which nothing is recognised", Here: "not needed",
			Why: "messages to FIFO queues always have the record's identity", Level: Info,
		},
		{Name: "aws_delay_seconds", Kind: Int, Default: "0", Pump: "hides new messages for a time", Here: "tyksqs' delay_seconds, for a standard queue", Why: "FIFO queues refuse it"},
		{
			Name: "aws_sqs_batch_limit", Kind: Int, Default: "0, which delivers nothing", Pump: "messages of a request", Here: "not needed",
			Why: "a request has as many as SQS takes, which is 10", Level: Info,
		},
	}},
	{Name: "kinesis", Family: "kinesis", Title: "Kinesis", Ends: true, NoMeta: Panics, Keys: []Key{
		{Name: "stream_name", Needed: true, Pump: "the stream" + aws, Here: "tykkinesis' stream_name"},
		{Name: "region", To: "exporter.region", Pump: "the region", Here: "tykkinesis' region"},
		{
			Name: "batch_size", Kind: Int, Default: "100", Pump: "records of a request, of which all are lost above 500", Here: "not needed",
			Why: "a request has as many as Kinesis takes", Level: Info,
		},
		{
			Name: "kms_key_id", Pump: "the key with which it has the stream encrypted at each start", Here: "not taken over",
			Why: "have the stream encrypted once, with aws kinesis start-stream-encryption", Level: Warn,
		},
	}},
	{
		Name: "timestream", Family: "timestream", Title: "Timestream", Ends: true, NoMeta: Panics,
		Missing: "It is closed to new customers. There are Amazon S3, for Athena and the like, and OTLP instead: examples/awss3.yaml, examples/otlp.yaml",
		Keys: missing(
			Key{Name: "aws_region", Pump: "the region" + aws},
			Key{Name: "timestream_table_name", Var: "TABLENAME", Pump: "the table", Needed: true},
			Key{Name: "timestream_database_name", Var: "DATABASENAME", Pump: "the database", Needed: true},
			Key{Name: "dimensions", Kind: List, Pump: "fields that are dimensions"},
			Key{Name: "measures", Kind: List, Pump: "fields that are measures"},
			Key{Name: "write_rate_limit", Kind: Bool, Pump: "writes rate limits"},
			Key{Name: "read_geo_from_request", Kind: Bool, Pump: "reads places from headers"},
			Key{Name: "write_zero_values", Kind: Bool, Pump: "writes zeros"},
			Key{Name: "field_name_mappings", Kind: Map, Var: "NAMEMAPPINGS", Pump: "other names of fields"}),
	},
}

// missing completes the rows of a type that has no exporter.
func missing(keys ...Key) []Key {
	for i := range keys {
		keys[i].Here, keys[i].Why = "refused with the pump", "there is no exporter of the type"
	}
	return keys
}
