package table

// aws names what types of AWS read beside their keys.
const aws = "; the variables AWS_* name the account"

// missingTypes are those without an exporter. One that gets it moves to a file of its family.
var missingTypes = []*Type{
	{Name: "kinesis", Family: "kinesis", Title: "Kinesis in Tyk Pump's JSON", Missing: "There is the stock exporter awskinesis, which sends OTLP", Ends: true, NoMeta: Panics, Keys: missing(
		Key{Name: "stream_name", Pump: "the stream" + aws, Needed: true},
		Key{Name: "region", Pump: "the region"},
		Key{Name: "batch_size", Kind: Int, Default: "100", Pump: "records of a request"},
		Key{Name: "kms_key_id", Pump: "the key that encrypts the stream"})},
	{Name: "sqs", Family: "sqs", Title: "SQS", Ends: true, Missing: otherwise, NoMeta: Panics, Keys: missing(
		Key{Name: "aws_queue_name", Var: "QUEUENAME", Pump: "the queue" + aws, Needed: true},
		Key{Name: "aws_region", Pump: "the region"},
		Key{Name: "aws_secret", Secret: true, Pump: "the account's secret"},
		Key{Name: "aws_key", Secret: true, Pump: "the account's key"},
		Key{Name: "aws_token", Secret: true, Pump: "the session's token"},
		Key{Name: "aws_endpoint", Pump: "another server"},
		Key{Name: "aws_message_group_id", Pump: "the group of messages"},
		Key{Name: "aws_message_id_deduplication_enabled", Kind: Bool, Pump: "gives messages ids"},
		Key{Name: "aws_delay_seconds", Kind: Int, Pump: "delays messages"},
		Key{Name: "aws_sqs_batch_limit", Kind: Int, Default: "0, which delivers nothing", Pump: "messages of a request"})},
	{Name: "timestream", Family: "timestream", Title: "Timestream", Ends: true, Missing: otherwise, NoMeta: Panics, Keys: missing(
		Key{Name: "aws_region", Pump: "the region" + aws},
		Key{Name: "timestream_table_name", Var: "TABLENAME", Pump: "the table", Needed: true},
		Key{Name: "timestream_database_name", Var: "DATABASENAME", Pump: "the database", Needed: true},
		Key{Name: "dimensions", Kind: List, Pump: "fields that are dimensions"},
		Key{Name: "measures", Kind: List, Pump: "fields that are measures"},
		Key{Name: "write_rate_limit", Kind: Bool, Pump: "writes rate limits"},
		Key{Name: "read_geo_from_request", Kind: Bool, Pump: "reads places from headers"},
		Key{Name: "write_zero_values", Kind: Bool, Pump: "writes zeros"},
		Key{Name: "field_name_mappings", Kind: Map, Var: "NAMEMAPPINGS", Pump: "other names of fields"})},
}

// otherwise is what there is instead of an exporter of the same protocol.
const otherwise = "There is Kafka, OTLP or another stock exporter instead: examples/README.md"

// missing completes the rows of a type that has no exporter.
func missing(keys ...Key) []Key {
	for i := range keys {
		keys[i].Here, keys[i].Why = "refused with the pump", "there is no exporter of the type"
	}
	return keys
}
