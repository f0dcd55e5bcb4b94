package compare

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// matcher pairs the records of windows that differ.
type matcher struct {
	p  *pair
	at int

	skeleton []int // columns that no deviation changes
	key      []int // columns by which two rows are versions of one record
	moment   []int // the time alone
	timeless []int // columns that do not follow from the time

	rules       *recordRules
	scratch     []byte
	left, right []rows.Value
	differing   []Column
	ids         []string
	// what no row of its second fits, up to a bound: its time may be what changed
	orphans [2][][]byte
}

// maxOrphans bounds what is kept in order to find changed times.
const maxOrphans = 10_000

var (
	keyColumns  = []string{"timestamp", "path", "apiid", "apikey", "api_key"}
	timeColumns = []string{"timestamp", "day", "month", "year", "hour", "expireAt", "expireat"}
)

func newMatcher(p *pair, at int) *matcher {
	m := &matcher{p: p, at: at, moment: []int{at}, rules: newRecordRules(p.columns)}
	for i, c := range p.columns {
		bare := rows.Bare(c.Name)
		if !m.rules.govern(i) {
			m.skeleton = append(m.skeleton, i)
		}
		if slices.Contains(keyColumns, bare) {
			m.key = append(m.key, i)
		}
		if !slices.Contains(timeColumns, bare) {
			m.timeless = append(m.timeless, i)
		}
	}
	return m
}

// span compares a stretch of time, second by second.
func (m *matcher) span(ctx context.Context, span rows.Window, differing map[int64]bool) error {
	g, ctx := errgroup.WithContext(ctx)
	var from [2]chan group
	for _, of := range []side{thereSide, hereSide} {
		from[of] = make(chan group, 4)
		g.Go(func() error { return m.p.groups(ctx, of, m.at, span, differing, from[of]) })
	}
	g.Go(func() error {
		a, moreA := <-from[thereSide]
		b, moreB := <-from[hereSide]
		for moreA || moreB {
			switch {
			case !moreB || moreA && a.second < b.second:
				m.unit(a.rows, nil)
				a, moreA = <-from[thereSide]
			case !moreA || b.second < a.second:
				m.unit(nil, b.rows)
				b, moreB = <-from[hereSide]
			default:
				m.unit(a.rows, b.rows)
				a, moreA = <-from[thereSide]
				b, moreB = <-from[hereSide]
			}
		}
		return ctx.Err()
	})
	return g.Wait()
}

// unit compares the rows of one second: equal ones first, then those that differ only where a deviation may be, then versions of
// one record, then whatever has the same time.
func (m *matcher) unit(a, b [][]byte) {
	matched := map[uint64]bool{}
	a, b = m.drop(a, b, matched)
	for _, columns := range [][]int{m.skeleton, m.key, m.moment} {
		if len(a) == 0 || len(b) == 0 {
			break
		}
		a, b = m.join(a, b, columns, m.changed)
	}
	for i, rest := range [2][][]byte{a, b} {
		for _, row := range rest {
			switch {
			case matched[xxhash.Sum64(row)]:
				m.lone(side(i), row, RepeatedThere, RepeatedHere)
			case len(m.orphans[i]) < maxOrphans:
				m.orphans[i] = append(m.orphans[i], row)
			default:
				m.lone(side(i), row, MissingHere, MissingThere)
			}
		}
	}
}

// drop takes away what is equal.
func (m *matcher) drop(a, b [][]byte, matched map[uint64]bool) (restA, restB [][]byte) {
	counts := make(map[uint64]int, len(a))
	for _, row := range a {
		counts[xxhash.Sum64(row)]++
	}
	for _, row := range b {
		hash := xxhash.Sum64(row)
		if counts[hash] == 0 {
			restB = append(restB, row)
			continue
		}
		counts[hash]--
		matched[hash] = true
		m.p.out.Same++
	}
	for _, row := range a {
		hash := xxhash.Sum64(row)
		if counts[hash] > 0 {
			counts[hash]--
			restA = append(restA, row)
		}
	}
	return restA, restB
}

