package logging

import (
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// retrying is what the helper of exporters says before it tries again, at level info.
	retrying = "Exporting failed."
	// rejecting is what it says when it gives data back to who delivered it.
	rejecting = "Exporting failed. Rejecting data."
	// mostComplaints are remembered of an exporter.
	mostComplaints = 3
)

// Causes are what exporters complained of last. Who delivers to one that retries waits for its answer,
// and learns nothing until then; its log says why.
type Causes struct {
	mu  sync.Mutex
	all map[string][]complaint // by the exporter's ID
}

// complaint is the last error of a line. An exporter says "timeout", and its client "connection refused".
type complaint struct {
	line, text string
	at         time.Time
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
func (c *Causes) note(exporter string, entry zapcore.Entry, fields []zapcore.Field) {
	isError := func(f zapcore.Field) bool { return f.Type == zapcore.ErrorType && (f.Key == "error" || f.Key == "err") }
	i := slices.IndexFunc(fields, isError)
	if i < 0 || entry.Level < zapcore.WarnLevel && !strings.HasPrefix(entry.Message, retrying) {
		return
	}
	now := complaint{entry.Message, Brief(text(fields[i])), entry.Time}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string][]complaint{}
	}
	known := c.all[exporter]
	at := slices.IndexFunc(known, func(k complaint) bool { return k.line == now.line || k.text == now.text })
	switch {
	case at >= 0:
		known[at] = now
	case len(known) < mostComplaints:
		known = append(known, now)
	default:
		known = append(known[1:], now)
	}
	c.all[exporter] = known
}

// Since is what an exporter has complained of since a moment, or empty.
func (c *Causes) Since(exporter string, moment time.Time) string {
	if c == nil {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var texts []string
	for _, k := range c.all[exporter] {
		if !k.at.Before(moment) {
			texts = append(texts, k.text)
		}
	}
	return strings.Join(texts, "; ")
}
