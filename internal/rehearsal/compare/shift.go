package compare

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// booking is what a bucket has there beyond what it has here, which may be negative.
type booking struct {
	at      int64 // Unix seconds
	surplus float64
}

// farthest is how far hits have to be moved at most, where each goes to the nearest that is left in the
// order of time, until both sides are equal.
func farthest(moved []booking) time.Duration {
	slices.SortFunc(moved, func(a, b booking) int { return cmp.Compare(a.at, b.at) })
	var from, to []booking
	for _, m := range moved {
		switch {
		case m.surplus > 0:
			from = append(from, m)
		case m.surplus < 0:
			to = append(to, booking{m.at, -m.surplus})
		}
	}
	var most float64
	for i, j := 0, 0; i < len(from) && j < len(to); {
		most = max(most, math.Abs(float64(from[i].at)-float64(to[j].at)))
		n := min(from[i].surplus, to[j].surplus)
		from[i].surplus -= n
		to[j].surplus -= n
		if from[i].surplus == 0 {
			i++
		}
		if to[j].surplus == 0 {
			j++
		}
	}
	const century = 100 * 365 * 24 * 60 * 60
	return time.Duration(min(most, century)) * time.Second
}

// hitsShown says by how much a bucket has more on a side.
func hitsShown(surplus float64) (there, here string) {
	n := strconv.FormatFloat(math.Abs(surplus), 'f', -1, 64)
	if surplus > 0 {
		return n + " more", ""
	}
	return "", n + " more"
}
