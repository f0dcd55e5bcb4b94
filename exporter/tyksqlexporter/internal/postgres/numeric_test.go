package postgres

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// The short way to a numeric gives the same bytes as the one by way of its text.
func TestNumericsOfFewPlacesAreWrittenTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := math.Pow10(rapid.IntRange(-9, 6).Draw(t, "places"))
		v := float64(rapid.Int64Range(-1e14, 1e14).Draw(t, "digits")) / places
		if v != 0 {
			assert.Equal(t, shortest(v), appendNumeric(nil, v), "%v", v)
		}
	})
	for _, v := range []float64{1, -1, 10, 10000, 1e8, 99999999, 0.1, 0.0001, 0.00011, -0.5, 51.5074, 123456789.0001, 1e9, 999999999.9999, 1e12, 1e300, 5e-324} {
		assert.Equal(t, shortest(v), appendNumeric(nil, v), "%v", v)
	}
}

func shortest(v float64) []byte {
	if v < 0 {
		return appendShortest(nil, numericNegative, -v)
	}
	return appendShortest(nil, numericPositive, v)
}
