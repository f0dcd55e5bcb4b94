package rollup

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// rememberedBuckets is how many times MaxValues a budget remembers in all, before
// it forgets the bucket that was not used for longest.
const rememberedBuckets = 16

// budget bounds how many values a dimension of a bucket gets. It remembers, in
// this process, the values that were let through, since a chunk alone does not
// show how many there are: several processes have a budget each, and a restart
// begins a new one. Whichever values are let through, counts never get lost: all
// others are counted together.
type budget struct {
	maxValues, alertAt int

	mu    sync.Mutex // guards the rest
	known map[budgetKey]*valueSet
	size  int   // of all sets
	clock int64 // counts uses
}

type budgetKey struct {
	family    Family
	dimension Dimension
	org, api  string
	bucket    int64
}

type valueSet struct {
	values    map[hash]struct{}
	used      int64
	alerted   bool
	forgotten bool
}

func newBudget(s *Settings) *budget {
	return &budget{maxValues: s.MaxValues, alertAt: s.TagAlert, known: map[budgetKey]*valueSet{}}
}

// admits tells whether a value gets an account of its own. Two values of the same hash
// count as one of the budget, no more.
func (b *budget) admits(l *ledger, d Dimension, value hash) bool {
	if d == Total || b.maxValues == 0 && (d != Tags || b.alertAt == 0) {
		return true
	}
	most := b.maxValues
	if most == 0 {
		most = b.alertAt + 1
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	set := l.sets[d]
	if set == nil || set.forgotten {
		set = b.set(l.budgetKey(d))
		l.sets[d] = set
	}
	b.clock++
	set.used = b.clock
	if _, known := set.values[value]; known {
		return true
	}
	if len(set.values) >= most {
		return b.maxValues == 0
	}
	set.values[value] = struct{}{}
	if b.size++; b.size > rememberedBuckets*most {
		b.forgetOldest(set)
	}
	return true
}

func (b *budget) set(of budgetKey) *valueSet {
	set := b.known[of]
	if set == nil {
		set = &valueSet{values: map[hash]struct{}{}}
		b.known[of] = set
	}
	return set
}

// forgetOldest forgets the set that was not used for longest, but for one.
func (b *budget) forgetOldest(but *valueSet) {
	var oldest budgetKey
	var found *valueSet
	for of, set := range b.known {
		if set != but && (found == nil || set.used < found.used) {
			oldest, found = of, set
		}
	}
	if found != nil {
		b.size -= len(found.values)
		found.forgotten = true
		delete(b.known, oldest)
	}
}

// alert tells, once for each bucket, that it has more tags than wanted.
func (b *budget) alert(of budgetKey) bool {
	if b.alertAt == 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	set := b.known[of]
	if set == nil || set.alerted || len(set.values) <= b.alertAt {
		return false
	}
	set.alerted = true
	return true
}

// TagAlert says that a bucket of an organisation has more tags than Settings.TagAlert.
type TagAlert struct {
	// Org and Bucket say which.
	Org    string
	Bucket time.Time
	// Prefixes are the most common beginnings of the chunk's tags, five at most.
	Prefixes []string
}

// commonPrefixes gives the beginnings that most neighbours in the sorted list share.
func commonPrefixes(sorted []string) []string {
	const most = 5
	counts := map[string]int{}
	for i := 1; i < len(sorted); i++ {
		n := 0
		for n < min(len(sorted[i-1]), len(sorted[i])) && sorted[i-1][n] == sorted[i][n] {
			n++
		}
		if dash := strings.LastIndexByte(sorted[i][:n], '-'); dash > 0 {
			counts[sorted[i][:dash+1]]++
		}
	}
	prefixes := make([]string, 0, len(counts))
	for prefix := range counts {
		prefixes = append(prefixes, prefix)
	}
	slices.SortFunc(prefixes, func(x, y string) int { return cmp.Or(cmp.Compare(counts[y], counts[x]), cmp.Compare(x, y)) })
	return prefixes[:min(len(prefixes), most)]
}
