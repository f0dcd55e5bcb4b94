// Package delivery takes records to the pipelines until each is stored, or a dead letter.
package delivery

import (
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/held"
)

// fate is what became of a record of a delivery.
type fate uint8

const (
	// pending: no destination has decided on it.
	pending fate = iota
	// doubtful: it was refused, but so was everything else until then.
	doubtful
	// delivered: every pipeline has it.
	delivered
	// refused: a destination that takes others refuses it for good.
	refused
	// undecodable: it is no record.
	undecodable
	// shed: only its mark is left.
	shed
)

// state is how a delivery's pending records are sent.
//
//	whole --refused, others were accepted--> searching
//	whole --refused, nothing was accepted--> probing --one is accepted, here or elsewhere--> searching
//	searching --refused behind a filter that hid from it what was accepted--> probing
//
// It ends when no record is pending or doubtful any more.
type state uint8

const (
	// whole: all at once, until they are taken or refused.
	whole state = iota
	// probing: a few single ones at each attempt. The destination may refuse everything,
	// as it does with a wrong token, and that is no reason to give a record up.
	probing
	// searching: what was refused is taken apart down to the single records to blame.
	searching
)

const (
	// parts is into how many what was refused is taken apart.
	parts = 16
	// mostProbes is how many single records are sent at an attempt that finds none accepted;
	// half as many each time, since other pipelines take each of them again.
	mostProbes = 32
)

// delivery is a batch on its way to the pipelines. A record's place is its number
// among those of all chunks; what is found about it stays found.
type delivery struct {
	chunks []delivering
	state  state
	fates  []fate         // by place
	why    map[int]reason // of the refused and undecodable ones, by place
	work   [][]int        // places of records, each part sent by itself: unless whole, what is still to be sent
	// evident is true once something says that a destination takes records, and proven has
	// the filters behind which one does; unproven are those that let refused records through.
	evident          bool
	proven, unproven map[string]bool
	// since is when something was refused first, by the clock of the evidence.
	since int64
	// probes is how many single records the next probing sends.
	probes int
	// partly is true for a destination that takes some of what it refuses, without a
	// word about which: what was sent once with others is sent only alone again.
	partly bool

	slot slot

	said     error          // by the destination that refused something last
	decoded  bool           // once
	replayed map[string]int // places of replayed records, by identity
}

// reason is why a record became a dead letter.
type reason struct{ text, destination string }

func newDelivery(b held.Batch) *delivery {
	dl := &delivery{
		fates: make([]fate, b.Entries), why: map[int]reason{}, replayed: map[string]int{},
		proven: map[string]bool{}, unproven: map[string]bool{}, probes: mostProbes,
	}
	place := 0
	for _, c := range b.Chunks {
		dl.chunks = append(dl.chunks, delivering{Chunk: c, first: place})
		if c.Segment.Of.Replay {
			for i, entry := range c.Entries {
				if uid, _, err := c.Segment.Of.Unframe(entry); err == nil {
					dl.replayed[uid] = place + i
				}
			}
		}
		place += c.Count
	}
	return dl
}

// places lists the records of a fate.
func (dl *delivery) places(of fate) []int {
	found := make([]int, 0, len(dl.fates))
	for place, f := range dl.fates {
		if f == of {
			found = append(found, place)
		}
	}
	return found
}

// find looks for a record among those that were sent, in rising order.
func (dl *delivery) find(uid analytics.UID, sent []int) (place int, ok bool) {
	place, ok = dl.replayed[uid.String()]
	for i := range dl.chunks {
		if c := &dl.chunks[i]; !ok && c.Segment.ID == uid.Segment && c.From <= uid.Index && uid.Index < c.End() {
			place, ok = c.first+int(uid.Index-c.From), true
		}
	}
	return place, ok && isAmong(sent, place)
}

// isAmong tells whether places in rising order hold one.
func isAmong(places []int, place int) bool {
	_, ok := slices.BinarySearch(places, place)
	return ok
}

// next says what to send now, and nothing when this attempt is over.
func (dl *delivery) next() []int {
	if dl.state == whole {
		return dl.places(pending)
	}
	if len(dl.work) == 0 {
		return nil
	}
	last := dl.work[len(dl.work)-1]
	dl.work = dl.work[:len(dl.work)-1]
	if last = slices.DeleteFunc(last, func(place int) bool { return dl.fates[place] == shed }); len(last) == 0 {
		return dl.next() // the chunk is another worker's by now
	}
	return last
}

// probe makes work of a few single records. They are spread, and not at even distances,
// which the records to blame may have too.
func (dl *delivery) probe(candidates []int) {
	dl.state, dl.work = probing, nil
	stratum := max(len(candidates)/dl.probes, 1)
	for i := range min(dl.probes, len(candidates)) {
		at := i*stratum + i%stratum
		dl.work = append(dl.work, candidates[at:at+1])
	}
	dl.probes = max(dl.probes/2, 1)
}

