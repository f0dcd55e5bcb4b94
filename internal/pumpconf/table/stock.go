package table

// tlsKeys are those by which types of a stock exporter name certificates.
func tlsKeys(with ...string) []Key {
	condition := ""
	if len(with) > 0 {
		condition = ", with " + with[0]
	}
	return []Key{
		{Name: "ssl_insecure_skip_verify", Kind: Bool, With: with, Default: "false", Pump: "takes any certificate" + condition, Here: "the exporter's tls::insecure_skip_verify"},
		{Name: "ssl_cert_file", With: with, Pump: "own certificate" + condition, Here: "the exporter's tls::cert_file"},
		{Name: "ssl_key_file", With: with, Pump: "its key" + condition, Here: "the exporter's tls::key_file"},
		{Name: "ssl_ca_file", With: with, Pump: "authority of the server's certificate" + condition, Here: "the exporter's tls::ca_file"},
	}
}

var stockTypes = []*Type{
	{Name: "kafka", Family: "kafka", Title: "Kafka", Ends: true, NoMeta: Panics, Keys: append([]Key{
		{Name: "broker", Kind: List, Needed: true, To: "exporter.brokers", Pump: "the brokers; it ends at the first write without them", Here: "kafka's brokers"},
		{Name: "client_id", To: "exporter.client_id", Pump: "its name", Here: "kafka's client_id"},
		{Name: "topic", Needed: true, To: "exporter.logs.topic", Pump: "the topic; it ends without one", Here: "kafka's logs::topic"},
		{Name: "timeout", Kind: Pause, Var: PumpPrefix + "KAFKA_META_TIMEOUT", Default: "10", Pump: "seconds, or a text such as 1s; the variable is one for all pumps of the type", Here: "kafka's timeout"},
		{Name: "compressed", Kind: Bool, Default: "false", Pump: "compresses with snappy", Here: "kafka's producer::compression"},
		{Name: "meta_data", Kind: Map, Pump: "keys that each message has as well", Here: "a transform processor that sets them"},
		{Name: "use_ssl", Kind: Bool, Default: "false", Pump: "connections are encrypted", Here: "kafka's tls"},
		{Name: "sasl_mechanism", Pump: "plain or scram; another text goes without", Here: "kafka's auth::sasl", Why: "others would connect without credentials"},
		{Name: "sasl_username", With: []string{"sasl_mechanism"}, Var: "USERNAME", Pump: "the user", Here: "kafka's auth::sasl::username"},
		{Name: "sasl_password", With: []string{"sasl_mechanism"}, Var: "PASSWORD", Secret: true, Pump: "the password", Here: "kafka's auth::sasl::password"},
		{Name: "sasl_algorithm", With: []string{"sasl_mechanism"}, Var: "ALGORITHM", Default: "sha-256", Pump: "sha-256 or sha-512, for scram", Here: "kafka's auth::sasl::mechanism"},
		{Name: "batch_bytes", Kind: Int, Default: "1048576", Pump: "most bytes of a batch", Here: "kafka's producer::max_message_bytes"},
	}, tlsKeys("use_ssl")...)},
	{Name: "splunk", Family: "splunk", Title: "Splunk", NoMeta: LeavesOut, Keys: append([]Key{
		{Name: "collector_token", Secret: true, Needed: true, Pump: "the token", Here: "splunk_hec's token"},
		{Name: "collector_url", Secret: true, Needed: true, Pump: "the server; its path is always replaced", Here: "splunk_hec's endpoint"},
		{Name: "ssl_server_name", Pump: "name that the certificate must have", Here: "splunk_hec's tls::server_name_override"},
		{Name: "obfuscate_api_keys", Kind: Bool, Default: "false", To: "document.obfuscate_api_keys", Pump: "shows only the ends of API keys", Here: "document::obfuscate_api_keys of tykfilter"},
		{Name: "obfuscate_api_keys_length", With: []string{"obfuscate_api_keys"}, Kind: Int, Default: "0", To: "document.obfuscate_api_keys_length", Pump: "how many letters stay", Here: "document::obfuscate_api_keys_length of tykfilter"},
		{Name: "fields", Kind: List, Pump: "the event's fields", Here: "document::fields of tykfilter"},
		{Name: "ignore_tag_prefix_list", Kind: List, To: "document.ignore_tag_prefix_list", Pump: "beginnings of tags that are left out", Here: "document::ignore_tag_prefix_list of tykfilter"},
		{Name: "enable_batch", Kind: Bool, Default: "false", Pump: "several events in a request", Here: "always", Why: "one request for each record is slower and no safer"},
		{Name: "batch_max_content_length", With: []string{"enable_batch"}, Kind: Int, Default: "838860800", Pump: "most bytes of a request", Here: "splunk_hec's max_content_length_logs, from 64 KiB to 800 MiB"},
		{Name: "max_retries", Kind: Int, Default: "0", Pump: "how often a request is tried again", Here: "not needed", Why: "it is tried again until it is stored", Level: Info},
	}, tlsKeys()...)},
	{Name: "elasticsearch", Family: "elasticsearch", Title: "Elasticsearch", Ends: true, NoMeta: Panics, Keys: append([]Key{
		{Name: "elasticsearch_url", Secret: true, Default: "http://localhost:9200", Pump: "the servers, with commas between", Here: "tykopensearch's endpoint, or endpoints"},
		{Name: "index_name", Default: "tyk_analytics", Pump: "the index", Here: "tykopensearch's index_name"},
		{Name: "version", Needed: true, Default: "3", Pump: "3, 5, 6 or 7, as text; others end it", Here: "before 7, tykopensearch's document_type", Why: "servers from 7 on, and OpenSearch, are asked alike"},
		{Name: "use_sniffing", Kind: Bool, Var: "ENABLESNIFFING", Default: "false", Pump: "asks the servers for others", Here: "not taken over", Why: "what servers say of themselves is often no address from here: name them all"},
		{Name: "document_type", Default: "tyk_analytics", Pump: "the type, before version 7", Here: "tykopensearch's document_type, before version 7", Why: "servers from 7 on have none"},
		{Name: "rolling_index", Kind: Bool, Default: "false", To: "exporter.rolling_index", Pump: "an index for each day of writing", Here: "tykopensearch's rolling_index, by the day of the request in UTC", Why: "so a repetition finds the document"},
		{Name: "extended_stats", Kind: Bool, Var: "EXTENDEDSTATISTICS", Default: "false", To: "exporter.extended_stats", Pump: "more fields", Here: "tykopensearch's extended_stats"},
		{Name: "decode_base64", Kind: Bool, Default: "false", Pump: "decodes recorded requests and responses", Here: "fields::decode_raw_request and decode_raw_response of tykfilter"},
		{Name: "generate_id", Kind: Bool, Default: "false", Pump: "makes ids of time, path and key", Here: "not needed", Why: "ids are the records' identities, so other ones than before, and a repetition stores nothing", Level: Warn},
		{Name: "disable_bulk", Kind: Bool, Default: "false", Pump: "a request for each record", Here: "always in bulk", Why: "one request for each record is slower and no safer", Level: Warn},
		{Name: "bulk_config.workers", Kind: Int, Pump: "requests at once", Here: "not needed", Why: "deliveries under way are bounded by max_in_flight", Level: Info},
		{Name: "bulk_config.flush_interval", Kind: Int, Pump: "seconds until an incomplete batch goes", Here: "not needed", Why: "each delivery is sent at once", Level: Info},
		{Name: "bulk_config.bulk_actions", Kind: Int, Pump: "documents of a request", Here: "not needed", Why: "each delivery is sent at once", Level: Info},
		{Name: "bulk_config.bulk_size", Kind: Int, Pump: "bytes of a request", Here: "not needed", Why: "each delivery is sent at once", Level: Info},
		{Name: "auth_api_key_id", With: []string{"auth_api_key"}, Pump: "id of an API key", Here: "tykopensearch's api_key, with the key"},
		{Name: "auth_api_key", With: []string{"auth_api_key_id"}, Secret: true, Pump: "an API key, which wins over user and password", Here: "tykopensearch's api_key, with the id"},
		{Name: "auth_basic_username", With: []string{"auth_basic_password"}, Var: "USERNAME", Pump: "the user", Here: "tykopensearch's username"},
		{Name: "auth_basic_password", With: []string{"auth_basic_username"}, Var: "PASSWORD", Secret: true, Pump: "the password", Here: "tykopensearch's password"},
		{Name: "use_ssl", Kind: Bool, Default: "false", Pump: "the ssl_ keys count; an API key is then not sent", Here: "tykopensearch's tls; an API key is sent"},
		{Name: "mcp_index_name", Pump: "the index of MCP requests", Here: "tykopensearch's mcp_index_name"},
	}, tlsKeys("use_ssl")...)},
	{Name: "prometheus", Family: "prometheus", Title: "Prometheus", Ends: true, NoMeta: Panics, Keys: []Key{
		{Name: "listen_address", Var: "ADDR", Needed: true, Pump: "where metrics are read", Here: "prometheus' endpoint"},
		{Name: "path", Default: "/metrics", Pump: "the path there", Here: "a tykpath extension, for other paths than /metrics"},
		{
			Name: "aggregate_observations", Kind: Bool, Default: "false", Pump: "one observation for each round", Here: "not taken over",
			Why: "every request is observed here, so _count and _sum are those of requests, not of rounds", Level: Warn,
		},
		{Name: "disabled_metrics", Kind: List, Pump: "its own metrics that are left out", Here: "receiver's metrics::disabled_metrics"},
		{Name: "track_all_paths", Kind: Bool, Default: "false", To: "metrics.track_all_paths", Pump: "paths of all endpoints, not only of tracked ones", Here: "receiver's metrics::track_all_paths"},
		{Name: "custom_metrics", Kind: Objects, Var: "CUSTOMMETRICS", Pump: "further metrics; the variable is JSON, laid over the file's by position", Here: "receiver's metrics::custom_metrics"},
	}},
	{Name: "stdout", Family: "local", Title: "standard output", Ends: true, NoMeta: Panics, Keys: []Key{
		{Name: "format", Default: "text", Pump: "json, or Go's own form on standard error", Here: "JSON lines on standard output"},
		{Name: "log_field_name", Default: "tyk-analytics-record", Pump: "the key of the record in each line", Here: "a transform processor that writes it"},
		{Name: "use_legacy_payload_format", Kind: Bool, Default: "false", Pump: "leaves decoded requests and responses as they are", Here: "always", Why: "headers and bodies are not put on one line"},
	}},
	{Name: "dummy", Family: "local", Title: "nothing", NoMeta: Works},
}
