package rollup

import (
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// ScopeName is the instrumentation scope of rollups.
const ScopeName = "github.com/otelcol-tyk/otelcol-tyk/processor/tykaggregateprocessor"

// Attributes of a group's resource, beside the organisation's and the API's ids
// and the expiry, which have the names that records have.
const (
	AttrFamily   = "tyk.rollup.family"   // as Family.String
	AttrSettings = "tyk.rollup.settings" // as Settings.Fingerprint
	AttrBucket   = "tyk.rollup.bucket"   // Unix seconds
	AttrMinutes  = "tyk.rollup.minutes"
	AttrZone     = "tyk.rollup.zone"
	AttrSegment  = "tyk.rollup.segment"
	AttrRecords  = "tyk.rollup.records" // bytes, see Indices.encode
	AttrCount    = "tyk.rollup.count"   // of the group's rollups
)

// Attributes of a rollup. Counts are integers, latencies and times milliseconds.
const (
	AttrDimension         = "tyk.rollup.dimension"
	AttrOwner             = "tyk.rollup.owner"
	AttrValue             = "tyk.rollup.value"
	AttrIdentifier        = "tyk.rollup.identifier"       // only where it is not the value
	AttrHumanIdentifier   = "tyk.rollup.human_identifier" // only where it is not the identifier
	AttrHits              = "tyk.rollup.hits"
	AttrSuccess           = "tyk.rollup.success"
	AttrErrors            = "tyk.rollup.errors"
	AttrRequestTime       = "tyk.rollup.request_time"
	AttrLatencyTotal      = "tyk.rollup.latency.total"
	AttrLatencyMax        = "tyk.rollup.latency.max"
	AttrLatencyMin        = "tyk.rollup.latency.min"
	AttrUpstreamTotal     = "tyk.rollup.upstream.total"
	AttrUpstreamMax       = "tyk.rollup.upstream.max"
	AttrUpstreamMin       = "tyk.rollup.upstream.min"
	AttrOpenConnections   = "tyk.rollup.open_connections"
	AttrClosedConnections = "tyk.rollup.closed_connections"
	AttrBytesIn           = "tyk.rollup.bytes_in"
	AttrBytesOut          = "tyk.rollup.bytes_out"
	AttrLastTime          = "tyk.rollup.last_time" // as tyk.expire_at of records
	AttrCodes             = "tyk.rollup.codes"     // a map of status codes to counts
	AttrLatencies         = "tyk.rollup.latencies" // bytes, a DDSketch
)

// attributes builds a map without looking for duplicates; zero values are left out.
type attributes struct{ slab.Builder }

func (b *attributes) str(key, value string) {
	if value != "" {
		b.Str(key, value)
	}
}

func (b *attributes) int(key string, value int64) {
	if value != 0 {
		b.Int(key, value)
	}
}

// instant leaves the zero time out.
func (b *attributes) instant(key string, t time.Time) {
	if nanoseconds, ok := analytics.UnixNanos(t); ok {
		b.Int(key, nanoseconds)
		return
	}
	if !t.IsZero() {
		analytics.SetInstant(b.Empty(key), t)
	}
}
