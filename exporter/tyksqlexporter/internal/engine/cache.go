package engine

import (
	"sync"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// Cache is what a server knows of its tables.
type Cache[T any] struct {
	known sync.Map // of T, by relation
}

// Need gives what is known of a shard's table, or a MissingShards where it was not found, or
// was forgotten meanwhile.
func (m *Cache[T]) Need(of layout.Shard) (T, error) {
	known, _ := m.known.Load(of.Relation())
	t, ok := known.(T)
	if !ok {
		return t, &MissingShards{Shards: []layout.Shard{of}}
	}
	return t, nil
}

// Knows tells whether a shard's table was found and not forgotten since.
func (m *Cache[T]) Knows(of layout.Shard) bool {
	_, ok := m.known.Load(of.Relation())
	return ok
}

// Add remembers tables, by relation.
func (m *Cache[T]) Add(found map[string]T) {
	for relation, t := range found {
		m.known.Store(relation, t)
	}
}

// Forget forgets a shard's table.
func (m *Cache[T]) Forget(of layout.Shard) { m.known.Delete(of.Relation()) }

// ForgetAll forgets all tables.
func (m *Cache[T]) ForgetAll() { m.known.Clear() }
