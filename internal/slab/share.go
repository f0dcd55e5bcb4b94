package slab

import (
	"encoding/binary"
	"unsafe"

	"go.opentelemetry.io/collector/featuregate"
)

// pooling is the feature gate with which pdata collects the content of values that were
// deleted, to change and use it again: then every value must have its content to itself.
// Else content never changes: to set a value is to give it new content.
var pooling = gate("pdata.useProtoPooling")

// gate finds a feature gate by its name; nil where there is none.
func gate(id string) (found *featuregate.Gate) {
	featuregate.GlobalRegistry().VisitAll(func(g *featuregate.Gate) {
		if g.ID() == id {
			found = g
		}
	})
	return found
}

// mayShare tells whether values may point to what others point to, which saves their
// memory and what the garbage collector has to look at.
func mayShare() bool { return pooling != nil && !pooling.IsEnabled() }

// small are numbers that many records have: status codes, milliseconds.
var small = func() (all [1024]int64) {
	for i := range all {
		all[i] = int64(i)
	}
	return all
}()

// seen are texts that are in a slab already, each at the place that its hash says; a
// text takes the place of the one before it. A record that outlives its neighbours keeps
// the memory of those that had its texts first, at most what their chunk takes.
type seen [1 << seenBits]*string

const seenBits = 10

// place is where a text would be. It looks at its end, in which names differ most.
func (s *seen) place(text string) **string {
	const odd = 0x9e3779b97f4a7c15
	n := len(text)
	hash := uint64(n)
	switch {
	case n >= 8:
		hash ^= binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(text), n)[n-8:])
	case n >= 4:
		bytes := unsafe.Slice(unsafe.StringData(text), n)
		hash ^= uint64(binary.LittleEndian.Uint32(bytes))<<32 | uint64(binary.LittleEndian.Uint32(bytes[n-4:]))
	case n > 0:
		hash ^= uint64(text[0])<<32 | uint64(text[n/2])<<16 | uint64(text[n-1])<<8
	}
	return &s[hash*odd>>(64-seenBits)]
}
