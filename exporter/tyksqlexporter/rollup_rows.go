package tyksqlexporter

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// rollupRow is one row of a table of rollups, or what a transaction adds to it.
type rollupRow struct {
	id        string
	family    rollup.Family
	org, api  string
	bucket    int64 // Unix seconds
	dimension rollup.Dimension
	named     string // the dimension's name in the table
	value     string
	bin       int             // of a latency
	counter   *rollup.Counter // a group's, which must not change, unless summed
	summed    bool
}

// add adds what another row of the same id has.
func (r *rollupRow) add(o *rollupRow) {
	if !r.summed {
		own := *r.counter
		own.Codes = slices.Clone(own.Codes)
		own.Latencies = nil // which have rows of their own
		r.counter, r.summed = &own, true
	}
	other := *o.counter
	other.Latencies = nil
	r.counter.Add(&other, r.dimension)
}

// rollupPortion is what a batch has for one table.
type rollupPortion struct {
	shard

	rows []*rollupRow // sorted by id, so that no two transactions wait crosswise
}

// portions gives the rows of groups, by table in the order of the configuration and
// by day. What several groups have for one id is added up, so that each row is
// written once.
func (b *rollupBatch) portions(groups []int, c calendar) []rollupPortion {
	sums := map[shard]*rowSums{}
	of := func(to table, g *rollup.Group) *rowSums {
		at := shard{table: to}
		if c.sharded {
			at.day = c.day(g.Bucket)
		}
		if sums[at] == nil {
			sums[at] = &rowSums{byID: make(map[string]*rollupRow, len(g.Rollups))}
		}
		return sums[at]
	}
	for _, i := range groups {
		g := &b.groups[i]
		if to, ok := b.tables.families[g.Family]; ok {
			of(to, g).addGroup(g)
		}
		if b.tables.latency != nil {
			of(*b.tables.latency, g).addLatencies(g)
		}
	}
	portions := make([]rollupPortion, 0, len(sums))
	for at, s := range sums {
		if len(s.byID) > 0 {
			portions = append(portions, rollupPortion{shard: at, rows: s.sorted()})
		}
	}
	slices.SortFunc(portions, func(x, y rollupPortion) int {
		return cmp.Or(strings.Compare(x.name, y.name), strings.Compare(x.day, y.day))
	})
	return portions
}

// rowSums adds up what a table gets.
type rowSums struct {
	byID map[string]*rollupRow
	free []rollupRow
	id   []byte // scratch
}

// addGroup adds the rollups of a group.
func (s *rowSums) addGroup(g *rollup.Group) {
	row := rowOf(g)
	for i := range g.Rollups {
		row.of(&g.Rollups[i])
		row.counter = &g.Rollups[i].Counter
		s.id = row.appendID(s.id[:0])
		s.put(&row)
	}
}

// addLatencies adds the bins of the rollups of a group.
func (s *rowSums) addLatencies(g *rollup.Group) {
	row := rowOf(g)
	for i := range g.Rollups {
		r := &g.Rollups[i]
		if r.Counter.Latencies == nil {
			continue
		}
		row.of(r)
		for bin, hits := range r.Counter.Latencies.Bins() {
			row.bin, row.counter = bin, &rollup.Counter{Hits: hits}
			s.id = row.appendLatencyID(s.id[:0])
			s.put(&row)
		}
	}
}

// put adds a row with the id that was written last.
func (s *rowSums) put(row *rollupRow) {
	if have := s.byID[string(s.id)]; have != nil {
		have.add(row)
		return
	}
	if len(s.free) == 0 {
		const more = 128
		s.free = make([]rollupRow, more)
	}
	own := &s.free[0]
	s.free = s.free[1:]
	*own = *row
	own.id = string(s.id)
	s.byID[own.id] = own
}

func (s *rowSums) sorted() []*rollupRow {
	rows := make([]*rollupRow, 0, len(s.byID))
	for _, row := range s.byID {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(x, y *rollupRow) int { return strings.Compare(x.id, y.id) })
	return rows
}

// rowOf gives what all rows of a group have.
func rowOf(g *rollup.Group) rollupRow {
	return rollupRow{family: g.Family, org: cleanText(g.Org), api: cleanText(g.API), bucket: g.Bucket.Unix()}
}

// of makes the row that of a rollup, as Tyk Pump forms it.
func (r *rollupRow) of(from *rollup.Rollup) {
	r.dimension, r.named, r.value = from.Dimension, from.Dimension.String(), cleanText(from.FlatValue())
}

// maxRowID is the longest id, in bytes, that fits an index of any database. What a
// database takes beyond depends on how far it compresses, so that it is asked.
const maxRowID = 760

// appendName adds the beginning of what a row's id is the hex form of, byte for byte
// that of Tyk Pump; the value follows (contract: aggregates, sections 3.3 and 4.5).
func (r *rollupRow) appendName(to []byte) []byte {
	owner := r.org
	if r.family != rollup.Requests {
		owner = r.api
	}
	to = strconv.AppendInt(to, r.bucket, 10)
	to = append(to, owner...)
	return append(to, r.named...)
}

func (r *rollupRow) appendID(to []byte) []byte {
	const usual = 128
	name := append(r.appendName(make([]byte, 0, usual)), r.value...)
	return hex.AppendEncode(to, name)
}

// appendLatencyID adds the id of a row of latencies.
func (r *rollupRow) appendLatencyID(to []byte) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %q %q %d %q %d", r.family, r.bucket, r.org, r.api, r.dimension, r.value, r.bin))
	return hex.AppendEncode(to, sum[:16])
}

// long tells whether an index may refuse the row.
func (r *rollupRow) long() bool { return len(r.id) > maxRowID }

// shortened is the row with a value that is cut and ends with its hash, so that it
// stays one of its own.
func (r *rollupRow) shortened() *rollupRow {
	const hashLength = 17
	cut := maxRowID/2 - len(r.appendName(nil)) - hashLength
	if cut < 0 || cut >= len(r.value) {
		return r
	}
	for cut > 0 && !utf8.RuneStart(r.value[cut]) {
		cut--
	}
	short := *r
	short.value = r.value[:cut] + fmt.Sprintf("~%016x", xxhash.Sum64String(r.value))
	short.id = string(short.appendID(nil))
	return &short
}
