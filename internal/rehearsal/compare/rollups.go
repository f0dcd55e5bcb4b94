package compare

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// partitions is how many sets of series are compared as a whole first.
const partitions = 1024

// rollups compares tables of counters: a series is one value of one dimension of one organisation, in all its buckets.
func (p *pair) rollups(ctx context.Context, kind rows.Kind) error {
	s := newSeriesComparison(p, kind)
	sums := [2]*[partitions]sum{new([partitions]sum), new([partitions]sum)}
	err := both(ctx, func(ctx context.Context, of side) error {
		var packed, scratch []byte
		return p.scan(ctx, of, rows.Scan{Window: p.o.Window}, func(row []rows.Value) error {
			packed = appendRow(packed[:0], row)
			sums[of][hashOf(&scratch, row, s.key)%partitions].add(xxhash.Sum64(packed))
			return nil
		})
	})
	if err != nil {
		return err
	}
	batches, batchOf := p.batches(&sums)
	if batches > 0 {
		if err := s.differing(ctx, batches, batchOf); err != nil {
			return err
		}
	}
	s.finish()
	return nil
}

// batches puts the partitions that differ into as few batches as the bound of rows in memory allows. A partition that is
// the same is in none, which is -1.
func (p *pair) batches(sums *[2]*[partitions]sum) (n int, batchOf *[partitions]int) {
	batchOf = new([partitions]int)
	size := int64(0)
	for i := range partitions {
		a, b := sums[thereSide][i], sums[hereSide][i]
		p.out.There += a.rows
		p.out.Here += b.rows
		batchOf[i] = -1
		if a == b {
			p.out.Same += a.rows
			continue
		}
		if n == 0 || size+a.rows+b.rows > int64(p.o.MaxUnit) {
			n++
			size = 0
		}
		batchOf[i] = n - 1
		size += a.rows + b.rows
	}
	return n, batchOf
}

// seriesComparison compares the series of some partitions at a time.
type seriesComparison struct {
	p    *pair
	kind rows.Kind
	// documents says that rows are of MongoDB, where Tyk Pump has defects of its own.
	documents bool

	key            []int // columns that name a series
	at             int   // the bucket
	added, largest []int // columns that add up, and of which the greatest counts
	org, dimension int
	value, api     int
	left, right    []rows.Value
	folded         map[string]*folding
	kept           int // samples of theirs
}

// series is one on both sides.
type series struct {
	packed [2][][]byte
}

func newSeriesComparison(p *pair, kind rows.Kind) *seriesComparison {
	s := &seriesComparison{p: p, kind: kind, at: p.place("timestamp"), folded: map[string]*folding{}}
	s.org, s.api, s.dimension, s.value = p.place("org_id"), p.place("api_id"), p.place("dimension"), p.place("dimension_value")
	for _, i := range []int{s.org, s.api, s.dimension, s.value} {
		if i >= 0 {
			s.key = append(s.key, i)
		}
	}
	for i, c := range p.columns {
		s.documents = s.documents || c.Class == rows.Typed
		switch name := c.Name; {
		case c.Class == rows.Typed && slices.Contains(overwritten, name): // no sum there
		case strings.HasPrefix(name, "counter_max_"):
			s.largest = append(s.largest, i)
		case strings.HasPrefix(name, "code_"), strings.HasPrefix(name, "counter_total_"), slices.Contains(additive, name):
			s.added = append(s.added, i)
		}
	}
	return s
}

// additive are counters that add up, beside totals and those of codes.
var additive = []string{
	"counter_hits", "counter_success", "counter_error", "counter_open_connections", "counter_closed_connections", "counter_bytes_in", "counter_bytes_out",
}

// overwritten are counters that Tyk Pump does not add up in MongoDB.
var overwritten = []string{"counter_open_connections", "counter_closed_connections", "counter_bytes_in", "counter_bytes_out"}

