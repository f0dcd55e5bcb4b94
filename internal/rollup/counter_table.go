package rollup

import (
	"hash/maphash"
	"math/bits"
)

// hash tells keys apart within a process. A record has the same few texts in several
// keys, so that each text is hashed once and not, as a map would, with every key.
type hash uint64

var seed = maphash.MakeSeed()

func hashText(text string) hash { return hash(maphash.String(seed, text)) }

// with is the hash of what h stands for with o behind it. For the same o, hashes are
// equal only where they were before.
func (h hash) with(o hash) hash {
	const odd = 0x9e3779b97f4a7c15
	return (hash(bits.RotateLeft64(uint64(h), 23)) ^ o) * odd
}

// counters finds the counters of a chunk by their keys. It is a table with open
// addressing, which a look-up reads one cache line of, and which is used again.
type counters struct {
	slots []slot // a power of two, at most half of them taken
	taken int
	shift int // makes a hash a place in slots

	blocks [][]counter
	used   int // counters of the blocks
}

type slot struct {
	hash hash
	*counter
}

const (
	firstSlots = 1 << 11
	blockSize  = 64
	// What is kept for the next chunk is bounded, so that one of very many values does
	// not keep its memory for ever.
	maxKeptSlots  = 1 << 14
	maxKeptBlocks = maxKeptSlots / 2 / blockSize
	maxKeptText   = 1 << 20
	maxKeptDrafts = 1 << 10
)

func newCounters() *counters {
	t := &counters{}
	t.resize(firstSlots)
	return t
}

func (t *counters) resize(n int) {
	before := t.slots
	t.slots, t.shift = make([]slot, n), 64-bits.TrailingZeros(uint(n)) //nolint:gosec // not negative
	for _, s := range before {
		if s.counter != nil {
			t.slots[t.place(s.hash)] = s
		}
	}
}

// place is the first free slot for a hash.
func (t *counters) place(h hash) int {
	at := int(h >> t.shift) //nolint:gosec // bounded by the number of slots
	for t.slots[at].counter != nil {
		at = (at + 1) & (len(t.slots) - 1)
	}
	return at
}

// get is nil for a value that has no counter yet; h is the hash of all that follows.
func (t *counters) get(h hash, d Dimension, draft uint32, x, y, z string) *counter {
	for at := int(h >> t.shift); ; at = (at + 1) & (len(t.slots) - 1) { //nolint:gosec // bounded by the number of slots
		s := &t.slots[at]
		if s.counter == nil {
			return nil
		}
		if s.hash == h && s.key.stands(d, draft, x, y, z) {
			return s.counter
		}
	}
}

// put lets get find a counter.
func (t *counters) put(h hash, a *counter) {
	if t.taken++; t.taken > len(t.slots)/2 {
		t.resize(2 * len(t.slots))
	}
	t.slots[t.place(h)] = slot{h, a}
}

// open makes a counter.
func (t *counters) open(k key) *counter {
	if t.used == len(t.blocks)*blockSize {
		t.blocks = append(t.blocks, make([]counter, blockSize))
	}
	a := &t.blocks[t.used/blockSize][t.used%blockSize]
	t.used++
	a.open(k)
	return a
}

// reset makes the table as if it were new, and gives up all that it refers to.
func (t *counters) reset() {
	if len(t.slots) > maxKeptSlots {
		t.slots = nil
		t.resize(firstSlots)
	}
	clear(t.slots)
	if len(t.blocks) > maxKeptBlocks {
		t.blocks = t.blocks[:maxKeptBlocks:maxKeptBlocks]
	}
	for i := range min((t.used+blockSize-1)/blockSize, len(t.blocks)) {
		clear(t.blocks[i])
	}
	t.taken, t.used = 0, 0
}
