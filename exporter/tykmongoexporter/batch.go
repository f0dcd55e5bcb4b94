package tykmongoexporter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// document is one document of a push, in batch.memory.
type document struct {
	id       bson.ObjectID
	entry    int32 // place in batch.entries
	from, to int
}

// part is one collection and what a push has for it.
type part struct {
	kind *collectionKind
	name string
	list []int32 // places in batch.documents
}

// batch is what one push carries: its documents, where they go, and what becomes of
// them. It is used by one goroutine at a time, and refers to the push's pdata until
// release.
type batch struct {
	entries   []plog.LogRecord
	memory    []byte // the documents, one behind the other
	documents []document
	parts     []part
	byName    map[string]int // name to place in parts
	refusals  []sink.Refusal
	groups    []rollup.Group
	overlaps  []rollup.Overlap
	unstored  []analytics.RefusedRecord // of groups that are refused
	reasons   map[sink.Reason]int64     // of unstored
	notTaken  int64
	replaced  int64 // records without their bodies
	wiring    error // what arrives and has no collection, nil where all has
	maxBytes  int   // of a record's bodies

	identities identities
	record     analytics.Record // scratch of add
	uptime     analytics.Uptime // scratch of add
}

var batches = sync.Pool{New: func() any { return &batch{byName: map[string]int{}} }}

// keptBytes bounds the memory that a batch keeps for the next push.
const keptBytes = 32 << 20

// newBatch makes the documents of logs for kinds. The caller releases the batch.
func newBatch(logs plog.Logs, kinds []*collectionKind, config *Config) *batch {
	b := batches.Get().(*batch) //nolint:forcetypeassert // the pool holds nothing else
	b.maxBytes = config.MaxDocumentSizeBytes
	b.entries = slices.Grow(b.entries, logs.LogRecordCount())
	for _, k := range kinds {
		if !k.perOrganisation {
			b.part(k, k.setting(&config.Collections).Name)
		}
	}
	for _, resource := range logs.ResourceLogs().All() {
		if _, rollups := resource.Resource().Attributes().Get(rollup.AttrFamily); rollups {
			continue // addGroups reads them
		}
		for _, scope := range resource.ScopeLogs().All() {
			for _, log := range scope.LogRecords().All() {
				b.entries = append(b.entries, log)
				b.add(log, kinds, config)
			}
		}
	}
	return b
}

// release makes the batch reusable and lets go of the pdata.
func (b *batch) release() {
	clear(b.entries)
	clear(b.parts)
	clear(b.refusals)
	clear(b.byName)
	kept := batch{
		entries: b.entries[:0], memory: b.memory[:0], documents: b.documents[:0], parts: b.parts[:0],
		byName: b.byName, refusals: b.refusals[:0],
	}
	if cap(kept.memory) > keptBytes {
		kept.memory = nil
	}
	*b = kept
	batches.Put(b)
}

// part finds or makes the part of a name.
func (b *batch) part(k *collectionKind, name string) *part {
	place, known := b.byName[name]
	if !known {
		place = len(b.parts)
		b.byName[name] = place
		b.parts = append(b.parts, part{kind: k, name: name})
	}
	return &b.parts[place]
}

// add makes the documents of one record.
func (b *batch) add(log plog.LogRecord, kinds []*collectionKind, config *Config) {
	entry := int32(len(b.entries) - 1) //nolint:gosec // as many as records
	switch log.EventName() {
	case analytics.EventRequest:
		b.addRecord(entry, log, kinds, config)
		return
	case analytics.EventUptime:
		for _, k := range kinds {
			if k.form != formUptime {
				continue
			}
			uid := b.uptime.FromLog(log)
			d := b.begin(entry, b.identities.of(uid, b.uptime.TimeStamp))
			b.memory = appendUptime(b.memory, d.id, &b.uptime)
			b.put(&d, k, config.Collections.Uptime.Name)
			return
		}
		b.wiring = errUptimeWiring
		return
	}
	b.refuse(entry, reasonForeign, fmt.Sprintf("not an analytics record: its event name is %q, want %q", log.EventName(), analytics.EventRequest))
}

func (b *batch) addRecord(entry int32, log plog.LogRecord, kinds []*collectionKind, config *Config) {
	r := &b.record
	uid := r.FromLog(log)
	if limitBodies(r, b.maxBytes) {
		b.replaced++
	}
	id := b.identities.of(uid, r.TimeStamp)
	taken := false
	var same *document // the document of formRequest, which two kinds share
	for _, k := range kinds {
		if !k.takes(r) {
			continue
		}
		taken = true
		name := k.setting(&config.Collections).Name
		if k.perOrganisation {
			name += r.OrgID
			if !validName(name) {
				b.refuse(entry, reasonName, fmt.Sprintf("the organisation's id %q cannot be in the name of a collection", r.OrgID))
				continue
			}
			if whose, is := rollupsOf(name); is {
				b.refuse(entry, reasonName, fmt.Sprintf("the collection %s of the organisation %q would be that of the rollups of the organisation %q: "+
					"give one of them another id, or set collections::organisations::enabled to false", name, r.OrgID, whose))
				continue
			}
		}
		if k.form == formRequest && same != nil {
			b.list(k, name)
			continue
		}
		d := b.begin(entry, id)
		var err error
		if b.memory, err = appendRecord(b.memory, k.form, id, r); err != nil {
			b.memory = b.memory[:d.from]
			b.refuse(entry, reasonRange, err.Error())
			continue
		}
		if b.put(&d, k, name) && k.form == formRequest {
			same = &d
		}
	}
	if !taken {
		b.notTaken++
	}
}

