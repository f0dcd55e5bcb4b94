package tykmongoexporter

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// identities derives documents' _id from records' identities, so that a record that
// is stored again meets itself.
//
// The first four bytes are the record's own time in seconds, as those of any
// ObjectID are a time: documents stay in the order of time, which is how the index
// of _id grows cheaply. The other eight are a number for the segment, drawn from the
// hash of its id, plus the record's place in the segment: records of one segment
// never meet, and those of two segments only where their runs of numbers overlap
// among 2^64, in the same second.
type identities struct {
	segment string // the one before
	base    uint64 // its number
}

// of gives a record's _id. A record without identity gets a new one each time.
func (i *identities) of(uid string, at time.Time) bson.ObjectID {
	if uid == "" {
		return bson.NewObjectID()
	}
	// What is not of our making is a segment of one record, apart from ours.
	segment, index := "\x00"+uid, int64(0)
	if parsed, err := analytics.ParseUID(uid); err == nil {
		segment, index = parsed.Segment, parsed.Index
	}
	if segment != i.segment {
		sum := sha256.Sum256([]byte(segment))
		i.segment, i.base = segment, binary.BigEndian.Uint64(sum[:])
	}
	var id bson.ObjectID
	const timeBytes = 4
	binary.BigEndian.PutUint32(id[:], uint32(at.Unix()))             //nolint:gosec // the lower half, as any ObjectID
	binary.BigEndian.PutUint64(id[timeBytes:], i.base+uint64(index)) //nolint:gosec // an index is not negative
	return id
}
