package batchhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// Why items are refused.
const (
	ReasonInvalid  sink.Reason = "invalid"
	ReasonTooLarge sink.Reason = "too_large"
)

// Outcome is what an answer means for a request, or for one item of it.
type Outcome uint8

// Outcomes.
const (
	// Later: the same items may be taken another time. What is not known is this: nothing is given up that can heal.
	Later Outcome = iota
	// Accepted: the destination has them.
	Accepted
	// TooLarge: fewer items may be taken. One that stands alone never is.
	TooLarge
	// Refused: one item or more will never be taken, and the others may not have been.
	Refused
	// Unclear: an item may be at fault, as one that a firewall in between takes for an attack, or all requests are.
	Unclear
)

// OutcomeOf is what a status means where the server's interface does not say otherwise.
func OutcomeOf(code int) Outcome {
	switch {
	case code >= http.StatusOK && code < http.StatusMultipleChoices:
		return Accepted
	case code == http.StatusRequestEntityTooLarge:
		return TooLarge
	case code == http.StatusBadRequest, code == http.StatusUnprocessableEntity:
		return Unclear
	}
	return Later
}

// Verdict is what became of a request, or of one item of it.
type Verdict struct {
	Outcome Outcome
	// Err says why an item was not accepted. That of Later may be a throttle's.
	Err error
}

// Whole is one verdict on all items of a request.
func Whole(outcome Outcome, err error) []Verdict { return []Verdict{{Outcome: outcome, Err: err}} }

// Item is what is sent of one record.
type Item struct {
	// Entry is the record's place in the push; no other item has it.
	Entry int32
	// Place is where the item is to be stored, if there are several: what is taken there is evidence against
	// what is not.
	Place string
	// Key is what else is needed to send it, such as an identity.
	Key string
	// Body is its encoded form.
	Body []byte
	// Data is what else the request has of it, and More how many bytes that counts for MaxBytes.
	Data any
	More int
}

func (i *Item) size() int { return len(i.Body) + i.More }

// name is the same whenever the item is sent.
func (i *Item) name() string { return strconv.FormatUint(xxhash.Sum64(i.Body), 16) }

// Sender sends items to one destination, in requests of many.
type Sender struct {
	// Request sends one request. It gives one verdict on all items, or one on each.
	Request func(ctx context.Context, items []Item) []Verdict
	// MaxItems and MaxBytes bound a request, unless they are 0; an item of more bytes travels alone.
	MaxItems, MaxBytes int
	// Between is how many bytes stand between two items.
	Between int
	// Parallel is how many requests of a push are under way at once; 0 is one.
	Parallel int

	evidence sink.Evidence
}

// Sent is what became of items.
type Sent struct {
	// Accepted is how many the destination has.
	Accepted int
	// Refused are those that it will never take.
	Refused []sink.Refusal

	accepted []bool         // by entry
	wave     int            // how many waves of requests there were
	places   map[string]int // that accepted something, and in which wave first
	doubtful []doubt
	unclear  int   // requests of which all was in doubt
	inDoubt  error // why, of the last one
	others   bool  // there is evidence that the destination takes others
	later    error
}

// doubt is an item that was not taken where it is unclear whether it is at fault.
type doubt struct {
	item Item
	err  error
	sure bool // its place had accepted something before it was asked
}

// Has tells whether the destination has a record.
func (s *Sent) Has(entry int32) bool { return int(entry) < len(s.accepted) && s.accepted[entry] }

// Push sends the items of a push, and notes in requests which are refused. Its error asks for another attempt
// with all records that were not accepted.
func (s *Sender) Push(ctx context.Context, logs plog.Logs, requests *sink.Requests, items []Item) (accepted int, err error) {
	sent, err := s.Send(ctx, items)
	if err != nil {
		if sent.Accepted > 0 {
			err = consumererror.NewLogs(err, sink.Rest(logs, sent.Has))
		}
		return sent.Accepted, err
	}
	for _, r := range sent.Refused {
		requests.Refuse(r.Entry, r.Reason, r.Text)
	}
	return sent.Accepted, nil
}

