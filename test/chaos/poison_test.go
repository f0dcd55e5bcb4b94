//go:build e2e || chaos

package chaos

import (
	"fmt"
	"math"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// poison is a kind of record that some store refuses, so that it must become a dead
// letter of the groups with such a store, and of no other.
type poison string

const (
	// unholdable has a number that neither SQL's nor BSON's integers hold.
	unholdable poison = "unholdable"
	// forbidden is refused by a rule that PostgreSQL's table has from its operator.
	forbidden poison = "forbidden"
	// unnamable is of an organisation after which no collection can be named; rows and
	// documents hold it like any other.
	unnamable poison = "unnamable"
)

// unnamableOrg is the organisation of unnamable records.
const unnamableOrg = "$pent"

// refused is a poison record that was pushed.
type refused struct {
	kind  poison
	flush *flush
}

// spoil makes a record what its kind says.
func (k poison) spoil(r *analytics.Record) {
	switch k {
	case unholdable:
		r.Geo.CityGeoNameID = math.MaxUint64
	case unnamable:
		r.OrgID = unnamableOrg
		r.GraphQL = analytics.GraphQLStats{} // of which MongoDB has no rollups
	case forbidden: // known by its alias
	}
}

// poison makes an entry that is poison for some store, or for all; no two are the same.
func (g *gateway) poison(f *flush, protobuf bool) []byte {
	g.poisoned++
	number := fmt.Sprintf("%d of %d", g.poisoned, g.number)
	if g.dice.chance(0.6) {
		kind := oneOf(g.dice, unholdable, forbidden, unnamable)
		if protobuf && kind == unholdable { // which the wire form cannot say
			kind = unnamable
		}
		alias := string(kind) + " " + number
		g.journal.refuse(refused{kind, f}, alias)
		return g.entry(protobuf, alias, func(r *analytics.Record) {
			kind.spoil(r)
			g.journal.mu.Lock()
			defer g.journal.mu.Unlock()
			g.journal.countRollups(r)
		})
	}
	entry := append([]byte(strings.Repeat("\xff", 12)), "garbage "+number...)
	if g.dice.chance(0.5) {
		entry = g.entry(protobuf, "cut "+number, func(*analytics.Record) {})
		entry = entry[:len(entry)-1] // ends within a string
	}
	g.journal.spoil(f, entry)
	return entry
}

func (j *journal) refuse(r refused, alias string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refused[alias] = r
}

func (j *journal) spoil(f *flush, entry []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.undecodable[string(entry)] = f
}
