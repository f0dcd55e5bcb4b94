package compare

import (
	"maps"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// folding is what only one side has of a bucket, organisation and dimension: values there, and __other__ here.
type folding struct {
	hits    int64 // there
	other   int64 // here
	there   int64 // rows
	here    int64
	samples []Difference
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

// maxKept bounds the samples of all foldings together.
const maxKept = 2000

// keep remembers a sample; whether it is explained is known at the end only.
func (s *seriesComparison) keep(f *folding, d Difference) {
	if len(f.samples) < s.p.o.Samples && s.kept < maxKept {
		f.samples = append(f.samples, d)
		s.kept++
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
