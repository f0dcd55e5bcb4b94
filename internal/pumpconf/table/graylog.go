package table

var graylogTypes = []*Type{
	{Name: "graylog", Family: "graylog", Title: "Graylog", Ends: true, NoMeta: Panics, Keys: []Key{
		{Name: "host", Var: "GRAYLOGHOST", Default: "localhost", Pump: "the server, over UDP", Here: "tykgelf's endpoint"},
		{Name: "port", Kind: Int, Var: "GRAYLOGPORT", Needed: true, Default: "1000", Pump: "its port", Here: "tykgelf's endpoint"},
		{Name: "tags", Kind: List, Pump: "what a message tells; others than it knows are passed over, and without any a message is empty", Here: "tykgelf's tags"},
	}},
}
