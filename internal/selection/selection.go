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

// Faults finds allow lists that let nothing through. Each begins with the key. What no record has is harmless beside
// something else.
func (l *Lists) Faults() []error {
	return slices.DeleteFunc([]error{
		nothingPasses("api_ids", l.APIIDs, l.SkipAPIIDs, whyNoID),
		nothingPasses("org_ids", l.OrgIDs, l.SkipOrgIDs, whyNoID),
		nothingPasses("response_codes", l.ResponseCodes, l.SkipResponseCodes, whyNoCode),
	}, func(err error) bool { return err == nil })
}

// nothingPasses is an error where no value of an allow list is one that records have and that is not skipped.
func nothingPasses[T comparable](key string, allowed, skipped []T, whyNone func(T) string) error {
	reasons := make([]string, len(allowed))
	for i, v := range allowed {
		reasons[i] = whyNone(v)
		if reasons[i] == "" && slices.Contains(skipped, v) {
			reasons[i] = fmt.Sprintf("%#v is in skip_%s, too", v, key)
		}
		if reasons[i] == "" {
			return nil
		}
	}
	if len(allowed) == 0 {
		return nil
	}
	return fmt.Errorf("%s: nothing passes: %s", key, strings.Join(reasons, ", "))
}

func whyNoID(id string) string {
	switch {
	case id == "":
		return `"" is no id, and may be of a variable that is not set`
	case strings.Contains(id, ","):
		return fmt.Sprintf("%q has a comma: write each id as an element of its own", id)
	}
	return ""
}

func whyNoCode(code int64) string {
	if code >= leastCode && code <= mostCode || code == noCode || code == networkCode {
		return ""
	}
	return fmt.Sprintf("%d is no status code: use %d to %d, %d for records without one, or %d for those of TCP", code, leastCode, mostCode, noCode, networkCode)
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
