package engine

import (
	"maps"
	"sync"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// Cache is what a server knows of its tables, by relation.
type Cache[T any] struct {
	mu    sync.RWMutex // guards known
	known map[string]T
}

// Get gives what is known of a shard's table.
func (m *Cache[T]) Get(of layout.Shard) (T, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	t, ok := m.known[of.Relation()]
	return t, ok
}

// Need gives what is known of a shard's table, or a MissingShards where it was forgotten
// meanwhile.
func (m *Cache[T]) Need(of layout.Shard) (T, error) {
	t, known := m.Get(of)
	if !known {
		return t, &MissingShards{Shards: []layout.Shard{of}}
	}
	return t, nil
}

// Knows tells whether a shard's table was found and not forgotten since.
func (m *Cache[T]) Knows(of layout.Shard) bool {
	_, ok := m.Get(of)
	return ok
}

// Add remembers tables.
func (m *Cache[T]) Add(found map[string]T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = make(map[string]T, len(found))
	}
	maps.Copy(m.known, found)
}

// Forget forgets a shard's table.
func (m *Cache[T]) Forget(of layout.Shard) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, of.Relation())
}

// ForgetAll forgets all tables.
func (m *Cache[T]) ForgetAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = nil
}