// differing reads both sides once more, and compares the series of one batch after the other.
func (s *seriesComparison) differing(ctx context.Context, batches int, batchOf *[partitions]int) (err error) {
	there, err := newSpill(batches)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, there.close()) }()
	here, err := newSpill(batches)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, here.close()) }()
	kept := [2]*spill{there, here}
	err = both(ctx, func(ctx context.Context, of side) error {
		var scratch, packed []byte
		return s.p.scan(ctx, of, rows.Scan{Window: s.p.o.Window}, func(row []rows.Value) error {
			batch := batchOf[hashOf(&scratch, row, s.key)%partitions]
			if batch < 0 {
				return nil
			}
			packed = appendRow(packed[:0], row)
			return kept[of].add(batch, packed)
		})
	})
	if err != nil {
		return err
	}
	for batch := range batches {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.batch(batch, &kept); err != nil {
			return err
		}
	}
	return nil
}

// batch compares the series of a batch.
func (s *seriesComparison) batch(batch int, kept *[2]*spill) error {
	all := map[string]*series{}
	var scratch []byte
	for of, side := range kept {
		err := side.rows(batch, func(packed []byte) {
			s.left = unpack(packed, s.left[:0])
			hashOf(&scratch, s.left, s.key)
			one := all[string(scratch)]
			if one == nil {
				one = &series{}
				all[string(scratch)] = one
			}
			one.packed[of] = append(one.packed[of], packed)
		})
		if err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) { // so that two runs name the same samples
		s.compare(all[name])
	}
	return nil
}

// bucketPair is a row of a bucket on both sides, or on one.
type bucketPair struct {
	bucket int64
	packed [2][]byte
}

// compare settles what is equal or explained bucket by bucket, and looks at the sums of the others.
func (s *seriesComparison) compare(one *series) {
	var open []bucketPair
	for _, b := range s.buckets(one) {
		if b.packed[thereSide] == nil || b.packed[hereSide] == nil {
			open = append(open, b)
			continue
		}
		if bytes.Equal(b.packed[thereSide], b.packed[hereSide]) {
			s.p.out.Same++
			continue
		}
		if d, ok := s.explained(b); ok {
			s.p.out.add(1, d)
			continue
		}
		open = append(open, b)
	}
	if len(open) == 0 {
		return
	}
	if s.shifted(open) {
		return
	}
	for _, b := range open {
		s.report(b)
	}
}

// buckets pairs the rows of a series, in the order of time. A bucket that is there twice gives two pairs.
func (s *seriesComparison) buckets(one *series) []bucketPair {
	var sides [2][]bucketPair
	for of, packed := range one.packed {
		sides[of] = make([]bucketPair, len(packed))
		for i, row := range packed {
			s.left = unpack(row, s.left[:0])
			sides[of][i].bucket = s.bucketOf(s.left)
			sides[of][i].packed[of] = row
		}
		slices.SortStableFunc(sides[of], func(a, b bucketPair) int { return cmp.Compare(a.bucket, b.bucket) })
	}
	there, here := sides[thereSide], sides[hereSide]
	list := make([]bucketPair, 0, max(len(there), len(here)))
	for len(there) > 0 && len(here) > 0 {
		switch c := cmp.Compare(there[0].bucket, here[0].bucket); {
		case c < 0:
			list, there = append(list, there[0]), there[1:]
		case c > 0:
			list, here = append(list, here[0]), here[1:]
		default:
			there[0].packed[hereSide] = here[0].packed[hereSide]
			list, there, here = append(list, there[0]), there[1:], here[1:]
		}
	}
	return slices.Concat(list, there, here)
}

func (s *seriesComparison) bucketOf(row []rows.Value) int64 {
	if at, ok := rows.ParseTime(row[s.at]); ok {
		return at.Unix()
	}
	return math.MinInt64
}

// explained is a difference of two rows of a bucket of which every column has an explanation.
func (s *seriesComparison) explained(b bucketPair) (Difference, bool) {
	d, ids, all := s.columns(b)
	if all {
		d.Explained = ids
	}
	return d, all
}

