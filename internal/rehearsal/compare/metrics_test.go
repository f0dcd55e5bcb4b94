package compare

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
)

// With aggregate_observations Tyk Pump observes once a round, which explains its histograms and nothing else.
func TestHistogramsOfRoundsAreExplained(t *testing.T) {
	t.Parallel()
	there := map[string]float64{`tyk_latency_bucket{le="1"}`: 1, `tyk_latency_sum{}`: 5, `tyk_latency_count{}`: 1, `tyk_http_status{}`: 7, `my_count{}`: 3}
	here := map[string]float64{`tyk_latency_bucket{le="1"}`: 4, `tyk_latency_sum{}`: 20, `tyk_latency_count{}`: 4, `tyk_http_status{}`: 7, `my_count{}`: 3}
	verdict := func(rounds bool) Verdict {
		o := options()
		o.Rounds = rounds
		v, _ := Metrics(there, here, o).Verdict()
		return v
	}
	assert.Equal(t, Different, verdict(false))
	assert.Equal(t, Equivalent, verdict(true))
	o := options()
	o.Rounds = true
	assert.Equal(t, map[string]int64{deviation.Observations: 3}, Metrics(there, here, o).Tables[0].Explained)

	here[`my_count{}`] = 4
	assert.Equal(t, Different, verdict(true), "a counter")
	here[`my_count{}`] = 3
	delete(here, `tyk_latency_count{}`)
	assert.Equal(t, Different, verdict(true), "a series that is not there")
}
