package krakendreceiver

import (
	"math"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
)

// distributionOf sums pauses up, in seconds, as a KrakenD sums up what it measures: its
// percentiles lie between neighbours, and the standard deviation is that of the sample.
func distributionOf(pauses []uint64) distribution {
	if len(pauses) == 0 {
		return distribution{statCount: 0}
	}
	values := make([]float64, len(pauses))
	var sum float64
	for i, p := range pauses {
		values[i] = float64(p) / perSecond
		sum += values[i]
	}
	slices.Sort(values)
	n := float64(len(values))
	mean := sum / n
	var squares float64
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	d := distribution{
		statCount: n, statMean: mean, statStdDev: math.Sqrt(squares / n),
		statMin: values[0], statMax: values[len(values)-1],
	}
	for _, q := range krakend.Quantiles {
		d[statistic(q.Key)] = percentile(values, q.Value)
	}
	return d
}

// percentile is a value of a sorted sample.
func percentile(values []float64, quantile float64) float64 {
	position := quantile * float64(len(values)+1)
	switch {
	case position < 1:
		return values[0]
	case position >= float64(len(values)):
		return values[len(values)-1]
	}
	below := values[int(position)-1]
	return below + (position-math.Floor(position))*(values[int(position)]-below)
}
