package traffic

import (
	"math"
	"math/rand/v2"
)

// picker draws indexes with given weights in constant time (Vose's alias method).
type picker struct {
	keep  []uint32 // draw i keeps i when the low 32 bits are below keep[i]
	other []int32  // else it becomes other[i]
}

// newPicker needs at least one weight above 0 and none below.
func newPicker(weights []float64) picker {
	n := len(weights)
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	p := picker{keep: make([]uint32, n), other: make([]int32, n)}
	scaled := make([]float64, n)
	var small, large []int
	for i, w := range weights {
		scaled[i] = w * float64(n) / sum
		if scaled[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		p.keep[s] = uint32(scaled[s] * (1 << 32)) // below 1, so it fits
		p.other[s] = int32(l)
		scaled[l] -= 1 - scaled[s]
		if scaled[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, i := range append(small, large...) { // weight 1 up to rounding: always itself
		p.other[i] = int32(i)
	}
	return p
}

func (p *picker) pick(r *rand.Rand) int {
	u := r.Uint64()
	i := (u >> 32) * uint64(len(p.keep)) >> 32
	if u&math.MaxUint32 < uint64(p.keep[i]) {
		return int(i)
	}
	return int(p.other[i])
}

// zipf gives n weights of which the k-th is 1/k^s.
func zipf(n int, s float64) []float64 {
	weights := make([]float64, n)
	for k := range weights {
		weights[k] = math.Pow(float64(k+1), -s)
	}
	return weights
}
