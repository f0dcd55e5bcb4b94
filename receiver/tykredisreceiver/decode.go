package tykredisreceiver

import (
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// undecodable is an entry that is no record.
type undecodable struct {
	chunk  chunk
	at     int // in chunk.entries
	reason error
}

// decode makes log records of a batch, unless they are not wanted: one ResourceLogs
// a chunk, so that what belongs to one segment stays together. The attributes share
// the entries' memory, which nobody changes, unless they are detached. A tally, if there
// is one, gets each whole record added.
func (d *deliverer) decode(b batch, tally *measure.Batch) (plog.Logs, []undecodable) {
	logs := plog.NewLogs()
	logs.ResourceLogs().EnsureCapacity(len(b.chunks))
	var bad []undecodable
	for i := range b.chunks {
		c := &b.chunks[i]
		if d.next == nil {
			bad = append(bad, decodeChunk(c, &decoder{tally: tally})...)
			continue
		}
		records := analytics.AppendScope(logs)
		records.EnsureCapacity(len(c.entries))
		logs.ResourceLogs().At(logs.ResourceLogs().Len() - 1).ScopeLogs().At(0).Scope().SetVersion(d.version)
		entries := decoder{
			tally: tally, to: &records, slab: slab.New(len(c.entries)), claimed: pcommon.NewTimestampFromTime(c.h.ClaimedAt),
		}
		if d.ignored != 0 || d.detaches(c) {
			entries.apart = &analytics.Detaching{Ignored: d.ignored}
		}
		bad = append(bad, decodeChunk(c, &entries)...)
	}
	if logs.LogRecordCount() < b.entries {
		logs.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
			return rl.ScopeLogs().At(0).LogRecords().Len() == 0
		})
	}
	return logs, bad
}

// decodeChunk has a decoder take each entry of a chunk, with its identity.
func decodeChunk(c *chunk, d *decoder) []undecodable {
	var bad []undecodable
	c.shed = 0
	d.form = c.h.source.form
	ids := newUIDs(*c)
	for i, entry := range c.entries {
		if entry == claim.ShedEntry {
			c.shed++
			continue
		}
		uid, bytes, err := c.h.source.unframe(entry)
		if uid == "" {
			uid = ids.at(i)
		}
		if err == nil {
			err = d.take(bytes, uid)
		}
		if err != nil {
			bad = append(bad, undecodable{chunk: *c, at: i, reason: err})
		}
	}
	return bad
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

func newUIDs(c chunk) *uids {
	u := &uids{segment: c.h.ID, from: c.from}
	if !c.h.source.replay {
		u.text.Grow(len(c.entries) * (len(c.h.ID) + 1 + len(strconv.FormatInt(c.end(), 10))))
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

// find looks for the record of an identity.
func (b batch) find(uid analytics.UID) (c chunk, at int, ok bool) {
	for _, c := range b.chunks {
		if c.h.ID == uid.Segment && c.from <= uid.Index && uid.Index < c.end() {
			return c, int(uid.Index - c.from), true
		}
		if !c.h.source.replay {
			continue
		}
		for i := range c.entries {
			if is, _ := c.identify(i); is == uid.String() {
				return c, i, true
			}
		}
	}
	return chunk{}, 0, false
}