// begin starts a document at the end of the memory.
func (b *batch) begin(entry int32, id bson.ObjectID) document {
	return document{id: id, entry: entry, from: len(b.memory)}
}

// put ends a document and lists it, unless it is larger than any database takes.
func (b *batch) put(d *document, k *collectionKind, name string) bool {
	d.to = len(b.memory)
	if size := d.to - d.from; size > maxBSONBytes {
		b.memory = b.memory[:d.from]
		b.refuse(d.entry, reasonTooLarge, fmt.Sprintf("a document of %d bytes; at most %d are taken", size, maxBSONBytes))
		return false
	}
	b.documents = append(b.documents, *d)
	b.list(k, name)
	return true
}

// list adds the last document to a part.
func (b *batch) list(k *collectionKind, name string) {
	t := b.part(k, name)
	t.list = append(t.list, int32(len(b.documents)-1)) //nolint:gosec // few times as many as records
}

// bytes is a document.
func (b *batch) bytes(i int32) []byte {
	d := &b.documents[i]
	return b.memory[d.from:d.to]
}

// item names documents of a collection, the same whenever they are tried again.
func (b *batch) item(piece []int32) string {
	return b.documents[piece[0]].id.Hex() + "\x00" + strconv.Itoa(len(piece))
}

// refuse marks a record as never to be stored.
func (b *batch) refuse(entry int32, reason sink.Reason, text string) {
	b.refusals = append(b.refusals, sink.Refusal{Entry: entry, Reason: reason, Text: text})
}

// Whoever had uptime checks read, or rollups made, wants them stored: they wait for
// their collection to be switched on.
var (
	errUptimeWiring = errors.New("uptime checks arrive, but collections::uptime::enabled is false: " +
		"set it to true, or give uptime checks a pipeline with an exporter of their own; they wait until then")
	errRollupWiring = errors.New("rollups arrive, but neither collections::aggregates::enabled nor collections::mcp_aggregates::enabled is true: " +
		"set the one that is wanted to true, or take tykaggregate out of the pipeline; they wait until then")
)

// empty tells that there is nothing to store.
func (b *batch) empty() bool { return len(b.documents) == 0 && len(b.groups) == 0 }

// addGroups lists the rollups of logs.
func (b *batch) addGroups(logs plog.Logs, kinds []*collectionKind) error {
	groups, err := sink.Rollups(logs)
	if err != nil || len(groups) == 0 {
		return err
	}
	if !slices.ContainsFunc(kinds, func(k *collectionKind) bool { return k.form == formAggregate }) {
		return errRollupWiring
	}
	b.groups = groups
	return nil
}

// refuseGroup marks the records of a group as never to be counted in a document.
func (b *batch) refuseGroup(g *rollup.Group, reason sink.Reason, text string) {
	if b.reasons == nil {
		b.reasons = map[sink.Reason]int64{}
	}
	b.reasons[reason] += max(1, g.Records.Len())
	b.unstored = append(b.unstored, sink.RefusedGroup(g, sink.Refusal{Reason: reason, Text: text}.String(), "")...)
}

// overlap keeps what a document has counted of groups in another cut.
func (b *batch) overlap(overlaps []rollup.Overlap) { b.overlaps = append(b.overlaps, overlaps...) }

// refusedError is nil, or asks for rollups in another cut, or names the refused
// records to the receiver for good, each once: another collection may have stored it, or refused it too.
func (b *batch) refusedError(destination string) error {
	if len(b.overlaps) > 0 { // what is refused will be refused again
		return consumererror.NewPermanent(&rollup.OverlapError{Overlaps: b.overlaps})
	}
	if len(b.refusals) == 0 && len(b.reasons) == 0 {
		return nil
	}
	record := func(entry int32) plog.LogRecord { return b.entries[entry] }
	refused := &analytics.RefusedError{Records: sink.RefusedRecords(b.refusals, record, destination)}
	named := map[analytics.UID]bool{}
	for _, r := range b.unstored {
		if !named[r.UID] { // another collection may have counted it, or refused it too
			r.Destination = destination
			refused.Records = append(refused.Records, r)
			named[r.UID] = true
		}
	}
	return consumererror.NewPermanent(refused)
}
