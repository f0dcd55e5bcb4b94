package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sampled is a soak whose first series has these figures and all others 10.
func sampled(figures ...float64) *soak {
	s := &soak{options: options{rate: 5000, memLimit: "120MiB", gogc: "200"}, interval: 3 * time.Second, pushed: 1000}
	for _, figure := range figures {
		one := make(sample, len(allSeries))
		for i := range one {
			one[i] = 10
		}
		one[0] = figure
		s.samples = append(s.samples, one)
	}
	return s
}

func TestASoakFailsWhenASeriesGrows(t *testing.T) {
	t.Parallel()
	text, err := sampled(50, 60, 70, 100, 100, 100, 110, 109, 200).report()
	require.NoError(t, err)
	assert.Regexp(t, `resident memory, MiB +\| 60 \(50 to 70\) +\| 100 \(100 to 100\) +\| 110 \(109 to 200\) +\| 110 +\| yes`, text)

	text, err = sampled(50, 60, 70, 100, 100, 100, 111, 111, 100).report()
	require.ErrorContains(t, err, "resident memory, MiB grew")
	assert.Contains(t, text, "| no ")

	_, err = sampled(1, 2).report()
	require.ErrorContains(t, err, "there are 2 samples")
}

func TestNumbersAreFoundBehindTheirLabels(t *testing.T) {
	t.Parallel()
	n, err := numberAfter("a: 1\r\nused_memory:1048576\r\n", "used_memory:")
	require.NoError(t, err)
	assert.InDelta(t, 1048576, n, 0)
	_, err = numberAfter("a: 1\n", "b: ")
	require.Error(t, err)
}
