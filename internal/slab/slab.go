package slab

import (
	"math"
	"slices"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// blockBytes is about what a block holds at most. What one log record takes of a block
// keeps all of it alive: a filter that lets one record of a chunk pass leaves at most one
// block of each kind.
const blockBytes = 64 << 10

// What a record takes of each kind of block; the last block of a slab is as big as what
// is still to come should need.
const (
	pairsEach   = 26
	innerEach   = 2
	textsEach   = 12
	numbersEach = 6
	valuesEach  = 5
	listsEach   = 1
)

// Slab holds log records that come and go together, such as those of a chunk, and their
// attributes: as long as one of them lives, so does the block that it lies in. A nil
// Slab allocates each value apart. It is used by one goroutine at a time.
type Slab struct {
	// left is how many records are still to come, at least 1.
	left int

	records  unsafe.Pointer // the next one of a block
	recordsN int            // how many there are from there on

	pairs   []pair
	inner   []pair
	texts   []string
	numbers []uint64 // the bits of integers and floats
	values  []any
	lists   []listBox
}

// New makes a slab for about so many records; nil where it is not sure that pdata's types
// and what is done with them are as this package takes them for.
func New(records int) *Slab {
	if !trusted {
		return nil
	}
	return &Slab{left: max(records, 1)}
}

// block makes a block for the records to come, each of which takes so many elements.
func block[T any](s *Slab, each, atLeast int) []T {
	var element T
	most := blockBytes / int(unsafe.Sizeof(element))
	return make([]T, 0, max(min(s.left*each, most), atLeast))
}

// Append appends an empty log record to list, which must be mutable.
func (s *Slab) Append(list plog.LogRecordSlice) plog.LogRecord {
	if s == nil {
		return list.AppendEmpty()
	}
	size := recordType.Size()
	if s.recordsN == 0 {
		s.recordsN = min(s.left, blockBytes/int(size))
		s.records = newRecords(s.recordsN)
	}
	record := s.records
	if s.recordsN--; s.recordsN > 0 {
		s.records = unsafe.Add(record, size)
	}
	s.left = max(s.left-1, 1)
	intoRecords(list, record)
	return list.At(list.Len() - 1)
}

// text keeps a string.
func (s *Slab) text(value string) *string {
	text := room(s, &s.texts, textsEach)
	*text = value
	return text
}

// eight keeps the bits of a number.
func (s *Slab) eight(bits uint64) *uint64 {
	number := room(s, &s.numbers, numbersEach)
	*number = bits
	return number
}

// room gives the next free element of a kind of block, of which a record takes so many.
func room[T any](s *Slab, home *[]T, each int) *T {
	n := len(*home)
	if n == cap(*home) {
		*home, n = block[T](s, each, 1), 0
	}
	*home = (*home)[:n+1]
	return &(*home)[n]
}

// list boxes a slice with room for n values, which are to be appended to it.
func (s *Slab) list(n int) *listBox {
	list := room(s, &s.lists, listsEach)
	list.at = &list.values
	if n == 0 {
		return list
	}
	if cap(s.values)-len(s.values) < n {
		s.values = block[any](s, valuesEach, n)
	}
	start := len(s.values)
	s.values = s.values[:start+n]
	list.values = s.values[start : start : start+n]
	return list
}

// Map begins a map of at most about n attributes; of more, some are copied. Maps of
// one slab may be built while others are, but room that is left over is given back only
// where none has been begun meanwhile: see Inner.
func (s *Slab) Map(n int) Builder {
	if s == nil {
		return plainMap(n)
	}
	return s.begin(&s.pairs, pairsEach, n)
}

// Inner is Map of a map that goes into a value of another one, which was begun before it.
func (s *Slab) Inner(n int) Builder {
	if s == nil {
		return plainMap(n)
	}
	return s.begin(&s.inner, innerEach, n)
}

func plainMap(n int) Builder {
	plain := new(xpdata.MapBuilder)
	plain.EnsureCapacity(n)
	return Builder{plain: plain}
}

func (s *Slab) begin(home *[]pair, each, n int) Builder {
	if cap(*home)-len(*home) < n {
		*home = block[pair](s, each, n)
	}
	start := len(*home)
	*home = (*home)[:start+n]
	return Builder{slab: s, home: home, pairs: (*home)[start : start : start+n]}
}

// Builder builds one map without looking for duplicates.
type Builder struct {
	slab  *Slab
	home  *[]pair // the slab's block that pairs began in
	pairs []pair
	plain *xpdata.MapBuilder // where there is no slab
}

// end gives what was built, and the rest of its room to the next one, if nothing came
// behind it.
func (b *Builder) end() []pair {
	pairs := b.pairs
	b.pairs = nil
	if rest, n := cap(pairs)-len(pairs), len(*b.home); rest > 0 && n >= cap(pairs) && cap(pairs) > 0 &&
		unsafe.SliceData((*b.home)[n-cap(pairs):]) == unsafe.SliceData(pairs) {
		*b.home = (*b.home)[:n-rest]
	}
	if len(pairs) == 0 {
		return nil
	}
	return slices.Clip(pairs)
}

// next appends an empty pair, which is then filled in its place: a pair that is moved
// costs twice as much, and more while garbage is collected.
func (b *Builder) next(key string) *any {
	n := len(b.pairs)
	if n == cap(b.pairs) {
		b.pairs = slices.Grow(b.pairs, 1)
	}
	b.pairs = b.pairs[:n+1]
	pair := &b.pairs[n]
	pair.key = key
	return &pair.value
}

// Str appends a string.
func (b *Builder) Str(key, value string) {
	if b.slab == nil {
		b.plain.AppendEmpty(key).SetStr(value)
		return
	}
	*b.next(key) = boxText(b.slab.text(value))
}

// Int appends an integer.
func (b *Builder) Int(key string, value int64) {
	if b.slab == nil {
		b.plain.AppendEmpty(key).SetInt(value)
		return
	}
	*b.next(key) = boxEight(numberType, b.slab.eight(uint64(value))) //nolint:gosec // its bits
}

// Double appends a float.
func (b *Builder) Double(key string, value float64) {
	if b.slab == nil {
		b.plain.AppendEmpty(key).SetDouble(value)
		return
	}
	*b.next(key) = boxEight(doubleType, b.slab.eight(math.Float64bits(value)))
}

// List appends a slice, with room for n strings.
func (b *Builder) List(key string, n int) List {
	if b.slab == nil {
		plain := b.Empty(key).SetEmptySlice()
		plain.EnsureCapacity(n)
		return List{plain: plain}
	}
	list := b.slab.list(n)
	*b.next(key) = boxList(list)
	return List{slab: b.slab, list: list}
}

// List builds a slice.
type List struct {
	slab  *Slab
	list  *listBox
	plain pcommon.Slice // where there is no slab
}

// Str appends a string.
func (l List) Str(value string) {
	if l.slab == nil {
		l.plain.AppendEmpty().SetStr(value)
		return
	}
	l.list.values = append(l.list.values, boxText(l.slab.text(value)))
}

// Empty appends a value that is to be set before the next one is appended.
func (b *Builder) Empty(key string) pcommon.Value {
	if b.slab == nil {
		return b.plain.AppendEmpty(key)
	}
	return valueOf(b.next(key))
}

// Drop gives back the room of what was built for nothing.
func (b *Builder) Drop() {
	if b.slab != nil {
		clear(b.pairs)
		b.pairs = b.pairs[:0]
		b.end()
	}
}

// Into gives m what was built, in the place of what it had. m must be mutable.
func (b *Builder) Into(m pcommon.Map) {
	if b.slab == nil {
		b.plain.UnsafeIntoMap(m)
		return
	}
	intoMap(m, b.end())
}
