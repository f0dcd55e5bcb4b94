package folder

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// identities are records, as ranges of places in their segments, both ends included.
type identities map[string][][2]int64

// ledger is what is known to be written, by segment.
type ledger map[string]*segment

type segment struct {
	places rollup.Indices
	// at is when the last of them was written, in seconds since 1970.
	at int64
}

func (l ledger) contains(uid analytics.UID) bool {
	s := l[uid.Segment]
	return s != nil && s.places.Contains(uid.Index)
}

// put adds a record, and tells whether it was missing.
func (l ledger) put(uid analytics.UID) bool {
	s := l[uid.Segment]
	if s == nil {
		s = &segment{}
		l[uid.Segment] = s
	}
	return s.places.Add(uid.Index)
}

// add adds records that were written at a time.
func (l ledger) add(ids identities, at int64) {
	for name, ranges := range ids {
		s := l[name]
		if s == nil {
			s = &segment{}
			l[strings.Clone(name)] = s
		}
		s.at = max(s.at, at)
		for _, r := range ranges {
			for index := r[0]; index <= r[1]; index++ {
				s.places.Add(index)
			}
		}
	}
}

// forget removes segments to which nothing was added since a time.
func (l ledger) forget(since int64) {
	for name, s := range l {
		if s.at < since {
			delete(l, name)
		}
	}
}

// identities are all that is known.
func (l ledger) identities() identities {
	ids := make(identities, len(l))
	for name, s := range l {
		ids[name] = s.ranges()
	}
	return ids
}

func (s *segment) ranges() [][2]int64 {
	ranges := make([][2]int64, 0, len(s.places.Ranges()))
	for _, r := range s.places.Ranges() {
		ranges = append(ranges, [2]int64{r.First, r.Last})
	}
	return ranges
}
