package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
)

// Report is a comparison with what else a reader has to know.
type Report struct {
	Verdict compare.Verdict `json:"verdict"`
	// Lost is how many rows Tyk Pump does not have.
	Lost int64 `json:"lost,omitempty"`
	// Summary is the verdict in a sentence.
	Summary string    `json:"summary"`
	At      time.Time `json:"at"`
	Version string    `json:"version"`
	// Config is the checksum of the pump.conf that both sides were derived from.
	Config string `json:"config_sha256,omitempty"`
	// Log are errors and warnings of Tyk Pump's log, each once.
	Log []LogLine `json:"pump_log,omitempty"`
	*compare.Result
	// Deviations are the explanations that were met.
	Deviations []deviation.Deviation `json:"deviations,omitempty"`
}

// New makes a report of a result.
func New(result *compare.Result, version string, at time.Time) *Report {
	verdict, lost := result.Verdict()
	r := &Report{Verdict: verdict, Lost: lost, At: at.UTC().Truncate(time.Second), Version: version, Result: result}
	for _, id := range result.IDs() {
		if d, ok := deviation.All()[id]; ok {
			r.Deviations = append(r.Deviations, d)
		}
	}
	r.Summary = r.summary()
	return r
}

func (r *Report) summary() string {
	switch r.Verdict {
	case compare.Identical:
		return "Both sides have the same rows."
	case compare.Equivalent:
		return "Every difference is one that docs/differences.md explains."
	case compare.Lost:
		return fmt.Sprintf("Tyk Pump does not have %s that are here. Nothing else differs without an explanation.", counted(r.Lost, "row"))
	case compare.Inconclusive:
		return "Nothing can be said: " + strings.Join(r.Doubts, "; ") + "."
	default:
		return "There are differences that nothing explains."
	}
}

// Title is the verdict for a heading.
func (r *Report) Title() string {
	if r.Verdict == compare.Lost {
		return fmt.Sprintf("%s %d", r.Verdict, r.Lost)
	}
	return string(r.Verdict)
}

// Exit statuses of a verdict.
const (
	exitSame = iota
	exitDifferent
	exitInconclusive
)

// Status is the exit status that belongs to the verdict. What Tyk Pump lost is no fault of the move.
func (r *Report) Status() int {
	switch r.Verdict {
	case compare.Different:
		return exitDifferent
	case compare.Inconclusive:
		return exitInconclusive
	default:
		return exitSame
	}
}

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
