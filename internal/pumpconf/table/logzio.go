package table

// noQueue is why what waits needs no directory here.
const noQueue = "records wait in Redis"

var logzioTypes = []*Type{
	{Name: "logzio", Family: "logzio", Title: "Logz.io", Ends: true, NoMeta: LeavesOut, Keys: []Key{
		{Name: "token", Secret: true, Needed: true, Pump: "the token", Here: "tyklogzio's token"},
		{Name: "url", Secret: true, Default: "https://listener.logz.io:8071", Pump: "the listener", Here: "tyklogzio's endpoint"},
		{Name: "queue_dir", Pump: "where records wait", Here: "not needed", Why: noQueue, Level: Info},
		{Name: "drain_duration", Default: "3s", Pump: "time between two sendings", Here: "not needed", Why: "each delivery is sent at once", Level: Info},
		{Name: "disk_threshold", Kind: Int, Default: "98", Pump: "how full the disk may be", Here: "not needed", Why: noQueue, Level: Info},
		{Name: "check_disk_space", Kind: Bool, Default: "true", Pump: "looks how full the disk is", Here: "not needed", Why: noQueue, Level: Info},
	}},
}
