package sink_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

func TestEvidenceBlamesWhatFailsWhereOthersAreTaken(t *testing.T) {
	t.Parallel()
	failure := sink.Failure{Place: "requests", Item: "a", Fault: "P0001"}
	other := failure
	other.Fault = "57P03"
	for name, c := range map[string]struct {
		before func(*sink.Evidence)
		last   sink.Failure
		want   sink.Finding
	}{
		"too seldom":                  {func(e *sink.Evidence) { fail(e, failure, 3); e.Accepted("requests") }, failure, sink.Wait},
		"nothing else is taken":       {func(e *sink.Evidence) { e.Accepted("requests"); fail(e, failure, 4) }, failure, sink.Suspect},
		"another place is no witness": {func(e *sink.Evidence) { fail(e, failure, 4); e.Accepted("graph") }, failure, sink.Suspect},
		"others are taken meanwhile":  {func(e *sink.Evidence) { fail(e, failure, 1); e.Accepted("requests"); fail(e, failure, 3) }, failure, sink.Blamed},
		"failures differ":             {func(e *sink.Evidence) { fail(e, failure, 4); e.Accepted("requests") }, other, sink.Wait},
		"it was stored meanwhile":     {func(e *sink.Evidence) { fail(e, failure, 4); e.Settled("requests", "a") }, failure, sink.Wait},
		"others of it were taken before": {func(e *sink.Evidence) {
			e.Neighbours("requests", "a")
			fail(e, sink.Failure{Place: "requests", Item: "a"}, 4)
		}, sink.Failure{
			Place: "requests", Item: "a", Enough: 1,
		}, sink.Blamed},
		"others of it were taken just before": {func(e *sink.Evidence) {
			e.Neighbours("requests", "a")
			fail(e, sink.Failure{Place: "requests", Item: "a"}, 3)
		}, sink.Failure{
			Place: "requests", Item: "a", Enough: 1,
		}, sink.Wait},
		"others of it are taken with it, and were before": {func(e *sink.Evidence) { e.Neighbours("requests", "a") }, sink.Failure{
			Place: "requests", Item: "a", Beside: true, Enough: 1,
		}, sink.Blamed},
		"taken along with it": {func(*sink.Evidence) {}, sink.Failure{
			Place: "requests", Item: "a", Fault: "121", Beside: true, Enough: 1,
		}, sink.Blamed},
	} {
		var e sink.Evidence
		c.before(&e)
		assert.Equal(t, c.want, e.Failed(c.last), name)
	}
}

func fail(e *sink.Evidence, f sink.Failure, times int) {
	for range times {
		e.Failed(f)
	}
}

var errBad, errDown = errors.New("bad"), errors.New("down")

func TestIsolatorRefusesOnlyWhereOthersAreTaken(t *testing.T) {
	t.Parallel()
	const items = 4000
	for name, c := range map[string]struct {
		bad     func(i int) bool
		outcome sink.Outcome
		refused int
		waits   bool
	}{
		"one":                          {bad: func(i int) bool { return i == 2345 }, outcome: sink.Unclear, refused: 1},
		"a run at the beginning":       {bad: func(i int) bool { return i < 900 }, outcome: sink.Unclear, refused: 900},
		"a run at the end":             {bad: func(i int) bool { return i >= 3000 }, outcome: sink.Unclear, refused: 1000},
		"every fifth":                  {bad: func(i int) bool { return i%5 == 0 }, outcome: sink.Unclear, refused: 800},
		"all, which may heal":          {bad: func(int) bool { return true }, outcome: sink.Unclear, waits: true},
		"all, which will not heal":     {bad: func(int) bool { return true }, outcome: sink.Refused, refused: items},
		"what speaks of no item waits": {bad: func(i int) bool { return i == 7 }, outcome: sink.Later, waits: true},
	} {
		stored, refused, tries := map[int]bool{}, 0, 0
		list := make([]int, items)
		for i := range list {
			list[i] = i
		}
		err := sink.Isolator[int]{
			Try: func(piece []int) (int, error) {
				tries++
				if slices.ContainsFunc(piece, c.bad) {
					return sink.Unplaced, errBad
				}
				for _, i := range piece {
					assert.False(t, stored[i], "once")
					stored[i] = true
				}
				return sink.Unplaced, nil
			},
			Judge:  func(error) sink.Outcome { return c.outcome },
			Refuse: func(i int, err error) { assert.True(t, c.bad(i)); assert.Equal(t, errBad, err); refused++ },
		}.Store(list)
		if c.waits {
			require.Error(t, err, name)
			assert.Zero(t, refused, name)
			assert.Less(t, tries, 100, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, c.refused, refused, name)
		assert.Len(t, stored, items-refused, name)
	}
}

// A store that goes down while items are looked for has not refused the ones that
// were found so far.
func TestIsolatorWaitsForAStoreThatGoesDown(t *testing.T) {
	t.Parallel()
	tries := 0
	err := sink.Isolator[int]{
		Try: func(piece []int) (int, error) {
			tries++
			if tries > 3 {
				return sink.Unplaced, errDown
			}
			if at := slices.Index(piece, 2); at >= 0 {
				return at, errBad
			}
			return sink.Unplaced, nil
		},
		Judge: func(err error) sink.Outcome {
			if errors.Is(err, errDown) {
				return sink.Later
			}
			return sink.Unclear
		},
		Refuse: func(int, error) { t.Error("refused") },
	}.Store([]int{0, 1, 2, 3})
	require.ErrorIs(t, err, errDown)
}

// What keeps everything out may be over while items are looked for: those that failed before that are tried again.
func TestIsolatorRefusesNothingForAnOutageThatEnds(t *testing.T) {
	t.Parallel()
	for outage := range 40 {
		tries := 0
		stored := map[int]bool{}
		list := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
		var refused []int
		err := sink.Isolator[int]{
			Try: func(piece []int) (int, error) {
				if tries++; tries <= outage || slices.Contains(piece, 7) {
					return sink.Unplaced, errBad
				}
				for _, i := range piece {
					assert.False(t, stored[i], "once")
					stored[i] = true
				}
				return sink.Unplaced, nil
			},
			Judge:  func(error) sink.Outcome { return sink.Unclear },
			Refuse: func(i int, _ error) { refused = append(refused, i) },
		}.Store(list)
		if err != nil { // it outlasted the search
			assert.Empty(t, refused)
			continue
		}
		assert.Equal(t, []int{7}, refused, "an outage of %d tries", outage)
		assert.Len(t, stored, len(list)-1)
	}
}
