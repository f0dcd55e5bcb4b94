//go:build e2e || chaos

package chaos

import (
	"math/rand/v2"
	"time"
)

// dice is the seeded randomness of one part of a run, for one goroutine.
type dice struct{ *rand.Rand }

// newDice gives the same numbers for the same seed and part, whatever the other
// parts draw.
func newDice(seed uint64, part string) *dice {
	stream := uint64(14695981039346656037) // FNV-1a
	for i := range len(part) {
		stream = (stream ^ uint64(part[i])) * 1099511628211
	}
	return &dice{rand.New(rand.NewPCG(seed, stream))}
}

// between draws a duration.
func (d *dice) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.Int64N(int64(most-least)+1))
}

// chance is true that often.
func (d *dice) chance(share float64) bool { return d.Float64() < share }

// oneOf draws a value.
func oneOf[T any](d *dice, values ...T) T { return values[d.IntN(len(values))] }

// bag draws each of its values once before any comes again.
type bag[T any] struct {
	dice *dice
	all  []T
	left []T
}

func (b *bag[T]) next() T {
	if len(b.left) == 0 {
		b.left = append(b.left, b.all...)
		b.dice.Shuffle(len(b.left), func(i, j int) { b.left[i], b.left[j] = b.left[j], b.left[i] })
	}
	value := b.left[0]
	b.left = b.left[1:]
	return value
}
