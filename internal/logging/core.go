package logging

import (
	"os"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// What the collector adds to the logger of each component.
const (
	componentID   = "otelcol.component.id"
	componentKind = "otelcol.component.kind"
	signal        = "otelcol.signal"
)

// advice is what helpers of exporters say at the end of a message, whoever delivers to them: behind
// tykredis, a queue in memory loses the records that wait in Redis now, and the receiver retries.
var advice = strings.NewReplacer(
	" Try enabling sending_queue to survive temporary failures.", "",
	" Try enabling retry_on_failure config option to retry on retryable errors.", "",
)

// core stands in front of the collector's own, which is asked about each line that is left.
type core struct {
	next    zapcore.Core
	repeats *repeats
	causes  *Causes

	component string // that the logger is of, such as "exporter kafka logs"
	exporter  string // its ID, if it is an exporter
	isPlain   bool   // for the lines that are an exporter's output
	with      uint64 // fingerprint of the logger's own fields
}

// Wrap makes a logger readable. At level debug nothing is left out or cut.
func Wrap(logger *zap.Logger) *zap.Logger {
	return logger.WithOptions(zap.WrapCore(func(next zapcore.Core) zapcore.Core {
		return core{next: next, repeats: newRepeats(), causes: &Causes{}, isPlain: next.Enabled(zapcore.DebugLevel)}
	}))
}

// With is that of a zapcore.Core.
func (c core) With(fields []zapcore.Field) zapcore.Core {
	for _, f := range fields {
		if asked, ok := f.Interface.(*question); ok {
			asked.causes = c.causes
		}
		c.identify(f)
	}
	if !c.isPlain {
		fields = shortened(fields)
	}
	c.with ^= fingerprint(fields)
	c.next = c.next.With(fields)
	return c
}

// identify takes over which component a logger is of.
func (c *core) identify(f zapcore.Field) {
	if f.Type != zapcore.InlineMarshalerType {
		return
	}
	scope := zapcore.NewMapObjectEncoder()
	f.AddTo(scope)
	text := func(key string) string {
		value, _ := scope.Fields[key].(string)
		return value
	}
	id, kind := text(componentID), text(componentKind)
	if id == "" {
		return
	}
	c.component, c.exporter = kind+" "+id+" "+text(signal), ""
	if strings.EqualFold(kind, "exporter") {
		c.exporter = id
		c.isPlain = c.isPlain || id == "debug" || strings.HasPrefix(id, "debug/")
	}
}

// Enabled is that of a zapcore.Core.
func (c core) Enabled(level zapcore.Level) bool { return c.next.Enabled(level) }

// Check is that of a zapcore.Core.
func (c core) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.next.Enabled(entry.Level) {
		return checked
	}
	return checked.AddCore(entry, c)
}

// Write is that of a zapcore.Core.
func (c core) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	entry.Message = advice.Replace(entry.Message)
	if c.exporter != "" {
		c.causes.note(c.exporter, entry, fields)
		entry = cutShort(entry, fields)
	}
	if !c.isPlain {
		entry.Message = Brief(entry.Message)
		fields = shortened(fields)
		repeated, isSaid := c.repeats.say(c.component, entry, fingerprint(fields)^c.with)
		if !isSaid {
			return nil
		}
		if repeated > 0 {
			fields = append(fields, zap.Int("repeated", repeated))
		}
	}
	if checked := c.next.Check(entry, nil); checked != nil {
		checked.ErrorOutput = zapcore.Lock(os.Stderr)
		checked.Write(fields...)
	}
	return nil
}

// cutShort says for what it is that the collector's end interrupted an exporter: whoever delivered to it learns
// of it, and a receiver of ours keeps the records.
func cutShort(entry zapcore.Entry, fields []zapcore.Field) zapcore.Entry {
	isShutdown := func(f zapcore.Field) bool {
		return f.Type == zapcore.ErrorType && strings.HasPrefix(text(f), "interrupted due to shutdown")
	}
	if strings.HasPrefix(entry.Message, rejecting) && slices.ContainsFunc(fields, isShutdown) {
		entry.Level, entry.Message = zapcore.InfoLevel, "Exporting was cut short by the end of the collector."
	}
	return entry
}

// Sync is that of a zapcore.Core.
func (c core) Sync() error { return c.next.Sync() }
