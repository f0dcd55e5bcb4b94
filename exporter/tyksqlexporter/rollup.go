package tyksqlexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

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

// rollupBatch is the groups of one push, or of several that are stored together, and
// what becomes of each. The group is what is stored as a whole, once.
type rollupBatch struct {
	groups   []rollup.Group
	pushes   []int // how many of the groups each push has
	states   []entryState
	reasons  []string           // of the refused ones
	overlaps [][]rollup.Overlap // of each push: what was stored before in part
	tables   rollupTables
	sinks    []string // of the ledger
	sinkOf   []int    // the groups' places in sinks
	segments []segment
	names    []string // the groups' segments as the ledger has them
}

func newRollupBatch(tables rollupTables, pushes ...[]rollup.Group) *rollupBatch {
	groups := pushes[0]
	if len(pushes) > 1 {
		groups = slices.Concat(pushes...)
	}
	b := &rollupBatch{
		groups: groups, tables: tables, states: make([]entryState, len(groups)), reasons: make([]string, len(groups)),
		sinkOf: make([]int, len(groups)), names: make([]string, len(groups)), overlaps: make([][]rollup.Overlap, len(pushes)),
	}
	for _, push := range pushes {
		b.pushes = append(b.pushes, len(push))
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
	clear(b.overlaps)
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
// applied, and those of pushes of which some are in part.
func (b *rollupBatch) look(rows [][]span) {
	first := 0
	for push, n := range b.pushes {
		for i := first; i < first+n; i++ {
			if b.states[i] != statePending {
				continue
			}
			switch how, known := b.meet(i, rows[b.sinkOf[i]]); how {
			case rollup.Known:
				b.states[i] = stateApplied
			case rollup.Mixed:
				g := &b.groups[i]
				b.overlaps[push] = append(b.overlaps[push], rollup.Overlap{Family: g.Family, Segment: g.Segment, Applied: known})
			case rollup.New:
			}
		}
		if len(b.overlaps[push]) > 0 {
			b.withhold(first, n)
		}
		first += n
	}
}

// meet tells how much of a group is in rows of its sink.
func (b *rollupBatch) meet(group int, rows []span) (rollup.Acquaintance, rollup.Indices) {
	var mine []span
	for _, row := range rows {
		if row.segment == b.names[group] {
			mine = append(mine, row)
		}
	}
	if len(mine) == 0 {
		return rollup.New, rollup.Indices{}
	}
	return b.groups[group].Meet(func(index int64) bool {
		return slices.ContainsFunc(mine, func(s span) bool { return s.contains(index) })
	})
}

// withhold has nothing written of the n groups from first on.
func (b *rollupBatch) withhold(first, n int) {
	for i := first; i < first+n; i++ {
		if b.states[i] == statePending {
			b.states[i] = stateWithheld
		}
	}
}

// overlapError is nil, or says that nothing of the push was stored, since some of it
// was in part.
func (b *rollupBatch) overlapError() error {
	if len(b.overlaps[0]) == 0 {
		return nil
	}
	return consumererror.NewPermanent(&rollup.OverlapError{Overlaps: b.overlaps[0]})
}

// share gives the batches of the single pushes what became of their groups.
func (b *rollupBatch) share(pushes []*rollupBatch) {
	first := 0
	for push, to := range pushes {
		n := copy(to.states, b.states[first:])
		copy(to.reasons, b.reasons[first:])
		to.overlaps[0] = b.overlaps[push]
		first += n
	}
}

// rollups is the number of all groups' rollups.
func (b *rollupBatch) rollups() int {
	n := 0
	for i := range b.groups {
		n += len(b.groups[i].Rollups)
	}
	return n
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
			spans = appendSpans(spans, name, rising(list))
		}
		if len(spans) > 0 {
			sortSpans(spans)
			entries = append(entries, ledgerEntry{sink: sink, spans: spans})
		}
	}
	return entries
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
	b := newRollupBatch(e.rollups, groups)
	if len(b.pending()) > 0 {
		began := time.Now()
		err := e.rollupWrites.store(ctx, b)
		e.telemetry.duration(ctx, time.Since(began))
		if !errors.Is(err, errRaced) { // which says nothing about the database
			e.health.Report(err)
		}
		if err != nil {
			return fmt.Errorf("store %s in %s: %w", b.describe(), tableNamesOf(e.tables), err)
		}
		if err := b.overlapError(); err != nil {
			return err
		}
	}
	e.telemetry.countRollups(ctx, b)
	return b.refusedError(e.id)
}
