package push

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
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
	Log     plog.LogRecord
	index   int64
	segment int32 // place in Batch.Segments, or noSegment
	Kind    layout.Kind
}

// Batch is what one push carries, and what becomes of each record. It is used by
// one goroutine at a time, and refers to the push's pdata until release.
type Batch struct {
	Question

	Entries  []entry
	Parts    []Part // one for each table
	Refusals []sink.Refusal
	record   analytics.Record // scratch of Part.Pending
	members  []member         // scratch of Part.applied
	indices  []int64          // scratch of Part.applied
}

// member is one record's identity: its segment's place in the batch, and index.
type member struct {
	segment int32
	index   int64
}

var batches = sync.Pool{New: func() any { return &Batch{} }}

// NewBatch lists the records of logs for tables. The caller releases the batch.
func NewBatch(logs plog.Logs, tables ...layout.Table) *Batch {
	b := batches.Get().(*Batch) //nolint:forcetypeassert // the pool holds nothing else
	b.Entries = slices.Grow(b.Entries, logs.LogRecordCount())
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
	b.Rewind()
	return b
}

// Misrouted is nil, or says that there are uptime checks which no table takes. They wait
// until somebody enables it: whoever had them read wants them stored.
func (b *Batch) Misrouted() error {
	check := func(e entry) bool { return e.Kind == layout.KindUptime }
	if !slices.ContainsFunc(b.Entries, check) || slices.ContainsFunc(b.Parts, func(p Part) bool { return p.Layout.Kind == layout.KindUptime }) {
		return nil
	}
	return errors.New("uptime checks arrive, but tables::uptime::enabled is false: enable it, or give uptime checks a pipeline of their own")
}

// divide makes a part for each table.
func (b *Batch) divide(tables []layout.Table) {
	b.Parts = slices.Grow(b.Parts, len(tables))[:len(tables)] // which keeps the memory of former parts
	for i := range b.Parts {
		p := &b.Parts[i]
		p.Batch, p.Table = b, tables[i]
		b.Sinks = append(b.Sinks, p.Name)
		p.States = slices.Grow(p.States[:0], len(b.Entries))[:len(b.Entries)]
	}
}

// Release makes the batch reusable and lets go of the pdata.
func (b *Batch) Release() {
	clear(b.Entries)
	clear(b.Refusals)
	b.reset()
	b.record = analytics.Record{}
	b.Entries, b.Parts, b.Refusals = b.Entries[:0], b.Parts[:0], b.Refusals[:0]
	batches.Put(b)
}

// add appends one record; it looks first whether the record is of the same
// segment as the one before, which nearly all are.
func (b *Batch) add(log plog.LogRecord, current int32) int32 {
	e := entry{Log: log, segment: noSegment}
	defer func() { b.Entries = append(b.Entries, e) }()
	switch log.EventName() {
	case analytics.EventRequest:
	case analytics.EventUptime:
		e.Kind = layout.KindUptime
	default:
		e.Kind = layout.KindForeign
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
		if index, same := sameSegment(uid, b.Segments[current].Name); same {
			e.segment, e.index = current, index
			b.widen(current, index, index)
			return current
		}
	}
	name, index := identify(uid)
	e.segment, e.index = b.AskFor(name, index, index), index
	return e.segment
}

// sameSegment reads the index of a uid that begins with the segment's name, by the
// rules of analytics.ParseUID: an index has one spelling.
func sameSegment(uid, name string) (int64, bool) {
	if len(uid) < len(name)+2 || uid[len(name)] != '-' || uid[:len(name)] != name {
		return 0, false
	}
	digits := uid[len(name)+1:]
	if digits[0] < '0' || digits[0] == '0' && len(digits) > 1 {
		return 0, false
	}
	index, err := strconv.ParseInt(digits, 10, 64)
	return index, err == nil && index <= analytics.MaxIndex
}

// identify splits a uid. One that is not of our making is an identity all the
// same: a segment of one record.
func identify(uid string) (string, int64) {
	name, index := uid, int64(0)
	if parsed, err := analytics.ParseUID(uid); err == nil {
		name, index = parsed.Segment, parsed.Index
	}
	return LedgerSegment(name), index
}

// LedgerSegment is a segment's name as the ledger has it.
func LedgerSegment(name string) string {
	name = layout.CleanText(name)
	if len(name) > maxSegmentName {
		sum := sha256.Sum256([]byte(name))
		name = "sha256:" + hex.EncodeToString(sum[:])
	}
	return name
}

// dropRepeated takes out records that are in the push a second time.
func (b *Batch) dropRepeated() {
	if !slices.ContainsFunc(b.Segments, func(s Segment) bool { return !s.sorted }) {
		return
	}
	seen := make(map[member]struct{}, len(b.Entries))
	b.Entries = slices.DeleteFunc(b.Entries, func(e entry) bool {
		if e.segment == noSegment {
			return false
		}
		id := member{e.segment, e.index}
		_, repeated := seen[id]
		seen[id] = struct{}{}
		return repeated
	})
}