// patience is how many requests may be in doubt without evidence that the destination takes others.
const patience = 64

// Send sends items, each until it is accepted. Those of requests that are not taken go in halves, down to single
// ones. An error asks for another attempt with all that were not accepted.
func (s *Sender) Send(ctx context.Context, items []Item) (*Sent, error) {
	sent := &Sent{places: map[string]int{}}
	for i := range items {
		if missing := int(items[i].Entry) + 1 - len(sent.accepted); missing > 0 {
			sent.accepted = append(sent.accepted, make([]bool, missing)...)
		}
	}
	stopped := false
	for pending := s.cut(items); len(pending) > 0 && !stopped; {
		wave := pending
		pending = nil
		if sent.unclear > 0 && !sent.others {
			wave, pending = extremes(wave)
		}
		sent.wave++
		for i, verdicts := range s.all(ctx, wave) {
			again, over := sent.take(wave[i], verdicts)
			pending = append(pending, again...)
			stopped = stopped || over
		}
		if sent.unclear >= patience && !sent.others {
			s.settle(ctx, sent)
			if stopped = stopped || !sent.others; stopped {
				sent.wait(sent.inDoubt)
			}
		}
	}
	s.settle(ctx, sent)
	if sent.later != nil {
		s.remember(items, sent)
	}
	return sent, sent.later
}

// remember keeps of what comes again that others of it were accepted: what is left may be what is at fault, and
// nothing else.
func (s *Sender) remember(items []Item, sent *Sent) {
	for i := range items {
		if _, beside := sent.places[items[i].Place]; beside && !sent.Has(items[i].Entry) {
			s.evidence.Neighbours(items[i].Place, items[i].name())
		}
	}
}

// extremes takes the longest and the shortest of requests: while nothing is accepted, neither a run of items that
// are at fault nor many that are spread out use patience up.
func extremes(requests [][]Item) (two, others [][]Item) {
	longest, shortest := 0, 0
	for i := range requests {
		if len(requests[i]) > len(requests[longest]) {
			longest = i
		}
		if len(requests[i]) < len(requests[shortest]) {
			shortest = i
		}
	}
	for i := range requests {
		if i == longest || i == shortest {
			two = append(two, requests[i])
		} else {
			others = append(others, requests[i])
		}
	}
	return two, others
}

// cut puts as many items together as a request may have.
func (s *Sender) cut(items []Item) [][]Item {
	var requests [][]Item
	for first := 0; first < len(items); {
		size, end := items[first].size(), first+1
		for end < len(items) && (s.MaxItems == 0 || end-first < s.MaxItems) {
			size += s.Between + items[end].size()
			if s.MaxBytes > 0 && size > s.MaxBytes {
				break
			}
			end++
		}
		requests = append(requests, items[first:end])
		first = end
	}
	return requests
}

