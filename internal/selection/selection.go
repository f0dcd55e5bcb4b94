// Package selection says which records, spans and metrics a destination is meant to have, by
// their API, organisation and status. What the lists mean is Tyk Pump's (contract: records
// and raw stores, section 3.5). Who pushes records learns from it how many a filter let through.
package selection

import (
	"fmt"
	"slices"
	"strings"
)

// Lists name what goes on and what is kept back. A record goes on when no skip list names it
// and every allow list that is not empty does.
type Lists struct {
	// APIIDs are the only API ids that pass; empty lets every API pass.
	APIIDs []string `mapstructure:"api_ids"`
	// OrgIDs are the only organisation ids that pass; empty lets every organisation pass.
	OrgIDs []string `mapstructure:"org_ids"`
	// ResponseCodes are the only HTTP status codes that pass; empty lets every code
	// pass. -1 is the code of TCP network records, 0 that of records without one.
	ResponseCodes []int64 `mapstructure:"response_codes"`
	// SkipAPIIDs are the API ids that never pass.
	SkipAPIIDs []string `mapstructure:"skip_api_ids"`
	// SkipOrgIDs are the organisation ids that never pass.
	SkipOrgIDs []string `mapstructure:"skip_org_ids"`
	// SkipResponseCodes are the HTTP status codes that never pass.
	SkipResponseCodes []int64 `mapstructure:"skip_response_codes"`
}

// The codes that HTTP has room for; records have noCode and networkCode besides.
const (
	leastCode, mostCode = 100, 999
	noCode, networkCode = 0, -1
)

// Faults finds values that no record has, and allow lists of which nothing is left. Each begins with the key.
func (l *Lists) Faults() []error {
	var all []error
	for _, ids := range []struct {
		key           string
		allowed, skip []string
	}{{"api_ids", l.APIIDs, l.SkipAPIIDs}, {"org_ids", l.OrgIDs, l.SkipOrgIDs}} {
		if slices.Contains(ids.allowed, "") {
			all = append(all, fmt.Errorf("%s: has an empty id, as of a variable that is not set: name an API or an organisation, or leave it out", ids.key))
		}
		all = append(all, severalIDs(ids.key, ids.allowed)...)
		all = append(all, severalIDs("skip_"+ids.key, ids.skip)...)
		all = append(all, nothingLeft(ids.key, ids.allowed, ids.skip)...)
	}
	all = append(all, impossibleCodes("response_codes", l.ResponseCodes)...)
	all = append(all, impossibleCodes("skip_response_codes", l.SkipResponseCodes)...)
	return append(all, nothingLeft("response_codes", l.ResponseCodes, l.SkipResponseCodes)...)
}

func severalIDs(key string, ids []string) (all []error) {
	for _, id := range ids {
		if strings.Contains(id, ",") {
			all = append(all, fmt.Errorf("%s: %q has a comma, which no id has: write each id as an element of its own", key, id))
		}
	}
	return all
}

func impossibleCodes(key string, codes []int64) (all []error) {
	for _, code := range codes {
		if (code < leastCode || code > mostCode) && code != noCode && code != networkCode {
			all = append(all, fmt.Errorf("%s: %d is no status code: use %d to %d, %d for records without one, or %d for those of TCP",
				key, code, leastCode, mostCode, noCode, networkCode))
		}
	}
	return all
}

func nothingLeft[T comparable](key string, allowed, skipped []T) []error {
	if len(allowed) == 0 || slices.ContainsFunc(allowed, func(v T) bool { return !slices.Contains(skipped, v) }) {
		return nil
	}
	return []error{fmt.Errorf("%s: all of it is in skip_%s, too, so that nothing passes: leave it out of one of the two", key, key)}
}

// Subject is what a record, a span or a data point is judged by.
type Subject struct {
	// APIID and OrgID are its API's and organisation's.
	APIID, OrgID string
	// ResponseCode is its HTTP status code.
	ResponseCode int64
}

// Named tells whether an API or an organisation is known, as of all that a gateway
// says of a request.
func (s Subject) Named() bool {
	return s.APIID != "" || s.OrgID != ""
}

// Verdict is what a filter says of a record: it passes, or the list that keeps it back.
type Verdict uint8

// The verdicts. Verdicts is how many there are.
const (
	Passes Verdict = iota
	KeptBySkipAPIIDs
	KeptBySkipOrgIDs
	KeptBySkipResponseCodes
	KeptByAPIIDs
	KeptByOrgIDs
	KeptByResponseCodes
	Verdicts
)

// Filter is Lists as sets. It may be used by several goroutines.
type Filter struct {
	apiIDs, orgIDs, skipAPIIDs, skipOrgIDs set[string]
	responseCodes, skipResponseCodes       set[int64]
}

// NewFilter makes a filter of lists.
func NewFilter(lists Lists) Filter {
	return Filter{
		apiIDs:            newSet(lists.APIIDs),
		orgIDs:            newSet(lists.OrgIDs),
		responseCodes:     newSet(lists.ResponseCodes),
		skipAPIIDs:        newSet(lists.SkipAPIIDs),
		skipOrgIDs:        newSet(lists.SkipOrgIDs),
		skipResponseCodes: newSet(lists.SkipResponseCodes),
	}
}

// PassesAll tells whether no list is set.
func (f *Filter) PassesAll() bool {
	return !f.AllowsOnly() && len(f.skipAPIIDs)+len(f.skipOrgIDs)+len(f.skipResponseCodes) == 0
}

// AllowsOnly tells whether an allow list is set.
func (f *Filter) AllowsOnly() bool {
	return len(f.apiIDs)+len(f.orgIDs)+len(f.responseCodes) > 0
}

// Judge applies the lists in the order of the contract, of which only the counted reason depends.
func (f *Filter) Judge(s Subject) Verdict {
	switch {
	case f.skipAPIIDs.has(s.APIID):
		return KeptBySkipAPIIDs
	case f.skipOrgIDs.has(s.OrgID):
		return KeptBySkipOrgIDs
	case f.skipResponseCodes.has(s.ResponseCode):
		return KeptBySkipResponseCodes
	case f.apiIDs.lacks(s.APIID):
		return KeptByAPIIDs
	case f.orgIDs.lacks(s.OrgID):
		return KeptByOrgIDs
	case f.responseCodes.lacks(s.ResponseCode):
		return KeptByResponseCodes
	}
	return Passes
}

type set[T comparable] map[T]struct{}

func newSet[T comparable](values []T) set[T] {
	s := make(set[T], len(values))
	for _, v := range values {
		s[v] = struct{}{}
	}
	return s
}

func (s set[T]) has(v T) bool {
	_, ok := s[v]
	return ok
}

// lacks tells whether s says something and v is not among it.
func (s set[T]) lacks(v T) bool {
	return len(s) > 0 && !s.has(v)
}
