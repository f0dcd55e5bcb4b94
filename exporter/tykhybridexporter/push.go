package tykhybridexporter

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykhybridexporter/internal/rpc"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// Why records are refused.
const (
	reasonRejected sink.Reason = "rejected"
	reasonUnknown  sink.Reason = "unknown_outcome"
)

// outcome is what became of the call that an item was in.
type outcome uint8

const (
	sent    outcome = iota + 1
	unknown         // nobody knows, and it is not to be sent again
)

// item is what is sent or refused as one: a record, or a group of rollups.
type item struct {
	place    int    // among the records, or the groups
	name     string // the same at each attempt; empty for what cannot be recognised
	from, to int    // its JSON
}

// parcel is what one call takes.
type parcel struct {
	function string
	items    []item
}

// push is an attempt to send what was pushed.
type push struct {
	*hybridExporter

	requests sink.Requests
	groups   []rollup.Group
	named    []analytics.RefusedRecord // of groups
	reasons  map[sink.Reason]int64     // of them

	memory  []byte // the items' JSON; that of records has commas between
	parcels []parcel
	over    []overItem // what this attempt found out
	known   []string   // records that earlier attempts found out about
}

// overItem is an item whose call is over.
type overItem struct {
	name    string
	records bool
	outcome outcome
}

// newPush makes the calls of a push, without what earlier attempts have sent.
func (e *hybridExporter) newPush(ctx context.Context, logs plog.Logs) (*push, error) {
	p := &push{hybridExporter: e, reasons: map[sink.Reason]int64{}}
	for _, resource := range logs.ResourceLogs().All() {
		if !sink.IsRollups(resource) {
			p.requests.EachOf(resource, p.addRecord)
		}
	}
	var err error
	if p.groups, err = sink.Rollups(logs); err != nil {
		return p, err
	}
	for i := range p.groups {
		p.addGroup(ctx, i)
	}
	return p, nil
}

func (p *push) addRecord(entry int32, r *analytics.Record, uid string) {
	i := item{place: int(entry), name: uid}
	if p.recordsOver.Bytes() > 0 {
		if found, ok := p.recordsOver.Get(uid); ok && uid != "" {
			p.known = append(p.known, uid)
			if found == unknown {
				p.refuse(purgeRecords, i, reasonUnknown, unknownText)
			}
			return
		}
	}
	before := len(p.memory)
	last := len(p.parcels) - 1
	if last >= 0 {
		p.memory = append(p.memory, ',')
	}
	i.from = len(p.memory)
	var err error
	if p.memory, err = analytics.AppendJSON(p.memory, r); err != nil {
		p.memory = p.memory[:before]
		p.refuse(purgeRecords, i, sink.ReasonRange, err.Error())
		return
	}
	i.to = len(p.memory)
	const brackets = 2
	if last < 0 || len(p.parcels[last].items) >= p.config.MaxRecords || i.to-p.parcels[last].items[0].from+brackets > p.config.MaxBytes {
		p.parcels = append(p.parcels, parcel{function: purgeRecords})
		last++
	}
	p.parcels[last].items = append(p.parcels[last].items, i)
}

func (p *push) addGroup(ctx context.Context, place int) {
	g := &p.groups[place]
	function := purgeRollups
	switch {
	case g.Family == rollup.MCP && p.config.EnableMCPAggregation:
		function = purgeMCP
	case g.Family != rollup.Requests:
		p.telemetry.ExporterTykhybridLeftOutRollups.Add(ctx, 1, metric.WithAttributes(attribute.String("family", g.Family.String())))
		return
	}
	i := item{place: place, name: nameOf(g), from: len(p.memory)}
	if found, ok := p.groupsOver.Get(i.name); ok && i.name != "" {
		if found == unknown {
			p.refuse(function, i, reasonUnknown, unknownText)
		}
		return
	}
	var err error
	if p.memory, err = appendGroup(p.memory, g); err != nil {
		p.refuse(function, i, sink.ReasonRange, err.Error())
		return
	}
	i.to = len(p.memory)
	p.parcels = append(p.parcels, parcel{function: function, items: []item{i}})
}

// nameOf tells groups apart. It is empty where the records have no identities; a dead letter that is replayed is another one.
func nameOf(g *rollup.Group) string {
	if g.Segment == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q %q %q %d %q %d %v", g.Family, g.Settings, g.Org, g.API, g.Bucket.Unix(), g.Segment, g.GivenUp.UnixNano(), g.Records.Ranges()))
	return string(sum[:])
}

