package tykfilterprocessor

// subject is what a record, a span or a data point is judged by.
type subject struct {
	apiID, orgID string
	responseCode int64
}

// named tells whether an API or an organisation is known, as of all that a gateway
// says of a request.
func (s subject) named() bool {
	return s.apiID != "" || s.orgID != ""
}

// verdict is what a filter says of a record: it passes, or the list that keeps it back.
type verdict uint8

const (
	passes verdict = iota
	keptBySkipAPIIDs
	keptBySkipOrgIDs
	keptBySkipResponseCodes
	keptByAPIIDs
	keptByOrgIDs
	keptByResponseCodes
	verdicts
)

// filter is Config's lists as sets. It may be used by several goroutines.
type filter struct {
	apiIDs, orgIDs, skipAPIIDs, skipOrgIDs set[string]
	responseCodes, skipResponseCodes       set[int64]
}

func newFilter(cfg *Config) filter {
	return filter{
		apiIDs:            newSet(cfg.APIIDs),
		orgIDs:            newSet(cfg.OrgIDs),
		responseCodes:     newSet(cfg.ResponseCodes),
		skipAPIIDs:        newSet(cfg.SkipAPIIDs),
		skipOrgIDs:        newSet(cfg.SkipOrgIDs),
		skipResponseCodes: newSet(cfg.SkipResponseCodes),
	}
}

// passesAll tells whether no list is set.
func (f *filter) passesAll() bool {
	return len(f.apiIDs)+len(f.orgIDs)+len(f.responseCodes)+
		len(f.skipAPIIDs)+len(f.skipOrgIDs)+len(f.skipResponseCodes) == 0
}

// allowsOnly tells whether an allow list is set.
func (f *filter) allowsOnly() bool {
	return len(f.apiIDs)+len(f.orgIDs)+len(f.responseCodes) > 0
}

// judge applies the lists in the order of the contract (records and raw stores,
// section 3.5), of which only the counted reason depends.
func (f *filter) judge(s subject) verdict {
	switch {
	case f.skipAPIIDs.has(s.apiID):
		return keptBySkipAPIIDs
	case f.skipOrgIDs.has(s.orgID):
		return keptBySkipOrgIDs
	case f.skipResponseCodes.has(s.responseCode):
		return keptBySkipResponseCodes
	case f.apiIDs.lacks(s.apiID):
		return keptByAPIIDs
	case f.orgIDs.lacks(s.orgID):
		return keptByOrgIDs
	case f.responseCodes.lacks(s.responseCode):
		return keptByResponseCodes
	}
	return passes
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
