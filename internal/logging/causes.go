package logging

import (
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// errorKey is that of zap.Error.
const errorKey = "error"

// Causes are what exporters complained of last. Who delivers to one that retries waits for its answer,
// and learns nothing until then; its log says why.
type Causes struct {
	mu   sync.Mutex
	last map[string]cause // by the exporter's ID
}

type cause struct {
	text string
	at   time.Time
}

// question is a field that the core answers, and that others skip.
type question struct{ causes *Causes }

// CausesOf are those of the collector that a component's logger belongs to. There are none, and nil, if
// it has another telemetry than tyktelemetry.
func CausesOf(logger *zap.Logger) *Causes {
	asked := &question{}
	logger.Core().With([]zapcore.Field{{Type: zapcore.SkipType, Interface: asked}})
	return asked.causes
}

// note takes over an error that an exporter logs.
func (c *Causes) note(exporter string, at time.Time, fields []zapcore.Field) {
	i := slices.IndexFunc(fields, func(f zapcore.Field) bool { return f.Key == errorKey && f.Type == zapcore.ErrorType })
	if i < 0 {
		return
	}
	said := brief(text(fields[i]))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]cause{}
	}
	c.last[exporter] = cause{said, at}
}

// Since is the last error that an exporter logged since a moment, or empty.
func (c *Causes) Since(exporter string, moment time.Time) string {
	if c == nil {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if last := c.last[exporter]; !last.at.Before(moment) {
		return last.text
	}
	return ""
}
