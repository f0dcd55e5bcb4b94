package table

// missingTypes are those without an exporter. One that gets it moves to a file of its family.
var missingTypes = []*Type{
	{Name: "moesif", Family: "moesif", Title: "Moesif", Ends: true, Missing: otherwise, NoMeta: Panics, Keys: missing(
		Key{Name: "application_id", Secret: true, Pump: "the account", Needed: true},
		Key{Name: "request_header_masks", Kind: List, Pump: "headers that are masked"},
		Key{Name: "response_header_masks", Kind: List, Pump: "headers that are masked"},
		Key{Name: "request_body_masks", Kind: List, Pump: "fields of bodies that are masked"},
		Key{Name: "response_body_masks", Kind: List, Pump: "fields of bodies that are masked"},
		Key{Name: "disable_capture_request_body", Kind: Bool, Pump: "sends no bodies of requests"},
		Key{Name: "disable_capture_response_body", Kind: Bool, Pump: "sends no bodies of responses"},
		Key{Name: "user_id_header", Pump: "header with the user"},
		Key{Name: "company_id_header", Pump: "header with the company"},
		Key{Name: "enable_bulk", Kind: Bool, Pump: "several events in a request"},
		Key{Name: "bulk_config", Kind: Object, Pump: "how many"},
		Key{Name: "authorization_header_name", Default: "authorization", Pump: "header with the credentials"},
		Key{Name: "authorization_user_id_field", Default: "sub", Pump: "field of a token with the user"})},
	{Name: "resurfaceio", Family: "resurfaceio", Title: "Resurface", Missing: otherwise, NoMeta: Panics, Keys: missing(
		Key{Name: "capture_url", Secret: true, Var: "URL", Pump: "the server; USAGE_LOGGERS_* count too", Needed: true},
		Key{Name: "rules", Pump: "what is kept"},
		Key{Name: "queue", Kind: List, Pump: "for tests"})},
	{Name: "segment", Family: "segment", Title: "Segment", Ends: true, Missing: otherwise, NoMeta: Panics, Keys: missing(
		Key{Name: "segment_write_key", Secret: true, Var: "WRITEKEY", Pump: "the account", Needed: true})},
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
