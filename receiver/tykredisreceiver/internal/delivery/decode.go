package delivery

import (
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// decode makes log records of pending records of a delivery, unless they are not wanted:
// one ResourceLogs a chunk, so that what belongs to one segment stays together. The
// attributes share the entries' memory, which nobody changes. The first time, with all
// records, it finds out which are none, and adds the others to the chunk's tally. It returns
// those that are to be sent, in the memory of places.
func (d *Deliverer) decode(dl *delivery, places []int) (logs plog.Logs, sent []int) {
	logs = plog.NewLogs()
	logs.ResourceLogs().EnsureCapacity(len(dl.chunks))
	sent = places[:0]
	for i := range dl.chunks {
		c := &dl.chunks[i]
		n := 0
		for n < len(places) && places[n] < c.first+c.Count {
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
func (d *Deliverer) decodeChunk(dl *delivery, c *delivering, places []int, logs plog.Logs, sent []int) []int {
	before, src := len(sent), c.Segment.Of
	entries := source.Decoder{Form: src.Form, Ignored: d.Ignored}
	if !dl.decoded && d.Counter != nil {
		c.tally = d.Counter.Begin()
		entries.Tally = c.tally
	}
	if d.Next != nil {
		records := analytics.AppendScope(logs)
		records.EnsureCapacity(len(places))
		scope := logs.ResourceLogs().At(logs.ResourceLogs().Len() - 1).ScopeLogs().At(0).Scope()
		scope.SetVersion(d.Version)
		analytics.StampGivenUp(scope, c.givenUp(places))
		entries.To, entries.Slab = &records, slab.New(len(places))
		entries.Claimed = pcommon.NewTimestampFromTime(c.Segment.ClaimedAt)
	}
	ids := newUIDs(c, len(places))
	row := 0 // undecodable ones since the last decodable
	for _, place := range places {
		entry := c.Entries[place-c.first]
		if entry == claim.ShedEntry {
			dl.fates[place] = shed
			continue
		}
		uid, bytes, err := src.Unframe(entry)
		if uid == "" {
			uid = ids.at(place - c.first)
		}
		if err == nil {
			err = entries.Take(bytes, uid)
			if err != nil && d.Undecodable && d.Next != nil {
				entries.TakeUnread(uid)
				err = nil
			}
		}
		if err != nil {
			dl.fates[place], dl.why[place] = undecodable, reason{text: err.Error()}
			row++
			continue
		}
		row = 0
		sent = append(sent, place)
	}
	if !dl.decoded {
		c.since = d.evidence.decode(src, len(sent)-before, row)
		c.tail = dl.undecodableTail(c, row)
	}
	return sent
}

// Sample looks at what a gateway writes into a list now: where that can be decoded, what is
// undecodable in front of it is to blame itself.
func (d *Deliverer) Sample(src *source.Source, entry string) {
	_, bytes, err := src.Unframe(entry)
	if err == nil && (&source.Decoder{Form: src.Form}).Take(bytes, "") == nil {
		d.evidence.decode(src, 1, 0)
	}
}

// givenUp is when the first of a chunk's entries became a dead letter; zero where they
// are not replayed.
func (c *delivering) givenUp(places []int) (first time.Time) {
	if !c.Segment.Of.Replay {
		return first
	}
	for _, place := range places {
		if at := claim.GivenUp([]byte(c.Entries[place-c.first])); first.IsZero() || !at.IsZero() && at.Before(first) {
			first = at
		}
	}
	return first
}

// uids writes a chunk's record identities into one piece of memory.
type uids struct {
	text    strings.Builder
	segment string
	from    int64
}

func newUIDs(c *delivering, records int) *uids {
	u := &uids{segment: c.Segment.ID, from: c.From}
	if !c.Segment.Of.Replay {
		u.text.Grow(records * (len(c.Segment.ID) + 1 + len(strconv.FormatInt(c.End(), 10))))
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
