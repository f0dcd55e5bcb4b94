package tyksqlexporter

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// rollupTables are the tables of rollups that are written.
type rollupTables struct {
	families map[rollup.Family]table
	latency  *table
}

var familyLayouts = map[*layout]rollup.Family{
	aggregatedLayout: rollup.Requests, graphAggregatedLayout: rollup.Graph, mcpAggregatedLayout: rollup.MCP,
}

func newRollupTables(tables []table) rollupTables {
	t := rollupTables{families: map[rollup.Family]table{}}
	for _, enabled := range tables {
		if family, ok := familyLayouts[enabled.layout]; ok {
			t.families[family] = enabled
		}
		if enabled.layout == latencyLayout {
			t.latency = &enabled
		}
	}
	return t
}

func (t rollupTables) empty() bool { return len(t.families) == 0 && t.latency == nil }

// rollupBatch is the groups of one push, and what becomes of each. The group is
// what is stored as a whole, once.
type rollupBatch struct {
	groups   []rollup.Group
	states   []entryState
	reasons  []string // of the refused ones
	tables   rollupTables
	sinks    []string // of the ledger
	sinkOf   []int    // the groups' places in sinks
	segments []segment
	names    []string // the groups' segments as the ledger has them
}

func newRollupBatch(groups []rollup.Group, tables rollupTables) *rollupBatch {
	b := &rollupBatch{
		groups: groups, tables: tables, states: make([]entryState, len(groups)), reasons: make([]string, len(groups)),
		sinkOf: make([]int, len(groups)), names: make([]string, len(groups)),
	}
	sinks, segments := map[string]int{}, map[string]int{}
	for i := range groups {
		g := &groups[i]
		if sink := b.sink(g); sink != "" {
			at, known := sinks[sink]
			if !known {
				at = len(b.sinks)
				b.sinks, sinks[sink] = append(b.sinks, sink), at
			}
			b.sinkOf[i] = at
		}
		ranges := g.Records.Ranges()
		if g.Segment == "" || len(ranges) == 0 {
			continue
		}
		name := ledgerSegment(g.Segment)
		b.names[i] = name
		first, last := ranges[0].First, ranges[len(ranges)-1].Last
		at, known := segments[name]
		if !known {
			segments[name] = len(b.segments)
			b.segments = append(b.segments, segment{name: name, first: first, last: last})
			continue
		}
		s := &b.segments[at]
		s.first, s.last = min(s.first, first), max(s.last, last)
	}
	b.rewind()
	return b
}

// sink is under which the ledger knows what is applied of groups like g: the table,
// and the settings that made g. It is empty where no table takes g.
func (b *rollupBatch) sink(g *rollup.Group) string {
	to, ok := b.tables.families[g.Family]
	if !ok {
		if b.tables.latency == nil {
			return ""
		}
		to = *b.tables.latency
	}
	// A name of every database's ledger: with a hash of all, it may lose its end.
	const longest, hashed = 64, 17
	sum := xxhash.Sum64String(to.name + " " + g.Family.String() + " " + g.Settings)
	return to.name[:min(len(to.name), longest-hashed)] + fmt.Sprintf("/%016x", sum)
}

// rewind forgets what an attempt to write found out, before the next one.
func (b *rollupBatch) rewind() {
	for i := range b.groups {
		b.states[i], b.reasons[i] = statePending, ""
		switch {
		case b.tables.empty():
			b.refuse(i, reasonForeign, "rollups, but none of their tables is enabled: enable tables::aggregated and the like")
		case b.sink(&b.groups[i]) == "":
			b.states[i] = stateNotTaken
		}
	}
}

func (b *rollupBatch) refuse(group int, reason sink.Reason, text string) {
	b.states[group] = stateRefused
	b.reasons[group] = string(reason) + ": " + text
}

// look marks the groups of which the ledger's rows, by sink, say that they are
// applied. It fails where some are in part.
func (b *rollupBatch) look(rows [][]span) error {
	var overlaps []rollup.Overlap
	for i := range b.groups {
		if b.states[i] != statePending {
			continue
		}
		g := &b.groups[i]
		var mine []span
		for _, row := range rows[b.sinkOf[i]] {
			if row.segment == b.names[i] {
				mine = append(mine, row)
			}
		}
		if len(mine) == 0 {
			continue
		}
		how, known := g.Meet(func(index int64) bool {
			return slices.ContainsFunc(mine, func(s span) bool { return s.contains(index) })
		})
		switch how {
		case rollup.Known:
			b.states[i] = stateApplied
		case rollup.Mixed:
			overlaps = append(overlaps, rollup.Overlap{Family: g.Family, Segment: g.Segment, Applied: known})
		case rollup.New:
		}
	}
	if len(overlaps) > 0 {
		return consumererror.NewPermanent(&rollup.OverlapError{Overlaps: overlaps})
	}
	return nil
}

// pending lists the groups that are to be written.
func (b *rollupBatch) pending() []int {
	var list []int
	for i, state := range b.states {
		if state == statePending {
			list = append(list, i)
		}
	}
	return list
}

// ledger gives the rows for what was written.
func (b *rollupBatch) ledger() []ledgerEntry {
	var entries []ledgerEntry
	for at, sink := range b.sinks {
		indices := map[string][]int64{}
		for _, i := range b.pending() {
			if b.sinkOf[i] == at && b.names[i] != "" {
				indices[b.names[i]] = slices.AppendSeq(indices[b.names[i]], b.groups[i].Records.All())
			}
		}
		var spans []span
		for name, list := range indices {
			slices.Sort(list)
			spans = appendSpans(spans, name, slices.Compact(list))
		}
		if len(spans) > 0 {
			sortSpans(spans)
			entries = append(entries, ledgerEntry{sink: sink, spans: spans})
		}
	}
	return entries
}

