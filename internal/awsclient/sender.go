package awsclient

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// Why records are refused.
const (
	ReasonInvalid  sink.Reason = "invalid"
	ReasonTooLarge sink.Reason = "too_large"
)

// Item is what is sent of one record.
type Item[T any] struct {
	// Entry is the record's place in the push.
	Entry int32
	// Name is the same whenever the record is sent.
	Name string
	// Group is of those that stay in order, where there is one.
	Group string
	// Size is what it counts in a request.
	Size int
	// Data is what the service gets.
	Data T
}

// Sender sends records in requests whose answers speak of each.
type Sender[T any] struct {
	// Service names it in messages, and Place is the destination there.
	Service, Place string
	// MaxItems and MaxBytes bound a request.
	MaxItems, MaxBytes int
	// Parallel is how many requests of a push are under way at once.
	Parallel int
	// Ordered keeps the items of a group in order.
	Ordered bool
	// Timeout bounds each request.
	Timeout time.Duration
	// Prepare asks for what all requests of a push need; it may be nil.
	Prepare func(ctx context.Context) error
	// Call makes one request. Its answers are those of the items, in their order.
	Call func(ctx context.Context, items []Item[T]) ([]Answer, error)

	evidence sink.Evidence
}

// Push sends the items of a push, each once, but for those of requests that are too large or that the service does not
// understand, which are sent in halves, down to single ones. It gives how many the service has accepted, and refuses what
// it will never take. Its error asks for another attempt with the others.
func (s *Sender[T]) Push(ctx context.Context, logs plog.Logs, items []Item[T], requests *sink.Requests) (accepted int, err error) {
	p := &push[T]{Sender: s, accepted: make(map[int32]bool, len(items))}
	p.send(ctx, items)
	accepted = len(p.accepted)
	switch {
	case p.waiting == nil:
		for _, r := range p.refused {
			requests.Refuse(r.Entry, r.Reason, r.Text)
		}
		return accepted, nil
	case accepted == 0:
		return 0, p.waiting
	}
	return accepted, consumererror.NewLogs(p.waiting, sink.Rest(logs, func(entry int32) bool { return p.accepted[entry] }))
}

// send makes the requests of a push.
func (p *push[T]) send(ctx context.Context, items []Item[T]) {
	if p.Prepare != nil {
		if err := p.bounded(ctx, p.Prepare); err != nil {
			p.wait(err, true)
			return
		}
	}
	var workers sync.WaitGroup
	for _, requests := range p.lanes(items) {
		workers.Go(func() {
			for _, request := range requests {
				if p.stopped() {
					return
				}
				p.store(ctx, request)
			}
		})
	}
	workers.Wait()
	p.settle()
}

// lanes are requests, those of a lane to be made one after the other.
func (s *Sender[T]) lanes(items []Item[T]) [][][]Item[T] {
	lanes := make([][][]Item[T], s.Parallel)
	if !s.Ordered {
		for i, request := range s.requests(items) {
			lanes[i%s.Parallel] = append(lanes[i%s.Parallel], request)
		}
		return lanes
	}
	parts := make([][]Item[T], s.Parallel)
	for i := range items {
		at := xxhash.Sum64String(items[i].Group) % uint64(s.Parallel) //nolint:gosec // some
		parts[at] = append(parts[at], items[i])
	}
	for i := range parts {
		lanes[i] = s.requests(parts[i])
	}
	return lanes
}

// requests puts as many items together as a request may have.
func (s *Sender[T]) requests(items []Item[T]) [][]Item[T] {
	var requests [][]Item[T]
	for first := 0; first < len(items); {
		size, end := items[first].Size, first+1
		for end < len(items) && end-first < s.MaxItems && size+items[end].Size <= s.MaxBytes {
			size += items[end].Size
			end++
		}
		requests = append(requests, items[first:end])
		first = end
	}
	return requests
}

// push is one call of Push.
type push[T any] struct {
	*Sender[T]

	mu       sync.Mutex // guards the fields below
	accepted map[int32]bool // by their places in the push
	refused  []sink.Refusal
	doubtful []doubt
	waiting  error // why another attempt is needed
	stop     bool  // nothing more is taken now
}

// doubt is an item that was not taken where it is unclear whether it is at fault.
type doubt struct {
	entry  int32
	name   string
	answer Answer
}

// failure is a request that was not taken as a whole.
type failure struct {
	answer  Answer
	finding sink.Finding
	err     error
}

// Error is what people read.
func (f *failure) Error() string { return f.answer.Text }

