package tyksqlexporter

import (
	"cmp"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// entryState is what is known of one record of a push and one table.
type entryState uint8

const (
	statePending  entryState = iota // to be written
	stateApplied                    // the ledger says that it was stored before
	stateNotTaken                   // the table does not hold records of its kind
	stateRefused                    // it will never be stored
	stateWithheld                   // its push is to come again in another cut
)

// part is what a push has for one table.
type part struct {
	batch  *batch
	layout *layout
	states []entryState // of the batch's entries
	order  []int32      // scratch of pending
}

// rewind forgets what an attempt to write found out, before the next one.
func (p *part) rewind() {
	clear(p.states)
	for i := range p.batch.entries {
		if p.batch.entries[i].kind == kindForeign {
			p.states[i] = stateRefused
		}
	}
}

// refuse marks a record as never to be stored in this table.
func (p *part) refuse(i int32, reason sink.Reason, text string) {
	p.states[i] = stateRefused
	p.batch.refusals = append(p.batch.refusals, sink.Refusal{Entry: i, Reason: reason, Text: text})
}

// takes tells whether a record whose kind is known belongs into the table, and
// marks it where not.
func (p *part) takes(i int32) bool {
	if p.batch.entries[i].kind&p.layout.kind != 0 {
		return true
	}
	p.states[i] = stateNotTaken
	return false
}

// skipApplied marks the records that the ledger's rows name as stored before.
func (p *part) skipApplied(rows []span) {
	if len(rows) == 0 {
		return
	}
	bySegment := make(map[int32][]span, 1)
	for _, row := range rows {
		if place, ok := p.batch.bySource[row.segment]; ok {
			bySegment[place] = append(bySegment[place], row)
		}
	}
	for i := range p.states {
		e := &p.batch.entries[i]
		if p.states[i] != statePending || e.segment == noSegment {
			continue
		}
		if slices.ContainsFunc(bySegment[e.segment], func(s span) bool { return s.contains(e.index) }) {
			p.states[i] = stateApplied
		}
	}
}

// pending lists the records to be written, in the order of arrival. The list is
// good until the next call. Nearly all records are requests, so the table of
// requests sorts out others only while they are written; for other tables each
// record that nobody has looked at is looked at here.
func (p *part) pending() []int32 {
	p.order = p.order[:0]
	for i := range p.states {
		if p.states[i] != statePending {
			continue
		}
		e := &p.batch.entries[i]
		switch {
		case e.kind != 0 || p.layout.kind == kindRequest:
		case p.layout.kind == kindUptime: // whose records are known by their event
			p.states[i] = stateNotTaken
			continue
		default:
			p.batch.record.FromLog(e.log)
			e.kind = kindOf(&p.batch.record)
		}
		if e.kind == 0 || p.takes(int32(i)) { //nolint:gosec // as many as records
			p.order = append(p.order, int32(i)) //nolint:gosec // as many as records
		}
	}
	return p.order
}

// applied gives the ledger rows for what a write has dealt with: the pending
// records, and those not taken, which nobody needs to look at again. They are
// sorted by segment and first index. A write that stored nothing needs none.
func (p *part) applied() []span {
	if !slices.Contains(p.states, statePending) {
		return nil
	}
	b := p.batch
	b.members = b.members[:0]
	for i := range b.entries {
		e := &b.entries[i]
		if e.segment != noSegment && (p.states[i] == statePending || p.states[i] == stateNotTaken) {
			b.members = append(b.members, member{e.segment, e.index})
		}
	}
	compare := func(x, y member) int {
		return cmp.Or(cmp.Compare(x.segment, y.segment), cmp.Compare(x.index, y.index))
	}
	if !slices.IsSortedFunc(b.members, compare) {
		slices.SortFunc(b.members, compare)
	}
	var spans []span
	for from := 0; from < len(b.members); {
		place := b.members[from].segment
		b.indices = b.indices[:0]
		for ; from < len(b.members) && b.members[from].segment == place; from++ {
			b.indices = append(b.indices, b.members[from].index)
		}
		spans = appendSpans(spans, b.segments[place].name, b.indices)
	}
	sortSpans(spans)
	return spans
}

// count tells how many records are in a state.
func (p *part) count(state entryState) int64 {
	var n int64
	for _, s := range p.states {
		if s == state {
			n++
		}
	}
	return n
}