// all sends requests, some at once, and none after one of which all waits.
func (s *Sender) all(ctx context.Context, requests [][]Item) [][]Verdict {
	answers := make([][]Verdict, len(requests))
	var mu sync.Mutex // guards the next two
	next, stopped := 0, []Verdict(nil)
	take := func() (i int, after []Verdict) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, stopped
	}
	var workers sync.WaitGroup
	for range min(max(s.Parallel, 1), len(requests)) {
		workers.Go(func() {
			for {
				i, after := take()
				if i >= len(requests) {
					return
				}
				if after != nil {
					answers[i] = after
					continue
				}
				answers[i] = s.Request(ctx, requests[i])
				if verdict, whole := wholeOf(answers[i], requests[i]); whole && verdict.Outcome == Later {
					mu.Lock()
					stopped = Whole(verdict.Outcome, verdict.Err)
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return answers
}

// wholeOf gives the verdict on all items of a request, where they have the same. An answer about another number of
// items says nothing.
func wholeOf(verdicts []Verdict, items []Item) (verdict Verdict, whole bool) {
	switch {
	case len(verdicts) == 1:
		return verdicts[0], true
	case len(verdicts) != len(items):
		return Verdict{Err: fmt.Errorf("the answer is about %d of %d records", len(verdicts), len(items))}, true
	}
	for i := range verdicts {
		if verdicts[i].Outcome != Later {
			return Verdict{}, false
		}
	}
	return verdicts[0], true
}

// take notes what became of a request: what is to be sent in smaller ones, and whether others are to wait.
func (s *Sent) take(items []Item, verdicts []Verdict) (again [][]Item, over bool) {
	verdict, whole := wholeOf(verdicts, items)
	switch {
	case !whole:
		for i := range items {
			s.takeOne(&items[i], verdicts[i])
		}
		return nil, false
	case verdict.Outcome == Later:
		s.wait(verdict.Err)
		return nil, true
	case verdict.Outcome == Unclear:
		s.unclear++
		s.inDoubt = verdict.Err
	}
	if verdict.Outcome != Accepted && len(items) > 1 {
		half := len(items) / 2
		return [][]Item{items[:half], items[half:]}, false
	}
	for i := range items {
		s.takeOne(&items[i], verdict)
	}
	return nil, false
}

func (s *Sent) takeOne(item *Item, verdict Verdict) {
	switch verdict.Outcome {
	case Accepted:
		s.accepted[item.Entry] = true
		s.Accepted++
		s.others = true
		if _, before := s.places[item.Place]; !before {
			s.places[item.Place] = s.wave
		}
	case TooLarge:
		s.refuse(item, ReasonTooLarge, verdict.Err)
	case Refused:
		s.refuse(item, ReasonInvalid, verdict.Err)
	case Unclear:
		first, before := s.places[item.Place]
		s.doubtful = append(s.doubtful, doubt{item: *item, err: verdict.Err, sure: before && first < s.wave})
	default:
		s.wait(verdict.Err)
	}
}

func (s *Sent) refuse(item *Item, reason sink.Reason, err error) {
	s.Refused = append(s.Refused, sink.Refusal{Entry: item.Entry, Reason: reason, Text: said(err).Error()})
}

// wait keeps the first error, unless another names a longer delay: requests of a wave fail at once, and the
// server's wish must not get lost among them.
func (s *Sent) wait(err error) {
	if s.later == nil || delayOf(err) > delayOf(s.later) {
		s.later = said(err)
	}
}

// said makes sure that there is an error: none would mean that all is stored.
func said(err error) error {
	if err == nil {
		return errors.New("the destination did not say why")
	}
	return err
}

// settle refuses what is in doubt, if others were accepted beside it or between its failures. What failed before
// others were accepted is asked once more: with them, an outage may have ended.
func (s *Sender) settle(ctx context.Context, sent *Sent) {
	for place := range sent.places {
		s.evidence.Accepted(place)
	}
	var unsure [][]Item
	for i := range sent.doubtful {
		d := &sent.doubtful[i]
		_, beside := sent.places[d.item.Place]
		finding := s.evidence.Failed(sink.Failure{ // all of one fault: what is said may have an incident's number
			Place: d.item.Place, Item: d.item.name(), Beside: beside, Enough: 1,
		})
		switch {
		case finding != sink.Blamed:
			sent.wait(d.err)
		case d.sure:
			sent.blame(&d.item, d.err)
		default:
			unsure = append(unsure, []Item{d.item})
		}
	}
	sent.doubtful = nil
	for i, verdicts := range s.all(ctx, unsure) {
		item := &unsure[i][0]
		if verdict, _ := wholeOf(verdicts, unsure[i]); verdict.Outcome == Unclear {
			sent.blame(item, verdict.Err)
		} else {
			sent.takeOne(item, verdict)
		}
	}
}

// blame refuses an item that others show to be at fault.
func (s *Sent) blame(item *Item, err error) {
	s.refuse(item, ReasonInvalid, err)
	s.others = true
}
