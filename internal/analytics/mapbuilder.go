package analytics

import (
	"maps"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// Instants outside these seconds are not sure to fit into an int64 of Unix nanoseconds.
const (
	minNanosSecond = math.MinInt64/int64(time.Second) + 1
	maxNanosSecond = math.MaxInt64/int64(time.Second) - 1
)

// attributes builds a map without looking for duplicates; its methods leave zero values out.
type attributes struct {
	slab.Builder
	room *slab.Slab // for what is in them
}

func newAttributes(s *slab.Slab, most int) attributes {
	return attributes{Builder: s.Map(most), room: s}
}

func (b *attributes) str(key, value string) {
	if value != "" {
		b.Str(key, plaintext.CleanUTF8(value))
	}
}

func (b *attributes) int(key string, value int64) {
	if value != 0 {
		b.Int(key, value)
	}
}

func (b *attributes) bool(key string, value bool) {
	if value {
		b.Empty(key).SetBool(value)
	}
}

func (b *attributes) instant(key string, t time.Time) {
	if t.IsZero() {
		return
	}
	if nanoseconds, ok := UnixNanos(t); ok {
		b.Int(key, nanoseconds)
		return
	}
	SetInstant(b.Empty(key), t)
}

// UnixNanos is what SetInstant writes of most instants; false for those that no int64
// is sure to hold, the zero one among them.
func UnixNanos(t time.Time) (int64, bool) {
	seconds := t.Unix()
	return t.UnixNano(), seconds >= minNanosSecond && seconds <= maxNanosSecond
}

// SetInstant writes Unix nanoseconds, the form of OTLP's own times, or where an
// int64 cannot hold them (before 1678, after 2262) a slice of seconds and nanoseconds.
func SetInstant(value pcommon.Value, t time.Time) {
	if nanoseconds, ok := UnixNanos(t); ok {
		value.SetInt(nanoseconds)
		return
	}
	pair := value.SetEmptySlice()
	pair.EnsureCapacity(2)
	pair.AppendEmpty().SetInt(t.Unix())
	pair.AppendEmpty().SetInt(int64(t.Nanosecond()))
}

// cleanKeys is m if all its keys are UTF-8, else a copy with clean keys. Of keys
// that thereby become equal the first in order of bytes stays: a built map must
// have no duplicates, and a record delivered again must look the same.
func cleanKeys[V any](m map[string]V) map[string]V {
	valid := true
	for key := range m {
		valid = valid && utf8.ValidString(key)
	}
	if valid {
		return m
	}
	cleaned := make(map[string]V, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		name := plaintext.CleanUTF8(key)
		if _, taken := cleaned[name]; !taken {
			cleaned[name] = m[key]
		}
	}
	return cleaned
}
