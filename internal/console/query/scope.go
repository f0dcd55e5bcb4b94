package query

import (
	"slices"
	"time"
)

// Range is a stretch of time as charts show it.
type Range struct {
	// From and To bound it; To is not part of it. From is the beginning of a bucket.
	From, To time.Time
	// Width is that of a bucket.
	Width time.Duration
	// Source answers it where a dimension allows both.
	Source Source
}

// Buckets are the beginnings of the range's buckets. The last may not be over.
func (r Range) Buckets() []time.Time {
	if r.Width <= 0 {
		return nil
	}
	var all []time.Time
	for at := r.From; at.Before(r.To); at = at.Add(r.Width) {
		all = append(all, at)
	}
	return all
}

// Bucket is the place of an instant's bucket, -1 outside of the range.
func (r Range) Bucket(at time.Time) int {
	if at.Before(r.From) || !at.Before(r.To) || r.Width <= 0 {
		return -1
	}
	return int(at.Sub(r.From) / r.Width)
}

// Before is the same range so much earlier, to compare with.
func (r Range) Before(d time.Duration) Range {
	r.From, r.To = r.From.Add(-d), r.To.Add(-d)
	return r
}

// Filter says of which requests figures are; all that is set must be true of a request. Of
// several values of one field one is enough.
type Filter struct {
	Orgs      []string
	APIs      []string
	Keys      []string // as stored, never references
	Paths     []string // of endpoints: whole, or with * for any characters
	Methods   []string
	Countries []string
	Status    []StatusRange
	OAuth     []string
	Versions  []string
	Tags      []string
}

// Empty tells whether the filter takes everything.
func (f Filter) Empty() bool {
	return len(f.Orgs)+len(f.APIs)+len(f.Keys)+len(f.Paths)+len(f.Methods)+len(f.Countries)+len(f.Status)+
		len(f.OAuth)+len(f.Versions)+len(f.Tags) == 0
}

// StatusRange are the status codes from First to Last.
type StatusRange struct{ First, Last int64 }

// Has tells whether a code is in one of the ranges, as each is where there are none.
func statusIn(ranges []StatusRange, code int64) bool {
	return len(ranges) == 0 || slices.ContainsFunc(ranges, func(r StatusRange) bool { return r.First <= code && code <= r.Last })
}

// Scope is what figures are of.
type Scope struct {
	Range
	Filter
}

// Dimension is by what a list counts.
type Dimension string

// The dimensions.
const (
	ByOrganisation Dimension = "organisation"
	ByAPI          Dimension = "api"
	ByKey          Dimension = "key"
	ByOAuth        Dimension = "oauth"
	ByEndpoint     Dimension = "endpoint"
	ByCode         Dimension = "code" // rollups have errors only; other codes need records
	ByCountry      Dimension = "country"
	ByVersion      Dimension = "version"
	ByTag          Dimension = "tag"
	ByMethod       Dimension = "method"

	// Of GraphQL's APIs.
	ByType      Dimension = "type"
	ByField     Dimension = "field"
	ByOperation Dimension = "operation"
	ByRootField Dimension = "root_field"
	// Of MCP's APIs.
	ByRPCMethod Dimension = "rpc_method"
	ByPrimitive Dimension = "primitive"
	ByName      Dimension = "name"
)

// ListOptions say which values of a dimension are wanted.
type ListOptions struct {
	By Dimension
	// Sort names a column: requests (the default), errors, client_errors, server_errors, error_share,
	// client_error_share, server_error_share, p50, p95, p99, mean, last_seen, name. Rising says in
	// which direction.
	Sort   string
	Rising bool
	// Search keeps values whose name, id, or key's alias contain a text.
	Search string
	// Limit is how many are wanted, 0 for all up to 100,000; Offset how many are left out before.
	Limit, Offset int
	// Courses wants the requests by bucket of each value that is given, of 200 at most.
	Courses bool
	// Percentiles wants p50, p95 and p99 of each value that is given, as far as they are known.
	Percentiles bool
}
