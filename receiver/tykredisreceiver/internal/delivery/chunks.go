package delivery

import (
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/held"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metrics"
)

// delivering is a chunk of a delivery.
type delivering struct {
	held.Chunk
	first  int            // its first record's place
	tally  *measure.Batch // of its decodable records, until they are counted; nil where nothing is
	fresh  metrics.Spans  // of the tally: what nobody has counted yet; nil until that is known
	since  int64          // when it was decoded, as evidence.isLegible wants to know
	tail   int            // how many entries at its end are undecodable
	unkept bool           // the last attempt to keep its dead letters failed
	ended  bool           // acknowledged, without entries
}

// fates are those of the chunk's records.
func (c *delivering) fates(dl *delivery) []fate { return dl.fates[c.first : c.first+c.Count] }

// undecodableTail is the number of entries from the first of the last undecodable ones of a
// chunk, of which there are some, to its end; what was shed may lie between them.
func (dl *delivery) undecodableTail(c *delivering, undecodables int) (n int) {
	fates := c.fates(dl)
	for n = 0; undecodables > 0; n++ {
		if fates[len(fates)-1-n] == undecodable {
			undecodables--
		}
	}
	return n
}

// split parts a chunk in front of the undecodable entries at its end.
func (dl *delivery) split(i int) {
	head := dl.chunks[i]
	tail := head
	n := head.Count - head.tail
	head.Count, head.tail = n, 0
	tail.Count, tail.From, tail.first, tail.tally = tail.tail, tail.From+int64(n), tail.first+n, nil
	head.Entries, tail.Entries = head.Entries[:n], slices.Clone(head.Entries[n:])
	tail.Bytes = 0
	for _, entry := range tail.Entries {
		tail.Bytes += len(entry)
	}
	head.Bytes -= tail.Bytes
	dl.chunks = slices.Replace(dl.chunks, i, i+1, head, tail)
}

// isDecided is true once every record of a chunk has a fate that stays.
func (dl *delivery) isDecided(c *delivering) bool {
	for _, f := range c.fates(dl) {
		if f == pending || f == doubtful {
			return false
		}
	}
	return true
}

// undecided is how many chunks have something left to send.
func (dl *delivery) undecided() (n int64) {
	for i := range dl.chunks {
		if c := &dl.chunks[i]; !c.ended && !dl.isDecided(c) {
			n++
		}
	}
	return n
}

// outcome counts the fates of a chunk that is decided.
func (dl *delivery) outcome(c *delivering) claim.Outcome {
	var o claim.Outcome
	for _, f := range c.fates(dl) {
		switch f {
		case shed:
			o.Shed++
		case refused, undecodable:
			o.Dead++
		default:
			o.Delivered++
		}
	}
	return o
}

// left is how many records, and about how many bytes, of a delivery are not acknowledged.
func (dl *delivery) left() (records, bytes int) {
	for i := range dl.chunks {
		if c := &dl.chunks[i]; !c.ended {
			records += c.Count
			bytes += c.Bytes
		}
	}
	return records, bytes
}

// standAside notes with the lists that a delivery waits for nothing but a decodable entry or room
// for dead letters, without the entries, and that it does no longer. It is false for one
// that has something left to send.
func (dl *delivery) standAside(change int32) bool {
	if dl.undecided() > 0 {
		return false
	}
	for i := range dl.chunks {
		if c := &dl.chunks[i]; !c.ended {
			c.Entries = nil
			c.Segment.Of.Wait(change)
		}
	}
	return true
}

// release frees the entries of a delivery that waits.
func (dl *delivery) release() {
	for i := range dl.chunks {
		dl.chunks[i].Entries = nil
	}
}

// abandon ends a chunk of which nothing is left to be done here.
func (dl *delivery) abandon(c *delivering) {
	for place := c.first; place < c.first+c.Count; place++ {
		if f := dl.fates[place]; f == pending || f == doubtful {
			dl.fates[place] = shed
		}
	}
	c.ended = true
}

// isEnded is true once all chunks are.
func (dl *delivery) isEnded() bool {
	return !slices.ContainsFunc(dl.chunks, func(c delivering) bool { return !c.ended })
}

// isGone is true once nothing of what is left is this process's any more.
func (dl *delivery) isGone() bool {
	for i := range dl.chunks {
		if c := &dl.chunks[i]; !c.ended && !c.Segment.IsLost() {
			return false
		}
	}
	return true
}
