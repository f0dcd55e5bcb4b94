package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// Options say what is compared, and how strictly.
type Options struct {
	// Tables are those to compare; empty for all.
	Tables []string
	// Window is which time.
	Window rows.Window
	// Step is how long the windows are that are compared first as a whole.
	Step time.Duration
	// Shift is how far Tyk Pump may have booked requests from their bucket: the span of time of the records of one of its purges.
	Shift time.Duration
	// Samples is how many differences of each kind are kept.
	Samples int
	// MinRecords is how many rows it takes for a verdict.
	MinRecords int64
	// MayBeEmpty says that a table without rows there is no reason to doubt that it is the right store.
	MayBeEmpty bool
	// Rounds says that Tyk Pump's histograms of metrics count its rounds, and not requests.
	Rounds bool
	// MaxUnit bounds the rows of one second, and the rows of rollups, that are kept at a time.
	MaxUnit int
}

// Defaults are options for most comparisons.
func Defaults() Options {
	return Options{Step: 10 * time.Minute, Shift: time.Hour, Samples: 20, MinRecords: 1000, MaxUnit: 100_000}
}

// Stores compares all tables of two stores.
func Stores(ctx context.Context, there, here rows.Store, o Options) (*Result, error) {
	r := &Result{There: there.Describe(), Here: here.Describe()}
	var thereTables, hereTables []rows.Table
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { thereTables, err = there.Tables(gctx); return err })
	g.Go(func() (err error) { hereTables, err = here.Tables(gctx); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, name := range o.names(thereTables, hereTables) {
		a, b := find(thereTables, name), find(hereTables, name)
		if a == nil && b == nil {
			return nil, fmt.Errorf("table %q: neither store has one that looks like Tyk's: check the name", name)
		}
		t, err := (&pair{there: there, here: here, a: a, b: b, o: o}).compare(ctx)
		if err != nil {
			var dense *denseError
			if !errors.As(err, &dense) {
				return nil, err
			}
			r.Doubts = append(r.Doubts, err.Error())
		}
		if t.There == 0 && t.Here > 0 && !o.MayBeEmpty { // a wrong name is likelier than that all was lost
			r.Doubts = append(r.Doubts, fmt.Sprintf("table %s: %s has none of its rows, and %s has %d: is that Tyk Pump's store, and is the table there", t.Name, r.There, r.Here, t.Here))
		}
		r.Tables = append(r.Tables, t)
		for _, of := range first(a, b).Unread {
			r.skip(of)
		}
	}
	r.Weigh(o.MinRecords)
	return r, nil
}

func find(tables []rows.Table, name string) *rows.Table {
	i := slices.IndexFunc(tables, func(t rows.Table) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &tables[i]
}

// names are the tables to compare.
func (o *Options) names(lists ...[]rows.Table) []string {
	if len(o.Tables) > 0 {
		return o.Tables
	}
	var names []string
	for _, list := range lists {
		for _, t := range list {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// pair is a table on both sides. One side may be without it.
type pair struct {
	there, here rows.Store
	a, b        *rows.Table
	o           Options

	columns []rows.Column // that both have, as there
	out     *Table
}

func (p *pair) compare(ctx context.Context) (*Table, error) {
	shape := p.a
	if shape == nil {
		shape = p.b
	}
	p.out = newTable(shape, p.o.Samples)
	p.schema()
	if shape.Kind == rows.Records {
		return p.out, p.records(ctx)
	}
	return p.out, p.rollups(ctx, shape.Kind)
}

// schema compares the columns.
func (p *pair) schema() {
	if p.a == nil || p.b == nil {
		p.columns = slices.Clone(first(p.a, p.b).Columns)
		return
	}
	for _, c := range p.a.Columns {
		other, ok := p.b.Column(c.Name)
		if !ok {
			p.out.add(1, Difference{Kind: ColumnHere, Columns: []Column{{Name: c.Name, There: c.Type, Here: "-"}}})
			continue
		}
		p.columns = append(p.columns, c)
		if c.Type != other.Type && p.sameDatabase() {
			p.out.add(1, Difference{Kind: OtherType, Columns: []Column{{Name: c.Name, There: c.Type, Here: other.Type}}, Explained: explainType(c, other)})
		}
	}
	for _, c := range p.b.Columns {
		if _, ok := p.a.Column(c.Name); !ok {
			p.out.add(1, Difference{Kind: ColumnThere, Columns: []Column{{Name: c.Name, There: "-", Here: c.Type}}, Explained: explainColumn(c)})
		}
	}
}

// sameDatabase tells whether the types of both sides have the same names.
func (p *pair) sameDatabase() bool {
	return fmt.Sprintf("%T", p.there) == fmt.Sprintf("%T", p.here)
}

func first(a, b *rows.Table) *rows.Table {
	if a != nil {
		return a
	}
	return b
}

// side is one of the two stores.
type side int

const (
	thereSide side = iota
	hereSide
)

// scan reads one side; nothing where it does not have the table.
func (p *pair) scan(ctx context.Context, of side, s rows.Scan, visit func([]rows.Value) error) error {
	store, table := p.there, p.a
	if of == hereSide {
		store, table = p.here, p.b
	}
	if table == nil {
		return nil
	}
	s.Table, s.Columns = table, make([]rows.Column, len(p.columns))
	for i, c := range p.columns {
		s.Columns[i], _ = table.Column(c.Name) // whose class may be another one
	}
	return store.Scan(ctx, s, visit)
}

// both runs a function for each side, side by side.
func both(ctx context.Context, run func(context.Context, side) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, of := range []side{thereSide, hereSide} {
		g.Go(func() error { return run(ctx, of) })
	}
	return g.Wait()
}

// denseError says that more rows belong together than are kept at a time.
type denseError struct {
	table string
	at    time.Time
	most  int
}

func (e *denseError) Error() string {
	return fmt.Sprintf("table %s: more than %d rows of the second %s: compare it with a higher -max-unit", e.table, e.most, e.at.Format(time.RFC3339))
}
