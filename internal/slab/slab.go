package slab

import (
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// How many elements a block holds at most, so that a block with its header fills one
// of the allocator's size classes of at most 20 KiB; and what a record takes of each.
const (
	mostPairs, pairsEach     = 511, 24
	mostTexts, textsEach     = 1023, 20
	mostNumbers, numbersEach = 1024, 8
	mostValues, valuesEach   = 511, 4
)

// Slab holds the attributes of log records that come and go together, such as those
// of a chunk: as long as one of them lives, so does the block that it lies in. A nil
// Slab allocates each value apart. It is used by one goroutine at a time.
type Slab struct {
	records int
	pairs   []pair
	texts   []string
	numbers []int64
	values  []any
}

// New makes a slab for about so many records; nil where pdata's types are not those
// that this package knows.
func New(records int) *Slab {
	if !layoutKnown {
		return nil
	}
	return &Slab{records: records}
}

// block makes a block of which each record takes so many elements.
func block[T any](s *Slab, each, most, atLeast int) []T {
	return make([]T, 0, max(min(s.records*each, most), atLeast))
}

// text boxes a string as pdata does.
func (s *Slab) text(value string) any {
	if len(s.texts) == cap(s.texts) {
		s.texts = block[string](s, textsEach, mostTexts, 1)
	}
	s.texts = append(s.texts, value)
	return boxText(&s.texts[len(s.texts)-1])
}

// eight keeps eight bytes.
func (s *Slab) eight(value int64) *int64 {
	if len(s.numbers) == cap(s.numbers) {
		s.numbers = block[int64](s, numbersEach, mostNumbers, 1)
	}
	s.numbers = append(s.numbers, value)
	return &s.numbers[len(s.numbers)-1]
}

// list gives room for n values of a slice.
func (s *Slab) list(n int) []any {
	if cap(s.values)-len(s.values) < n {
		s.values = block[any](s, valuesEach, mostValues, n)
	}
	start := len(s.values)
	s.values = s.values[:start+n]
	return s.values[start : start : start+n]
}

// Map begins a map of at most about n attributes; of more, some are copied. Maps of
// one slab may be built while others are.
func (s *Slab) Map(n int) Builder {
	if s == nil {
		plain := new(xpdata.MapBuilder)
		plain.EnsureCapacity(n)
		return Builder{plain: plain}
	}
	if cap(s.pairs)-len(s.pairs) < n {
		s.pairs = block[pair](s, pairsEach, mostPairs, n)
	}
	start := len(s.pairs)
	s.pairs = s.pairs[:start+n]
	return Builder{slab: s, pairs: s.pairs[start : start : start+n]}
}

// giveBack takes the rest of a map's room for the next one, if nothing came behind it.
func (s *Slab) giveBack(pairs []pair) {
	rest := cap(pairs) - len(pairs)
	if used := len(s.pairs) - rest; rest > 0 && len(pairs) > 0 && used > 0 && &s.pairs[used-1] == &pairs[len(pairs)-1] {
		s.pairs = s.pairs[:used]
	}
}

// Builder builds one map without looking for duplicates.
type Builder struct {
	slab  *Slab
	pairs []pair
	plain *xpdata.MapBuilder // where there is no slab
}

// Str appends a string.
func (b *Builder) Str(key, value string) {
	if b.slab == nil {
		b.plain.AppendEmpty(key).SetStr(value)
		return
	}
	b.pairs = append(b.pairs, pair{value: b.slab.text(value), key: key})
}

// Int appends an integer.
func (b *Builder) Int(key string, value int64) {
	if b.slab == nil {
		b.plain.AppendEmpty(key).SetInt(value)
		return
	}
	b.pairs = append(b.pairs, pair{value: boxNumber(b.slab.eight(value)), key: key})
}

// Float appends a floating-point number.
func (b *Builder) Float(key string, value float64) {
	if b.slab == nil {
		b.plain.AppendEmpty(key).SetDouble(value)
		return
	}
	b.pairs = append(b.pairs, pair{value: boxFloat(b.slab.eight(int64(math.Float64bits(value)))), key: key}) //nolint:gosec // its bits
}

// Strs appends a slice of strings.
func (b *Builder) Strs(key string, values []string) {
	list := b.Empty(key).SetEmptySlice()
	if len(values) == 0 {
		return
	}
	if b.slab == nil {
		list.EnsureCapacity(len(values))
		for _, value := range values {
			list.AppendEmpty().SetStr(value)
		}
		return
	}
	boxed := b.slab.list(len(values))
	for _, value := range values {
		boxed = append(boxed, b.slab.text(value))
	}
	intoSlice(list, boxed)
}

// Empty appends a value that is to be set before the next one is appended.
func (b *Builder) Empty(key string) pcommon.Value {
	if b.slab == nil {
		return b.plain.AppendEmpty(key)
	}
	b.pairs = append(b.pairs, pair{key: key})
	return valueOf(&b.pairs[len(b.pairs)-1].value)
}

// Into gives m what was built, in the place of what it had. m must be mutable.
func (b *Builder) Into(m pcommon.Map) {
	if b.slab == nil {
		b.plain.UnsafeIntoMap(m)
		return
	}
	b.slab.giveBack(b.pairs)
	intoMap(m, slices.Clip(b.pairs))
	b.pairs = nil
}
