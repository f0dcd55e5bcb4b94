package sink

import (
	"sync"

	"go.uber.org/zap"
)

// Firsts tells the log once that a table, or whatever a database calls it, has records now: whoever
// starts a collector looks for it. Its zero value says nothing until Start.
type Firsts struct {
	mu     sync.Mutex // guards the fields below
	logger *zap.Logger
	said   map[string]bool
}

// Start begins telling.
func (f *Firsts) Start(logger *zap.Logger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logger, f.said = logger, map[string]bool{}
}

// Stored takes how many records a push has stored in a table.
func (f *Firsts) Stored(table string, records int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if records == 0 || f.logger == nil || f.said[table] {
		return
	}
	f.said[table] = true
	f.logger.Info("First records stored", zap.Int64("records", records), zap.String("in", table))
}
