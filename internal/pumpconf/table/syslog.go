package table

var syslogTypes = []*Type{
	{Name: "syslog", Family: "syslog", Title: "syslog", Ends: true, NoMeta: Panics, Keys: []Key{
		{Name: "transport", Default: "udp", Pump: "udp or tcp; it ends with tls", Here: "tyksyslog's transport, and tls"},
		{Name: "network_addr", Needed: true, Default: "localhost:5140", Pump: "the server", Here: "tyksyslog's endpoint"},
		{Name: "log_level", Kind: Int, Default: "0", Pump: "the priority, 8 times the facility and the severity", Here: "tyksyslog's facility and severity"},
		{Name: "tag", Default: "syslog-pump", Pump: "the program's name", Here: "tyksyslog's tag"},
	}},
}
