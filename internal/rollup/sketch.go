package rollup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// SketchAccuracy is the relative error of a percentile that a Sketch tells. It is
// the same everywhere and for ever: sketches of another one cannot be added up.
const SketchAccuracy = 0.02

var sketchMapping = func() mapping.IndexMapping {
	m, err := mapping.NewLogarithmicMapping(SketchAccuracy)
	if err != nil {
		panic(err) // only an accuracy outside of 0 to 1 is refused
	}
	return m
}()

// Sketch is a DDSketch of latencies in milliseconds: counts in bins of which each
// is four percent wider than the one before. What is not above 0 counts as 0.
type Sketch struct{ sketch *ddsketch.DDSketch }

// NewSketch makes an empty one.
func NewSketch() *Sketch {
	return &Sketch{ddsketch.NewDDSketch(sketchMapping, store.NewSparseStore(), store.NewSparseStore())}
}

// Add counts a latency.
func (s *Sketch) Add(milliseconds int64) {
	// The sketch refuses only what no int64 is: not a number, or beyond its range.
	_ = s.sketch.Add(float64(max(milliseconds, 0)))
}

func (s *Sketch) merge(o *Sketch) {
	_ = s.sketch.MergeWith(o.sketch) // fails only for sketches of another mapping, which decodeSketch refuses
}

// Quantile is the latency below which the part q of all lie, from 0 to 1.
func (s *Sketch) Quantile(q float64) (float64, error) {
	return s.sketch.GetValueAtQuantile(q)
}

// ZeroBin is the bin of what is not above 0.
const ZeroBin = math.MinInt32

// Bins gives the bins that are not empty, with their counts.
func (s *Sketch) Bins() iter.Seq2[int, int64] {
	return func(yield func(int, int64) bool) {
		if n := s.sketch.GetZeroCount(); n > 0 && !yield(ZeroBin, int64(n)) {
			return
		}
		s.sketch.GetPositiveValueStore().ForEach(func(bin int, count float64) bool {
			return !yield(bin, int64(count))
		})
	}
}

// BinValue is the latency that stands for a bin, at most SketchAccuracy away from
// all that the bin counts.
func BinValue(bin int) float64 {
	if bin == ZeroBin {
		return 0
	}
	return sketchMapping.Value(bin)
}

// maxBin is beyond the bin of the greatest int64.
const maxBin = 2000

var errSketch = errors.New("the latency sketch is damaged")

// encode writes the count of ZeroBin, then each bin and its count. The library's
// own form is not used because its reading takes damaged bytes for good ones.
func (s *Sketch) encode() []byte {
	counts := maps.Collect(s.Bins())
	buf := binary.AppendUvarint(nil, uint64(counts[ZeroBin])) //nolint:gosec // not negative
	delete(counts, ZeroBin)
	for _, bin := range slices.Sorted(maps.Keys(counts)) {
		buf = binary.AppendVarint(buf, int64(bin))
		buf = binary.AppendUvarint(buf, uint64(counts[bin])) //nolint:gosec // not negative
	}
	return buf
}

// decodeSketch reads what encode wrote.
func decodeSketch(buf []byte) (*Sketch, error) {
	zero, n := binary.Uvarint(buf)
	if n <= 0 {
		return nil, errSketch
	}
	s := NewSketch()
	if err := s.sketch.AddWithCount(0, float64(zero)); err != nil {
		return nil, fmt.Errorf("%w: %w", errSketch, err)
	}
	for buf = buf[n:]; len(buf) > 0; {
		bin, n := binary.Varint(buf)
		if n <= 0 || bin < -maxBin || bin > maxBin {
			return nil, errSketch
		}
		count, m := binary.Uvarint(buf[n:])
		if m <= 0 {
			return nil, errSketch
		}
		s.sketch.GetPositiveValueStore().AddWithCount(int(bin), float64(count))
		buf = buf[n+m:]
	}
	return s, nil
}

// Bin is that of a latency.
func Bin(milliseconds int64) int {
	if milliseconds <= 0 {
		return ZeroBin
	}
	return sketchMapping.Index(float64(milliseconds))
}
