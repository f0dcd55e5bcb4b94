package tykredisreceiver

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// decode makes log records of pending records of a delivery, unless they are not wanted:
// one ResourceLogs a chunk, so that what belongs to one segment stays together. The
// attributes share the entries' memory, which nobody changes. The first time, with all
// records, it finds out which are none, and adds the others to the chunk's tally. It returns
// those that are to be sent, in the memory of places.
func (d *deliverer) decode(dl *delivery, places []int) (logs plog.Logs, sent []int) {
	logs = plog.NewLogs()
	logs.ResourceLogs().EnsureCapacity(len(dl.chunks))
	sent = places[:0]
	for i := range dl.chunks {
		c := &dl.chunks[i]
		n := 0
		for n < len(places) && places[n] < c.first+c.count {
			n++
		}
		if n > 0 {
			sent = d.decodeChunk(dl, c, places[:n], logs, sent)
			places = places[n:]
		}
	}
	dl.decoded = true
	logs.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		return rl.ScopeLogs().At(0).LogRecords().Len() == 0
	})
	return logs, sent
}

// decodeChunk is decode for the places of one chunk; it appends to sent.
func (d *deliverer) decodeChunk(dl *delivery, c *delivering, places []int, logs plog.Logs, sent []int) []int {
	before := len(sent)
	entries := decoder{form: c.h.source.form, ignored: d.ignored}
	if !dl.decoded {
		c.tally = d.counting.begin()
		entries.tally = c.tally
	}
	if d.next != nil {
		records := analytics.AppendScope(logs)
		records.EnsureCapacity(len(places))
		scope := logs.ResourceLogs().At(logs.ResourceLogs().Len() - 1).ScopeLogs().At(0).Scope()
		scope.SetVersion(d.version)
		analytics.StampGivenUp(scope, c.givenUp(places))
		entries.to, entries.slab = &records, slab.New(len(places))
		entries.claimed = pcommon.NewTimestampFromTime(c.h.ClaimedAt)
	}
	ids := newUIDs(&c.chunk, len(places))
	row := 0 // undecodable ones since the last decodable
	for _, place := range places {
		entry := c.entries[place-c.first]
		if entry == claim.ShedEntry {
			dl.fates[place] = shed
			continue
		}
		uid, bytes, err := c.h.source.unframe(entry)
		if uid == "" {
			uid = ids.at(place - c.first)
		}
		if err == nil {
			err = entries.take(bytes, uid)
		}
		if err != nil {
			dl.fates[place], dl.why[place] = undecodable, reason{text: err.Error()}
			c.bad = true
			row++
			continue
		}
		row = 0
		sent = append(sent, place)
	}
	if !dl.decoded {
		c.since = d.evidence.decode(c.h.source, len(sent)-before, row)
	}
	return sent
}

// givenUp is when the first of a chunk's entries became a dead letter; zero where they
// are not replayed.
func (c *delivering) givenUp(places []int) (first time.Time) {
	if !c.h.source.replay {
		return first
	}
	for _, place := range places {
		if at := claim.GivenUp([]byte(c.entries[place-c.first])); first.IsZero() || !at.IsZero() && at.Before(first) {
			first = at
		}
	}
	return first
}

// unframe gives the bytes of an entry of a source, as the gateway pushed them, and the
// identity that a replayed entry brings along: none for others.
func (src *source) unframe(entry string) (uid string, bytes []byte, err error) {
	bytes = unsafe.Slice(unsafe.StringData(entry), len(entry))
	if src.replay {
		return claim.Unframe(bytes)
	}
	return "", bytes, nil
}

// uids writes a chunk's record identities into one piece of memory.
type uids struct {
	text    strings.Builder
	segment string
	from    int64
}

func newUIDs(c *chunk, records int) *uids {
	u := &uids{segment: c.h.ID, from: c.from}
	if !c.h.source.replay {
		u.text.Grow(records * (len(c.h.ID) + 1 + len(strconv.FormatInt(c.end(), 10))))
	}
	return u
}

func (u *uids) at(i int) string {
	start := u.text.Len()
	u.text.WriteString(u.segment)
	u.text.WriteByte('-')
	var digits [20]byte
	u.text.Write(strconv.AppendInt(digits[:0], u.from+int64(i), 10))
	return u.text.String()[start:]
}

// identify gives the identity of one entry of a chunk, and its bytes as the
// gateway pushed them.
func (c chunk) identify(at int) (uid string, entry []byte) {
	if c.h.source.replay {
		if uid, entry, err := claim.Unframe([]byte(c.entries[at])); err == nil {
			return uid, entry
		}
	}
	return fmt.Sprintf("%s-%d", c.h.ID, c.from+int64(at)), []byte(c.entries[at])
}

// identities lists those of log records that have one that reads.
func identities(ld plog.Logs) []analytics.UID {
	var all []analytics.UID
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				if value, ok := lr.Attributes().Get(analytics.AttrUID); ok {
					if uid, err := analytics.ParseUID(value.AsString()); err == nil {
						all = append(all, uid)
					}
				}
			}
		}
	}
	return all
}
