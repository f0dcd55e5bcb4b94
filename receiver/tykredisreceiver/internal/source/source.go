// Package source is about the lists that gateways push to: how their entries are written, and
// what is known of each list beside what Redis keeps.
package source

import (
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// KeyPrefix is what gateways put before the names of the lists of requests by default.
const KeyPrefix = "analytics-"

// Expiry is how long gateways let their lists live, counted from the first record.
const Expiry = 60 * time.Second

const (
	// mostWaiting is how many deliveries of a list may wait for a decodable entry, or for
	// room for dead letters, before it is read no further. They hold neither slot nor entries.
	mostWaiting = 256
	// fullFor is how long a list without room for dead letters is not tried again.
	fullFor = 5 * time.Second
)

// Source is a list, how its entries are written, and where its dead letters lie.
type Source struct {
	*claim.Source
	// Name is the list's, without its prefix.
	Name string
	// Form is how the entries are written.
	Form Form
	// Registry names the groups that read it.
	Registry Registry
	// Replay is true for the list that a group's dead letters are replayed from,
	// whose entries bring their identities along.
	Replay bool

	waiting   atomic.Int32
	fullUntil atomic.Int64 // by the clock in ns
}

// Registry is that which names the groups of some lists, as claim.Store.Registry names it:
// one for all lists of requests, or one a list where the receiver reads chosen ones.
type Registry string

// New gives the list that has a name behind a prefix, and what is replayed of it.
func New(prefix, name string, form Form, in Registry, settings claim.Settings) []*Source {
	plain := claim.NewSource(prefix+name, settings)
	return []*Source{
		{Source: plain, Name: name, Form: form, Registry: in},
		{Source: plain.Replay(), Name: name, Form: form, Registry: in, Replay: true},
	}
}

// Plain returns sources as the protocol knows them.
func Plain(sources []*Source) []*claim.Source {
	all := make([]*claim.Source, len(sources))
	for i, src := range sources {
		all[i] = src.Source
	}
	return all
}

// Wait notes how many more deliveries, or fewer, wait for a decodable entry or for room.
func (src *Source) Wait(change int32) { src.waiting.Add(change) }

// IsBlocked tells whether so many wait that nothing more is to be read.
func (src *Source) IsBlocked() bool { return src.waiting.Load() >= mostWaiting }

// NoteFull notes that there was no room for dead letters.
func (src *Source) NoteFull() { src.fullUntil.Store(time.Now().Add(fullFor).UnixNano()) }

// IsFull tells whether there was no room for dead letters a moment ago.
func (src *Source) IsFull() bool { return time.Now().UnixNano() < src.fullUntil.Load() }

// Unframe gives the bytes of an entry, as the gateway pushed them, and the identity that a
// replayed entry brings along: none for others. Both share the entry's memory.
func (src *Source) Unframe(entry string) (uid string, bytes []byte, err error) {
	bytes = unsafe.Slice(unsafe.StringData(entry), len(entry))
	if src.Replay {
		return claim.Unframe(bytes)
	}
	return "", bytes, nil
}

// Identify gives the identity of an entry with an index in a segment, and its bytes as the
// gateway pushed them.
func (src *Source) Identify(segment string, index int64, entry string) (uid string, bytes []byte) {
	if src.Replay {
		if uid, bytes, err := claim.Unframe([]byte(entry)); err == nil {
			return uid, bytes
		}
	}
	return fmt.Sprintf("%s-%d", segment, index), []byte(entry)
}
