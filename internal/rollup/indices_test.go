package rollup

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// A few bytes must not make a store compare records for years.
func TestIndicesClaimNoMoreThanAChunk(t *testing.T) {
	huge := Indices{ranges: []Range{{5, 1 << 61}}}
	_, err := decodeIndices(huge.encode())
	require.ErrorIs(t, err, errIndices)
	many := Indices{}
	for i := range int64(3) {
		many.ranges = append(many.ranges, Range{i * maxIndices, i*maxIndices + maxIndices/2})
	}
	_, err = decodeIndices(many.encode())
	require.ErrorIs(t, err, errIndices, "all ranges count")
	fits := Indices{ranges: []Range{{1 << 40, 1<<40 + maxIndices - 1}}}
	got, err := decodeIndices(fits.encode())
	require.NoError(t, err)
	assert.Equal(t, fits, got)
}

// Of negative latencies Tyk Pump writes maxima of 0 for the total, in one chunk or several.
func TestMaximaOfTheTotalBeginAtZero(t *testing.T) {
	a := newAggregator(t, hourly())
	var groups []Group
	for i := range 2 {
		r := vector(200, -4)
		r.Latency = analytics.Latency{Total: -4, Upstream: -3}
		made, _ := a.Aggregate(logsOf("seg", i, r), nil)
		groups = append(groups, made...)
	}
	total, api := 0, 0
	for k, c := range sum(groups, byBucket) {
		switch k.dimension {
		case Total:
			total++
			assert.Equal(t, []int64{0, 0, -4, -3}, []int64{c.Latency.Max, c.Upstream.Max, c.Latency.Min, c.Upstream.Min})
		case APIID:
			api++
			assert.Equal(t, []int64{-4, -3}, []int64{c.Latency.Max, c.Upstream.Max})
		default:
		}
	}
	assert.Equal(t, []int{1, 1}, []int{total, api})
}
