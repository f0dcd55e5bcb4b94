package claim

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
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
	// ChunkRecords is the most entries in a chunk, from 1.
	ChunkRecords int
	// ChunkBytes is the most bytes in a chunk of more than one entry, from 1.
	ChunkBytes int
	// MaxHeld is the most segments of a source that the worker holds at once, from 1.
	MaxHeld int
	// MaxDead is the most dead letters that a source keeps, from 1; the oldest give way.
	MaxDead int
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
	hash     string
	settings Settings
	keys     keys
	isReplay bool
}

// keys are the names under which the protocol keeps its state.
type keys struct {
	segment   string // prefix; the sequence number follows
	sequence  string
	segments  string
	leases    string
	progress  string
	groups    string
	receipts  string
	dead      string
	deadOrder string
	replay    string // prefix; the group follows
	marks     string // of rewritten segments
}

// NewSource describes the list at key; it does not touch Redis.
func NewSource(key string, settings Settings) *Source {
	return newSource(key, "otelcol-tyk:{"+key+"}:", settings)
}

// Replay is the source of what is replayed to the group of the settings: dead
// letters of s, framed with their identities. Its own dead letters are kept
// with those of s, and replayed to itself.
func (s *Source) Replay() *Source { return s.replayTo(s.settings.Group) }

func (s *Source) replayTo(group string) *Source {
	if s.isReplay {
		return s
	}
	key := s.keys.replay + group
	r := newSource(key, key+":", s.settings)
	r.keys.dead, r.keys.deadOrder, r.keys.replay = s.keys.dead, s.keys.deadOrder, s.keys.replay
	r.isReplay = true
	return r
}

// newSource derives all keys from base, which holds the hash tag.
func newSource(key, base string, settings Settings) *Source {
	return &Source{
		key:      key,
		hash:     fmt.Sprintf("%08x", uint32(xxhash.Sum64String(key))), //nolint:gosec // half of the hash tells sources apart
		settings: settings,
		keys: keys{
			segment:   base + "seg:",
			sequence:  base + "seq",
			segments:  base + "segments",
			leases:    base + "leases",
			progress:  base + "progress",
			groups:    base + "groups",
			receipts:  base + "receipts",
			dead:      base + "dead",
			deadOrder: base + "dead:order",
			replay:    base + "replay:",
			marks:     base + "marks",
		},
	}
}

// Key is the source list's name in Redis.
func (s *Source) Key() string { return s.key }

// Segment is a source list as it was when it was claimed. Its entries never
// change; they only leave from its head.
type Segment struct {
	// Source is where the segment comes from.
	Source *Source
	// Seq orders the segments of a source.
	Seq int64
	// ID is unique for ever, also when Redis comes back empty.
	ID string
	// Count is the number of entries at the time of the claim.
	Count int64
	// ChunkRecords and ChunkBytes were fixed with the claim, so that a chunk is
	// the same one whoever delivers it again.
	ChunkRecords, ChunkBytes int
	// ClaimedAt is by Redis' clock.
	ClaimedAt time.Time
	// Done is how many entries the group had acknowledged when the lease was taken or renewed.
	Done int64
	// Kept is how many entries are still in Redis, from the tail.
	Kept int64
}

// Key is the segment list's name in Redis.
func (g Segment) Key() string { return g.Source.keys.segment + strconv.FormatInt(g.Seq, 10) }

// Start is the index of the first entry to read: what the group has not
// acknowledged and Redis still has.
func (g Segment) Start() int64 { return max(g.Done, g.Count-g.Kept) }

// parseSegment reads one reply row of the lease script.
func (s *Source) parseSegment(row any) (Segment, error) {
	fields, ok := row.([]any)
	if !ok || len(fields) != 4 {
		return Segment{}, fmt.Errorf("segment of %s: unexpected reply %v", s.key, row)
	}
	seq, okSeq := fields[0].(int64)
	description, okDescription := fields[1].(string)
	done, okDone := fields[2].(int64)
	kept, okKept := fields[3].(int64)
	if !okSeq || !okDescription || !okDone || !okKept {
		return Segment{}, fmt.Errorf("segment of %s: unexpected reply %v", s.key, row)
	}
	g := Segment{Source: s, Seq: seq, Done: done, Kept: kept}
	parts := strings.Fields(description)
	if len(parts) != 5 {
		return Segment{}, fmt.Errorf("segment %d of %s: description %q: want <id> <entries> <chunk records> <chunk bytes> <claimed at ms>", seq, s.key, description)
	}
	numbers := [4]int64{}
	for i := range numbers {
		n, err := strconv.ParseInt(parts[i+1], 10, 64)
		if err != nil || n < 1 {
			return Segment{}, fmt.Errorf("segment %d of %s: description %q: %q is not a number above 0", seq, s.key, description, parts[i+1])
		}
		numbers[i] = n
	}
	g.ID = parts[0]
	g.Count = numbers[0]
	g.ChunkRecords, g.ChunkBytes = int(numbers[1]), int(numbers[2])
	g.ClaimedAt = time.UnixMilli(numbers[3]).UTC()
	return g, nil
}

// randomPart makes segment ids unique where a sequence starts anew.
func randomPart() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
