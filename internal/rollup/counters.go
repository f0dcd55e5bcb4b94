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

// with is the hash of what h stands for with o behind it.
func (h hash) with(o hash) hash {
	const odd = 0x9e3779b97f4a7c15
	return (hash(bits.RotateLeft64(uint64(h), 23)) ^ o) * odd
}

// counted is where a value is counted; several keys share a counter that is folded.
type counted struct {
	*Counter
	key    key
	folded bool
	next   *counted // of another key with the same hash
}

// counters finds where keys are counted.
type counters map[hash]*counted

// get is nil for a key that has nothing yet.
func (c counters) get(k *key, h hash) *counted {
	for at := c[h]; at != nil; at = at.next {
		if at.key == *k {
			return at
		}
	}
	return nil
}

// put adds a key that has nothing yet.
func (c counters) put(h hash, n *counted) {
	n.next = c[h]
	c[h] = n
}

// all gives every key's.
func (c counters) all(yield func(*counted) bool) {
	for _, at := range c {
		for ; at != nil; at = at.next {
			if !yield(at) {
				return
			}
		}
	}
}
