package compare

import (
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// timeless is the window of rows without a time.
const timeless = math.MinInt64

// records compares tables with a row for each record.
func (p *pair) records(ctx context.Context) error {
	at := p.place(first(p.a, p.b).TimeColumn())
	var sums [2]map[int64]*sum
	err := both(ctx, func(ctx context.Context, of side) error {
		windows := map[int64]*sum{}
		sums[of] = windows
		var packed []byte
		var last *sum
		lastWindow := int64(timeless)
		return p.scan(ctx, of, rows.Scan{Window: p.o.Window}, func(row []rows.Value) error {
			window := p.window(row[at])
			if last == nil || window != lastWindow {
				last, lastWindow = windows[window], window
				if last == nil {
					last = &sum{}
					windows[window] = last
				}
			}
			packed = appendRow(packed[:0], row)
			last.add(xxhash.Sum64(packed))
			return nil
		})
	})
	if err != nil {
		return err
	}
	differing := p.differing(sums)
	m := newMatcher(p, at)
	for _, span := range p.spans(differing) {
		if err := m.span(ctx, span, differing); err != nil {
			return err
		}
	}
	m.finish()
	return nil
}

// place is a column's among those that are compared, -1 where it is not.
func (p *pair) place(name string) int {
	return slices.IndexFunc(p.columns, func(c rows.Column) bool { return c.Name == name })
}

// window is the beginning of a record's, in Unix seconds.
func (p *pair) window(v rows.Value) int64 {
	at, ok := rows.ParseTime(v)
	if !ok {
		return timeless
	}
	step := int64(p.o.Step / time.Second)
	seconds := at.Unix()
	return seconds - (seconds%step+step)%step
}

// maxWindows bounds the windows that a report lists.
const maxWindows = 50

// differing counts the rows, and gives the windows of which the sums differ.
func (p *pair) differing(sums [2]map[int64]*sum) map[int64]bool {
	differing := map[int64]bool{}
	all := maps.Clone(sums[thereSide])
	maps.Copy(all, sums[hereSide])
	for _, window := range slices.Sorted(maps.Keys(all)) {
		var a, b sum
		if s := sums[thereSide][window]; s != nil {
			a = *s
		}
		if s := sums[hereSide][window]; s != nil {
			b = *s
		}
		p.out.There += a.rows
		p.out.Here += b.rows
		if a == b {
			p.out.Same += a.rows
			continue
		}
		if window == timeless { // which no scan by time finds
			p.out.add(max(1, a.rows-b.rows, b.rows-a.rows), Difference{Kind: Changed, Row: "rows without a time"})
			continue
		}
		differing[window] = true
		if len(p.out.Windows) < maxWindows {
			from := time.Unix(window, 0).UTC()
			p.out.Windows = append(p.out.Windows, WindowCount{From: from, To: from.Add(p.o.Step), There: a.rows, Here: b.rows})
		}
	}
	return differing
}

// maxSpans bounds how often the tables are read for windows that differ.
const maxSpans = 8

// spans joins windows that differ to few stretches of time.
func (p *pair) spans(differing map[int64]bool) []rows.Window {
	var spans []rows.Window
	for _, window := range slices.Sorted(maps.Keys(differing)) {
		from := time.Unix(window, 0).UTC()
		if n := len(spans); n > 0 && spans[n-1].To.Equal(from) {
			spans[n-1].To = from.Add(p.o.Step)
			continue
		}
		spans = append(spans, rows.Window{From: from, To: from.Add(p.o.Step)})
	}
	for len(spans) > maxSpans { // close the smallest gap
		closest := 0
		for i := range spans[:len(spans)-1] {
			if spans[i+1].From.Sub(spans[i].To) < spans[closest+1].From.Sub(spans[closest].To) {
				closest = i
			}
		}
		spans[closest].To = spans[closest+1].To
		spans = slices.Delete(spans, closest+1, closest+2)
	}
	for i := range spans { // a window reaches over the bound of what is compared
		if from := p.o.Window.From; from.After(spans[i].From) {
			spans[i].From = from
		}
		if to := p.o.Window.To; !to.IsZero() && to.Before(spans[i].To) {
			spans[i].To = to
		}
	}
	return spans
}

// group is the rows of one second of one side.
type group struct {
	second int64
	rows   [][]byte // packed
}

// groups reads a side by time and sends what belongs to one second together.
func (p *pair) groups(ctx context.Context, of side, at int, span rows.Window, differing map[int64]bool, to chan<- group) error {
	defer close(to)
	var now group
	send := func() error {
		if len(now.rows) == 0 {
			return nil
		}
		select {
		case to <- now:
			now = group{}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := p.scan(ctx, of, rows.Scan{Window: span, Sorted: true}, func(row []rows.Value) error {
		moment, ok := rows.ParseTime(row[at])
		if !ok || !differing[p.window(row[at])] {
			return nil
		}
		if second := moment.Unix(); second != now.second {
			if err := send(); err != nil {
				return err
			}
			now.second = second
		}
		if len(now.rows) >= p.o.MaxUnit {
			return &denseError{table: p.out.Name, at: moment.Truncate(time.Second), most: p.o.MaxUnit}
		}
		now.rows = append(now.rows, appendRow(make([]byte, 0, packedSize(row)), row))
		return nil
	})
	if err != nil {
		return err
	}
	return send()
}

func packedSize(row []rows.Value) int {
	n := 0
	for _, v := range row {
		n += len(v) + 2
	}
	return n
}