// Unwrap is what the client said.
func (f *failure) Unwrap() error { return f.err }

func (p *push[T]) stopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stop
}

// store sends a request, around what is refused of it.
func (p *push[T]) store(ctx context.Context, request []Item[T]) {
	err := sink.Isolator[Item[T]]{
		Try:   func(piece []Item[T]) (int, error) { return sink.Unplaced, p.try(ctx, piece) },
		Judge: judge,
		Refuse: func(item Item[T], err error) {
			reason := ReasonInvalid
			if f, ok := errors.AsType[*failure](err); ok && f.answer.Outcome == TooLarge {
				reason = ReasonTooLarge
			}
			p.refuse(item.Entry, reason, err.Error())
		},
	}.Store(request)
	if err != nil {
		p.wait(err, judge(err) == sink.Later)
	}
}

// judge tells what an error means for the items of a request.
func judge(err error) sink.Outcome {
	f, ok := errors.AsType[*failure](err)
	switch {
	case !ok:
		return sink.Later
	case f.answer.Outcome == TooLarge, f.answer.Outcome == Invalid, f.answer.Outcome == Unclear && f.finding == sink.Blamed:
		return sink.Refused
	case f.answer.Outcome == Unclear:
		return sink.Unclear
	}
	return sink.Later
}

// try makes one request.
func (p *push[T]) try(ctx context.Context, piece []Item[T]) error {
	var answers []Answer
	f := p.bounded(ctx, func(ctx context.Context) (err error) {
		answers, err = p.Call(ctx, piece)
		return err
	})
	if f == nil {
		return p.read(piece, answers)
	}
	if f.answer.Outcome == Unclear {
		f.finding = p.evidence.Failed(sink.Failure{
			Place: p.Place, Item: strconv.Itoa(len(piece)) + " from " + piece[0].Name, Fault: f.answer.Code, Beside: p.anyAccepted(), Enough: 1,
		})
	}
	return f
}

// bounded asks the service something, and reads its error; nil where there is none.
func (p *push[T]) bounded(ctx context.Context, ask func(context.Context) error) *failure {
	bounded, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	err := ask(bounded)
	if err == nil {
		return nil
	}
	f := &failure{answer: AnswerOfError(p.Service, err), err: err}
	if ctx.Err() != nil {
		f.err = ctx.Err() // which says nothing about the service
	}
	return f
}

func (p *push[T]) anyAccepted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.accepted) > 0
}

// read takes the answers of a request. Its error says that nothing of it was taken, and that more would not be.
func (p *push[T]) read(piece []Item[T], answers []Answer) error {
	accepted := false
	var later error
	for i := range piece {
		a := NoResult(p.Service)
		if i < len(answers) {
			a = answers[i]
		}
		switch a.Outcome {
		case Accepted:
			accepted = true
			p.mu.Lock()
			p.accepted[piece[i].Entry] = true
			p.mu.Unlock()
		case Invalid:
			p.refuse(piece[i].Entry, ReasonInvalid, a.Text)
		case TooLarge:
			p.refuse(piece[i].Entry, ReasonTooLarge, a.Text)
		case Unclear:
			p.mu.Lock()
			p.doubtful = append(p.doubtful, doubt{entry: piece[i].Entry, name: piece[i].Name, answer: a})
			p.mu.Unlock()
		default:
			later = errors.New(a.Text)
		}
	}
	if accepted {
		p.evidence.Accepted(p.Place)
	}
	switch {
	case later == nil:
	case accepted:
		p.wait(fmt.Errorf("some records were not taken: %w", later), p.Ordered)
	default:
		return later
	}
	return nil
}

// wait notes that another attempt is needed, and whether this one is over.
func (p *push[T]) wait(err error, stop bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == nil {
		p.waiting = err
	}
	p.stop = p.stop || stop
}

func (p *push[T]) refuse(entry int32, reason sink.Reason, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = append(p.refused, sink.Refusal{Entry: entry, Reason: reason, Text: text})
}

// settle refuses what is in doubt, if others were accepted beside it or between its failures.
func (p *push[T]) settle() {
	for _, d := range p.doubtful {
		finding := p.evidence.Failed(sink.Failure{
			Place: p.Place, Item: d.name, Fault: d.answer.Code, Beside: len(p.accepted) > 0, Enough: 1,
		})
		if finding == sink.Blamed {
			p.refuse(d.entry, ReasonInvalid, d.answer.Text)
		} else {
			p.wait(errors.New(d.answer.Text), false)
		}
	}
}
