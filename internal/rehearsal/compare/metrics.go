package compare

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// secretLabels are labels of Tyk Pump's metrics that hold credentials.
var secretLabels = regexp.MustCompile(`\b(key|api_key|oauth_id|alias|client)=("(?:[^"\\]|\\.)*")`)

// Metrics compares what two pages of metrics show, or what their series grew by.
func Metrics(there, here map[string]float64, o Options) *Result {
	t := &Table{Name: "metrics", Kind: "series", There: int64(len(there)), Here: int64(len(here)), samples: o.Samples, shown: map[string]int{}, Unexplained: map[Kind]int64{}, Explained: map[string]int64{}, Changes: map[string]int64{}}
	var names []string
	for name := range there {
		names = append(names, name)
	}
	for name := range here {
		if _, ok := there[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	explain := func(string) []string { return nil }
	if o.Rounds {
		histograms := histogramsOf(names)
		explain = func(metric string) []string {
			if histograms[metric] {
				return []string{deviation.Observations}
			}
			return nil
		}
	}
	for _, name := range names {
		a, has := there[name]
		b, have := here[name]
		shown := secretLabels.ReplaceAllStringFunc(name, func(pair string) string {
			label, value, _ := strings.Cut(pair, "=")
			if value == `""` {
				return pair
			}
			return label + "=" + rows.Covered([]byte(value))
		})
		metric, _, _ := strings.Cut(name, "{")
		switch {
		case !have:
			t.add(1, Difference{Kind: MissingHere, Row: shown})
		case !has:
			t.add(1, Difference{Kind: MissingThere, Row: shown})
		case math.Abs(a-b) > meanAccuracy*max(math.Abs(a), math.Abs(b)):
			number := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
			t.add(1, Difference{Kind: Changed, Row: shown, Columns: []Column{{Name: metric, There: number(a), Here: number(b)}}, Explained: explain(metric)})
		default:
			t.Same++
		}
	}
	return &Result{Tables: []*Table{t}}
}

// histogramsOf finds the metrics that belong to histograms.
func histogramsOf(series []string) map[string]bool {
	found := map[string]bool{}
	for _, name := range series {
		metric, _, _ := strings.Cut(name, "{")
		if of, ok := strings.CutSuffix(metric, "_bucket"); ok {
			found[metric], found[of+"_sum"], found[of+"_count"] = true, true, true
		}
	}
	return found
}