// columns are those that differ.
func (s *seriesComparison) columns(b bucketPair) (d Difference, ids []string, all bool) {
	s.left, s.right = unpack(b.packed[thereSide], s.left[:0]), unpack(b.packed[hereSide], s.right[:0])
	d, all = s.difference(Changed, b.bucket, s.left), true
	for i, c := range s.p.columns {
		if bytes.Equal(s.left[i], s.right[i]) {
			continue
		}
		id := s.explain(s.left, s.right, i)
		d.Columns = append(d.Columns, Column{Name: c.Name, There: rows.Shown(c.Name, s.left[i]), Here: rows.Shown(c.Name, s.right[i]), Explained: id})
		all = all && id != ""
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return d, ids, all
}

// difference names a rollup.
func (s *seriesComparison) difference(kind Kind, bucket int64, row []rows.Value) Difference {
	d := Difference{Kind: kind}
	if bucket != math.MinInt64 {
		at := time.Unix(bucket, 0).UTC()
		d.At = &at
	}
	var parts []string
	for _, i := range s.key {
		shown := rows.Shown(s.p.columns[i].Name, row[i])
		if i == s.value && s.dimension >= 0 {
			shown = rows.ShownValue(string(row[s.dimension]), row[i])
		}
		parts = append(parts, s.p.columns[i].Name+"="+shown)
	}
	d.Row = strings.Join(parts, " ")
	return d
}

// number reads a counter; what is none counts as 0.
func number(v rows.Value) float64 {
	if n, ok := rows.ParseInt(v); ok {
		return float64(n)
	}
	return parseFloat(v)
}

// shifted tells whether a series has the same counters in other buckets, near enough, and then says so.
func (s *seriesComparison) shifted(open []bucketPair) bool {
	hits := s.p.place("counter_hits")
	var moved []booking
	sums, most := [2][]float64{make([]float64, len(s.added)), make([]float64, len(s.added))}, [2][]float64{make([]float64, len(s.largest)), make([]float64, len(s.largest))}
	for _, b := range open {
		var own [2]float64
		for of, packed := range b.packed {
			if packed == nil {
				continue
			}
			s.left = unpack(packed, s.left[:0])
			own[of] = number(s.left[hits])
			for i, column := range s.added {
				sums[of][i] += number(s.left[column])
			}
			for i, column := range s.largest {
				most[of][i] = max(most[of][i], number(s.left[column]))
			}
		}
		moved = append(moved, booking{at: b.bucket, surplus: own[thereSide] - own[hereSide]})
	}
	if !slices.Equal(sums[0], sums[1]) || !slices.Equal(most[0], most[1]) || farthest(moved) > s.p.o.Shift || (len(open) == 1) {
		return false
	}
	id := deviationOfBuckets(s.kind)
	if s.p.out.shown[string(Shifted)+" "+id] < s.p.o.Samples {
		s.left = unpack(anyOf(open[0]), s.left[:0])
		d := s.difference(Shifted, open[0].bucket, s.left)
		d.Explained = []string{id}
		for _, m := range moved {
			if m.surplus != 0 {
				at := time.Unix(m.at, 0).UTC().Format("2006-01-02 15:04")
				there, here := hitsShown(m.surplus)
				d.Columns = append(d.Columns, Column{Name: "counter_hits at " + at, There: there, Here: here})
			}
		}
		s.p.out.add(int64(len(open)), d)
		return true
	}
	s.p.out.add(int64(len(open)), Difference{Kind: Shifted, Explained: []string{id}})
	return true
}

func anyOf(b bucketPair) []byte {
	if b.packed[thereSide] != nil {
		return b.packed[thereSide]
	}
	return b.packed[hereSide]
}

// report names what nothing explains.
func (s *seriesComparison) report(b bucketPair) {
	switch {
	case b.packed[hereSide] == nil:
		s.left = unpack(b.packed[thereSide], s.left[:0])
		d := s.difference(MissingHere, b.bucket, s.left)
		if id := s.explainLone(s.left); id != "" {
			d.Explained = []string{id}
			s.p.out.add(1, d)
			return
		}
		// It may be folded into __other__, which only all series together tell.
		f := s.folding(s.left)
		f.hits += int64(number(s.left[s.p.place("counter_hits")]))
		f.there++
		s.keep(f, d)
	case b.packed[thereSide] == nil:
		s.left = unpack(b.packed[hereSide], s.left[:0])
		d := s.difference(MissingThere, b.bucket, s.left)
		if string(s.left[s.value]) == otherValue {
			f := s.folding(s.left)
			f.other += int64(number(s.left[s.p.place("counter_hits")]))
			f.here++
			s.keep(f, d)
			return
		}
		s.p.out.add(1, d)
	default:
		d, _, _ := s.columns(b)
		s.p.out.add(1, d)
	}
}
