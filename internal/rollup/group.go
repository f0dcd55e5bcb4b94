package rollup

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Group is the rollups of the records of one chunk, organisation (for Graph and
// MCP also API) and bucket: what a store applies as a whole, once.
type Group struct {
	// Family is the kind of records that are counted.
	Family Family
	// Settings is the fingerprint of the settings that made it.
	Settings string
	// Org is the organisation's id; empty only in Graph and MCP.
	Org string
	// API is the API's id; always empty for Requests.
	API string
	// Bucket is the beginning of the bucket, in the settings' zone; Minutes its length.
	Bucket  time.Time
	Minutes int
	// Segment is the segment of the records' identities, empty where they have none.
	Segment string
	// Records are the places in Segment of exactly the records that are counted.
	Records Indices
	// ExpireAt is the latest of the records' expiries, in UTC; zero where none has one.
	ExpireAt time.Time
	// GivenUp is when the first of the records became a dead letter; zero where none is replayed.
	GivenUp time.Time
	// Rollups are sorted by dimension, owner and value, each once; Total is always
	// there, and the first.
	Rollups []Rollup
}

// Rollup is what is counted of one value.
type Rollup struct {
	// Dimension is by what is counted.
	Dimension Dimension
	// Owner is the API key or the OAuth client of KeyEndpoints and OauthEndpoints,
	// whose values have two levels; empty for all others.
	Owner string
	// Value is the value, encoded as Tyk Dashboard expects; "total" for Total.
	Value string
	// Counter is what is counted.
	Counter Counter
}

// Count is the number of the groups' rollups.
func Count(groups []Group) (n int) {
	for i := range groups {
		n += len(groups[i].Rollups)
	}
	return n
}

// FlatValue is the value in one text, as SQL tables have it.
func (r *Rollup) FlatValue() string {
	if r.Dimension == KeyEndpoints || r.Dimension == OauthEndpoints {
		return r.Owner + "." + r.Value
	}
	return r.Value
}

// LastTime is the latest record's time.
func (g *Group) LastTime() time.Time { return g.Rollups[0].Counter.LastTime }

// Coverage is how much of a group a store has applied already.
type Coverage uint8

// The values of Coverage, see the package's comment.
const (
	// New has no record that was applied.
	New Coverage = iota
	// Known has only records that were applied.
	Known
	// Mixed has both.
	Mixed
)

// Overlap tells how much of the group a store has applied, which says so for each
// record of the group's segment, and which of its records those are.
func (g *Group) Overlap(applied func(index int64) bool) (Coverage, Indices) {
	var known Indices
	if g.Segment == "" {
		return New, known
	}
	for index := range g.Records.All() {
		if applied(index) {
			known.Add(index)
		}
	}
	switch known.Len() {
	case 0:
		return New, known
	case g.Records.Len():
		return Known, known
	}
	return Mixed, known
}

// Overlap is what a store has applied of a group that is Mixed.
type Overlap struct {
	// Family and Segment are the group's.
	Family  Family
	Segment string
	// Applied are the group's records that the store has.
	Applied Indices
}

// OverlapError is a store's word that it stored nothing of a push, since some of
// its groups were partly applied. Who made the rollups makes them anew, each group
// cut into what is in Applied and what is not. Stores wrap it with
// consumererror.NewPermanent, so that nobody sends the same again.
type OverlapError struct{ Overlaps []Overlap }

// Error names the first of the segments.
func (e *OverlapError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d groups of rollups were partly stored before, in another cut of their records", len(e.Overlaps))
	if len(e.Overlaps) > 0 {
		fmt.Fprintf(&b, ", such as of segment %s", e.Overlaps[0].Segment)
	}
	return b.String()
}

// Cut says where groups must be cut; nil cuts nothing.
type Cut map[cutKey][]Indices

type cutKey struct {
	family  Family
	segment string
}

// maxCuts bounds by how many sets one segment's records are told apart.
const maxCuts = 64

var errCuts = errors.New("the rollups of a segment were stored in too many different cuts")

// With adds what a store has asked for to c, which may be nil. It fails where that
// cannot help any more.
func (c Cut) With(overlaps []Overlap) (Cut, error) {
	if c == nil {
		c = Cut{}
	}
	for _, o := range overlaps {
		at := cutKey{o.Family, o.Segment}
		if len(c[at]) == maxCuts {
			return nil, errCuts
		}
		c[at] = append(c[at], o.Applied)
	}
	return c, nil
}

// part numbers the pieces of a group: records of equal numbers stay together.
func (c Cut) part(family Family, segment string, index int64) uint64 {
	var part uint64
	for i, set := range c[cutKey{family, segment}] {
		if set.Contains(index) {
			part |= 1 << i
		}
	}
	return part
}
