package sink

import (
	"cmp"
	"slices"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// Reason groups refused records for people and metrics.
type Reason string

// Refusal says why one record of a push will never be stored in one of its places.
type Refusal struct {
	// Entry is the record's place in the push.
	Entry int32
	// Reason and Text say why.
	Reason Reason
	Text   string
}

// String is the reason as dead letters show it.
func (r Refusal) String() string { return string(r.Reason) + ": " + r.Text }

// CountReasons counts refusals by reason.
func CountReasons(refusals []Refusal) map[Reason]int64 {
	counts := map[Reason]int64{}
	for _, r := range refusals {
		counts[r.Reason]++
	}
	return counts
}

// RefusedRecords names refused records to the receiver, each once with all reasons:
// another place may have stored it, or refused it too. It sorts the refusals.
func RefusedRecords(refusals []Refusal, record func(entry int32) plog.LogRecord, destination string) []analytics.RefusedRecord {
	slices.SortStableFunc(refusals, func(x, y Refusal) int { return cmp.Compare(x.Entry, y.Entry) })
	records := make([]analytics.RefusedRecord, 0, len(refusals))
	for i, r := range refusals {
		if i > 0 && refusals[i-1].Entry == r.Entry {
			records[len(records)-1].Reason += "; " + r.String()
			continue
		}
		records = append(records, analytics.RefusedRecord{UID: uidOf(record(r.Entry), r.Entry), Reason: r.String(), Destination: destination})
	}
	return records
}

// uidOf gives a record's identity back; one without has but its place in the push.
func uidOf(log plog.LogRecord, entry int32) analytics.UID {
	if value, ok := log.Attributes().Get(analytics.AttrUID); ok {
		if uid, err := analytics.ParseUID(value.Str()); err == nil {
			return uid
		}
	}
	return analytics.UID{Index: int64(entry)}
}

// RefusedGroup names the records that a group of rollups counts. Of a group without
// identities nobody can name them; it is told all the same.
func RefusedGroup(g *rollup.Group, reason, destination string) []analytics.RefusedRecord {
	if g.Segment == "" {
		return []analytics.RefusedRecord{{Reason: reason, Destination: destination}}
	}
	records := make([]analytics.RefusedRecord, 0, g.Records.Len())
	for index := range g.Records.All() {
		records = append(records, analytics.RefusedRecord{
			UID: analytics.UID{Segment: g.Segment, Index: index}, Reason: reason, Destination: destination,
		})
	}
	return records
}
