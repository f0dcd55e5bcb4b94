package compare

import (
	"bytes"
	"context"
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
	var batch [partitions]bool
	size, pending := int64(0), false
	flush := func() error {
		if !pending {
			return nil
		}
		err := s.batch(ctx, &batch)
		batch, size, pending = [partitions]bool{}, 0, false
		return err
	}
	for i := range partitions {
		a, b := sums[thereSide][i], sums[hereSide][i]
		p.out.There += a.rows
		p.out.Here += b.rows
		if a == b {
			p.out.Same += a.rows
			continue
		}
		if size > 0 && size+a.rows+b.rows > int64(p.o.MaxUnit) {
			if err := flush(); err != nil {
				return err
			}
		}
		batch[i], pending = true, true
		size += a.rows + b.rows
	}
	if err := flush(); err != nil {
		return err
	}
	s.finish()
	return nil
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
}

// series is one on both sides.
type series struct {
	packed [2][][]byte
}

// folding is what only one side has of a bucket, organisation and dimension: values there, and __other__ here.
type folding struct {
	hits    int64 // there
	other   int64 // here
	there   int64 // rows
	here    int64
	samples []Difference
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

// batch reads the series of some partitions, and compares them.
func (s *seriesComparison) batch(ctx context.Context, wanted *[partitions]bool) error {
	var found [2]map[string]*series
	err := both(ctx, func(ctx context.Context, of side) error {
		mine := map[string]*series{}
		found[of] = mine
		var scratch []byte
		return s.p.scan(ctx, of, rows.Scan{Window: s.p.o.Window}, func(row []rows.Value) error {
			if !wanted[hashOf(&scratch, row, s.key)%partitions] {
				return nil
			}
			one := mine[string(scratch)]
			if one == nil {
				one = &series{}
				mine[string(scratch)] = one
			}
			one.packed[of] = append(one.packed[of], appendRow(make([]byte, 0, packedSize(row)), row))
			return nil
		})
	})
	if err != nil {
		return err
	}
	for name, there := range found[thereSide] {
		if here := found[hereSide][name]; here != nil {
			there.packed[hereSide] = here.packed[hereSide]
			delete(found[hereSide], name)
		}
	}
	for _, side := range found {
		names := make([]string, 0, len(side))
		for name := range side {
			names = append(names, name)
		}
		slices.Sort(names) // so that two runs name the same samples
		for _, name := range names {
			s.compare(side[name])
		}
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
	var list []bucketPair
	for of, packed := range one.packed {
		for _, row := range packed {
			s.left = unpack(row, s.left[:0])
			at := s.bucketOf(s.left)
			i := slices.IndexFunc(list, func(b bucketPair) bool { return b.bucket == at && b.packed[of] == nil })
			if i < 0 {
				i = len(list)
				list = append(list, bucketPair{bucket: at})
			}
			list[i].packed[of] = row
		}
	}
	slices.SortStableFunc(list, func(a, b bucketPair) int { return int(max(min(a.bucket-b.bucket, 1), -1)) })
	return list
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
		f.keep(d, s.p.o.Samples)
	case b.packed[thereSide] == nil:
		s.left = unpack(b.packed[hereSide], s.left[:0])
		d := s.difference(MissingThere, b.bucket, s.left)
		if string(s.left[s.value]) == otherValue {
			f := s.folding(s.left)
			f.other += int64(number(s.left[s.p.place("counter_hits")]))
			f.here++
			f.keep(d, s.p.o.Samples)
			return
		}
		s.p.out.add(1, d)
	default:
		d, _, _ := s.columns(b)
		s.p.out.add(1, d)
	}
}

// otherValue stands for the values of a dimension that are beyond max_values.
const otherValue = "__other__"

// folding finds that of a row.
func (s *seriesComparison) folding(row []rows.Value) *folding {
	of := string(rows.Plain(row[s.at])) + "\x00" + string(row[s.org]) + "\x00" + string(row[s.dimension])
	if s.folded[of] == nil {
		s.folded[of] = &folding{}
	}
	return s.folded[of]
}

func (f *folding) keep(d Difference, most int) {
	if len(f.samples) < most {
		f.samples = append(f.samples, d)
	}
}

// finish decides about rows of one side: those that are folded here are explained.
func (s *seriesComparison) finish() {
	for _, of := range slices.Sorted(maps.Keys(s.folded)) {
		f := s.folded[of]
		left := map[Kind]int64{MissingHere: f.there, MissingThere: f.here}
		for _, d := range f.samples {
			left[d.Kind]--
			s.p.out.add(1, f.explain(d))
		}
		for kind, n := range left {
			if n > 0 {
				s.p.out.add(n, f.explain(Difference{Kind: kind}))
			}
		}
	}
}

func (f *folding) explain(d Difference) Difference {
	if f.here > 0 && f.other == f.hits {
		d.Explained = []string{foldedID}
	}
	return d
}