// send makes the calls. Where MDCB says that one failed, those behind it may be taken.
func (p *push) send(ctx context.Context) error {
	var failed []error
	for _, parcel := range p.parcels {
		suspected := "" // what the whole of it was answered often enough
		err := sink.Isolator[item]{
			Try: func(piece []item) (int, error) {
				err := p.try(ctx, parcel.function, piece, suspected)
				if f, ok := errors.AsType[*failedCall](err); ok && f.finding != sink.Wait && len(piece) == len(parcel.items) {
					suspected = f.text
				}
				return sink.Unplaced, err
			},
			Judge:  judge,
			Refuse: func(i item, err error) { p.refuse(parcel.function, i, reasonRejected, err.Error()) },
		}.Store(parcel.items)
		if err == nil {
			continue
		}
		failed = append(failed, err)
		if _, answered := errors.AsType[*failedCall](err); !answered {
			break
		}
	}
	return errors.Join(failed...)
}

// failedCall is an answer that a call has failed, and what that says so far.
type failedCall struct {
	error

	text    string
	finding sink.Finding
}

func judge(err error) sink.Outcome {
	f, ok := errors.AsType[*failedCall](err)
	switch {
	case ok && f.finding == sink.Blamed:
		return sink.Refused
	case ok && f.finding == sink.Suspect:
		return sink.Unclear
	}
	return sink.Later
}

// try sends a piece of a parcel. It is suspected at once where it is answered what the whole was.
func (p *push) try(ctx context.Context, function string, piece []item, suspected string) error {
	err := p.call(ctx, function, p.argument(function, piece))
	name := strconv.Itoa(len(piece)) + " from " + piece[0].name
	if err == nil {
		p.evidence.Accepted(function)
		p.evidence.Settled(function, name)
		p.end(function, piece, sent)
		return nil
	}
	if _, unanswered := errors.AsType[*rpc.OutcomeError](err); unanswered && p.config.OnUnknown == unknownDeadLetter {
		p.logger.Warn("a call was not answered: what was in it becomes dead letters, as on_unknown says", zap.Error(err))
		p.end(function, piece, unknown)
		for _, i := range piece {
			p.refuse(function, i, reasonUnknown, unknownText)
		}
		return nil
	}
	if answer, ok := errors.AsType[*rpc.AnswerError](err); ok {
		failure := sink.Failure{Place: function, Item: name, Fault: answer.Text}
		if answer.Text == suspected {
			failure.Enough = 1
		}
		return &failedCall{error: err, text: answer.Text, finding: p.evidence.Failed(failure)}
	}
	return err
}

const unknownText = "it was sent, and no answer came: look whether MDCB has it, then drop the letter, or replay it"

// argument is what a function is called with.
func (p *push) argument(function string, piece []item) string {
	text := p.memory[piece[0].from:piece[len(piece)-1].to]
	if function != purgeRecords {
		return string(text)
	}
	var list strings.Builder
	list.Grow(len(text) + len("[]"))
	list.WriteByte('[')
	list.Write(text)
	list.WriteByte(']')
	return list.String()
}

// end notes that the call of a piece is over.
func (p *push) end(function string, piece []item, o outcome) {
	for _, i := range piece {
		if i.name != "" {
			p.over = append(p.over, overItem{name: i.name, records: function == purgeRecords, outcome: o})
		}
	}
}

// remember keeps what another attempt must know.
func (p *push) remember() {
	for _, i := range p.over {
		if i.records {
			p.recordsOver.Put(strings.Clone(i.name), i.outcome)
		} else {
			p.groupsOver.Put(i.name, i.outcome)
		}
	}
}

// finish forgets what no other attempt asks for.
func (p *push) finish() {
	for _, name := range p.known {
		p.recordsOver.Delete(name)
	}
	for _, i := range p.over {
		if !i.records && i.outcome == sent {
			p.groupsOver.Put(i.name, sent)
		}
	}
}

// refuse notes that an item is not sent again.
func (p *push) refuse(function string, i item, reason sink.Reason, text string) {
	if function == purgeRecords {
		p.requests.Refuse(int32(i.place), reason, text) //nolint:gosec // as many as records
		return
	}
	named := sink.RefusedGroup(&p.groups[i.place], sink.Refusal{Reason: reason, Text: text}.String(), p.id)
	p.named = append(p.named, named...)
	p.reasons[reason] += int64(len(named))
}

// refused counts what is refused, and names it; it is nil where all was taken.
func (p *push) refused(ctx context.Context) error {
	for reason, n := range p.requests.Refused() {
		p.reasons[reason] += n
	}
	for reason, n := range p.reasons {
		p.telemetry.ExporterTykhybridRefusedRecords.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(reason))))
	}
	err := p.requests.Err(p.id)
	if len(p.named) > 0 {
		err = errors.Join(err, consumererror.NewPermanent(&analytics.RefusedError{Records: p.named}))
	}
	return err
}
