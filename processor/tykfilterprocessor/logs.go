package tykfilterprocessor

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
)

// logsProcessor works in two passes. The first only reads: it judges every
// record and makes the new texts of recorded requests and responses. Where
// nothing is to be done, which is the rule, the batch goes on as it came and is
// shared with the other pipelines. Else the second pass copies the records that
// stay, once, and changes the copies.
type logsProcessor struct {
	// name tells the filter from others where a delivery counts what passed.
	name     string
	filter   selection.Filter
	ignore   analytics.FieldSet
	request  payloadRules
	response payloadRules
	query    *queryRules
	document *documentRules // nil leaves records in attributes
	counters *counters
	plans    sync.Pool

	unmatched unmatched

	// inPlace is true where fields are ignored and no allow list is set: every
	// batch changes, and most of it stays. Then the collector is asked for batches
	// that are ours to change, which saves one pipeline the copy. Otherwise the
	// collector would copy whole batches of which we then drop most, or nothing.
	inPlace bool
	// idle is true where the configuration asks for nothing.
	idle bool
}

func newLogsProcessor(cfg *Config, set component.TelemetrySettings) (*logsProcessor, error) {
	p := &logsProcessor{
		filter: selection.NewFilter(cfg.Lists), query: newQueryRules(cfg.Fields.parameters()), unmatched: unmatched{config: cfg, logger: set.Logger},
	}
	p.request = newPayloadRules(&cfg.Fields, cfg.Fields.DecodeRawRequest)
	p.response = newPayloadRules(&cfg.Fields, cfg.Fields.DecodeRawResponse)
	var err error
	if p.ignore, err = cfg.Fields.ignored(); err != nil {
		return nil, err
	}
	// Few records have these, so most batches need no change for them.
	if p.ignore.Has(analytics.FieldRawRequest) {
		p.request = payloadRules{omit: true}
	}
	if p.ignore.Has(analytics.FieldRawResponse) {
		p.response = payloadRules{omit: true}
	}
	p.ignore &^= analytics.NewFieldSet(analytics.FieldRawRequest, analytics.FieldRawResponse)
	if p.document, err = newDocumentRules(&cfg.Document); err != nil {
		return nil, err
	}
	p.inPlace = p.ignore != 0 && !p.filter.AllowsOnly() && p.document == nil
	p.idle = p.ignore == 0 && p.document == nil && p.filter.PassesAll() && p.query == nil && p.request.idle() && p.response.idle()
	p.plans.New = func() any { return new(plan) }
	p.counters, err = newCounters(set)
	return p, err
}

func (p *logsProcessor) shutdown(context.Context) error {
	p.counters.builder.Shutdown()
	return nil
}

// process is called by several goroutines at a time.
func (p *logsProcessor) process(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	if p.idle {
		return ld, nil
	}
	pl := p.plans.Get().(*plan)
	defer func() {
		pl.reset()
		p.plans.Put(pl)
	}()
	p.read(ld, pl)
	p.counters.add(ctx, &pl.tally)
	selection.NotePassed(ctx, p.name, pl.kept())
	p.unmatched.note(&pl.tally, ld)
	switch {
	case len(pl.verdicts) == 0:
		return ld, nil
	case pl.kept() == 0:
		return ld, processorhelper.ErrSkipProcessingData
	case p.inPlace:
		p.keepInPlace(ld, pl)
		return ld, nil
	case pl.kept() == len(pl.verdicts) && len(pl.edits) == 0 && p.ignore == 0 && p.document == nil:
		return ld, nil
	}
	return p.copyKept(ld, pl), nil
}

// plan is what the first pass found, records numbered in the order they lie in the batch.
type plan struct {
	verdicts []selection.Verdict
	edits    []edit
	urls     []urlValue // of the latest record, those that may have parameters
	scratch  scratch
	tally    tally
	record   analytics.Record // what documents are made of
}

// edit is the new text of one of a record's attributes; empty takes it away.
type edit struct {
	record    int
	attribute string
	text      string
}

func (pl *plan) kept() int {
	return int(pl.tally.judged[selection.Passes])
}

func (pl *plan) reset() {
	clear(pl.edits)
	clear(pl.urls[:cap(pl.urls)])
	pl.verdicts, pl.edits, pl.tally = pl.verdicts[:0], pl.edits[:0], tally{}
	pl.record.Reset()
	pl.scratch.shrink()
}

// read is the first pass.
func (p *logsProcessor) read(ld plog.Logs, pl *plan) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				p.readRecord(lr, pl)
			}
		}
	}
}

