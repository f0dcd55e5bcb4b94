//go:build e2e || chaos

package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// The groups of a run. Each has a store of its own.
const (
	groupPostgres = "postgres"
	groupSQLite   = "sqlite"
	groupCopy     = "copy" // in the process of groupSQLite
	groupLate     = "late" // joins while the load runs
	groupMongo    = "mongo"
)

// plan is what a seed decides before anything starts.
type plan struct {
	seed   uint64
	length time.Duration // of the load and the faults

	topology topology
	replicas int      // collectors of groupPostgres
	sqlite   bool     // a collector of groupSQLite
	double   bool     // which is also of groupCopy
	late     bool     // a collector of groupLate comes and goes
	away     bool     // groupAway is registered, and has no collector
	refusing bool     // a collector of groupRefusing
	files    bool     // a collector of groupFiles
	doubles  []string // groups of destinations that doubles stand for, in one collector
	calm     bool     // leases are longer than anything lasts
	schemas  bool     // the tables of groupPostgres are found along a search path of two schemas
	mongo    keeping
	writers  int // collectors of groupMongo

	rate   int // records a second
	poll   time.Duration
	lists  int // per wire form
	poison int // one poison entry after about this many records
}

func newPlan(seed uint64, length time.Duration) plan {
	d := newDice(seed, "plan")
	p := plan{
		seed: seed, length: length,
		topology: oneOf(d, alone, alone, alone, withSentinels, withSentinels, clustered),
		replicas: 1 + d.IntN(3),
		sqlite:   d.chance(0.7),
		double:   d.chance(0.5),
		late:     d.chance(0.6),
		rate:     1000 + 100*d.IntN(21),
		lists:    1 + d.IntN(4),
		poison:   400 + d.IntN(1600),
		poll:     50 * time.Millisecond,
	}
	p.double = p.double && p.sqlite
	p.mongo = oneOf(d, nothing, nothing, nothing, nothing, recordsTwice, rollupsOfEach, rollupsMixed)
	if p.mongo != nothing {
		p.writers = 1 + d.IntN(3)
		p.rate, p.poll = p.mongo.pace()
		p.poison /= 5 // so that there is some all the same
	}
	// All that is pushed stays in Redis then, and in each of its replicas.
	p.away = d.chance(0.7) && p.topology == alone
	p.refusing = d.chance(0.5)
	p.schemas = d.chance(0.4)
	p.files = d.chance(0.5)
	p.doubles = destinationsOf(seed)
	return p
}

// groups names those that are there from the beginning.
func (p plan) groups() []string {
	groups := []string{groupPostgres}
	if p.sqlite {
		groups = append(groups, groupSQLite)
	}
	if p.double {
		groups = append(groups, groupCopy)
	}
	if p.mongo != nothing {
		groups = append(groups, groupMongo)
	}
	if p.refusing {
		groups = append(groups, groupRefusing)
	}
	if p.files {
		groups = append(groups, groupFiles)
	}
	return append(groups, p.doubles...)
}

// String describes the plan in a few words.
func (p plan) String() string {
	groups := p.groups()
	if p.late {
		groups = append(groups, groupLate)
	}
	if p.away {
		groups = append(groups, groupAway)
	}
	text := fmt.Sprintf("%s, %s, groups %s", p.topology, replicas(p.replicas), strings.Join(groups, " "))
	if p.mongo != nothing {
		text += fmt.Sprintf(" (%s, %s)", replicas(p.writers), p.mongo)
	}
	if p.schemas {
		text += ", two schemas"
	}
	return text
}

func replicas(n int) string {
	if n == 1 {
		return "1 replica"
	}
	return fmt.Sprintf("%d replicas", n)
}

func TestASeedAlwaysGivesTheSamePlan(t *testing.T) {
	t.Parallel()
	different := map[string]bool{}
	for seed := range uint64(100) {
		p := newPlan(seed, time.Minute)
		assert.Equal(t, p, newPlan(seed, time.Minute))
		different[p.String()] = true
	}
	assert.Greater(t, len(different), 20, "plans: %v", different)
}

func TestABagGivesEachValueBeforeAnyComesAgain(t *testing.T) {
	t.Parallel()
	b := bag[int]{dice: newDice(1, "bag"), all: []int{1, 2, 3, 4}}
	for range 10 {
		assert.ElementsMatch(t, b.all, []int{b.next(), b.next(), b.next(), b.next()})
	}
}
