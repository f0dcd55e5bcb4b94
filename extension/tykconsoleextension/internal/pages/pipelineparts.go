package pages

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

type receiptRow struct {
	Name  string
	Sub   string
	Cells []receiptCell
	OK    bool
	Text  string
}

type receiptCell struct {
	Op, Name, Value string
	Zero            bool
}

type redisBlock struct {
	Address, Answers, Foot, Full string
	Rows                         []shareRow
}

func receiptCells(r Receipts) []receiptCell {
	cells := []receiptCell{{"", "Claimed", view.Count(r.Claimed), false}}
	for _, c := range []struct {
		op, name string
		value    int64
	}{{"=", "delivered", r.Delivered}, {"+", "shed", r.Shed}, {"+", "dead", r.Dead}, {"+", "lost", r.Lost}, {"+", "in flight", r.InFlight}} {
		cells = append(cells, receiptCell{c.op, c.op + " " + c.name, view.Count(c.value), c.value == 0})
	}
	return cells
}

func receiptRowOf(name, sub string, r Receipts) receiptRow {
	row := receiptRow{Name: view.Visible(name), Sub: view.Visible(sub), Cells: receiptCells(r), OK: r.Missing() == 0, Text: "✓ adds up"}
	switch m := r.Missing(); {
	case m > 0:
		row.Text = view.Count(m) + " too few"
	case m < 0:
		row.Text = view.Count(-m) + " too many"
	}
	return row
}

func (q *request) fillReceipts(pp *pipelinePage, look *Look) {
	for _, g := range look.Groups {
		var all Receipts
		for _, l := range g.Lists {
			all.add(l.Receipts)
		}
		sub := ""
		if all.Replayed+all.Dropped > 0 {
			sub = fmt.Sprintf("%s replayed, %s dropped", view.Count(all.Replayed), view.Count(all.Dropped))
		}
		pp.Receipts = append(pp.Receipts, receiptRowOf(g.Name, sub, all))
	}
}

func (s *Site) pipelineLists(q *request) (*page, error) {
	p := &page{template: "pipelinelists", title: "Receipts by list", nav: "Pipeline"}
	pp := &pipelinePage{JSON: q.as(formJSON)}
	p.data = pp
	l := q.looks()
	if l == nil {
		pp.State = &State{Title: "There is no tykredis receiver in a pipeline"}
		p.json = map[string]any{}
		return p, nil
	}
	snap := l.wait(q.Context())
	if snap.look == nil {
		pp.State = &State{Title: "Redis was not looked at yet", Retry: 2}
		p.json = map[string]any{}
		return p, nil
	}
	t := &table{Title: "receipts", Heads: []string{"group", "list", "claimed", "delivered", "shed", "dead", "lost", "in_flight", "missing"}}
	for _, g := range snap.look.Groups {
		for _, l := range g.Lists {
			name := l.Name
			if l.ReplayTo != "" {
				name += " (replays)"
			}
			pp.Receipts = append(pp.Receipts, receiptRowOf(name, "group "+g.Name, l.Receipts))
			r := l.Receipts
			t.Rows = append(t.Rows, append([]string{g.Name, name}, digits(r.Claimed, r.Delivered, r.Shed, r.Dead, r.Lost, r.InFlight, r.Missing())...))
		}
	}
	p.json, p.csv = snap.look.JSON, t.csv
	return p, nil
}

func (q *request) redisBlock(l *looks, snap snapshot) *redisBlock {
	look := snap.look
	b := &redisBlock{Address: l.address(), Answers: "looked in " + view.LatencyText(math.Max(1, math.Round(float64(look.Took.Microseconds())/1000)))}
	type part struct {
		name           string
		entries, bytes int64
		class          string
	}
	var parts []part
	var bytes, kept, dead int64
	for _, g := range look.Groups {
		if g.Keeps.Entries > 0 {
			class := ""
			if g.Away {
				class = "b5"
			}
			parts = append(parts, part{"kept for " + g.Name + " alone", g.Keeps.Entries, g.Keeps.Bytes, class})
		}
	}
	for _, l := range look.Lists {
		bytes += l.Bytes
		kept += l.Kept
		dead += l.Dead
	}
	parts = append(parts, part{"claimed entries", kept, bytes, ""}, part{"dead letters", dead, -1, "b4"})
	most := int64(1)
	for _, p := range parts {
		most = max(most, p.entries)
	}
	for _, p := range parts {
		size := view.Unknown
		if p.bytes > 0 || p.entries == 0 {
			size = view.Size(max(0, p.bytes))
		}
		b.Rows = append(b.Rows, shareRow{Share: share{p.class, view.Width(float64(p.entries), float64(most))}, Name: view.Visible(p.name), Cells: []cell{{"num", view.Count(p.entries)}, {"num", size}}})
	}
	var used, limit int64
	policy := ""
	for _, m := range look.Memory {
		used += m.Used
		limit += m.Max
		policy = m.Policy
	}
	switch {
	case len(look.Memory) == 0:
		b.Foot = "Memory is not known: the user may not run INFO."
	case limit > 0:
		b.Foot = fmt.Sprintf("%s of %s used, %s", view.Size(used), view.Size(limit), view.Visible(policy))
	default:
		b.Foot = fmt.Sprintf("%s used, no maxmemory, %s", view.Size(used), view.Visible(policy))
	}
	b.Full = fullText(snap.memory, used, limit)
	return b
}

func (q *request) deadTable(look *Look) *shareTable {
	t := &shareTable{Two: true, None: "None."}
	total, most := int64(0), int64(0)
	for _, r := range look.Reasons {
		most = max(most, r.Count)
	}
	for _, l := range look.Lists {
		total += l.Dead
	}
	t.Count = view.Count(total)
	for i, r := range mergeReasons(look.Reasons) {
		if i == 8 {
			break
		}
		sub := "group " + r.Group
		if r.Destination != "" {
			sub = "refused by " + r.Destination + ", " + sub
		}
		t.Rows = append(t.Rows, shareRow{
			Share: share{"b4", view.Width(float64(r.Count), float64(most))}, Name: view.Visible(r.Text), Title: view.Visible(r.Text), Sub: view.Visible(sub),
			Href: q.linkWith("pipeline/dead", map[string]string{"same": r.Text, "group": r.Group}), Cells: []cell{{"num", view.Count(r.Count)}},
		})
	}
	return t
}

// mergeReasons adds up reasons over lists, the most frequent first.
func mergeReasons(all []Reason) []Reason {
	var merged []Reason
	for _, r := range all {
		i := slices.IndexFunc(merged, func(m Reason) bool {
			return m.Group == r.Group && m.Destination == r.Destination && m.Text == r.Text
		})
		if i < 0 {
			r.Source = ""
			merged = append(merged, r)
			continue
		}
		merged[i].Count += r.Count
		merged[i].More = merged[i].More || r.More
		if r.Newest.After(merged[i].Newest) {
			merged[i].Newest = r.Newest
		}
	}
	slices.SortStableFunc(merged, func(a, b Reason) int { return int(b.Count - a.Count) })
	return merged
}

// digits are numbers as programs read them.
func digits(numbers ...int64) []string {
	var all []string
	for _, n := range numbers {
		all = append(all, strconv.FormatInt(n, 10))
	}
	return all
}
