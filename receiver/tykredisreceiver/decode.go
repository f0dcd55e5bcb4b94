package tykredisreceiver

import (
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// undecodable is an entry that is no record.
type undecodable struct {
	chunk  chunk
	at     int // in chunk.entries
	reason error
}

// decodeBatch makes log records of a batch: one ResourceLogs a chunk, so that
// what belongs to one segment stays together. The attributes share the entries'
// memory, which nobody changes.
func decodeBatch(b batch, scopeVersion string) (plog.Logs, []undecodable) {
	logs := plog.NewLogs()
	logs.ResourceLogs().EnsureCapacity(len(b.chunks))
	var bad []undecodable
	var record analytics.Record
	for _, c := range b.chunks {
		resource := logs.ResourceLogs().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", analytics.ServiceName)
		scope := resource.ScopeLogs().AppendEmpty()
		scope.Scope().SetName(analytics.ScopeName)
		scope.Scope().SetVersion(scopeVersion)
		records := scope.LogRecords()
		records.EnsureCapacity(len(c.entries))
		claimed := pcommon.NewTimestampFromTime(c.h.ClaimedAt)
		uids := newUIDs(c)
		for i, entry := range c.entries {
			if err := c.h.source.decode(unsafe.Slice(unsafe.StringData(entry), len(entry)), &record); err != nil {
				bad = append(bad, undecodable{chunk: c, at: i, reason: err})
				continue
			}
			lr := records.AppendEmpty()
			record.ToLog(lr, uids.at(i))
			lr.SetObservedTimestamp(claimed)
		}
		if records.Len() == 0 {
			logs.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
				return rl.ScopeLogs().At(0).LogRecords().Len() == 0
			})
		}
	}
	return logs, bad
}

// uids writes a chunk's record identities into one piece of memory.
type uids struct {
	text    strings.Builder
	segment string
	from    int64
}

func newUIDs(c chunk) *uids {
	u := &uids{segment: c.h.ID, from: c.from}
	u.text.Grow(len(c.entries) * (len(c.h.ID) + 1 + len(strconv.FormatInt(c.end(), 10))))
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

// uid is the identity of one entry of a chunk.
func (c chunk) uid(at int) string {
	return fmt.Sprintf("%s-%d", c.h.ID, c.from+int64(at))
}
