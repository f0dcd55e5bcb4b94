package tyksqlexporter

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// entryState is what is known of one record of a push.
type entryState uint8

const (
	statePending  entryState = iota // to be written
	stateApplied                    // the ledger says that it was stored before
	stateNotTaken                   // this table does not hold records of its kind
	stateRefused                    // it will never be stored
)

// maxSegmentName is the longest segment id, in bytes, that is stored as it is. An
// index entry of PostgreSQL holds 2700 bytes; our own ids are far shorter.
const maxSegmentName = 200

// noSegment marks a record without identity, which is stored without looking.
const noSegment = -1

// entry is one record of a push.
type entry struct {
	log     plog.LogRecord
	index   int64
	segment int32 // place in batch.segments, or noSegment
	state   entryState
	foreign bool // refused before it was looked at; survives rewind
}

// segment is one segment of which a push holds records.
type segment struct {
	name        string
	first, last int64 // of the records of this push
	sorted      bool  // the indices come in rising order, each once
}

// refusal says why one record will never be stored.
type refusal struct {
	entry  int32
	reason refusalReason
	text   string
}

// batch is what one push carries, and what becomes of each record. It is used by
// one goroutine at a time, and refers to the push's pdata until release.
type batch struct {
	entries  []entry
	segments []segment
	refusals []refusal
	bySource map[string]int32 // segment name to place in segments
	order    []int32          // scratch of pending
	members  []member         // scratch of applied
	indices  []int64          // scratch of applied
}

// member is one record's identity: its segment's place in the batch, and index.
type member struct {
	segment int32
	index   int64
}

var batches = sync.Pool{New: func() any { return &batch{bySource: map[string]int32{}} }}

// newBatch lists the records of logs. The caller releases the batch.
func newBatch(logs plog.Logs) *batch {
	b := batches.Get().(*batch) //nolint:forcetypeassert // the pool holds nothing else
	b.entries = slices.Grow(b.entries, logs.LogRecordCount())
	current := int32(noSegment) // segment of the record before
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, log := range scope.LogRecords().All() {
				current = b.add(log, current)
			}
		}
	}
	b.dropRepeated()
	b.rewind()
	return b
}

// release makes the batch reusable and lets go of the pdata.
func (b *batch) release() {
	clear(b.entries)
	clear(b.segments)
	clear(b.refusals)
	clear(b.bySource)
	b.entries, b.segments, b.refusals = b.entries[:0], b.segments[:0], b.refusals[:0]
	batches.Put(b)
}

// add appends one record; it looks first whether the record is of the same
// segment as the one before, which nearly all are.
func (b *batch) add(log plog.LogRecord, current int32) int32 {
	e := entry{log: log, segment: noSegment, foreign: log.EventName() != analytics.EventRequest}
	defer func() { b.entries = append(b.entries, e) }()
	if e.foreign {
		return current
	}
	value, ok := log.Attributes().Get(analytics.AttrUID)
	if !ok {
		return current
	}
	uid := value.Str()
	if uid == "" {
		return current
	}
	if current != noSegment {
		if index, same := sameSegment(uid, b.segments[current].name); same {
			e.segment, e.index = current, index
			b.widen(current, index)
			return current
		}
	}
	name, index := identify(uid)
	place, known := b.bySource[name]
	if !known {
		place = int32(len(b.segments)) //nolint:gosec // as many as records at most
		b.bySource[name] = place
		b.segments = append(b.segments, segment{name: name, first: index, last: index, sorted: true})
	} else {
		b.widen(place, index)
	}
	e.segment, e.index = place, index
	return place
}

// widen takes one more index into the segment's range.
func (b *batch) widen(place int32, index int64) {
	s := &b.segments[place]
	s.sorted = s.sorted && index > s.last
	s.first, s.last = min(s.first, index), max(s.last, index)
}

// sameSegment reads the index of a uid that begins with the segment's name, by the
// rules of analytics.ParseUID: an index has one spelling.
func sameSegment(uid, name string) (int64, bool) {
	if len(uid) < len(name)+2 || uid[len(name)] != '-' || uid[:len(name)] != name {
		return 0, false
	}
	var index int64
	digits := uid[len(name)+1:]
	const safe = 18 // digits that cannot overflow
	if len(digits) > safe || digits[0] == '0' && len(digits) > 1 {
		return 0, false
	}
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 {
			return 0, false
		}
		index = index*10 + int64(d)
	}
	return index, true
}

