package sink

import (
	"container/list"
	"sync"
	"time"
)

// Cache remembers values for a time, and at most so many bytes of them: what was not
// used for longest is forgotten first. Its methods may be called from several
// goroutines.
type Cache[V any] struct {
	most      int
	retention time.Duration
	now       func() time.Time

	mu    sync.Mutex // guards the fields below
	bytes int
	byKey map[string]*list.Element
	order *list.List // of *remembered[V], the one used last in front
}

type remembered[V any] struct {
	key   string
	value V
	until time.Time
}

// rememberedBytes is what a value takes beside its key, roughly.
const rememberedBytes = 200

// NewCache makes a cache of at most so many bytes, which forgets what was not put
// there again within retention.
func NewCache[V any](most int, retention time.Duration) *Cache[V] {
	return &Cache[V]{most: most, retention: retention, now: time.Now, byKey: map[string]*list.Element{}, order: list.New()}
}

// Get gives what is remembered of a key.
func (m *Cache[V]) Get(key string) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.byKey[key]
	if at == nil {
		return value, false
	}
	r := at.Value.(*remembered[V]) //nolint:forcetypeassert // the list holds nothing else
	if m.now().After(r.until) {
		m.remove(at)
		return value, false
	}
	m.order.MoveToFront(at)
	return r.value, true
}

// Put remembers a value of a key, in the place of a former one.
func (m *Cache[V]) Put(key string, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.byKey[key]; at != nil {
		m.remove(at)
	}
	m.byKey[key] = m.order.PushFront(&remembered[V]{key: key, value: value, until: m.now().Add(m.retention)})
	m.bytes += rememberedBytes + len(key)
	for m.bytes > m.most && m.order.Len() > 1 {
		m.remove(m.order.Back())
	}
}

// Delete forgets a key.
func (m *Cache[V]) Delete(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.byKey[key]; at != nil {
		m.remove(at)
	}
}

// Bytes is how much is remembered, roughly.
func (m *Cache[V]) Bytes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}

func (m *Cache[V]) remove(at *list.Element) {
	r := m.order.Remove(at).(*remembered[V]) //nolint:forcetypeassert // the list holds nothing else
	delete(m.byKey, r.key)
	m.bytes -= rememberedBytes + len(r.key)
}
