package krakend

// Metrics of what a KrakenD did since its start: monotonic sums.
const (
	// Responses counts the router's responses by route and status.
	Responses = "krakend.router.responses"
	// Connections counts what the router accepted.
	Connections = "krakend.router.connections"
	// Disconnections counts what the router finished.
	Disconnections = "krakend.router.disconnections"
	// TLSConnections counts requests over TLS by the protocol's version.
	TLSConnections = "krakend.router.tls.connections"
	// TLSCipherConnections counts the same by cipher.
	TLSCipherConnections = "krakend.router.tls.cipher.connections"
	// ProxyRequests counts calls of endpoints' pipes.
	ProxyRequests = "krakend.proxy.requests"
	// BackendRequests counts calls of backends.
	BackendRequests = "krakend.backend.requests"
)

// Metrics of one window of a KrakenD, which is its collection_time.
const (
	// ResponseDuration sums the router's responses up.
	ResponseDuration = "krakend.router.response.duration"
	// ResponseSize sums the sizes of the router's responses up.
	ResponseSize = "krakend.router.response.size"
	// ProxyDuration sums calls of endpoints' pipes up.
	ProxyDuration = "krakend.proxy.duration.window"
	// BackendDuration sums calls of backends up.
	BackendDuration = "krakend.backend.duration.window"
	// GCPause sums the pauses of garbage collections up.
	GCPause = "krakend.gc.pause.duration"
	// GCLastPause is the last of these pauses.
	GCLastPause = "krakend.gc.pause.last"
	// WindowConnections are the connections of the last window that ended.
	WindowConnections = "krakend.router.window.connections"
	// WindowDisconnections are the disconnections of the last window that ended.
	WindowDisconnections = "krakend.router.window.disconnections"
	// RunningConnections are the connections of the window that still runs.
	RunningConnections = "krakend.router.running.connections"
	// RunningDisconnections are the disconnections of the window that still runs.
	RunningDisconnections = "krakend.router.running.disconnections"
)

// What the names of gauges end in that say about a window what a summary cannot.
const (
	// StdDev ends the name of a standard deviation.
	StdDev = ".stddev"
	// Count, Mean, Min and Max end the names of gauges in a summary's place; percentiles
	// end in Quantile.Suffix.
	Count = ".count"
	Mean  = ".mean"
	Min   = ".min"
	Max   = ".max"
)

// Quantile is one that a KrakenD calculates.
type Quantile struct {
	// Value is the quantile, from 0 to 1.
	Value float64
	// Key is how the KrakenD names it.
	Key string
	// Suffix ends the name of its gauge.
	Suffix string
}

// Quantiles are those that a KrakenD calculates, beside the least and the greatest.
var Quantiles = []Quantile{
	{Value: 0.5, Key: "50-percentile", Suffix: ".p50"},
	{Value: 0.75, Key: "75-percentile", Suffix: ".p75"},
	{Value: 0.95, Key: "95-percentile", Suffix: ".p95"},
	{Value: 0.99, Key: "99-percentile", Suffix: ".p99"},
	{Value: 0.999, Key: "999-percentile", Suffix: ".p999"},
}

// Attributes of the metrics.
const (
	// AttrRoute is the endpoint's pattern.
	AttrRoute = "http.route"
	// AttrStatus is the status of responses.
	AttrStatus = "http.response.status_code"
	// AttrTemplate is the url_pattern of a backend.
	AttrTemplate = "url.template"
	// AttrStage is which part of the KrakenD counted.
	AttrStage = "krakend.stage"
	// AttrComplete says whether all parts of a response were there.
	AttrComplete = "complete"
	// AttrError says whether the call failed.
	AttrError = "error"
	// AttrTLSName and AttrTLSVersion are the protocol and its version.
	AttrTLSName    = "tls.protocol.name"
	AttrTLSVersion = "tls.protocol.version"
	// AttrTLSCipher is the cipher.
	AttrTLSCipher = "tls.cipher"
	// AttrHost is the resource's, the KrakenD's machine.
	AttrHost = "host.name"
)

// The values of AttrStage.
const (
	StageProxy   = "proxy"
	StageBackend = "backend"
)

// Gauge is a value of the Go runtime that a KrakenD reads when a window ends.
type Gauge struct {
	// Key is its name at the KrakenD, without what all names begin with.
	Key string
	// Name and Unit are the metric's.
	Name, Unit string
	// Float is true for the one that is no integer.
	Float bool
}

// Prefixes of Gauge.Key.
const (
	// DebugPrefix begins what comes from garbage collection's statistics.
	DebugPrefix = "service.debug."
	// RuntimePrefix begins what comes from the runtime.
	RuntimePrefix = "service.runtime."
)

// Gauges are all values of the Go runtime that a KrakenD has.
var Gauges = []Gauge{
	{Key: DebugPrefix + "GCStats.LastGC", Name: "krakend.gc.last_time", Unit: "ns"},
	{Key: DebugPrefix + "GCStats.NumGC", Name: "krakend.gc.collections", Unit: "{collection}"},
	{Key: DebugPrefix + "GCStats.PauseTotal", Name: "krakend.gc.pause.total", Unit: "ns"},
	bytesGauge("Alloc", "alloc"),
	bytesGauge("BuckHashSys", "buck_hash_sys"),
	plainGauge("DebugGC", "debug_gc"),
	plainGauge("EnableGC", "enable_gc"),
	plainGauge("Frees", "frees"),
	{Key: RuntimePrefix + "MemStats.GCCPUFraction", Name: "krakend.runtime.gc_cpu_fraction", Unit: "1", Float: true},
	bytesGauge("HeapAlloc", "heap_alloc"),
	bytesGauge("HeapIdle", "heap_idle"),
	bytesGauge("HeapInuse", "heap_inuse"),
	plainGauge("HeapObjects", "heap_objects"),
	bytesGauge("HeapReleased", "heap_released"),
	bytesGauge("HeapSys", "heap_sys"),
	{Key: RuntimePrefix + "MemStats.LastGC", Name: "krakend.runtime.last_gc", Unit: "ns"},
	plainGauge("Lookups", "lookups"),
	bytesGauge("MCacheInuse", "mcache_inuse"),
	bytesGauge("MCacheSys", "mcache_sys"),
	bytesGauge("MSpanInuse", "mspan_inuse"),
	bytesGauge("MSpanSys", "mspan_sys"),
	plainGauge("Mallocs", "mallocs"),
	bytesGauge("NextGC", "next_gc"),
	plainGauge("NumGC", "num_gc"),
	{Key: RuntimePrefix + "MemStats.PauseTotalNs", Name: "krakend.runtime.pause_total", Unit: "ns"},
	bytesGauge("StackInuse", "stack_inuse"),
	bytesGauge("StackSys", "stack_sys"),
	bytesGauge("Sys", "sys"),
	bytesGauge("TotalAlloc", "total_alloc"),
	{Key: RuntimePrefix + "NumCgoCall", Name: "krakend.runtime.cgo_calls", Unit: "{call}"},
	{Key: RuntimePrefix + "NumGoroutine", Name: "krakend.runtime.goroutines", Unit: "{goroutine}"},
	{Key: RuntimePrefix + "NumThread", Name: "krakend.runtime.threads", Unit: "{thread}"},
}

func bytesGauge(key, name string) Gauge {
	return Gauge{Key: RuntimePrefix + "MemStats." + key, Name: "krakend.runtime." + name, Unit: "By"}
}

func plainGauge(key, name string) Gauge {
	return Gauge{Key: RuntimePrefix + "MemStats." + key, Name: "krakend.runtime." + name, Unit: "1"}
}
