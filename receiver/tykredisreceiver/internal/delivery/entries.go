package delivery

import (
	"slices"
	"sync"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// entries are those of a delivery, for destinations that want them as they came. They share the memory
// of the delivery, which has it anyway.
type entries struct {
	released func()
	replayed map[string]int // places of replayed records, by identity

	mu     sync.RWMutex // guards chunks
	chunks []delivering
}

func newEntries(dl *delivery, released func()) *entries {
	return &entries{chunks: slices.Clone(dl.chunks), replayed: dl.replayed, released: released}
}

// Release gives all of them up, and tells the delivery.
func (e *entries) Release() {
	e.mu.Lock()
	e.chunks = nil
	e.mu.Unlock()
	e.released()
}

// Entry finds an entry by its identity.
func (e *entries) Entry(uid analytics.UID) (analytics.Entry, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	place, isReplayed := 0, false
	if len(e.replayed) > 0 {
		place, isReplayed = e.replayed[uid.String()]
	}
	for i := range e.chunks {
		c := &e.chunks[i]
		at := int64(place - c.first)
		if !isReplayed {
			at = uid.Index - c.From
		}
		if c.Segment.Of.Replay != isReplayed || !isReplayed && c.Segment.ID != uid.Segment || at < 0 || at >= int64(len(c.Entries)) {
			continue
		}
		_, bytes, err := c.Segment.Of.Unframe(c.Entries[at])
		return analytics.Entry{List: c.Segment.Of.Name, Bytes: bytes}, err == nil
	}
	return analytics.Entry{}, false
}