// identify splits a uid. One that is not of our making is an identity all the
// same: a segment of one record.
func identify(uid string) (string, int64) {
	name, index := uid, int64(0)
	if parsed, err := analytics.ParseUID(uid); err == nil {
		name, index = parsed.Segment, parsed.Index
	}
	name = cleanText(name)
	if len(name) > maxSegmentName {
		sum := sha256.Sum256([]byte(name))
		name = "sha256:" + hex.EncodeToString(sum[:])
	}
	return name, index
}

// dropRepeated takes out records that are in the push a second time.
func (b *batch) dropRepeated() {
	if !slices.ContainsFunc(b.segments, func(s segment) bool { return !s.sorted }) {
		return
	}
	seen := make(map[member]struct{}, len(b.entries))
	b.entries = slices.DeleteFunc(b.entries, func(e entry) bool {
		if e.segment == noSegment {
			return false
		}
		id := member{e.segment, e.index}
		_, repeated := seen[id]
		seen[id] = struct{}{}
		return repeated
	})
}

// rewind forgets what an attempt to write found out, before the next one.
func (b *batch) rewind() {
	b.refusals = b.refusals[:0]
	for i := range b.entries {
		b.entries[i].state = statePending
		if b.entries[i].foreign {
			b.refuse(int32(i), reasonForeign, fmt.Sprintf("not an analytics record: its event name is %q, want %q", //nolint:gosec // as many as records
				b.entries[i].log.EventName(), analytics.EventRequest))
		}
	}
}

// refuse marks a record as never to be stored.
func (b *batch) refuse(i int32, reason refusalReason, text string) {
	b.entries[i].state = stateRefused
	b.refusals = append(b.refusals, refusal{entry: i, reason: reason, text: text})
}

// skipApplied marks the records that the ledger's rows name as stored before.
func (b *batch) skipApplied(rows []span) {
	if len(rows) == 0 {
		return
	}
	bySegment := make(map[int32][]span, 1)
	for _, row := range rows {
		if place, ok := b.bySource[row.segment]; ok {
			bySegment[place] = append(bySegment[place], row)
		}
	}
	for i := range b.entries {
		e := &b.entries[i]
		if e.state != statePending || e.segment == noSegment {
			continue
		}
		if slices.ContainsFunc(bySegment[e.segment], func(s span) bool { return s.contains(e.index) }) {
			e.state = stateApplied
		}
	}
}

// pending lists the records to be written, in the order of arrival. The list is
// good until the next call.
func (b *batch) pending() []int32 {
	b.order = b.order[:0]
	for i := range b.entries {
		if b.entries[i].state == statePending {
			b.order = append(b.order, int32(i)) //nolint:gosec // as many as records
		}
	}
	return b.order
}

// applied gives the ledger rows for what a write has dealt with: the pending
// records, and those not taken, which nobody needs to look at again. They are
// sorted by segment and first index.
func (b *batch) applied() []span {
	b.members = b.members[:0]
	for i := range b.entries {
		e := &b.entries[i]
		if e.segment != noSegment && (e.state == statePending || e.state == stateNotTaken) {
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

// uid gives a record's identity back for the receiver.
func (b *batch) uid(i int32) analytics.UID {
	if value, ok := b.entries[i].log.Attributes().Get(analytics.AttrUID); ok {
		if uid, err := analytics.ParseUID(value.Str()); err == nil {
			return uid
		}
	}
	return analytics.UID{Index: int64(i)}
}

// count tells how many records are in a state.
func (b *batch) count(state entryState) int64 {
	var n int64
	for i := range b.entries {
		if b.entries[i].state == state {
			n++
		}
	}
	return n
}

// refusedError is nil, or names the refused records to the receiver for good.
func (b *batch) refusedError(destination string) error {
	if len(b.refusals) == 0 {
		return nil
	}
	refused := &analytics.RefusedError{Records: make([]analytics.RefusedRecord, 0, len(b.refusals))}
	for _, r := range b.refusals {
		refused.Records = append(refused.Records, analytics.RefusedRecord{
			UID: b.uid(r.entry), Reason: string(r.reason) + ": " + r.text, Destination: destination,
		})
	}
	return consumererror.NewPermanent(refused)
}

// lockKeys names the segments for locks: the same keys in the same order in
// every process, few however many segments there are.
func (b *batch) lockKeys(table string) []int64 {
	keys := make([]int64, 0, min(len(b.segments), lockStripes))
	for i := range b.segments {
		keys = append(keys, lockKey(table, b.segments[i].name))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// describe is a short text for logs: how many records of how many segments.
func (b *batch) describe() string {
	return strconv.Itoa(len(b.entries)) + " records of " + strconv.Itoa(len(b.segments)) + " segments"
}
