package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// Kind is what is different.
type Kind string

// The kinds. "There" is Tyk Pump's store, "here" is ours.
const (
	MissingHere   Kind = "missing here"
	MissingThere  Kind = "missing there"
	RepeatedHere  Kind = "repeated here"
	RepeatedThere Kind = "repeated there"
	Changed       Kind = "changed"
	Shifted       Kind = "in another bucket"
	OtherType     Kind = "of another type"
	ColumnHere    Kind = "column missing here"
	ColumnThere   Kind = "column missing there"
)

// Kinds are all of them, in the order of reports.
var Kinds = []Kind{MissingHere, MissingThere, RepeatedHere, RepeatedThere, Changed, Shifted, OtherType, ColumnHere, ColumnThere}

// Difference is one that was found. Its values are covered where they may be secret.
type Difference struct {
	Kind Kind `json:"kind"`
	// At is the record's time, or the rollup's bucket.
	At *time.Time `json:"at,omitempty"`
	// Row names the row by what tells it from others.
	Row string `json:"row,omitempty"`
	// Columns are those that differ.
	Columns []Column `json:"columns,omitempty"`
	// Explained are the deviations that explain it; empty where nothing does.
	Explained []string `json:"explained,omitempty"`
}

// Column is a column that differs.
type Column struct {
	Name  string `json:"name"`
	There string `json:"there"`
	Here  string `json:"here"`
	// Explained is the deviation that explains this column, where not all of them are explained.
	Explained string `json:"explained,omitempty"`
}

// Table is what was found of a table.
type Table struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	There int64  `json:"rows_there"`
	Here  int64  `json:"rows_here"`
	Same  int64  `json:"same"`
	// Unexplained counts what differs, by kind.
	Unexplained map[Kind]int64 `json:"unexplained,omitempty"`
	// Explained counts rows that differ as a deviation says, by its id.
	Explained map[string]int64 `json:"explained,omitempty"`
	// Changes counts the columns of rows that changed without an explanation.
	Changes map[string]int64 `json:"changed_columns,omitempty"`
	// Samples are the first of each kind, and of each explanation.
	Samples []Difference `json:"samples,omitempty"`
	// Windows are those that differ, the first of them.
	Windows []WindowCount `json:"windows,omitempty"`

	samples int
	shown   map[string]int
}

// WindowCount is how many rows a window that differs has on either side.
type WindowCount struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	There int64     `json:"there"`
	Here  int64     `json:"here"`
}

func newTable(t *rows.Table, samples int) *Table {
	return &Table{
		Name: t.Name, Kind: t.Kind.String(), samples: samples, shown: map[string]int{},
		Unexplained: map[Kind]int64{}, Explained: map[string]int64{}, Changes: map[string]int64{},
	}
}

// add counts a difference, and keeps it if it is one of the first.
func (t *Table) add(n int64, d Difference) {
	if len(d.Explained) == 0 {
		t.Unexplained[d.Kind] += n
		for _, c := range d.Columns {
			if c.Explained == "" {
				t.Changes[c.Name] += n
			}
		}
	}
	for _, id := range d.Explained {
		t.Explained[id] += n
	}
	if t.wants(d.Kind, d.Explained) {
		t.shown[label(d.Kind, d.Explained)]++
		t.Samples = append(t.Samples, d)
	}
}

// label is what samples are bounded by.
func label(kind Kind, explained []string) string {
	if len(explained) == 0 {
		return string(kind)
	}
	return string(kind) + " " + explained[0]
}

// wants tells whether a difference would be kept, so that it need not be described otherwise.
func (t *Table) wants(kind Kind, explained []string) bool {
	return t.shown[label(kind, explained)] < t.samples
}

// Result is what a comparison found.
type Result struct {
	There  string   `json:"there"`
	Here   string   `json:"here"`
	Tables []*Table `json:"tables"`
	// Stored says what both stored, and nobody compared.
	Stored []string `json:"stored_not_compared,omitempty"`
	// Skipped says what was not compared, and why.
	Skipped []string `json:"not_compared,omitempty"`
	// Doubts are reasons for which nothing can be said.
	Doubts []string `json:"doubts,omitempty"`
}

// Add adds what another comparison found.
func (r *Result) Add(o *Result) {
	join := func(to *string, text string) {
		if *to != "" {
			*to += "; "
		}
		*to += text
	}
	join(&r.There, o.There)
	join(&r.Here, o.Here)
	r.Tables = append(r.Tables, o.Tables...)
	r.Stored = append(r.Stored, o.Stored...)
	for _, text := range o.Skipped {
		if !slices.Contains(r.Skipped, text) {
			r.Skipped = append(r.Skipped, text)
		}
	}
	r.Doubts = append(r.Doubts, o.Doubts...)
}

// skip says once of a field, in however many tables it is, that it is not compared.
func (r *Result) skip(of rows.Unread) {
	text := fmt.Sprintf("%s of rollups (%s): %s", of.Field, of.Deviation, deviation.All()[of.Deviation])
	if !slices.Contains(r.Skipped, text) {
		r.Skipped = append(r.Skipped, text)
	}
}

// Verdict is a comparison in a word.
type Verdict string

// The verdicts.
const (
	Identical    Verdict = "IDENTICAL"
	Equivalent   Verdict = "EQUIVALENT"
	Lost         Verdict = "TYK PUMP LOST"
	Different    Verdict = "DIFFERENT"
	Inconclusive Verdict = "INCONCLUSIVE"
)

// Verdict is the result's, and for Lost the number of rows that Tyk Pump does not have.
func (r *Result) Verdict() (Verdict, int64) {
	verdict, lost := Identical, int64(0)
	for _, t := range r.Tables {
		for kind, n := range t.Unexplained {
			if n == 0 {
				continue
			}
			if kind != MissingThere {
				verdict = Different
				continue
			}
			lost += n
		}
		if len(t.Explained) > 0 && verdict == Identical {
			verdict = Equivalent
		}
	}
	switch {
	case verdict == Different: // which no doubt takes back
		return Different, lost
	case len(r.Doubts) > 0:
		return Inconclusive, lost
	case lost > 0:
		return Lost, lost
	}
	return verdict, 0
}

// Records is how many rows of records, or hits of rollups where there are none, were looked at.
func (r *Result) Records() int64 {
	var n int64
	for _, t := range r.Tables {
		n = max(n, t.There, t.Here)
	}
	return n
}

// Weigh doubts what is too little for a verdict.
func (r *Result) Weigh(least int64) {
	if least == 0 {
		return
	}
	if len(r.Tables) == 0 {
		r.Doubts = append(r.Doubts, "neither store has a table that looks like Tyk's")
	} else if n := r.Records(); n < least {
		r.Doubts = append(r.Doubts, fmt.Sprintf("the largest table has %d rows, which is fewer than the %d that a verdict takes", n, least))
	}
}

// IDs are the deviations that were met.
func (r *Result) IDs() []string {
	ids := map[string]bool{}
	for _, t := range r.Tables {
		for id := range t.Explained {
			ids[id] = true
		}
	}
	return slices.SortedFunc(maps.Keys(ids), cmp.Compare[string])
}
