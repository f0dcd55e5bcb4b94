package claim

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Settings are the same for all sources of one worker.
type Settings struct {
	// Group is whose progress this worker advances; no blanks, no "|".
	Group string
	// Worker is unique among all processes, for ever; no blanks.
	Worker string
	// Lease is how long a segment stays with a worker that is not heard of, by Redis' clock.
	Lease time.Duration
	// MaxHeld is the most segments of a source that the worker holds at once, from 1.
	MaxHeld int
	// MaxDead is the most dead letters that a source keeps, from 1.
	MaxDead int
	// MaxDeadBytes is the most bytes that they take, from 1.
	MaxDeadBytes int64
	// GroupExpiry is how long the group counts after its last worker was heard of;
	// 0 is for ever.
	GroupExpiry time.Duration
	// WaitForReplicas is how many of the replicas that are connected must have a
	// segment before it is held, 0 for none.
	WaitForReplicas int
}

// Source is one Redis list and all keys derived from it, which share its
// cluster slot through a hash tag.
type Source struct {
	key      string
	tag      string
	hash     string
	settings Settings
	keys     keys
	isReplay bool
	entitled atomic.Bool // the user has the rights that scripts need
}

// keys are the names under which the protocol keeps its state.
type keys struct {
	segment   string // prefix; the sequence number and a random part follow
	sequence  string
	segments  string
	leases    string
	progress  string
	groups    string
	waiting   string // what is not done, by group
	leaving   string // groups that are being removed
	receipts  string
	dead      string
	deadOrder string
	deadCause string
	deadBytes string
	replay    string // prefix; the group follows
}

// NewSource describes the list at key; it does not touch Redis.
func NewSource(key string, settings Settings) *Source {
	return newSource(key, key, keyBase(key), settings)
}

// keyBase begins all keys about a list.
func keyBase(list string) string { return "otelcol-tyk:{" + list + "}:" }

// Replay is the source of what is replayed to the group of the settings: dead
// letters of s, framed with their identities. Its own dead letters are kept
// with those of s, and replayed to itself.
func (s *Source) Replay() *Source { return s.replayTo(s.settings.Group) }

func (s *Source) replayTo(group string) *Source {
	if s.isReplay {
		return s
	}
	key := s.keys.replay + group
	r := newSource(key, s.tag, key+":", s.settings)
	r.keys.dead, r.keys.deadOrder, r.keys.replay = s.keys.dead, s.keys.deadOrder, s.keys.replay
	r.keys.deadCause, r.keys.deadBytes = s.keys.deadCause, s.keys.deadBytes
	r.isReplay = true
	return r
}

// newSource derives all keys from base, which holds the hash tag.
func newSource(key, tag, base string, settings Settings) *Source {
	return &Source{
		key:      key,
		tag:      tag,
		hash:     fmt.Sprintf("%08x", uint32(xxhash.Sum64String(key))), //nolint:gosec // half of the hash tells sources apart
		settings: settings,
		keys: keys{
			segment:   base + "seg:",
			sequence:  base + "seq",
			segments:  base + "segments",
			leases:    base + "leases",
			progress:  base + "progress",
			groups:    base + "groups",
			waiting:   base + "waiting",
			leaving:   base + "leaving",
			receipts:  base + "receipts",
			dead:      base + "dead",
			deadOrder: base + "dead:order",
			deadCause: base + "dead:causes",
			deadBytes: base + "dead:bytes",
			replay:    base + "replay:",
		},
	}
}

// all are the keys that every script gets, in the order that common.lua names them.
func (s *Source) all() []string {
	k := s.keys
	return []string{
		s.key, k.sequence, k.segments, k.leases, k.progress, k.groups, k.waiting, k.leaving, k.receipts,
		k.dead, k.deadOrder, k.deadCause, k.deadBytes, k.replay,
	}
}

// Key is the source list's name in Redis.
func (s *Source) Key() string { return s.key }

// Outcome counts what became of a segment's entries for a group.
type Outcome struct {
	// Delivered were taken by every pipeline.
	Delivered int64
	// Dead became dead letters.
	Dead int64
	// Lost were no longer in Redis when they were to be read.
	Lost int64
	// Shed were given up to keep the backlog within its bound.
	Shed int64
}

// Plus adds two outcomes.
func (o Outcome) Plus(p Outcome) Outcome {
	return Outcome{o.Delivered + p.Delivered, o.Dead + p.Dead, o.Lost + p.Lost, o.Shed + p.Shed}
}

// Segment is a claimed run of a source's entries. They never change, but for what
// is shed; they leave from its head, and the newest segment grows at its tail.
type Segment struct {
	// Source is where the segment comes from.
	Source *Source
	// Seq orders the segments of a source.
	Seq int64
	// ID is unique for ever, also when Redis comes back empty.
	ID string
	// Count is the number of entries claimed into it so far.
	Count int64
	// ClaimedAt is since when it has had something for the group, by Redis' clock.
	ClaimedAt time.Time
	// Done is how many entries the group was done with when the lease was taken or renewed.
	Done int64
	// Outcome is what became of them; those that the group never saw are in none of it.
	Outcome Outcome
	// Kept is how many entries are still in Redis, from the tail.
	Kept int64

	list string // the key in Redis
}

// Key is the segment list's name in Redis.
func (g Segment) Key() string { return g.list }

// Start is the index of the first entry to read: what the group has not
// acknowledged and Redis still has.
func (g Segment) Start() int64 { return max(g.Done, g.Count-g.Kept) }

// parseSegment reads a segment's description.
func (s *Source) parseSegment(seq int64, description string, kept int64) (Segment, error) {
	parts := strings.Fields(description)
	const fields = 4
	if len(parts) != fields || number(parts[1]) < 1 || number(parts[2]) < 1 || !strings.Contains(parts[0], ".") {
		return Segment{}, fmt.Errorf("segment %d of %s: description %q: want <id> <entries> <claimed at ms> <run of the server>", seq, s.key, description)
	}
	id := parts[0]
	return Segment{
		Source: s, Seq: seq, ID: id, Kept: kept, Count: number(parts[1]), ClaimedAt: time.UnixMilli(number(parts[2])).UTC(),
		list: s.keys.segment + strconv.FormatInt(seq, 10) + id[strings.LastIndexByte(id, '.'):],
	}, nil
}

// setProgress reads how far a group is with the segment, as common.lua writes it.
func (g *Segment) setProgress(text string) {
	var n [6]int64
	for i, field := range strings.Fields(text) {
		if i < len(n) {
			n[i] = number(field)
		}
	}
	g.Done, g.Outcome = n[0], Outcome{Delivered: n[1], Dead: n[2], Lost: n[3], Shed: n[4]}
	if since := time.UnixMilli(n[5]).UTC(); since.After(g.ClaimedAt) {
		g.ClaimedAt = since
	}
}

// randomPart makes segment ids unique where a sequence starts anew.
func randomPart() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// number reads what Redis keeps as one; anything else is 0.
func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}
