package table

// webTypes are those of services on the web.
var webTypes = []*Type{
	{Name: "moesif", Family: "moesif", Title: "Moesif", Ends: true, NoMeta: Panics, Keys: []Key{
		{Name: "application_id", Secret: true, Needed: true, Pump: "the account", Here: "tykmoesif's application_id"},
		{
			Name: "request_header_masks", Kind: List, To: "exporter.request_header_masks", Pump: "headers whose values are masked, in just these letters",
			Here: "tykmoesif's request_header_masks, in any letters",
		},
		{
			Name: "response_header_masks", Kind: List, To: "exporter.response_header_masks", Pump: "headers whose values are masked, in just these letters",
			Here: "tykmoesif's response_header_masks, in any letters",
		},
		{
			Name: "request_body_masks", Kind: List, To: "exporter.request_body_masks", Pump: "members of bodies whose values are masked, but not within lists",
			Here: "tykmoesif's request_body_masks, within lists, too",
		},
		{
			Name: "response_body_masks", Kind: List, To: "exporter.response_body_masks", Pump: "members of bodies whose values are masked, but not within lists",
			Here: "tykmoesif's response_body_masks, within lists, too",
		},
		{
			Name: "disable_capture_request_body", Kind: Bool, Default: "false", To: "exporter.disable_capture_request_body", Pump: "sends no bodies of requests",
			Here: "tykmoesif's disable_capture_request_body",
		},
		{
			Name: "disable_capture_response_body", Kind: Bool, Default: "false", To: "exporter.disable_capture_response_body", Pump: "sends no bodies of responses",
			Here: "tykmoesif's disable_capture_response_body",
		},
		{Name: "user_id_header", To: "exporter.user_id_header", Pump: "header with the user", Here: "tykmoesif's user_id_header"},
		{Name: "company_id_header", To: "exporter.company_id_header", Pump: "header with the company", Here: "tykmoesif's company_id_header"},
		{Name: "enable_bulk", Kind: Bool, Default: "false", Pump: "reads bulk_config, and sends what waits at the end", Here: "tells whether bulk_config counts", Why: "events are always sent in batches"},
		{Name: "bulk_config.api_endpoint", Var: Unset, Default: "https://api.moesif.net", Pump: "the server, if enable_bulk is set", Here: "tykmoesif's endpoint"},
		{Name: "bulk_config.batch_size", Kind: Int, Var: Unset, Default: "200", Pump: "events of a request, if enable_bulk is set", Here: "tykmoesif's max_request_events"},
		{
			Name: "bulk_config.event_queue_size", Kind: Int, Var: Unset, Loose: true, Default: "10000", Pump: "events that wait; others are dropped",
			Here: "not needed", Why: "events wait in Redis", Level: Info,
		},
		{
			Name: "bulk_config.timer_wake_up_seconds", Kind: Int, Var: Unset, Loose: true, Default: "2", Pump: "sends that often",
			Here: "not needed", Why: "each delivery is sent at once", Level: Info,
		},
		{
			Name: "authorization_header_name", To: "exporter.authorization_header_name", Default: "authorization", Pump: "header with the credentials",
			Here: "tykmoesif's authorization_header_name",
		},
		{
			Name: "authorization_user_id_field", To: "exporter.authorization_user_id_field", Default: "sub", Pump: "claim of a token with the user, in lower case",
			Here: "tykmoesif's authorization_user_id_field, in any letters",
		},
	}},
	{Name: "resurfaceio", Family: "resurfaceio", Title: "Resurface", NoMeta: Panics, Keys: []Key{
		{Name: "capture_url", Secret: true, Var: "URL", Needed: true, Default: "the variable USAGE_LOGGERS_URL", Pump: "the server", Here: "tykresurface's endpoint"},
		{Name: "rules", Pump: "what messages tell; bodies and parameters are left out where there are none", Here: "tykresurface's rules"},
		{Name: "queue", Kind: List, Pump: "keeps messages in memory, for tests", Here: "not taken over", Why: "messages are sent", Level: Warn},
	}},
	{Name: "segment", Family: "segment", Title: "Segment", Ends: true, NoMeta: Panics, Keys: []Key{
		{Name: "segment_write_key", Secret: true, Var: "WRITEKEY", Needed: true, Pump: "the source", Here: "tyksegment's segment_write_key"},
	}},
}