// rollupPortion is what a batch has for one table.
type rollupPortion struct {
	shard

	rows []*rollupRow // sorted by id, so that no two transactions wait crosswise
}

// portions gives the rows of groups, by table in the order of the configuration and
// by day.
func (b *rollupBatch) portions(groups []int, c calendar) []rollupPortion {
	rows := map[shard]map[string]*rollupRow{}
	put := func(to table, at time.Time, row *rollupRow) {
		of := shard{table: to}
		if c.sharded {
			of.day = c.day(at)
		}
		if rows[of] == nil {
			rows[of] = map[string]*rollupRow{}
		}
		if have := rows[of][row.id]; have != nil {
			have.add(row)
			return
		}
		rows[of][row.id] = row
	}
	for _, i := range groups {
		g := &b.groups[i]
		for j := range g.Rollups {
			r := &g.Rollups[j]
			if to, ok := b.tables.families[g.Family]; ok {
				put(to, g.Bucket, newRollupRow(g, r))
			}
			if b.tables.latency != nil && r.Counter.Latencies != nil {
				for bin, hits := range r.Counter.Latencies.Bins() {
					put(*b.tables.latency, g.Bucket, newLatencyRow(g, r, bin, hits))
				}
			}
		}
	}
	portions := make([]rollupPortion, 0, len(rows))
	for of, byID := range rows {
		p := rollupPortion{shard: of, rows: make([]*rollupRow, 0, len(byID))}
		for _, row := range byID {
			p.rows = append(p.rows, row)
		}
		slices.SortFunc(p.rows, func(x, y *rollupRow) int { return strings.Compare(x.id, y.id) })
		portions = append(portions, p)
	}
	slices.SortFunc(portions, func(x, y rollupPortion) int {
		return cmp.Or(strings.Compare(x.name, y.name), strings.Compare(x.day, y.day))
	})
	return portions
}

// maxRowID is the longest id, in bytes, that fits an index of any database. What a
// database takes beyond depends on how far it compresses, so that it is asked.
const maxRowID = 760

// newRollupRow gives a row as Tyk Pump forms it.
func newRollupRow(g *rollup.Group, r *rollup.Rollup) *rollupRow {
	row := &rollupRow{
		family: g.Family, org: cleanText(g.Org), api: cleanText(g.API), bucket: g.Bucket.Unix(), dimension: r.Dimension,
		value: cleanText(r.FlatValue()), counter: r.Counter,
	}
	row.id = hex.EncodeToString([]byte(row.name() + row.value))
	return row
}

// name is the beginning of what a row's id is the hex form of, byte for byte that of
// Tyk Pump; the value follows (contract: aggregates, sections 3.3 and 4.5).
func (r *rollupRow) name() string {
	owner := r.org
	if r.family != rollup.Requests {
		owner = r.api
	}
	return strconv.FormatInt(r.bucket, 10) + owner + r.dimension.String()
}

// long tells whether an index may refuse the row.
func (r *rollupRow) long() bool { return len(r.id) > maxRowID }

// shortened is the row with a value that is cut and ends with its hash, so that it
// stays one of its own.
func (r *rollupRow) shortened() *rollupRow {
	const hashLength = 17
	cut := maxRowID/2 - len(r.name()) - hashLength
	if cut < 0 || cut >= len(r.value) {
		return r
	}
	for cut > 0 && !utf8.RuneStart(r.value[cut]) {
		cut--
	}
	short := *r
	short.value = r.value[:cut] + fmt.Sprintf("~%016x", xxhash.Sum64String(r.value))
	short.id = hex.EncodeToString([]byte(short.name() + short.value))
	return &short
}

func newLatencyRow(g *rollup.Group, r *rollup.Rollup, bin int, hits int64) *rollupRow {
	row := newRollupRow(g, r)
	row.bin = bin
	row.counter = rollup.Counter{Hits: hits}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %q %q %d %q %d", row.family, row.bucket, row.org, row.api, row.dimension, row.value, bin))
	row.id = hex.EncodeToString(sum[:16])
	return row
}

// refusedError is nil, or names the records of the refused groups to the receiver.
func (b *rollupBatch) refusedError(destination string) error {
	refused := &analytics.RefusedError{}
	for i, state := range b.states {
		if state != stateRefused {
			continue
		}
		refused.Records = append(refused.Records, sink.RefusedGroup(&b.groups[i], b.reasons[i], destination)...)
	}
	if len(refused.Records) == 0 {
		return nil
	}
	return consumererror.NewPermanent(refused)
}

// describe is a short text for logs.
func (b *rollupBatch) describe() string {
	return strconv.Itoa(len(b.groups)) + " groups of rollups of " + strconv.Itoa(len(b.segments)) + " segments"
}

// pushRollups stores groups, each once.
func (e *sqlExporter) pushRollups(ctx context.Context, groups []rollup.Group) error {
	b := newRollupBatch(groups, e.rollups)
	if len(b.pending()) > 0 {
		began := time.Now()
		err := e.store.writeRollups(ctx, b)
		e.telemetry.duration(ctx, time.Since(began))
		if _, overlap := errors.AsType[*rollup.OverlapError](err); overlap {
			return err // which says nothing about the database
		}
		if !errors.Is(err, errRaced) {
			e.health.Report(err)
		}
		if err != nil {
			return fmt.Errorf("store %s in %s: %w", b.describe(), tableNamesOf(e.tables), err)
		}
	}
	e.telemetry.countRollups(ctx, b)
	return b.refusedError(e.id)
}
