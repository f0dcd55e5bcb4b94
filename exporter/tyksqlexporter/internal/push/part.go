package push

import (
	"cmp"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// EntryState is what is known of one record of a push and one table.
type EntryState uint8

// The states.
const (
	StatePending  EntryState = iota // to be written
	StateApplied                    // the ledger says that it was stored before
	StateNotTaken                   // the table does not hold records of its kind
	StateRefused                    // it will never be stored
	StateWithheld                   // it is for another attempt
)

// Part is what a push has for one table.
type Part struct {
	layout.Table

	Batch    *Batch
	States   []EntryState   // of the batch's entries
	refusals []sink.Refusal // of this table
	order    []int32        // scratch of pending
}

// rewind forgets what an attempt to write found out, before the next one.
func (p *Part) rewind() {
	clear(p.States)
	p.refusals = nil
	for i := range p.Batch.Entries {
		if p.Batch.Entries[i].Kind == layout.KindForeign {
			p.States[i] = StateRefused
		}
	}
}

// Refuse marks a record as never to be stored in this table. What is tried again is
// refused again.
func (p *Part) Refuse(i int32, reason sink.Reason, text string) {
	if p.States[i] == StateRefused {
		return
	}
	p.States[i] = StateRefused
	p.refusals = append(p.refusals, sink.Refusal{Entry: i, Reason: reason, Text: text})
	p.Batch.Refusals = append(p.Batch.Refusals, sink.Refusal{Entry: i, Reason: reason, Text: text})
}

// Takes tells whether a record whose kind is known belongs into the table, and
// marks it where not.
func (p *Part) Takes(i int32) bool {
	if p.Batch.Entries[i].Kind&p.Layout.Kind != 0 {
		return true
	}
	p.States[i] = StateNotTaken
	return false
}

// skipApplied marks the records that the ledger's rows name as stored before.
func (p *Part) skipApplied(rows []Span) {
	if len(rows) == 0 {
		return
	}
	bySegment := make(map[int32][]*Span, 1)
	for i := range rows {
		if place, ok := p.Batch.places[rows[i].Segment]; ok {
			bySegment[place] = append(bySegment[place], &rows[i])
		}
	}
	for i := range p.States {
		e := &p.Batch.Entries[i]
		if p.States[i] != StatePending || e.segment == noSegment {
			continue
		}
		for _, row := range bySegment[e.segment] {
			if row.Tells(e.index) {
				p.States[i] = StateApplied
			}
		}
	}
}

// Turn gives those of the entries that are in one state another one.
func (p *Part) Turn(list []int32, from, to EntryState) {
	for _, i := range list {
		if p.States[i] == from {
			p.States[i] = to
		}
	}
}

// Pending lists the records to be written, in the order of arrival. The list is
// good until the next call. Nearly all records are requests, so the table of
// requests sorts out others only while they are written; for other tables each
// record that nobody has looked at is looked at here.
func (p *Part) Pending() []int32 {
	p.order = p.order[:0]
	for i := range p.States {
		if p.States[i] != StatePending {
			continue
		}
		e := &p.Batch.Entries[i]
		switch {
		case e.Kind != 0 || p.Layout.Kind == layout.KindRequest:
		case p.Layout.Kind == layout.KindUptime: // whose records are known by their event
			p.States[i] = StateNotTaken
			continue
		default:
			p.Batch.record.FromLog(e.Log)
			e.Kind = layout.KindOf(&p.Batch.record)
		}
		if e.Kind == 0 || p.Takes(int32(i)) { //nolint:gosec // as many as records
			p.order = append(p.order, int32(i)) //nolint:gosec // as many as records
		}
	}
	return p.order
}

// applied gives the ledger rows for what a write has dealt with: the pending
// records, and those not taken, which nobody needs to look at again. They are
// sorted by segment and first index. A write that stored nothing needs none.
func (p *Part) applied() []Span {
	if !slices.Contains(p.States, StatePending) {
		return nil
	}
	b := p.Batch
	b.members = b.members[:0]
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.segment != noSegment && (p.States[i] == StatePending || p.States[i] == StateNotTaken) {
			b.members = append(b.members, member{e.segment, e.index})
		}
	}
	compare := func(x, y member) int {
		return cmp.Or(cmp.Compare(x.segment, y.segment), cmp.Compare(x.index, y.index))
	}
	if !slices.IsSortedFunc(b.members, compare) {
		slices.SortFunc(b.members, compare)
	}
	var spans []Span
	for from := 0; from < len(b.members); {
		place := b.members[from].segment
		b.indices = b.indices[:0]
		for ; from < len(b.members) && b.members[from].segment == place; from++ {
			b.indices = append(b.indices, b.members[from].index)
		}
		spans = AppendSpans(spans, b.Segments[place].Name, b.indices)
	}
	SortSpans(spans)
	return spans
}

// Count tells how many records are in a state.
func (p *Part) Count(state EntryState) int64 {
	var n int64
	for _, s := range p.States {
		if s == state {
			n++
		}
	}
	return n
}