// Rewind forgets what an attempt to write found out, before the next one.
func (b *Batch) Rewind() {
	b.Answer(nil)
	b.Refusals = b.Refusals[:0]
	for i := range b.Entries {
		if e := &b.Entries[i]; e.Kind == layout.KindForeign {
			b.Refusals = append(b.Refusals, sink.Refusal{Entry: int32(i), Reason: ReasonForeign, Text: fmt.Sprintf("not an analytics record: its event name is %q, want %q", e.Log.EventName(), analytics.EventRequest)}) //nolint:gosec // as many as records
		}
	}
	for i := range b.Parts {
		b.Parts[i].rewind()
	}
}

// Empty tells that no record has a kind that a table could hold.
func (b *Batch) Empty() bool {
	return !slices.ContainsFunc(b.Entries, func(e entry) bool { return e.Kind != layout.KindForeign })
}

// NotTaken counts the records that no table holds.
func (b *Batch) NotTaken() int64 {
	var n int64
	for i := range b.Entries {
		held := func(p Part) bool { return p.States[i] != StateNotTaken }
		if b.Entries[i].Kind != layout.KindForeign && !slices.ContainsFunc(b.Parts, held) {
			n++
		}
	}
	return n
}

// RefusedError is nil, or names the refused records to the receiver for good, each
// once: another table may have stored it, or refused it too.
func (b *Batch) RefusedError(destination string) error {
	if len(b.Refusals) == 0 {
		return nil
	}
	record := func(entry int32) plog.LogRecord { return b.Entries[entry].Log }
	return consumererror.NewPermanent(&analytics.RefusedError{Records: sink.RefusedRecords(b.Refusals, record, destination)})
}

// Describe is a short text for logs: how many records of how many segments.
func (b *Batch) Describe() string {
	return strconv.Itoa(len(b.Entries)) + " records of " + strconv.Itoa(len(b.Segments)) + " segments"
}

// What groups refused records for people and metrics.
const (
	ReasonForeign    sink.Reason = "foreign"    // not an analytics record
	ReasonEncoding   sink.Reason = "encoding"   // text that the database's encoding does not have
	ReasonRange      sink.Reason = "range"      // a number or time that the column does not hold
	ReasonTooLarge   sink.Reason = "too_large"  // too long for the column, an index or the database
	ReasonConstraint sink.Reason = "constraint" // a rule that the operator gave the table
	ReasonOther      sink.Reason = "other"
)

// Reasons are all of them.
var Reasons = []sink.Reason{ReasonForeign, ReasonEncoding, ReasonRange, ReasonTooLarge, ReasonConstraint, ReasonOther}

// Look marks what the ledger's rows, by sink, name as stored before.
func (b *Batch) Look(rows [][]Span) {
	b.Answer(rows)
	for i := range rows {
		b.Parts[i].skipApplied(rows[i])
	}
}

// Ledger gives the rows for what was written.
func (b *Batch) Ledger() []LedgerEntry {
	var entries []LedgerEntry
	for i := range b.Parts {
		if spans := b.Parts[i].applied(); len(spans) > 0 {
			entries = append(entries, LedgerEntry{Sink: b.Sinks[i], Spans: spans})
		}
	}
	return entries
}

// Key names the push, as long as it comes again in the same cut.
func (b *Batch) Key() string {
	if len(b.Entries) == 0 || b.Entries[0].segment == noSegment {
		return ""
	}
	e := &b.Entries[0]
	return b.Segments[e.segment].Name + "-" + strconv.FormatInt(e.index, 10)
}

// Identity names a record of a push, and the place of one of its tables.
type Identity struct {
	segment string
	index   int64
	part    int
}

// Refused gives what the tables have refused, so that another attempt need not ask
// again.
func (b *Batch) Refused() map[Identity]sink.Refusal {
	all := map[Identity]sink.Refusal{}
	for part := range b.Parts {
		for _, r := range b.Parts[part].refusals {
			if e := &b.Entries[r.Entry]; e.segment != noSegment {
				all[Identity{b.Segments[e.segment].Name, e.index, part}] = r
			}
		}
	}
	return all
}

// RefuseAgain refuses what another attempt has found refused.
func (b *Batch) RefuseAgain(refused map[Identity]sink.Refusal) {
	if len(refused) == 0 {
		return
	}
	for i, e := range b.Entries {
		for part := range b.Parts {
			if e.segment == noSegment || b.Parts[part].States[i] != StatePending {
				continue
			}
			if r, ok := refused[Identity{b.Segments[e.segment].Name, e.index, part}]; ok {
				b.Parts[part].Refuse(int32(i), r.Reason, r.Text) //nolint:gosec // as many as records
			}
		}
	}
}
