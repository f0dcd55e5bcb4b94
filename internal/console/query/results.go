package query

import (
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Counts is what is counted of requests. Requests is the sum of Success, Other, ClientErrors,
// ServerErrors and GraphErrors.
type Counts struct {
	Requests     int64 `json:"requests"`
	Success      int64 `json:"success"` // 2xx
	Other        int64 `json:"other"`   // 1xx, 3xx, none
	ClientErrors int64 `json:"client_errors"`
	ServerErrors int64 `json:"server_errors"`
	// GraphErrors are GraphQL's answers with errors and a status below 400, where types, fields and
	// operations are counted; elsewhere the status alone tells.
	GraphErrors int64 `json:"graph_errors,omitempty"`
	// LatencySum and UpstreamSum are in milliseconds; MaxLatency is the greatest.
	LatencySum  int64 `json:"latency_sum_ms"`
	UpstreamSum int64 `json:"upstream_sum_ms"`
	MaxLatency  int64 `json:"max_latency_ms"`
}

// Errors are all requests that failed.
func (c Counts) Errors() int64 { return c.ClientErrors + c.ServerErrors + c.GraphErrors }

// Add adds what another counts.
func (c *Counts) Add(o Counts) {
	c.Requests += o.Requests
	c.Success += o.Success
	c.Other += o.Other
	c.ClientErrors += o.ClientErrors
	c.ServerErrors += o.ServerErrors
	c.GraphErrors += o.GraphErrors
	c.LatencySum += o.LatencySum
	c.UpstreamSum += o.UpstreamSum
	c.MaxLatency = max(c.MaxLatency, o.MaxLatency)
}

// Scaled are the counts of k times as many requests.
func (c Counts) Scaled(k int64) Counts {
	c.Requests *= k
	c.Success *= k
	c.Other *= k
	c.ClientErrors *= k
	c.ServerErrors *= k
	c.GraphErrors *= k
	c.LatencySum *= k
	c.UpstreamSum *= k
	return c
}

// Bucket is what is counted of a stretch of time.
type Bucket struct {
	At time.Time `json:"at"`
	Counts
	// Open is set where it is not over.
	Open bool `json:"open"`
	// Unknown is set where the answer does not reach back to it: it is no zero.
	Unknown bool `json:"unknown,omitempty"`
}

// Traffic is requests by bucket. Totals are of what the answer reaches.
type Traffic struct {
	Answer  Answer   `json:"answer"`
	Totals  Counts   `json:"totals"`
	Buckets []Bucket `json:"buckets"`
}

// Percentiles are in milliseconds, each within two percent of the true one; Requests is of how
// many they are. They are 0 where Requests is.
type Percentiles struct {
	Requests int64   `json:"requests"`
	P50      float64 `json:"p50_ms"`
	P95      float64 `json:"p95_ms"`
	P99      float64 `json:"p99_ms"`
}

// Latency is percentiles by bucket. Where Answer is Absent, Traffic's sums still tell the mean and
// the greatest latency.
type Latency struct {
	Answer  Answer          `json:"answer"`
	Totals  Percentiles     `json:"totals"`
	Buckets []LatencyBucket `json:"buckets"`
	Bins    []LatencyBin    `json:"bins"`
}

// LatencyBucket is percentiles of a stretch of time.
type LatencyBucket struct {
	At time.Time `json:"at"`
	Percentiles
	Open bool `json:"open"`
}

// LatencyBin counts the requests whose latency is near to a value.
type LatencyBin struct {
	Milliseconds float64 `json:"ms"`
	Requests     int64   `json:"requests"`
}

// List is requests by the values of a dimension.
type List struct {
	Answer Answer `json:"answer"`
	// Items are those that were asked for, in their order.
	Items []Item `json:"items"`
	// Values is how many values there are; Matching how many of them the search finds.
	Values   int `json:"values"`
	Matching int `json:"matching"`
	// Totals are of all values together.
	Totals Counts `json:"totals"`
	// Percentiles says how those of the items were answered; Absent where they were not wanted.
	Percentiles Answer `json:"percentiles"`
}

// OtherValue is the item's value that stands for those beyond 100,000 of a bucket.
const OtherValue = "__other__"

// Item is one value of a dimension.
type Item struct {
	// Org is the organisation, empty where the values of all are counted together.
	Org string `json:"org,omitempty"`
	// API is the API of an endpoint or a version.
	API string `json:"api,omitempty"`
	// APIName is its name, where that is known.
	APIName string `json:"api_name,omitempty"`
	// Version is the API's version of an endpoint, where it has one.
	Version string `json:"version,omitempty"`
	// Value is the API's id, the key as stored, the path, the code, the country, ...
	Value string `json:"value"`
	// Name is for people: the API's name, the key's alias.
	Name string `json:"name,omitempty"`
	// Family is "requests", "graph" or "mcp".
	Family string `json:"family,omitempty"`
	Counts
	// LastSeen is the newest request's time; zero where that is not known.
	LastSeen time.Time `json:"last_seen,omitzero"`
	// Course is the requests of each of the range's buckets; nil where it was not wanted.
	Course []Counts `json:"-"`
	// Latency is nil where percentiles are not known.
	Latency *Percentiles `json:"latency,omitempty"`
}

// Samples are some of the requests of a range.
type Samples struct {
	Answer Answer `json:"answer"`
	// Slowest have the greatest latency; Failed are the newest with a status of 500 or more.
	Slowest []Record `json:"slowest"`
	Failed  []Record `json:"failed"`
}

// Record is one record. Bodies are in Record only; lists of records tell their sizes.
type Record struct {
	analytics.Record

	Ref Ref
	// RequestBytes and ResponseBytes are the sizes of what was recorded, in base64 as stored;
	// 0 where nothing was.
	RequestBytes, ResponseBytes int64
}

// Page is some of the records that a search finds, the newest first.
type Page struct {
	Answer  Answer
	Records []Record
	// Next is where the page behind begins; nil where the range was searched to its beginning.
	Next *Cursor
	// Searched is how many records were looked at, SearchedTo to which time.
	Searched   int64
	SearchedTo time.Time
}
