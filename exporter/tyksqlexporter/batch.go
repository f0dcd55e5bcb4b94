package tyksqlexporter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
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
	kind    kind
}

// segment is one segment of which a push holds records.
type segment struct {
	name        string
	first, last int64 // of the records of this push
	sorted      bool  // the indices come in rising order, each once
}

// batch is what one push carries, and what becomes of each record. It is used by
// one goroutine at a time, and refers to the push's pdata until release.
type batch struct {
	entries  []entry
	parts    []part // one for each table
	segments []segment
	refusals []sink.Refusal
	bySource map[string]int32 // segment name to place in segments
	record   analytics.Record // scratch of part.pending
	members  []member         // scratch of part.applied
	indices  []int64          // scratch of part.applied
}

// member is one record's identity: its segment's place in the batch, and index.
type member struct {
	segment int32
	index   int64
}

var batches = sync.Pool{New: func() any { return &batch{bySource: map[string]int32{}} }}

// newBatch lists the records of logs for tables. The caller releases the batch.
func newBatch(logs plog.Logs, tables ...table) *batch {
	b := batches.Get().(*batch) //nolint:forcetypeassert // the pool holds nothing else
	b.entries = slices.Grow(b.entries, logs.LogRecordCount())
	current := int32(noSegment) // segment of the record before
	for _, resource := range logs.ResourceLogs().All() {
		if _, rollups := resource.Resource().Attributes().Get(rollup.AttrFamily); rollups {
			continue
		}
		for _, scope := range resource.ScopeLogs().All() {
			for _, log := range scope.LogRecords().All() {
				current = b.add(log, current)
			}
		}
	}
	b.dropRepeated()
	b.divide(tables)
	b.rewind()
	return b
}

// divide makes a part for each table. Uptime checks are refused where no table takes
// them: whoever had them read wants them stored.
func (b *batch) divide(tables []table) {
	uptime := slices.ContainsFunc(tables, func(t table) bool { return t.layout.kind == kindUptime })
	for i := range b.entries {
		if b.entries[i].kind == kindUptime && !uptime {
			b.entries[i].kind = kindForeign
		}
	}
	b.parts = slices.Grow(b.parts, len(tables))[:len(tables)] // which keeps the memory of former parts
	for i := range b.parts {
		p := &b.parts[i]
		p.batch, p.layout = b, tables[i].layout
		p.states = slices.Grow(p.states[:0], len(b.entries))[:len(b.entries)]
	}
}

// release makes the batch reusable and lets go of the pdata.
func (b *batch) release() {
	clear(b.entries)
	clear(b.segments)
	clear(b.refusals)
	clear(b.bySource)
	b.record = analytics.Record{}
	b.entries, b.parts, b.segments, b.refusals = b.entries[:0], b.parts[:0], b.segments[:0], b.refusals[:0]
	batches.Put(b)
}

// add appends one record; it looks first whether the record is of the same
// segment as the one before, which nearly all are.
func (b *batch) add(log plog.LogRecord, current int32) int32 {
	e := entry{log: log, segment: noSegment}
	defer func() { b.entries = append(b.entries, e) }()
	switch log.EventName() {
	case analytics.EventRequest:
	case analytics.EventUptime:
		e.kind = kindUptime
	default:
		e.kind = kindForeign
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
	return ledgerSegment(name), index
}

// ledgerSegment is a segment's name as the ledger has it.
func ledgerSegment(name string) string {
	name = cleanText(name)
	if len(name) > maxSegmentName {
		sum := sha256.Sum256([]byte(name))
		name = "sha256:" + hex.EncodeToString(sum[:])
	}
	return name
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
		if e := &b.entries[i]; e.kind == kindForeign {
			b.refusals = append(b.refusals, sink.Refusal{Entry: int32(i), Reason: reasonForeign, Text: foreignText(e.log.EventName())}) //nolint:gosec // as many as records
		}
	}
	for i := range b.parts {
		b.parts[i].rewind()
	}
}

// foreignText says why a record of some event is refused.
func foreignText(event string) string {
	if event == analytics.EventUptime {
		return "an uptime check, but tables::uptime::enabled is false: enable it, or give uptime checks a pipeline of their own"
	}
	return fmt.Sprintf("not an analytics record: its event name is %q, want %q", event, analytics.EventRequest)
}

// empty tells that no record has a kind that a table could hold.
func (b *batch) empty() bool {
	return !slices.ContainsFunc(b.entries, func(e entry) bool { return e.kind != kindForeign })
}

// notTaken counts the records that no table holds.
func (b *batch) notTaken() int64 {
	var n int64
	for i := range b.entries {
		held := func(p part) bool { return p.states[i] != stateNotTaken }
		if b.entries[i].kind != kindForeign && !slices.ContainsFunc(b.parts, held) {
			n++
		}
	}
	return n
}

// refusedError is nil, or names the refused records to the receiver for good, each
// once: another table may have stored it, or refused it too.
func (b *batch) refusedError(destination string) error {
	if len(b.refusals) == 0 {
		return nil
	}
	record := func(entry int32) plog.LogRecord { return b.entries[entry].log }
	return consumererror.NewPermanent(&analytics.RefusedError{Records: sink.RefusedRecords(b.refusals, record, destination)})
}

// lockKeys names the segments of tables for locks: the same keys in the same order
// in every process, few however many segments there are.
func (b *batch) lockKeys(sinks []string) []int64 { return lockKeysOf(sinks, b.segments) }

func lockKeysOf(sinks []string, segments []segment) []int64 {
	keys := make([]int64, 0, len(sinks)*min(len(segments), lockStripes))
	for _, sink := range sinks {
		for i := range segments {
			keys = append(keys, lockKey(sink, segments[i].name))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// describe is a short text for logs: how many records of how many segments.
func (b *batch) describe() string {
	return strconv.Itoa(len(b.entries)) + " records of " + strconv.Itoa(len(b.segments)) + " segments"
}
