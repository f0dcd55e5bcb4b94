package table

// noQueue is why what waits needs no directory here.
const noQueue = "records wait in Redis"

// logzioTypes has no exporter that sends the same requests; another one takes its fields where
// the file accepts that.
var logzioTypes = []*Type{
	{
		Name: "logzio", Family: "logzio", Title: "Logz.io's JSON", Ends: true, NoMeta: LeavesOut, Accept: "otlp",
		Missing: `There are the same fields over OTLP, which Logz.io indexes otherwise: "x_otelcol_tyk": {"accept": ["otlp"]} in the file takes them`,
		Keys: []Key{
			{Name: "token", Secret: true, Needed: true, Pump: "the token", Here: "logzio's account_token"},
			{Name: "url", Secret: true, Default: "https://listener.logz.io:8071", Pump: "the listener", Here: "logzio's region, by the host's name", Why: "OTLP has listeners of its own"},
			{Name: "queue_dir", Pump: "where records wait", Here: "not needed", Why: noQueue, Level: Info},
			{Name: "drain_duration", Default: "3s", Pump: "time between two sendings", Here: "not needed", Why: "each delivery is sent at once", Level: Info},
			{Name: "disk_threshold", Kind: Int, Default: "98", Pump: "how full the disk may be", Here: "not needed", Why: noQueue, Level: Info},
			{Name: "check_disk_space", Kind: Bool, Default: "true", Pump: "looks how full the disk is", Here: "not needed", Why: noQueue, Level: Info},
		},
	},
}
