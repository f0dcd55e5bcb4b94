package rollup

import (
	"cmp"
	"container/list"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// What a budget remembers in all. Beyond it, it forgets the set that was not used for longest.
const (
	rememberedBuckets = 16      // times MaxValues, in values
	rememberedValues  = 1 << 21 // however great MaxValues is, unless one set alone has more
	rememberedSets    = 1 << 16
)

// When a set is over: its bucket is older than the newest by so many buckets, and so many
// looks did not want it. A backlog that is worked off beside new records keeps its sets so.
const (
	overAfterBuckets = 2
	overAfterUses    = 1 << 16
)

// budget bounds how many values a dimension of a bucket gets. It remembers, in
// this process, the values that were let through, since a chunk alone does not
// show how many there are: several processes have a budget each, and a restart
// begins a new one. Whichever values are let through, counts never get lost: all
// others are counted together.
type budget struct {
	maxValues, alertAt int
	most               int   // values of a set
	remembered         int   // values of all sets
	overAfter          int64 // seconds, of overAfterBuckets

	mu     sync.Mutex // guards the rest
	known  map[budgetKey]*valueSet
	used   list.List // of *valueSet, the one that was used last in front
	size   int       // of all sets
	clock  int64     // counts uses
	newest int64     // bucket
}

type budgetKey struct {
	family    Family
	dimension Dimension
	org, api  string
	bucket    int64
}

type valueSet struct {
	of        budgetKey
	values    map[hash]struct{}
	used      int64
	place     *list.Element // in budget.used
	alerted   bool
	forgotten bool
}

func newBudget(s *Settings) *budget {
	const minute = 60
	b := &budget{
		maxValues: s.MaxValues, alertAt: s.TagAlert, most: s.MaxValues, remembered: rememberedValues,
		overAfter: overAfterBuckets * int64(s.Minutes) * minute, known: map[budgetKey]*valueSet{}, newest: math.MinInt64,
	}
	if b.most == 0 {
		b.most = b.alertAt + 1
	}
	if b.most < rememberedValues/rememberedBuckets {
		b.remembered = rememberedBuckets * b.most
	}
	return b
}

// admits tells whether a value gets a counter of its own. Two values of the same hash
// count as one of the budget, no more.
func (b *budget) admits(l *draft, d Dimension, value hash) bool {
	if d == Total || b.maxValues == 0 && (d != Tags || b.alertAt == 0) {
		return true
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
	b.used.MoveToFront(set.place)
	if _, known := set.values[value]; known {
		return true
	}
	if len(set.values) >= b.most {
		return b.maxValues == 0
	}
	set.values[value] = struct{}{}
	b.size++
	b.forget(set)
	return true
}

// set finds the set of a key, whose texts belong to a chunk that is soon gone.
func (b *budget) set(of budgetKey) *valueSet {
	set := b.known[of]
	if set == nil {
		of.org, of.api = strings.Clone(of.org), strings.Clone(of.api)
		set = &valueSet{of: of, values: map[hash]struct{}{}, used: b.clock}
		set.place = b.used.PushFront(set)
		b.known[of] = set
		b.newest = max(b.newest, of.bucket)
	}
	return set
}

// forget forgets, but for one, the sets that are over or too many. Each was made once,
// so that a value costs no more for it, however many sets there are.
func (b *budget) forget(but *valueSet) {
	for {
		oldest := b.used.Back().Value.(*valueSet) //nolint:forcetypeassert // the list holds nothing else
		over := b.newest-oldest.of.bucket > b.overAfter && b.clock-oldest.used > overAfterUses
		if oldest == but || !over && b.size <= b.remembered && len(b.known) <= rememberedSets {
			return
		}
		b.size -= len(oldest.values)
		oldest.forgotten = true
		b.used.Remove(oldest.place)
		delete(b.known, oldest.of)
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