func (p *logsProcessor) readRecord(lr plog.LogRecord, pl *plan) {
	var s selection.Subject
	var requests, responses message
	pl.urls = pl.urls[:0]
	for key, value := range lr.Attributes().All() {
		switch key {
		case analytics.AttrAPIID:
			s.APIID = analytics.AttributeString(value)
		case analytics.AttrOrgID:
			s.OrgID = analytics.AttributeString(value)
		case analytics.AttrResponseCode, analytics.AttrNoResponseCode:
			s.ResponseCode = analytics.AttributeInt(value)
		case analytics.AttrRawRequest:
			requests.add(value)
		case analytics.AttrRawResponse:
			responses.add(value)
		// Spelled out, since a call for each attribute costs more than all the rest here.
		case attrQuery, attrFullURL, attrURLPath, attrRoute, attrPath, attrOriginalPath, attrOldURL, attrOldTarget,
			attrExceptionText, attrStackTrace, attrErrorText:
			if text, ok := parameterized(key, value); ok {
				pl.urls = append(pl.urls, urlValue{key, text})
			}
		}
	}
	v := p.filter.Judge(s)
	pl.tally.judged[v]++
	pl.verdicts = append(pl.verdicts, v)
	if v != selection.Passes {
		return
	}
	pl.apply(&p.request, analytics.AttrRawRequest, requests)
	pl.apply(&p.response, analytics.AttrRawResponse, responses)
	// An uptime check's URL is what Tyk Dashboard finds it by, and an operator wrote it.
	if p.query == nil || lr.EventName() == analytics.EventUptime {
		return
	}
	for _, url := range pl.urls {
		if changed, ok := p.query.text(url.attribute, url.text); ok {
			pl.tally.payloads[redacted]++
			pl.edits = append(pl.edits, edit{record: len(pl.verdicts) - 1, attribute: url.attribute, text: changed})
		}
	}
}

// message is a recorded request or response of one record.
type message struct {
	text   string
	copies int
}

// add takes one copy. OTLP forbids a second one, but the wire can bring it: the last that says something counts.
func (m *message) add(value pcommon.Value) {
	m.copies++
	if text := analytics.AttributeString(value); text != "" {
		m.text = text
	}
}

// apply remembers what the rules make of the latest record's message, which then is there once.
func (pl *plan) apply(rules *payloadRules, attribute string, m message) {
	if m.text == "" && m.copies < 2 {
		return
	}
	if changed, ok := rules.apply(m.text, &pl.scratch, &pl.tally); ok || m.copies > 1 {
		pl.edits = append(pl.edits, edit{record: len(pl.verdicts) - 1, attribute: attribute, text: changed})
	}
}

// keepInPlace is the second pass where the batch is ours to change.
func (p *logsProcessor) keepInPlace(ld plog.Logs, pl *plan) {
	edits, record := pl.edits, -1
	ld.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool {
			sl.LogRecords().RemoveIf(func(lr plog.LogRecord) bool {
				record++
				if pl.verdicts[record] != selection.Passes {
					return true
				}
				edits = p.change(lr, record, edits)
				return false
			})
			return sl.LogRecords().Len() == 0
		})
		return rl.ScopeLogs().Len() == 0
	})
}

// copyKept is the second pass where the batch may be shared.
func (p *logsProcessor) copyKept(ld plog.Logs, pl *plan) plog.Logs {
	out := plog.NewLogs()
	edits, record := pl.edits, 0
	for _, rl := range ld.ResourceLogs().All() {
		var outResource plog.ResourceLogs
		started := false
		for _, sl := range rl.ScopeLogs().All() {
			records := sl.LogRecords()
			first := record
			record += records.Len()
			kept := countPasses(pl.verdicts[first:record])
			if kept == 0 {
				continue
			}
			if !started {
				started = true
				outResource = out.ResourceLogs().AppendEmpty()
				rl.Resource().CopyTo(outResource.Resource())
				outResource.SetSchemaUrl(rl.SchemaUrl())
			}
			outScope := outResource.ScopeLogs().AppendEmpty()
			sl.Scope().CopyTo(outScope.Scope())
			outScope.SetSchemaUrl(sl.SchemaUrl())
			if p.document != nil {
				p.document.stampScope(outScope.Scope())
			}
			outRecords := outScope.LogRecords()
			outRecords.EnsureCapacity(kept)
			for i, lr := range records.All() {
				if pl.verdicts[first+i] != selection.Passes {
					continue
				}
				copied := outRecords.AppendEmpty()
				if p.document != nil && isRequest(lr) {
					edits = p.writeDocument(lr, copied, first+i, edits, &pl.record)
					continue
				}
				lr.CopyTo(copied)
				edits = p.change(copied, first+i, edits)
			}
		}
	}
	return out
}

func countPasses(verdicts []selection.Verdict) int {
	n := 0
	for _, v := range verdicts {
		if v == selection.Passes {
			n++
		}
	}
	return n
}

// change gives one record its new texts and empties its ignored fields. It
// returns the edits that are left for later records.
func (p *logsProcessor) change(lr plog.LogRecord, record int, edits []edit) []edit {
	for len(edits) > 0 && edits[0].record == record {
		removeAll(lr.Attributes(), edits[0].attribute)
		if edits[0].text != "" {
			lr.Attributes().PutStr(edits[0].attribute, edits[0].text)
		}
		edits = edits[1:]
	}
	if p.ignore != 0 && isRequest(lr) {
		analytics.ClearFields(lr, p.ignore)
	}
	return edits
}

// removeAll takes away every copy of an attribute: pdata's own Remove leaves the second.
func removeAll(attrs pcommon.Map, name string) {
	attrs.RemoveIf(func(key string, _ pcommon.Value) bool { return key == name })
}

// isRequest tells uptime checks and rollups from requests. A hop that does not
// know event names must not make ignored fields reappear, so none is a request's.
func isRequest(lr plog.LogRecord) bool {
	name := lr.EventName()
	return name == analytics.EventRequest || name == ""
}