// take notes what an answer says of the records that were sent, of which filters let so
// many through. It tells whether any was accepted, and through which filters.
func (dl *delivery) take(sent []int, a answer, passed map[string]int) (accepted bool, through []string) {
	if a.err != nil {
		dl.said = a.err
	}
	named, left := dl.blame(sent, a)
	taken := 0
	for _, place := range sent {
		if _, isNamed := named[place]; !isNamed && !isAmong(left, place) {
			dl.fates[place] = delivered
			taken++
		}
	}
	if accepted = taken > 0; accepted {
		dl.evident, dl.probes = true, mostProbes
		through = dl.prove(passed, len(sent)-taken)
	}
	for place, why := range named {
		dl.refuse(place, why, passed)
	}
	if !a.retry && len(left) == 1 {
		dl.refuse(left[0], reason{text: a.err.Error()}, passed)
		left = nil
	}
	dl.partly = dl.partly || a.vague && a.joined && a.parts < len(sent)
	switch {
	case dl.state == searching && a.retry && len(left) > 0:
		dl.work = append(dl.work, left)
	case dl.state == searching:
		dl.takeApart(left)
	case dl.state == whole && (a.retry && len(left) > 0 || !a.retry && len(left) == 0 && len(dl.places(doubtful)) == 0):
	case dl.evident && (dl.isProven() || len(dl.places(pending)) > 0):
		dl.search()
	case dl.state == whole:
		dl.probe(dl.places(pending))
	}
	return accepted, through
}

// prove notes the filters that let an accepted record through: more than the number of
// those that were not accepted.
func (dl *delivery) prove(passed map[string]int, others int) (through []string) {
	for filter, n := range passed {
		if n > others {
			dl.proven[filter] = true
			through = append(through, filter)
		}
	}
	return through
}

// isProven tells whether something was accepted behind each filter that let refused
// records through. What another filter dropped was accepted by nobody.
func (dl *delivery) isProven() bool {
	for filter := range dl.unproven {
		if !dl.proven[filter] {
			return false
		}
	}
	return dl.evident
}

// refuse notes that a record was refused for good, by a destination that takes others
// or not.
func (dl *delivery) refuse(place int, why reason, passed map[string]int) {
	isProven := dl.evident
	for filter, n := range passed {
		if n > 0 && !dl.proven[filter] {
			dl.unproven[filter], isProven = true, false
		}
	}
	if !isProven {
		dl.fates[place] = doubtful
		return
	}
	dl.fates[place] = refused
	dl.why[place] = why
}

// search begins to take apart what is not decided, once a destination is known to take
// records. What was refused before that says nothing.
func (dl *delivery) search() {
	if dl.isProven() {
		clear(dl.unproven)
		for place, f := range dl.fates {
			if f == doubtful {
				dl.fates[place] = pending
			}
		}
	}
	dl.state, dl.work = searching, nil
	dl.takeApart(dl.places(pending))
}

// trust takes over that other deliveries have brought the evidence that this one needs.
func (dl *delivery) trust() {
	dl.evident = true
	for filter := range dl.unproven {
		dl.proven[filter] = true
	}
	dl.search()
}

// takeApart makes work of records that were refused together.
func (dl *delivery) takeApart(left []int) {
	size := max((len(left)+parts-1)/parts, 1)
	if dl.partly {
		size = 1
	}
	for len(left) > 0 {
		n := min(size, len(left))
		dl.work = append(dl.work, left[:n:n])
		left = left[n:]
	}
}

// blame says which of the records that were sent an answer refuses by name, and which
// of them some destination has not taken without doing so. An answer that names a
// record that was not sent says nothing: the identity was lost on the way.
func (dl *delivery) blame(sent []int, a answer) (named map[int]reason, left []int) {
	if a.err == nil {
		return nil, nil
	}
	named = map[int]reason{}
	untaken := map[int]bool{}
	vague := a.vague
	for _, r := range a.named {
		place, ok := dl.find(r.UID, sent)
		if !ok {
			vague = true
			continue
		}
		named[place] = named[place].and(r)
	}
	for _, ld := range a.untaken {
		known := 0
		for _, uid := range identities(ld) {
			if place, ok := dl.find(uid, sent); ok {
				untaken[place] = true
				known++
			}
		}
		vague = vague || known == 0 || known < ld.LogRecordCount()
	}
	for _, place := range sent {
		if vague || untaken[place] {
			left = append(left, place)
			delete(named, place) // for some destination it may still be needed
		}
	}
	return named, left
}

// and adds what another destination says.
func (r reason) and(other analytics.RefusedRecord) reason {
	if r == (reason{}) {
		return reason{text: other.Reason, destination: other.Destination}
	}
	r.text += "; " + other.Reason
	if !slices.Contains(strings.Split(r.destination, ", "), other.Destination) {
		r.destination += ", " + other.Destination
	}
	return r
}
