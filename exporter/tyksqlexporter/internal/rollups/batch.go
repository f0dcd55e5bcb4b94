package rollups

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// Batch is the groups of one push, or of several that are stored together, and
// what becomes of each. The group is what is stored as a whole, once.
type Batch struct {
	push.Question

	Groups   []rollup.Group
	pushes   []int // how many of the groups each push has
	States   []push.EntryState
	Reasons  []string           // of the refused ones
	overlaps [][]rollup.Overlap // of each push: what was stored before in part
	Tables   Tables
	sinkOf   []int    // the groups' places in Sinks, or noSink
	names    []string // the groups' segments as the ledger has them
}

// noSink is of a group that no table takes.
const noSink = -1

// NewBatch lists the groups of pushes for tables.
func NewBatch(tables Tables, pushes ...[]rollup.Group) *Batch {
	groups := pushes[0]
	if len(pushes) > 1 {
		groups = slices.Concat(pushes...)
	}
	b := &Batch{
		Groups: groups, Tables: tables, States: make([]push.EntryState, len(groups)), Reasons: make([]string, len(groups)),
		sinkOf: make([]int, len(groups)), names: make([]string, len(groups)), overlaps: make([][]rollup.Overlap, len(pushes)),
	}
	for _, push := range pushes {
		b.pushes = append(b.pushes, len(push))
	}
	for i := range groups {
		g := &groups[i]
		b.sinkOf[i] = b.sink(g)
		if ranges := g.Records.Ranges(); g.Segment != "" && len(ranges) > 0 {
			b.names[i] = push.LedgerSegment(g.Segment)
			b.AskFor(b.names[i], ranges[0].First, ranges[len(ranges)-1].Last)
		}
	}
	b.Rewind()
	return b
}

// sink gives the place of the name under which the ledger knows what is applied of groups
// like g: the table, and the settings that made g.
func (b *Batch) sink(g *rollup.Group) int {
	to, ok := b.Tables.Of(g.Family)
	if !ok {
		return noSink
	}
	// A name of every database's ledger: with a hash of all, it may lose its end.
	const longest, hashed = 64, 17
	sum := xxhash.Sum64String(to.Name + " " + g.Family.String() + " " + g.Settings)
	name := to.Name[:min(len(to.Name), longest-hashed)] + fmt.Sprintf("/%016x", sum)
	at := slices.Index(b.Sinks, name)
	if at < 0 {
		at, b.Sinks = len(b.Sinks), append(b.Sinks, name)
	}
	return at
}

// Rewind forgets what an attempt to write found out, before the next one.
func (b *Batch) Rewind() {
	clear(b.overlaps)
	b.Answer(nil)
	for i := range b.Groups {
		b.States[i], b.Reasons[i] = push.StatePending, ""
		if b.sinkOf[i] == noSink {
			b.States[i] = push.StateNotTaken
		}
	}
}

// Refuse marks a group as never to be stored.
func (b *Batch) Refuse(group int, reason sink.Reason, text string) {
	b.States[group] = push.StateRefused
	b.Reasons[group] = string(reason) + ": " + text
}

// Look marks the groups of which the ledger's rows, by sink, say that they are
// applied, and those of pushes of which some are in part.
func (b *Batch) Look(rows [][]push.Span) {
	b.Answer(rows)
	first := 0
	for at, n := range b.pushes {
		for i := first; i < first+n; i++ {
			if b.States[i] != push.StatePending {
				continue
			}
			switch how, known := b.overlap(i, rows[b.sinkOf[i]]); how {
			case rollup.Known:
				b.States[i] = push.StateApplied
			case rollup.Mixed:
				g := &b.Groups[i]
				b.overlaps[at] = append(b.overlaps[at], rollup.Overlap{Family: g.Family, Segment: g.Segment, Applied: known})
			}
		}
		for i := first; i < first+n; i++ { // nothing is written of a push of which some was
			if len(b.overlaps[at]) > 0 && b.States[i] == push.StatePending {
				b.States[i] = push.StateWithheld
			}
		}
		first += n
	}
}

// overlap tells how much of a group is in rows of its sink.
func (b *Batch) overlap(group int, rows []push.Span) (rollup.Coverage, rollup.Indices) {
	var mine []*push.Span
	for i := range rows {
		if rows[i].Segment == b.names[group] {
			mine = append(mine, &rows[i])
		}
	}
	if len(mine) == 0 { // as nearly always
		return rollup.New, rollup.Indices{}
	}
	return b.Groups[group].Overlap(func(index int64) bool {
		return slices.ContainsFunc(mine, func(s *push.Span) bool { return s.Tells(index) })
	})
}

// OverlapError is nil, or says that nothing of the push was stored, since some of it
// was in part.
func (b *Batch) OverlapError() error {
	if len(b.overlaps[0]) == 0 {
		return nil
	}
	return consumererror.NewPermanent(&rollup.OverlapError{Overlaps: b.overlaps[0]})
}

// share gives the batches of the single pushes what became of their groups.
func (b *Batch) share(pushes []*Batch) {
	first := 0
	for push, to := range pushes {
		n := copy(to.States, b.States[first:])
		copy(to.Reasons, b.Reasons[first:])
		to.overlaps[0] = b.overlaps[push]
		first += n
	}
}

// Pending lists the groups that are to be written.
func (b *Batch) Pending() []int {
	var list []int
	for i, state := range b.States {
		if state == push.StatePending {
			list = append(list, i)
		}
	}
	return list
}

// Ledger gives the rows for what was written.
func (b *Batch) Ledger() []push.LedgerEntry {
	var entries []push.LedgerEntry
	for at, sink := range b.Sinks {
		indices := map[string][]int64{}
		for _, i := range b.Pending() {
			if b.sinkOf[i] == at && b.names[i] != "" {
				indices[b.names[i]] = slices.AppendSeq(indices[b.names[i]], b.Groups[i].Records.All())
			}
		}
		var spans []push.Span
		for name, list := range indices {
			spans = push.AppendSpans(spans, name, push.Rising(list))
		}
		if len(spans) > 0 {
			push.SortSpans(spans)
			entries = append(entries, push.LedgerEntry{Sink: sink, Spans: spans})
		}
	}
	return entries
}

// Key names the pushes, as long as they come again in the same cut.
func (b *Batch) Key() string {
	if len(b.Segments) == 0 {
		return ""
	}
	return b.Sinks[0] + " " + b.Segments[0].Name + "-" + strconv.FormatInt(b.Segments[0].First, 10)
}

// RefusedError is nil, or names the records of the refused groups to the receiver.
func (b *Batch) RefusedError(destination string) error {
	refused := &analytics.RefusedError{}
	for i, state := range b.States {
		if state != push.StateRefused {
			continue
		}
		refused.Records = append(refused.Records, sink.RefusedGroup(&b.Groups[i], b.Reasons[i], destination)...)
	}
	if len(refused.Records) == 0 {
		return nil
	}
	return consumererror.NewPermanent(refused)
}

// Describe is a short text for logs.
func (b *Batch) Describe() string {
	return strconv.Itoa(len(b.Groups)) + " groups of rollups of " + strconv.Itoa(len(b.Segments)) + " segments"
}
