package tykfilterprocessor

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
)

// tracesProcessor judges the SERVER spans of gateways. What happened within a
// request goes where the request goes: all other spans of a trace follow one.
type tracesProcessor struct {
	filter   selection.Filter
	ignore   analytics.FieldSet
	query    *queryRules
	counters *counters
	plans    sync.Pool
}

func newTracesProcessor(cfg *Config, set component.TelemetrySettings) (*tracesProcessor, error) {
	p := &tracesProcessor{filter: selection.NewFilter(cfg.Lists), query: newQueryRules(cfg.Fields.parameters())}
	p.plans.New = func() any { return newTracePlan() }
	var err error
	if p.ignore, err = cfg.Fields.ignored(); err != nil {
		return nil, err
	}
	p.counters, err = newCounters(set)
	return p, err
}

func (p *tracesProcessor) shutdown(context.Context) error {
	p.counters.builder.Shutdown()
	return nil
}

// process is called by several goroutines at a time.
func (p *tracesProcessor) process(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	changes := p.ignore != 0 || p.query.inTraces(td)
	if p.filter.PassesAll() && !changes {
		return td, nil
	}
	pl := p.plans.Get().(*tracePlan)
	defer func() {
		pl.reset()
		p.plans.Put(pl)
	}()
	pl.read(td)
	dropped := pl.judge(&p.filter)
	p.counters.addSpans(ctx, &dropped)
	switch kept := int(dropped[selection.Passes]); {
	case len(pl.spans) == 0:
		return td, nil
	case kept == 0:
		return td, processorhelper.ErrSkipProcessingData
	case kept == len(pl.spans) && !changes:
		return td, nil
	}
	return p.copyKept(ctx, td, pl.verdicts), nil
}

// copyKept copies the spans that pass and only them, since the batch may be shared.
func (p *tracesProcessor) copyKept(ctx context.Context, td ptrace.Traces, verdicts []selection.Verdict) ptrace.Traces {
	out := ptrace.NewTraces()
	var t tally
	defer func() { p.counters.add(ctx, &t) }()
	for _, rs := range td.ResourceSpans().All() {
		var outResource ptrace.ResourceSpans
		started := false
		for _, ss := range rs.ScopeSpans().All() {
			spans := ss.Spans()
			here := verdicts[:spans.Len()]
			verdicts = verdicts[spans.Len():]
			kept := countPasses(here)
			if kept == 0 {
				continue
			}
			if !started {
				started = true
				outResource = out.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(outResource.Resource())
				outResource.SetSchemaUrl(rs.SchemaUrl())
			}
			outScope := outResource.ScopeSpans().AppendEmpty()
			ss.Scope().CopyTo(outScope.Scope())
			outScope.SetSchemaUrl(ss.SchemaUrl())
			outScope.Spans().EnsureCapacity(kept)
			for i, span := range spans.All() {
				if here[i] != selection.Passes {
					continue
				}
				copied := outScope.Spans().AppendEmpty()
				span.CopyTo(copied)
				if p.ignore != 0 {
					analytics.RemoveAttributes(copied.Attributes(), p.ignore)
				}
				t.payloads[redacted] += p.query.visit(copied, true)
			}
		}
	}
	return out
}

// tracePlan is what is known of one batch, spans numbered in the order they lie in it.
type tracePlan struct {
	spans    []spanFacts
	verdicts []selection.Verdict
	numbers  map[spanKey]int         // of every span
	servers  map[pcommon.TraceID]int // the first gateway's SERVER span of each trace
}

// spanKey is a span's identity: span ids need not be unique beyond their trace.
type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// spanFacts is what a span is judged by.
type spanFacts struct {
	subject selection.Subject
	trace   pcommon.TraceID
	parent  pcommon.SpanID
	leader  int // the span whose verdict this one shares; unknownLeader before it was looked for
}

const (
	unknownLeader = -1
	maxKeptSpans  = 1 << 14
)

func newTracePlan() *tracePlan {
	return &tracePlan{numbers: map[spanKey]int{}, servers: map[pcommon.TraceID]int{}}
}

// reset forgets the batch, and the memory too where that was a monstrous one.
func (pl *tracePlan) reset() {
	if len(pl.spans) > maxKeptSpans {
		*pl = *newTracePlan()
		return
	}
	pl.spans, pl.verdicts = pl.spans[:0], pl.verdicts[:0]
	clear(pl.numbers)
	clear(pl.servers)
}

func (pl *tracePlan) read(td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				number := len(pl.spans)
				facts := spanFacts{trace: span.TraceID(), parent: span.ParentSpanID(), leader: unknownLeader}
				facts.subject = subjectOf(span.Attributes())
				if span.Kind() == ptrace.SpanKindServer && facts.subject.Named() {
					facts.leader = number
					if _, ok := pl.servers[facts.trace]; !ok {
						pl.servers[facts.trace] = number
					}
				}
				pl.spans = append(pl.spans, facts)
				pl.numbers[spanKey{facts.trace, span.SpanID()}] = number
			}
		}
	}
}

// judge gives every span its verdict, and counts them.
func (pl *tracePlan) judge(f *selection.Filter) (count [selection.Verdicts]int64) {
	for number := range pl.spans {
		v := f.Judge(pl.spans[pl.leader(number)].subject)
		pl.verdicts = append(pl.verdicts, v)
		count[v]++
	}
	return count
}

// leader is the span by which another one is judged: its nearest ancestor that is
// a gateway's SERVER span; else the first such span of the trace; else, where the
// batch has none, the topmost of the span's ancestors in the batch. A gateway that
// calls an API of its own has two such spans in one trace, and what is below each
// follows that one.
func (pl *tracePlan) leader(number int) int {
	n := number
	for pl.spans[n].leader == unknownLeader {
		// Also what ends the way where parents form a circle.
		pl.spans[n].leader = pl.fallback(n)
		parent, ok := pl.numbers[spanKey{pl.spans[n].trace, pl.spans[n].parent}]
		if !ok {
			break
		}
		n = parent
	}
	// What lies between learns it too, so that deep traces are walked once.
	found := pl.spans[n].leader
	for i := number; i != n; i = pl.numbers[spanKey{pl.spans[i].trace, pl.spans[i].parent}] {
		pl.spans[i].leader = found
	}
	return pl.spans[number].leader
}

func (pl *tracePlan) fallback(number int) int {
	if server, ok := pl.servers[pl.spans[number].trace]; ok {
		return server
	}
	return number
}

// subjectOf reads the names that the gateway's own spans and metrics have, too.
func subjectOf(attrs pcommon.Map) selection.Subject {
	var s selection.Subject
	for key, value := range attrs.All() {
		switch key {
		case analytics.AttrAPIID:
			s.APIID = analytics.AttributeString(value)
		case analytics.AttrOrgID:
			s.OrgID = analytics.AttributeString(value)
		case analytics.AttrResponseCode:
			s.ResponseCode = analytics.AttributeInt(value)
		}
	}
	return s
}