// join pairs rows that agree in some columns, and gives what is left.
func (m *matcher) join(a, b [][]byte, columns []int, pairUp func(a, b []byte)) (restA, restB [][]byte) {
	if len(columns) == 0 {
		return a, b
	}
	waiting := make(map[uint64][][]byte, len(a))
	for _, row := range a {
		m.left = unpack(row, m.left[:0])
		hash := hashOf(&m.scratch, m.left, columns)
		waiting[hash] = append(waiting[hash], row)
	}
	for _, row := range b {
		m.right = unpack(row, m.right[:0])
		hash := hashOf(&m.scratch, m.right, columns)
		of := waiting[hash]
		if len(of) == 0 {
			restB = append(restB, row)
			continue
		}
		waiting[hash] = of[1:]
		pairUp(of[0], row)
	}
	for _, row := range a { // in the order in which they came
		m.left = unpack(row, m.left[:0])
		hash := hashOf(&m.scratch, m.left, columns)
		if of := waiting[hash]; len(of) > 0 && &of[0][0] == &row[0] {
			waiting[hash] = of[1:]
			restA = append(restA, row)
		}
	}
	return restA, restB
}

// changed reports two versions of one record.
func (m *matcher) changed(a, b []byte) {
	m.left, m.right = unpack(a, m.left[:0]), unpack(b, m.right[:0])
	d := Difference{Kind: Changed}
	ids, all := m.ids[:0], true
	m.differing = m.differing[:0]
	for i := range m.p.columns {
		if bytes.Equal(m.left[i], m.right[i]) && (m.left[i] == nil) == (m.right[i] == nil) {
			continue
		}
		id := m.rules.explain(m.left, m.right, i)
		m.differing = append(m.differing, Column{Name: m.p.columns[i].Name, Explained: id})
		all = all && id != ""
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	m.ids = ids
	if all {
		d.Explained = ids
	}
	d.Columns = m.differing
	if m.p.out.wants(Changed, d.Explained) {
		d.Columns, d.Explained = slices.Clone(d.Columns), slices.Clone(d.Explained)
		for i := range d.Columns {
			at := m.p.place(d.Columns[i].Name)
			d.Columns[i].There, d.Columns[i].Here = rows.Shown(d.Columns[i].Name, m.left[at]), rows.Shown(d.Columns[i].Name, m.right[at])
		}
		d.At, d.Row = m.describe(m.left)
	}
	m.p.out.add(1, d)
}

// lone reports a row that only one side has.
func (m *matcher) lone(of side, row []byte, there, here Kind) {
	kind := there
	if of == hereSide {
		kind = here
	}
	d := Difference{Kind: kind}
	if m.p.out.wants(kind, nil) {
		m.left = unpack(row, m.left[:0])
		d.At, d.Row = m.describe(m.left)
	}
	m.p.out.add(1, d)
}

// finish looks for rows of which the time has changed, and reports the others.
func (m *matcher) finish() {
	a, b := m.join(m.orphans[thereSide], m.orphans[hereSide], m.timeless, m.changed)
	for _, row := range a {
		m.lone(thereSide, row, MissingHere, MissingThere)
	}
	for _, row := range b {
		m.lone(hereSide, row, MissingHere, MissingThere)
	}
}

// describe tells a record from others.
func (m *matcher) describe(row []rows.Value) (*time.Time, string) {
	var parts []string
	for _, name := range []string{"method", "path", "apiid", "orgid", "responsecode", "apikey"} {
		for i, c := range m.p.columns {
			if rows.Bare(c.Name) == name && len(row[i]) > 0 {
				parts = append(parts, name+"="+rows.Shown(c.Name, row[i]))
			}
		}
	}
	at, ok := rows.ParseTime(row[m.at])
	if !ok {
		return nil, strings.Join(parts, " ")
	}
	return &at, strings.Join(parts, " ")
}
